"""The verdict of one case from stored values alone, and the images that speak most against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...language.contradictions import too_many
from ...language.errors import AuditError
from ...language.expression import Expression, Measure, without_composites
from ...language.reasons import Missing
from ...statistics import Decision, Reason, Verdict, decide
from ..planning.feasibility import impossible
from ..planning.plan import Asked, PlanGroup, PlannedCase, single_method
from ..results.checks import CheckResults
from ..results.measured import KeptImage, Measured
from ..results.per_image import worst_per_image
from .apply_checks import apply_checks
from .case_table import CaseTable
from .interim_analysis import sequential, with_looks

_WORST_NAMED = 5
#: why an image is unusable whose mask or annotation says of it what it is not
_CONTRADICTING = (Missing.MASK_SIZE, Missing.CONTRADICTION)


@dataclass(frozen=True)
class RankedImage:
    """An image and its value of the left side; None with the reason where it has none."""

    sample: str
    value: float | None
    missing: str | None = None


@dataclass(frozen=True)
class Result:
    """How one case ended. ``message`` is set for ERROR, and says what to do.

    ``names``: the models by the names that the expectation has for them. ``formula``: the left side with its composites
    written out, None where it has none.
    ``deterministic``: False where one of its models says that the same image may get other scores. ``fingerprints``: of
    the models.
    """

    id: str
    verdict: Verdict
    reason: Reason | None
    decision: Decision | None
    message: str
    models: tuple[str, ...]
    data: str
    worst: tuple[RankedImage, ...]
    gallery: tuple[KeptImage, ...]
    review: tuple[KeptImage, ...] = ()
    checks: CheckResults | None = None
    names: Mapping[str | None, str] = field(default_factory=dict)
    formula: Expression | None = None
    deterministic: bool = True
    fingerprints: Mapping[str, str] = field(default_factory=dict)


def decide_case(case: PlannedCase, group: PlanGroup, measured: Measured, *, limited: bool) -> Result:
    """The verdict of one case from stored values alone.

    A quick look is a sample even where the whole set would have been the acceptance (``about="this_set"``).
    """
    asked = case.asked
    blank = blank_result(case, group)
    table = CaseTable(case, measured)
    blank = replace(blank, names=case.models)
    try:
        table.check()
        written = without_composites(asked.expectation.expression, table.strata_by)
        blank = replace(blank, formula=None if written == asked.expectation.expression else written)
        about = "process" if limited else asked.case.audit.about
        decision = decide(
            asked.expectation,
            table,
            confidence=asked.case.confidence,
            about=about,
            bounds=asked.case.audit.bounds,
            claim=asked.case.audit.claim,
            sequential=sequential(measured),
        )
        decision = decision if limited else _with_feasibility(decision, case, measured)
    except AuditError as error:
        return replace(blank, message=str(error))
    if decision.counts.without_object and not decision.counts.asked:
        return replace(blank, decision=None, message=_none_left(decision.counts.without_object, asked))
    if decision.counts.asked > 0 and decision.counts.measured == 0 and decision.counts.errored == decision.counts.asked:
        return replace(blank, decision=decision, message=_nothing(decision.counts.by_reason, measured))
    refused = _contradicted(decision.counts.by_reason, measured)
    if refused:
        return replace(blank, decision=decision, message=refused)
    found = apply_checks(case, table, measured, decision, about, group.passes)
    decision = found.decision
    return replace(
        blank,
        checks=with_looks(found.checks, measured),
        verdict=decision.verdict,
        reason=decision.reason,
        decision=decision,
        worst=_worst(case, table, measured),
        gallery=tuple(measured.galleries.get(asked.id, ())),
        review=tuple(measured.reviews.get(asked.id, ())),
        deterministic=all(model.deterministic for model in measured.models if model.key in blank.models),
        fingerprints={model.key: model.fingerprint for model in measured.models},
    )


def blank_result(case: PlannedCase, group: PlanGroup) -> Result:
    """The result of a case that nothing is known of."""
    models = tuple(dict.fromkeys(case.models.values()))
    return Result(case.asked.id, Verdict.ERROR, None, None, "", models, group.key, (), ())


def _with_feasibility(decision: Decision, case: PlannedCase, measured: Measured) -> Decision:
    """The decision; where so few images could not pass whatever they showed, it says so."""
    if decision.reason is not Reason.TOO_FEW_IMAGES:
        return decision
    infeasible = impossible(case, measured.samples)
    if infeasible is None:
        return decision
    return replace(decision, note="; ".join(text for text in (decision.note, f"it {infeasible}") if text))


def _nothing(by_reason: Mapping[str, int], measured: Measured) -> str:
    """Why not one image could be measured, and what to do."""
    parts = [f"{count} x {reason} ({Missing(reason).advice})" for reason, count in by_reason.items()]
    text = f"not one of {len(measured.samples)} images could be measured: {'; '.join(parts)}"
    unusable = measured.data.unusable if measured.data else {}
    return text + (f". First: {next(iter(unusable.values()))[1]}" if unusable else "")


def _contradicted(by_reason: Mapping[str, int], measured: Measured) -> str:
    """Why the case is an ERROR where masks or annotations of more than a few images contradict the images themselves.

    What the annotations alone show is refused when the data are opened; this is what only the images show.
    """
    unusable = measured.data.unusable if measured.data else {}
    ids = measured.texts("id") if unusable else ()
    own = [unusable[name] for name in ids if name in unusable]  # not their stored pictures
    found = [message for reason, message in own if reason in _CONTRADICTING and reason in by_reason]
    if not too_many(len(found), len(measured.samples)):
        return ""
    return (
        f"masks or annotations of {len(found)} of {len(measured.samples)} images contradict the images, so the "
        f"others are in doubt too. First: {found[0]}. Mend them or export them anew; modelaudit data check lists all"
    )


def _none_left(images: int, asked: Asked) -> str:
    """What is said of an expectation whose images all are declared to have no object."""
    labels = list(asked.case.audit.without_object)
    return (
        f"'{asked.expectation}' needs masks, and all of its {images} images are declared to have no object "
        f"(without_object={labels}): state it without masks, or about other labels"
    )


def _worst(case: PlannedCase, table: CaseTable, measured: Measured) -> tuple[RankedImage, ...]:
    """The images that speak most against the expectation; those without a value first, since they count so."""
    expectation = case.asked.expectation
    missing: dict[int, Missing] = {}
    inside = np.ones(len(measured.samples), dtype=bool) if table.applicable is None else table.applicable.copy()

    def leaf(one: Measure) -> NDArray[np.float64]:
        if one.stratum is not None:
            members = table.members(one.stratum, one.model)
            inside[:] &= members.inside | members.unknown
        columns = [table.column(replace(one, spec=spec)) for spec, _ in single_method(one.spec)]
        for column in columns:
            missing.update(column.missing)
        stacked = np.stack([column.values for column in columns])
        worse = np.fmax if expectation.wants_low else np.fmin
        return np.asarray(worse.reduce(stacked, axis=0))

    values = np.broadcast_to(worst_per_image(expectation, leaf), inside.shape)
    ids = measured.texts("id")
    absent = [RankedImage(str(ids[at]), None, missing[at].value) for at in sorted(missing) if inside[at]]
    there = inside & ~np.isnan(values)
    there[list(missing)] = False
    known = np.flatnonzero(there)
    sign = -1.0 if expectation.wants_low else 1.0
    first = known[np.lexsort((measured.orders()[known], sign * values[known]))[:_WORST_NAMED]]
    ranked = [RankedImage(str(ids[at]), float(values[at])) for at in first.tolist()]
    return (*absent[:_WORST_NAMED], *ranked)
