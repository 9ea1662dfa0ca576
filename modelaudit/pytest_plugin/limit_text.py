"""What the terminal says of what an audit would catch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..evidence.record import CaseRecord, Sensitivity
from ..report.checks import OWN_LEVEL, WEAK_LIMIT


def told_of_limit(record: CaseRecord) -> Iterator[str]:
    """What these images would have failed, and what the limit would catch."""
    checks = record.checks
    if checks is None:
        return
    if checks.smallest_effect is not None:
        side = "more" if record.op in ("<", "<=") else "less"
        value = f"{checks.smallest_effect:.4g} or {side}"
        yield f"a true value of {value} would have failed on these images in 8 of 10 audits"
    told = checks.sensitivity
    if told is not None:
        yield from _caught(told)


def weak_limits(cases: Iterable[CaseRecord]) -> Iterator[str]:
    """Limits on heat maps that a model would meet whose background decides nearly all of its answers."""
    for case in cases:
        told = None if case.checks is None else case.checks.sensitivity
        if case.verdict != "PASS" or told is None or told.why_not:
            continue
        if told.share is None or told.share >= WEAK_LIMIT:
            yield f"{case.name}: a model that follows the background nearly always could pass this limit"


def _caught(told: Sensitivity) -> Iterator[str]:
    if told.why_not:
        yield f"what this limit would catch is not known: {told.why_not.splitlines()[0]}"
        return
    if told.share is None:
        yield "no copy of this model to which evidence from the background was added fails this limit"
    elif told.share == 0:
        yield "the model itself does not meet this limit"
    elif told.share < OWN_LEVEL:
        yield f"the limit lies at this model's own level: added background decides {told.share:.0%} of the answers"
    else:
        yield (
            "copies of this model to which evidence from the background was added no longer pass this limit once it "
            f"decides about {told.share:.0%} of the answers"
        )
        if told.share >= WEAK_LIMIT:
            yield "so a model that follows the background nearly always could pass it"
    if told.rough and told.trained is None:
        yield "  rough: for such a limit copies were never compared with networks trained with a shortcut"
    elif told.rough and told.trained is not None:
        low, high = told.trained
        yield f"  rough: networks trained with a shortcut begin to fail such a limit at {low:.0%} to {high:.0%}"
    if told.flips is None:
        yield "this model's own changes of answer with another class's background were not measured"
    else:
        yield f"with another class's background {told.flips:.0%} of its own answers change ({told.flips_images} images)"
