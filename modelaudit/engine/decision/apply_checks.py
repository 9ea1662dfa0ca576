"""What the checks say of one case, from stored values alone, and whether its verdict stands."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np

from ...attribution import draws_at_random
from ...contexts import donor_rule
from ...language import registry
from ...language.errors import AuditError
from ...language.expression import Expectation, Measure, expanded
from ...statistics import Decision, Verdict, decide, single_expectations
from ...statistics.effect import smallest_effect
from ...statistics.linear import normal_form
from ...statistics.objections import Objection, apply_objections, decide_on_valid_methods, noise_floor, shift_decision
from ..images.interventions import radius
from ..planning.plan import PassAsk, PlannedCase
from ..planning.reruns import feather_of, under_seam
from ..results.checks import BlindCheck, CheckResults, MaskCheck, MaskVariant, NoiseCheck, SeamCheck
from ..results.interventions import MASKS, Intervention
from ..results.measured import Measured, RerunData
from .attribution_vs_intervention import agreements, two_by_two
from .case_table import CaseTable
from .failed_sanity import drop_failed_methods, failed_methods
from .interim_analysis import sequential
from .objections import objections_of
from .rerun_table import RerunTable, reading_of

_T = TypeVar("_T")


@dataclass(frozen=True)
class CheckedDecision:
    """A decision after the checks, and what they found."""

    decision: Decision
    checks: CheckResults


def apply_checks(
    case: PlannedCase,
    table: CaseTable,
    measured: Measured,
    decision: Decision,
    about: Literal["process", "this_set"],
    passes: tuple[PassAsk, ...] = (),
) -> CheckedDecision:
    """The decision of a case, taken away where a check speaks against it; a check that cannot be made says why.

    Args:
        passes: all that were asked of the data.
    """
    return _Checker(case, table, measured, decision, about, passes).run()


class _Checker:
    def __init__(
        self,
        case: PlannedCase,
        table: CaseTable,
        measured: Measured,
        decision: Decision,
        about: Literal["process", "this_set"],
        passes: tuple[PassAsk, ...],
    ) -> None:
        self._passes = passes
        self._case, self._table, self._measured, self._decision = case, table, measured, decision
        self._about: Literal["process", "this_set"] = about
        self._expectation = case.asked.expectation
        self._variants = {Intervention(one.variant): one for one in measured.variants}
        self._notes: list[str] = []
        self._objections: list[Objection] = []

    def run(self) -> CheckedDecision:
        whole, insane, rerun = self._decision, self._only_sane(), not self._case.recorded
        if not rerun and self._measured.checked:
            self._notes.append(
                "not checked with other masks and draws: values of an earlier run cannot be measured again"
            )
        found = CheckResults(
            insane=insane,
            masks=self._made("masks", self._masks) if rerun else None,
            noise=self._made("noise floor", self._noise) if rerun else None,
            blind=self._made("blind control", self._blind) if rerun else None,
            seams=(self._made("seams", lambda: list(self._seams())) if rerun else None) or [],
            sensitivity=self._measured.sensitivity.get(self._case.asked.id),
            smallest_effect=self._made("smallest effect", self._smallest_effect),
            agreement=list(agreements(self._case, self._measured, whole)) if self._measured.checked else [],
            two_by_two=list(two_by_two(self._case, self._measured, self._passes)) if self._measured.checked else [],
        )
        self._objections.extend(objections_of(found, self._decision))
        decision = apply_objections(self._decision, self._objections)
        taken = decision.verdict is not whole.verdict
        unguarded = whole.verdict.value if taken else None
        said = [one.note for one in self._objections] if taken else []
        changes = {"unguarded": unguarded, "objections": said, "notes": self._notes}
        return CheckedDecision(decision, found.model_copy(update=changes))

    def _only_sane(self) -> list[str]:
        """Go on with the methods that are sane, where that is what counts; the names of the others."""
        insane = failed_methods(self._case, self._measured)
        case = drop_failed_methods(self._case, self._measured) if insane else None
        sane = None if case is None else self._decide_on(case.asked.expectation)
        self._decision, objection = decide_on_valid_methods(self._decision, sane, insane)
        if objection is not None:
            self._objections.append(objection)
        elif insane and case is not None:
            self._expectation = case.asked.expectation
            self._notes.append(f"decided without {', '.join(insane)}: not sane on this model")
        return insane

    def _decide_on(self, expectation: Expectation) -> Decision:
        return decide(
            expectation,
            self._table,
            confidence=self._case.asked.case.confidence,
            about=self._about,
            bounds=self._case.asked.case.audit.bounds,
            claim=self._case.asked.case.audit.claim,
            sequential=sequential(self._measured),
        )

    def _smallest_effect(self) -> float | None:
        """Of a claim on behaviour; of one on maps it is said what the limit would catch."""
        if any(leaf.spec.methods for leaf in self._expectation.expression.measures()):
            return None
        audit = self._case.asked.case.audit
        return smallest_effect(
            self._expectation,
            self._table,
            confidence=self._case.asked.case.confidence,
            about=self._about,
            bounds=audit.bounds,
            claim=audit.claim,
            sequential=sequential(self._measured),
        )

    def _made(self, what: str, check: Callable[[], _T]) -> _T | None:
        try:
            return check()
        except AuditError as error:
            self._notes.append(f"{what}: could not be checked ({error})")
            return None

    def _view(self, data: RerunData, variant: Intervention | None) -> RerunTable:
        """The columns over a variant's images: under the variant, or as they are."""
        own = None if variant is None else data
        reading = reading_of(variant) if variant is not None else lambda measure: measure
        return RerunTable(self._case, self._table, own, data.positions, reading)

    def _decide(self, table: RerunTable) -> Decision:
        return decide(
            self._expectation,
            table,
            confidence=self._case.asked.case.confidence,
            about=self._about,
            bounds=self._case.asked.case.audit.bounds,
            claim=self._case.asked.case.audit.claim,
        )

    def _masks(self) -> MaskCheck | None:
        found = {variant: self._variants[variant] for variant in MASKS if variant in self._variants}
        if not found or not self._reads(found.values()):
            return None
        data = next(iter(found.values()))
        asked, images = self._count(range(len(self._measured.samples))), self._count(data.positions)
        few = images < asked or self._measured.looks is not None
        decisions = {variant: self._decide(self._view(one, variant)) for variant, one in found.items()}
        if few:
            given = self._decide(self._view(data, None))
            decisions = {
                variant: shift_decision(self._decision, given, one, self._expectation)
                for variant, one in decisions.items()
            }
        verdicts = {one.verdict for one in decisions.values()}
        size = self._measured.sizes.get(next(iter(self._case.models.values())), (224, 224))
        return MaskCheck(
            images=images,
            asked=asked,
            radius=radius(size, self._measured.radius),
            moved=few,
            variants=[_mask_variant(variant, one) for variant, one in decisions.items()],
            agree=verdicts <= {self._decision.verdict},
        )

    def _noise(self) -> NoiseCheck | None:
        data = self._variants.get(Intervention.REDRAWN)
        if data is None or not self._reads([data]) or self._decision.estimate is None:
            return None
        first, second = self._view(data, None), self._view(data, Intervention.REDRAWN)
        images = max(self._decision.counts.measured, 1)
        parts = list(self._decision.parts) or [self._decision]
        floors = [
            noise_floor(one, first, second, images) for one in single_expectations(self._expectation, self._table)
        ]
        if len(floors) != len(parts):  # parts are groups: the same floor for all of them
            floors = [max((one for one in floors if one is not None), default=None)] * len(parts)
        measured = [
            (floor, abs(part.estimate - self._expectation.threshold), part.verdict)
            for floor, part in zip(floors, parts, strict=True)
            if floor is not None and part.estimate is not None
        ]
        if not measured:
            return None
        floor, distance, _ = max(measured, key=lambda one: one[0] - one[1])
        if floor == 0 and not self._draws():
            return None
        beyond = [floor <= distance for floor, distance, verdict in measured if verdict is self._decision.verdict]
        passed: bool | None = all(beyond) if self._decision.verdict is not Verdict.FAIL else any(beyond)
        if self._about == "process":  # the draws of an image are part of its value: the interval holds their noise
            passed = None
        return NoiseCheck(images=self._count(data.positions), floor=floor, distance=distance, passed=passed)

    def _draws(self) -> bool:
        """Whether a donor or a method is drawn: contexts do not declare what they draw, their values show it."""
        return any(
            (leaf.context is not None and donor_rule(leaf.context) is not None)
            or any(draws_at_random(method) for method in leaf.spec.methods)
            for leaf in self._expectation.expression.measures()
        )

    def _blind(self) -> BlindCheck | None:
        data = self._variants.get(Intervention.BLIND)
        leaves = list(self._expectation.expression.measures())
        if data is None or not self._reads([data]):
            return None
        known_answer = None if all(leaf.spec.methods for leaf in leaves) else self._of_the_blind(leaves)
        if known_answer is None and not all(leaf.spec.methods for leaf in leaves):
            return None
        table = self._view(data, Intervention.BLIND)
        values = [self._estimate(one, table) for one in single_expectations(self._expectation, self._table)]
        known = [value for value in values if value is not None]
        if not known:
            return None
        value = max(known) if self._expectation.wants_low else min(known)
        works = None if known_answer is None else abs(value - known_answer) < 1e-9
        decides = self._expectation.holds(value)
        return BlindCheck(images=self._count(data.positions), value=value, decides=decides, works=works)

    def _of_the_blind(self, leaves: list[Measure]) -> float | None:
        """What a model that cannot see any background must get: nothing changes for it on a pasted one.

        Known of falls and flips on pasted backgrounds, which the blind model is shown with a hard edge: a feathered one
        mixes into the object.
        """
        contexts = [leaf.context for leaf in leaves if leaf.context is not None]
        form = normal_form(expanded(self._expectation.expression))
        if form is None or not form.plain or not contexts or any(feather_of(one) is None for one in contexts):
            return None
        sums: dict[object, float] = {}
        for leaf, coefficient in form.numerator.terms.items():
            if not registry.entry_of(leaf.spec).declares.needs_context:
                key = (leaf.spec, leaf.model, leaf.stratum)
                sums[key] = sums.get(key, 0.0) + coefficient
        return form.numerator.constant if all(abs(total) < 1e-9 for total in sums.values()) else None

    def _estimate(self, expectation: Expectation, table: RerunTable) -> float | None:
        confidence = self._case.asked.case.confidence
        return decide(expectation, table, confidence=confidence, about="this_set").estimate

    def _seams(self) -> Iterator[SeamCheck]:
        """One a measure under a context that pastes another background."""
        data = self._variants.get(Intervention.SEAM)
        wanted = [leaf for leaf in self._expectation.expression.measures() if leaf.context is not None]
        for leaf in dict.fromkeys(wanted):
            assert leaf.context is not None
            feather = feather_of(leaf.context)
            if feather is None or (data is None and feather) or len(leaf.spec.methods) > 1:
                continue
            positions = range(len(self._measured.samples)) if data is None else data.positions
            table = RerunTable(self._case, self._table, data, positions)
            yield SeamCheck(
                measure=str(replace(leaf, context=None)),
                model=self._case.models[leaf.model],
                context=str(leaf.context),
                images=self._count(positions),
                original=_mean(table, replace(leaf, context=None)),
                seam=_mean(table, under_seam(leaf)) if feather else None,
                under_context=_mean(table, leaf),
                hard_edge=not feather,
            )

    def _count(self, positions: Sequence[int]) -> int:
        """How many of these images the case is about: those declared to have no object may leave it."""
        applicable = self._table.applicable
        return len(positions) if applicable is None else int(applicable[list(positions)].sum())

    def _reads(self, variants: Iterable[RerunData]) -> bool:
        """Whether the case reads anything that a variant measured, or tried to."""
        leaves = list(self._expectation.expression.measures())
        for data in variants:
            keys, reading = {(one.model, one.key) for one in data.columns}, reading_of(Intervention(data.variant))
            if any(self._table.key(reading(leaf)) & keys for leaf in leaves):
                return True
        return False


def _mask_variant(variant: Intervention, decision: Decision) -> MaskVariant:
    return MaskVariant(
        variant=variant.value,  # type: ignore[arg-type]
        estimate=decision.estimate,
        lower=decision.lower,
        upper=decision.upper,
        verdict=decision.verdict.value,  # type: ignore[arg-type]
    )


def _mean(table: RerunTable, measure: Measure) -> float | None:
    """Over the images of its stratum; None where it was not measured."""
    try:
        column = table.column(measure)
    except AuditError:
        return None
    counted = ~np.isnan(column.values)
    if column.applicable is not None:
        counted &= column.applicable
    if measure.stratum is not None:
        counted &= table.members(measure.stratum, measure.model).inside
    known = column.values[counted]
    return math.fsum(known) / len(known) if len(known) else None
