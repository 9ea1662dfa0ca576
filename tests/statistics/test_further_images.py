"""How many images more would probably settle it."""

import numpy as np
import pytest
from statistics_tables import Values, column, named, proportion

from modelaudit.language.strata import label
from modelaudit.statistics import Membership, Reason, Verdict, decide

a, b, m = named("a"), named("b"), named("m")


def decided(expectation, columns, strata=None, *, about="process"):
    return decide(expectation, Values(columns, strata or {}), confidence=0.95, about=about)


@pytest.mark.parametrize("n", [1, 30, 58])
def test_a_drop_without_any_discordance_needs_59_images_in_all(n):
    columns = {"a": proportion(n, n), "b": proportion(n, n)}
    assert decided(a - b < 0.05, columns).more_images == 59 - n
    assert decided(a > 0.95, columns).more_images == 59 - n


def test_a_decided_case_needs_none():
    assert decided(a > 0.5, {"a": proportion(90, 100)}).more_images is None


@pytest.mark.parametrize("threshold", [1.0, 0.9])
def test_an_estimate_on_the_threshold_is_never_settled(threshold):
    result = decided(a < threshold, {"a": proportion(round(threshold * 20), 20)})
    assert (result.verdict, result.more_images) == (Verdict.INCONCLUSIVE, None)
    assert "too near" in result.note


def test_missing_values_alone_can_keep_it_open():
    values = np.append(np.full(50, 0.1), np.full(12, np.nan))
    result = decided(m < 0.2, {"m": column(values)})
    assert result.more_images is None and "12 of 62 images" in result.note


def test_missing_values_that_leave_room_cost_images():
    clean = decided(m < 0.15, {"m": column(np.full(40, 0.1))})
    gaps = decided(m < 0.15, {"m": column(np.append(np.full(39, 0.1), np.nan))})
    assert clean.more_images is not None and gaps.more_images > clean.more_images


def test_a_case_that_will_fail_is_planned_too():
    result = decided(a > 0.95, {"a": proportion(18, 20)})
    assert result.verdict is Verdict.INCONCLUSIVE and 50 < result.more_images < 500


def test_a_compound_is_planned_by_its_width():
    half = np.arange(200) < 100
    strata = {"label(x)": Membership(half, half & False), "label(y)": Membership(~half, half & False)}
    columns = {"a": column((np.arange(200) % 100) < np.where(half, 90, 84), "proportion")}
    result = decided(a.where(label("x")) - a.where(label("y")) < 0.1, columns, strata)
    assert result.reason is Reason.TOO_FEW_IMAGES and 100 < result.more_images < 5000


def test_this_set_asks_for_no_further_images():
    values = [1.0] * 18 + [0.0, np.nan]
    assert decided(a > 0.92, {"a": column(values, "proportion")}, about="this_set").more_images is None


def power(expectation, draw, n, audits):
    generator = np.random.default_rng(3)
    found = [decided(expectation, draw(generator, n)).verdict for _ in range(audits)]
    return np.mean([verdict is not Verdict.INCONCLUSIVE for verdict in found])


def test_the_planned_number_settles_a_proportion_with_power_80_percent():
    planned = decided(a > 0.9, {"a": proportion(38, 40)}).more_images + 40
    reached = power(a > 0.9, lambda g, n: {"a": column((g.random(n) < 0.95).astype(float), "proportion")}, planned, 400)
    assert 0.74 <= reached <= 0.95


def test_the_planned_number_settles_a_drop_with_power_80_percent():
    first, second = np.arange(100) < 93, np.arange(100) < 91
    columns = {"a": column(first, "proportion"), "b": column(second, "proportion")}
    planned = decided(a - b < 0.06, columns).more_images + 100

    def draw(generator, n):
        u = generator.random(n)
        return {"a": column(u < 0.93, "proportion"), "b": column(u < 0.91, "proportion")}

    assert 0.74 <= power(a - b < 0.06, draw, planned, 300) <= 0.97


def test_the_planned_number_settles_a_mean_with_power_80_percent():
    values = np.random.default_rng(0).beta(2, 6, 60)
    values *= 0.25 / values.mean()
    planned = decided(m < 0.28, {"m": column(values)}).more_images + 60
    reached = power(m < 0.28, lambda g, n: {"m": column(g.choice(values, n))}, planned, 300)
    assert 0.72 <= reached <= 0.88
