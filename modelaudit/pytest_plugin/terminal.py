"""What the terminal says of audits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.store.location import NOTE
from ..evidence.record import CaseRecord, CountsRecord, DecisionRecord
from ..language.reasons import Missing
from .limit_text import told_of_limit

if TYPE_CHECKING:
    from .session import AuditSession

_NAMED = 5


def paragraph(record: CaseRecord, report: str, *, limit: int | None = None) -> str:
    """One readable paragraph: what was asked, what was found, where to look, and how to see it again."""
    from ..language.spec import number_text

    lines = [_headline(record), f"  {record.expectation}"]
    if record.message:
        lines += [f"  {line}" for line in record.message.splitlines()]
    if record.decision is not None:
        lines += _found(record, record.decision, number_text(record.threshold))
    if record.worst:
        shown = [f"{one.sample} ({one.missing or _number(one.value)})" for one in record.worst[:_NAMED]]
        lines.append(f"  worst images: {', '.join(shown)}")
    if limit is not None:
        lines.append(f"  quick look (--audit-limit {limit}): decides nothing")
    lines += [f"  report: {report}", f"  reproduce: {record.reproduce}"]
    return "\n".join(lines)


def summarise(terminal: Any, state: AuditSession) -> None:
    """The closing section: inconclusive cases in full, a line of counts, and where the report is."""
    for report in terminal.stats.get("inconclusive", ()):
        if report.failed:
            terminal.write_sep("_", report.head_line or report.nodeid)
            terminal.write_line(str(report.longrepr))
    if state.complaint:
        terminal.write_line(f"error: {state.complaint}; the run did not succeed", red=True)
    record = state.record
    if record is None:
        return
    terminal.write_sep("=", "audit")
    terminal.write_line(f"{record.overall}: {_tally(record.cases)}")
    if record.quick_look is not None:
        terminal.write_line(f"quick look at {record.quick_look} images: decides nothing")
    if record.partial:
        terminal.write_line(f"partial: {record.partial_because}")
    for line in _stopped(record.cases):
        terminal.write_line(line)
    for line in _holm(record.cases):
        terminal.write_line(line)
    for note in dict.fromkeys(note for data in record.data for note in data.notes if note.startswith(NOTE)):
        terminal.write_line(note)
    terminal.write_line(f"report: {state.report_path}")


def _stopped(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """How far every audit looked that stopped early."""
    found = {case.data: case.checks.stopped for case in cases if case.checks is not None and case.checks.stopped}
    for data, one in found.items():
        if one.looked < one.available:
            yield (
                f"{str(data).removeprefix('data:')}: looked at {one.looked} of {one.available} images, then everything "
                "was decided"
            )


def _looked(record: CaseRecord) -> list[str]:
    found = None if record.checks is None else record.checks.stopped
    if found is None:
        return []
    times = "once" if found.looks == 1 else f"{found.looks} times"
    return [f"  looked at {found.looked} of {found.available} images, {times}"]


def _holm(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """How many FAILs would not stand as findings by themselves among so many expectations."""
    found = [case.checks.holm for case in cases if case.checks is not None and case.checks.holm is not None]
    weak = sum(not one.rejected for one in found)
    if weak:
        yield (
            f"{weak} of {len(found)} FAIL could be chance among {found[0].declared} declared expectations (Holm); "
            "no verdict changes"
        )


def _tally(cases: Sequence[CaseRecord]) -> str:
    """Expectations by verdict, and apart from them the negative controls, whose FAIL is no bad news."""
    counts = Counter(case.verdict for case in cases if not case.must_fail)
    parts = [f"{count} {verdict}" for verdict, count in sorted(counts.items())]
    controls = [case for case in cases if case.must_fail]
    if controls:
        caught = sum(case.verdict == "FAIL" for case in controls)
        parts.append(f"{caught} of {len(controls)} negative controls caught")
    return ", ".join(parts)


def _headline(record: CaseRecord) -> str:
    verdict = record.verdict + (f"({record.reason})" if record.reason else "")
    control = ""
    if record.must_fail:
        control = " [negative control: caught]" if record.verdict == "FAIL" else " [negative control: NOT caught]"
    clause = f" (clause {record.clause})" if record.clause else ""
    return f"{verdict}: {record.name}{clause}{control}"


def _found(record: CaseRecord, decision: DecisionRecord, threshold: str) -> list[str]:
    wanted = f"must be {record.op} {threshold}"
    lines = [f"  measured {_interval(decision)}; {wanted}"]
    for part in decision.parts:
        lines.append(f"    by {_part(part)}: {part.verdict}, {_interval(part)}")
    lines.append(f"  {_counts(decision.counts)}")
    lines += _looked(record)
    lines += [f"  {line}" for line in told_of_limit(record)]
    lines += [f"    {reason}: {Missing(reason).advice}" for reason in decision.counts.by_reason]
    if decision.more_images is not None:
        lines.append(
            f"  about {decision.more_images} more images would probably settle it (a fresh set, not this one twice)"
        )
    if decision.note:
        lines.append(f"  {decision.note}")
    return lines


def _part(decision: DecisionRecord) -> str:
    dose = None if decision.dose is None else f"dose {decision.dose:g}"
    return ", ".join(text for text in (decision.method, decision.group, dose) if text)


def _interval(decision: DecisionRecord) -> str:
    if decision.estimate is None and decision.lower is None:
        return "nothing"
    bounds = f"[{_number(decision.lower)}, {_number(decision.upper)}]"
    kind = "" if decision.guaranteed else ", approximate"
    return f"{_number(decision.estimate)} {bounds} (one-sided {decision.confidence:.0%} bounds, {decision.rule}{kind})"


def _counts(counts: CountsRecord) -> str:
    reasons = ", ".join(f"{count} {reason}" for reason, count in counts.by_reason.items())
    text = f"{counts.asked} images: {counts.measured} measured, {counts.undefined} undefined, {counts.errored} errored"
    return f"{text} ({reasons})" if reasons else text


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"
