"""The terminal output of audits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..engine.store.location import NOTE
from ..evidence.record import Absence, CaseRecord, CountsRecord, DecisionRecord, RunRecord, Sensitivity, Weakening
from ..evidence.states import counted_as
from ..language.plain_text import plain
from ..language.reasons import Missing
from ..language.sample import ON_PICTURES
from ..report.checks import OWN_LEVEL, WEAK_LIMIT
from ..report.class_order import odd_orders, order_text

_NAMED = 5
#: what is missing is listed up to this many lines
_LISTED = 40


_WEAKENED: dict[Weakening, str] = {
    "checks_off": "no checks (the audit says checks='off')",
    "checks_off_run": "no checks (--audit-checks off)",
    "checks_left_out": "some checks are left out (the audit says checks=...)",
    "these_clusters": "holds for these clusters alone (claim='these_clusters')",
    "not_deterministic": "another run may come to another verdict (black_box(..., deterministic=False))",
    "tolerated": "tolerated (--audit-inconclusive=warn)",
}


def paragraph(record: CaseRecord, report: str, *, limit: int | None = None) -> str:
    """One readable paragraph: what was asked, what was found, where to look, and how to see it again."""
    from ..language.spec import number_text

    lines = [_headline(record), f"  {record.expectation}"]
    if record.message:
        lines += [f"  {line}" for line in record.message.split("\n")]
    if record.decision is not None:
        lines += _found(record, record.decision, number_text(record.threshold))
    if record.worst:
        shown = [f"{one.sample} ({one.missing or _number(one.value)})" for one in record.worst[:_NAMED]]
        lines.append(f"  worst images: {', '.join(shown)}")
    if record.weakened:
        lines.append(f"  weakened: {', '.join(_WEAKENED[name] for name in record.weakened)}")
    if limit is not None:
        lines.append(f"  quick look (--audit-limit {limit}): decides nothing")
    lines += [f"  report: {report}", f"  reproduce: {record.reproduce}"]
    return "\n".join(plain(line) for line in lines)


def summarise(terminal: Any, record: RunRecord | None, *, complaint: str, report: str) -> None:
    """The closing section: inconclusive cases in full, a line of counts, and where the report is."""
    for ended in terminal.stats.get("inconclusive", ()):
        if ended.failed:
            terminal.write_sep("_", plain(ended.head_line or ended.nodeid))
            terminal.write_line(str(ended.longrepr))
    if complaint:
        terminal.write_line(plain(f"error: {complaint}; the run did not succeed"), red=True)
    if record is None:
        return
    terminal.write_sep("=", "audit")
    for line in run_lines(record):
        terminal.write_line(line)
    for model, odd in odd_orders(record):
        terminal.write_line(plain(order_text(model, odd)), yellow=True)
    terminal.write_line(plain(f"report: {report}"))


def run_lines(record: RunRecord) -> list[str]:
    """The state of the run, the counts, what is missing from it, and what weakens it."""
    lines = [f"{_state(record)}: {_tally(record.cases)}", *_not_whole(record)]
    for name, text in _WEAKENED.items():
        if count := sum(name in case.weakened and case.verdict is not None for case in record.cases):
            lines.append(f"{count} of {len(record.cases)} verdicts weakened: {text}")
    lines += [*_stopped(record.cases), *_without_object(record), *_holm(record.cases), *weak_limits(record.cases)]
    lines += dict.fromkeys(note for data in record.data for note in data.notes if note.startswith((NOTE, ON_PICTURES)))
    return [plain(line) for line in lines]


def _state(record: RunRecord) -> str:
    selected = " of a selection" if record.overall == "PASS" and not record.whole else ""
    return record.overall.replace("_", " ") + selected


def _not_whole(record: RunRecord) -> Iterator[str]:
    """Why the run is no verdict on the whole, and everything that is missing and that the user did not leave out."""
    if record.quick_look is not None:
        yield f"quick look at {record.quick_look} images: decides nothing"
    if record.missing is not None:
        yield f"{'partial' if record.partial else 'not the whole'}: {record.missing}"
    missing = [(case.id, case.absence) for case in record.cases if case.absence is not None]
    missing += [(file.file, Absence(by=file.by, why=file.why)) for file in record.absent_files]
    listed = [f"  {name}: {absence.why}" for name, absence in missing if absence.by != "selection"]
    yield from listed[:_LISTED]
    if len(listed) > _LISTED:
        yield f"  and {len(listed) - _LISTED} more, in run.json"
    for case in record.cases:
        if counted_as(case) not in (None, "PASS") and case.outcome in ("passed", "skipped", "xpassed", "quick_look"):
            yield f"  {case.id}: {case.verdict} all the same, though its item is reported as {case.outcome}"
    if record.allow_partial and record.overall == "PARTIAL" and record.exit_status == 0:
        yield "--audit-partial: skips and xfails do not change the exit status; no verdict on the whole"


def _stopped(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """How far every audit looked that stopped early."""
    found = {case.data: case.checks.stopped for case in cases if case.checks is not None and case.checks.stopped}
    for data, one in found.items():
        if one.looked < one.available:
            yield (
                f"{str(data).removeprefix('data:')}: looked at {one.looked} of {one.available} images, then everything "
                "was decided"
            )


def _without_object(record: RunRecord) -> Iterator[str]:
    """How many images of each data set are declared to have no object."""
    for data in record.data:
        if data.without_object:
            labels, count = ", ".join(data.without_object), sum(data.without_object.values())
            yield (
                f"{data.key.removeprefix('data:')}: {count} of {data.images} images are declared to have no object "
                f"({labels}), and leave what needs masks"
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
    """Requirements by verdict, and apart from them the known-bad models, whose FAIL is no bad news."""
    counts = Counter(_standing(case) for case in cases if not case.must_fail)
    names = {"not_run": "not run", "xfail": "marked xfail"}
    order = ("ERROR", "FAIL", "INCONCLUSIVE", "PASS", "xfail", "not_run")
    parts = [f"{counts[name]} {names.get(name, name)}" for name in order if counts[name]]
    return ", ".join([*parts, *_known_bad(cases)]) or "nothing was run"


def _standing(case: CaseRecord) -> str:
    return str(case.verdict) if case.standing == "counted" else case.standing


def _known_bad(cases: Sequence[CaseRecord]) -> Iterator[str]:
    """Every known-bad model: it is caught where all expectations that must fail on it do."""
    caught: dict[str, bool] = {}
    for case in cases:
        for name in case.known_bad:
            caught[name] = caught.get(name, True) and case.standing == "counted" and case.verdict == "FAIL"
    if caught:
        names = ", ".join(name if found else f"{name} (NOT caught)" for name, found in caught.items())
        noun = "model" if len(caught) == 1 else "models"
        yield f"{sum(caught.values())} of {len(caught)} known-bad {noun} caught: {names}"


def _headline(record: CaseRecord) -> str:
    verdict = (record.verdict or "NOT RUN") + (f"({record.reason})" if record.reason else "")
    control = ""
    if record.must_fail:
        control = " [known-bad model: caught]" if record.verdict == "FAIL" else " [known-bad model: NOT caught]"
    clause = f" (clause {record.clause})" if record.clause else ""
    return f"{verdict}: {record.name}{clause}{control}"


def _found(record: CaseRecord, decision: DecisionRecord, threshold: str) -> list[str]:
    wanted = f"must be {record.op} {threshold}"
    lines = [f"  measured {_interval(decision)}; {wanted}"]
    for part in decision.parts:
        lines.append(f"    by {_part(part)}: {part.verdict}, {_interval(part)}")
    lines.append(f"  {_counts(decision.counts)}")
    lines += _looked(record)
    lines += [f"  {line}" for line in limit_lines(record)]
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
    text = f"{text} ({reasons})" if reasons else text
    declared, whole = counts.without_object, counts.asked + counts.without_object
    return f"{text}; {declared} of {whole} images are declared to have no object" if declared else text


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def limit_lines(record: CaseRecord) -> Iterator[str]:
    """The smallest effect that would have failed, and the dependence that the limit would catch."""
    checks = record.checks
    if checks is None:
        return
    if checks.smallest_effect is not None:
        side = "more" if record.op in ("<", "<=") else "less"
        value = f"{checks.smallest_effect:.4g} or {side}"
        yield f"a true value of {value} would have failed on these images in 8 of 10 audits"
    sensitivity = checks.sensitivity
    if sensitivity is not None:
        yield from _caught(sensitivity)


def weak_limits(cases: Iterable[CaseRecord]) -> Iterator[str]:
    """Limits on heat maps that a model would meet whose background decides nearly all of its answers."""
    for case in cases:
        sensitivity = None if case.checks is None else case.checks.sensitivity
        if case.verdict != "PASS" or sensitivity is None or sensitivity.why_not:
            continue
        if sensitivity.share is None or sensitivity.share >= WEAK_LIMIT:
            yield f"{case.name}: a model that follows the background nearly always could pass this limit"


def _caught(sensitivity: Sensitivity) -> Iterator[str]:
    if sensitivity.why_not:
        yield f"what this limit would catch is not known: {sensitivity.why_not.splitlines()[0]}"
        return
    if sensitivity.share is None:
        yield "no copy of this model to which evidence from the background was added fails this limit"
    elif sensitivity.share == 0:
        yield "the model itself does not meet this limit"
    elif sensitivity.share < OWN_LEVEL:
        share = f"{sensitivity.share:.0%}"
        yield f"the limit lies at this model's own level: added background decides {share} of the answers"
    else:
        yield (
            "copies of this model to which evidence from the background was added no longer pass this limit once it "
            f"decides about {sensitivity.share:.0%} of the answers"
        )
        if sensitivity.share >= WEAK_LIMIT:
            yield "so a model that follows the background nearly always could pass it"
    if sensitivity.rough and sensitivity.trained is None:
        yield "  rough: for such a limit copies were never compared with networks trained with a shortcut"
    elif sensitivity.rough and sensitivity.trained is not None:
        low, high = sensitivity.trained
        yield f"  rough: networks trained with a shortcut begin to fail such a limit at {low:.0%} to {high:.0%}"
    if sensitivity.flips is None:
        yield "this model's own changes of answer with another class's background were not measured"
    else:
        share, images = f"{sensitivity.flips:.0%}", sensitivity.flips_images
        yield f"with another class's background {share} of its own answers change ({images} images)"
