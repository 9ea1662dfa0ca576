"""Curves over doses: an open one must hold at every dose, slope and area are decided as one number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import trapezoid
from statistics_tables import Doses, column, proportion

from modelaudit.contexts import gaussian_noise
from modelaudit.language.expression import Expectation
from modelaudit.measures import accuracy
from modelaudit.statistics import Decision, Verdict, clopper_pearson, decide

CURVE = accuracy.under(gaussian_noise(each=[1, 2, 3]))


def decided(expectation: Expectation, *right: int, n: int = 100) -> Decision:
    columns = {severity: proportion(ones, n) for severity, ones in enumerate(right)}
    return decide(expectation, Doses(columns), confidence=0.95, about="process")


def test_an_open_curve_passes_where_every_dose_passes() -> None:
    found = decided(CURVE > 0.7, 100, 95, 90, 85)
    assert found.verdict is Verdict.PASS and found.dose == 3  # the worst is shown
    assert [(part.dose, part.estimate, part.part) for part in found.parts] == [
        (1, 0.95, "dose 1"),
        (2, 0.90, "dose 2"),
        (3, 0.85, "dose 3"),
    ]
    assert (found.lower, found.upper) == pytest.approx(clopper_pearson(85, 100, 0.95))


def test_one_dose_that_fails_after_holm_fails_the_curve_and_one_that_does_not_leaves_it_open() -> None:
    assert decided(CURVE > 0.7, 100, 95, 90, 40).verdict is Verdict.FAIL
    # 61 of 100 fails 0.70 alone, not at 0.05 / 3
    alone = decide(accuracy > 0.7, Doses({0: proportion(61, 100)}), confidence=0.95, about="process")
    assert alone.verdict is Verdict.FAIL
    found = decided(CURVE > 0.7, 100, 95, 90, 61)
    assert found.verdict is Verdict.INCONCLUSIVE and "dose 3 alone" in found.note


def test_the_slope_is_one_number_with_bounds_of_its_own() -> None:
    found = decided(CURVE.slope() > -0.2, 100, 95, 90, 85, n=100)
    assert found.estimate == pytest.approx(-0.05) and not found.parts and found.dose is None
    assert found.lower is not None and found.upper is not None
    assert found.lower < -0.05 < found.upper and found.verdict is Verdict.PASS
    assert decided(CURVE.slope() > 0.2, 100, 95, 90, 85).verdict is Verdict.FAIL
    assert [(point.dose, point.estimate) for point in found.curve] == [(1, 0.95), (2, 0.90), (3, 0.85)]
    assert (found.curve[2].lower, found.curve[2].upper) == pytest.approx(clopper_pearson(85, 100, 0.95))
    assert not decided(CURVE > 0.7, 100, 95, 90, 85).curve


def test_the_slope_is_that_of_numpy() -> None:
    rng = np.random.default_rng(3)
    values = {severity: rng.random(60) for severity in (1, 2, 3)}
    table = Doses({severity: column(one) for severity, one in values.items()})
    found = decide(CURVE.slope() < 5, table, confidence=0.95, about="process")
    heights = [values[severity].mean() for severity in (1, 2, 3)]
    assert found.estimate == pytest.approx(np.polyfit([1, 2, 3], heights, 1)[0])
    area = decide(CURVE.area() < 5, table, confidence=0.95, about="process")
    assert area.estimate == pytest.approx(trapezoid(heights, [1, 2, 3]) / 2)


def test_the_bounds_of_a_slope_hold_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    misses = 0
    for _ in range(300):
        base = rng.random(80)
        columns = {k: column((base + rng.random(80) * 0.4 < 0.9 - 0.1 * k).astype(float)) for k in (1, 2, 3)}
        found = decide(CURVE.slope() > 0, Doses(columns), confidence=0.95, about="process", brief=True)
        # P(base + 0.4 u < t) falls by 0.1 a step for t in [0.4, 1]
        misses += found.lower is not None and found.lower > -0.1
    assert misses <= 300 * 0.05 + 3 * np.sqrt(300 * 0.05 * 0.95)
