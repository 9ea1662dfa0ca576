"""One case in one paragraph of plain lines: what a failed item prints, and the text of a failure in JUnit XML."""

from __future__ import annotations

from collections.abc import Iterator

from ..evidence.record import CaseRecord, CountsRecord, DecisionRecord, Sensitivity
from ..language.plain_text import plain
from ..language.reasons import Missing
from ..language.spec import number_text
from .checks import OWN_LEVEL, WEAK_LIMIT
from .run_lines import WEAKENED

_NAMED = 5


def paragraph(record: CaseRecord, report: str, *, limit: int | None = None) -> str:
    """One readable paragraph: what was asked, what was found, where to look, and how to see it again."""
    lines = [_headline(record), f"  {record.expectation}"]
    if record.message:
        lines += [f"  {line}" for line in record.message.split("\n")]
    if record.decision is not None:
        lines += _found(record, record.decision, number_text(record.threshold))
    if record.worst:
        shown = [f"{one.sample} ({one.missing or _number(one.value)})" for one in record.worst[:_NAMED]]
        lines.append(f"  worst images: {', '.join(shown)}")
    if record.weakened:
        lines.append(f"  weakened: {', '.join(WEAKENED[name] for name in record.weakened)}")
    if limit is not None:
        lines.append(f"  quick look (--audit-limit {limit}): decides nothing")
    lines += [f"  report: {report}", f"  reproduce: {record.reproduce}"]
    return "\n".join(plain(line) for line in lines)


def _looked(record: CaseRecord) -> list[str]:
    found = None if record.checks is None else record.checks.stopped
    if found is None:
        return []
    times = "once" if found.looks == 1 else f"{found.looks} times"
    return [f"  looked at {found.looked} of {found.available} images, {times}"]


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
