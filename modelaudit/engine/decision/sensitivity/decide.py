"""What a limit on heat maps would catch: the share of answers that the background decides when copies stop passing."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ....language.boundary import contained, failure_text
from ....language.errors import AuditError
from ....language.expression import Expectation
from ....statistics import ColumnTable, decide
from ...checks.sensitivity.collect import SensitivityCollector
from ...planning.plan import PlanGroup, PlannedCase
from ...results.checks import Sensitivity
from ...results.measured import Measured
from ..case_table import CaseTable
from ..failed_sanity import drop_failed_methods
from .perturbed_model import NoCopy, PerturbedModel, directions
from .trained import compared

#: strengths that are tried, in parts of the one at which the background decides every answer
_STRENGTHS = tuple(2.0 ** (step / 2) for step in range(-16, 17))
_HALVINGS = 16


def sensitivities(group: PlanGroup, measured: Measured, found: SensitivityCollector | None) -> dict[str, Sensitivity]:
    """What the limits of a group's cases on heat maps catch, by the case's id."""
    if found is None or measured.data is None:
        return {}
    results: dict[str, Sensitivity] = {}
    for case in group.cases:
        try:
            CaseTable(case, measured).check()
        except AuditError:  # the case is an error, and says so itself
            continue
        if directions(case.asked.expectation) and not case.recorded:
            results[case.asked.id] = _sensitivity(drop_failed_methods(case, measured) or case, measured, found)
    return results


def _sensitivity(case: PlannedCase, measured: Measured, found: SensitivityCollector) -> Sensitivity:
    try:
        return sensitivity_of(PerturbedModel(case, measured, found), case, found)
    except BaseException as error:  # the reason stands in the record; the verdict is another matter
        why = str(error) if isinstance(error, NoCopy) else failure_text(contained(error))
        return Sensitivity(model="", images=0, why_not=why)


def sensitivity_of(copies: PerturbedModel, case: PlannedCase, found: SensitivityCollector) -> Sensitivity:
    """What a limit would catch, from copies of a model."""
    expectation, confidence = case.asked.expectation, case.asked.case.confidence

    def left(table: ColumnTable) -> float | None:
        return decide(expectation, table, confidence=confidence, about="this_set", brief=True).estimate

    strength = _strongest_that_passes(lambda w: _holds(expectation, left(copies.at(w))), copies.decisive)
    alone = left(copies.alone()) if copies.against else None
    flips = copies.flips()
    rough, trained = compared(expectation, copies.ratios)
    return Sensitivity(
        model=copies.model,
        images=len(copies.positions),
        ratios=dict(copies.ratios),
        strength=None if math.isinf(strength) else strength,
        share=None if math.isinf(strength) else copies.share(strength),
        most=copies.share(copies.decisive),
        flips=None if flips is None else flips[0],
        flips_images=0 if flips is None else flips[1],
        swap=str(found.swaps[copies.model]),
        alone=alone,
        alone_passes=None if alone is None else expectation.holds(alone),
        rough=rough,
        trained=trained,
    )


def _holds(expectation: Expectation, left: float | None) -> bool:
    return left is not None and expectation.holds(left)


def _strongest_that_passes(passes: Callable[[float], bool], decisive: float) -> float:
    """The least strength from which on no copy passes: 0 where the model itself does not; infinite where all do."""
    strengths = [0.0, *(decisive * one for one in _STRENGTHS)]
    passing = [at for at, strength in enumerate(strengths) if passes(strength)]
    if not passing:
        return 0.0
    if passing[-1] == len(strengths) - 1:
        return math.inf
    low, high = strengths[passing[-1]], strengths[passing[-1] + 1]
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if passes(middle) else (low, middle)
    return float(np.nextafter(high, math.inf))
