"""Charts: the p-values are those of the definition, the evidence is a martingale, a state survives JSON."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from modelaudit.language.errors import DataError
from modelaudit.monitoring.bets import BETTORS, learned, log_bets, no_histograms
from modelaudit.monitoring.bins import Bins
from modelaudit.monitoring.chart import Chart, follow, new_chart, p_value, restarted, tie_break
from modelaudit.monitoring.promises import FalseAlarms, Promise, RunLength, chart_weight, log_threshold

PROMISES: tuple[Promise, ...] = (FalseAlarms(), RunLength(1000))


def followed(bins: list[int], promise: Promise, calibration: list[int], seed: int = 0) -> Chart:
    chart = new_chart(np.bincount(calibration, minlength=10))
    for unit, score_bin in enumerate(bins):
        chart = follow(chart, score_bin, tie_break(seed, "", "light", unit), promise)
    return chart


def test_a_p_value_counts_scores_above_and_a_part_of_the_equal_ones() -> None:
    counts = np.array([3, 2, 4, 1])
    assert p_value(counts, 1, 0.5) == pytest.approx((5 + 0.5 * 2) / 10)
    assert p_value(counts, 3, 1.0) == pytest.approx(0.1)


@pytest.mark.parametrize("seed", range(3))
def test_every_bet_is_a_density(seed: int) -> None:
    draw = np.random.default_rng(seed)
    histograms = no_histograms()
    for p in draw.beta(0.5, 2.0, size=40):
        histograms = learned(p, histograms)
    x = np.linspace(-35.0, 35.0, 20_001)
    grid = expit(x)  # close to both ends, where the power bets have their mass
    bets = np.exp(log_bets(grid, np.broadcast_to(histograms, (grid.size, *histograms.shape))))
    mass = (bets * (grid * (1 - grid))[:, None]).sum(axis=0) * (x[1] - x[0])
    assert mass.shape == (BETTORS,)
    np.testing.assert_allclose(mass, 1.0, atol=0.035)
    assert mass.max() < 1.001


@pytest.mark.parametrize("promise", PROMISES)
def test_the_evidence_grows_when_scores_become_larger(promise: Promise) -> None:
    draw = np.random.default_rng(1)
    calibration = draw.integers(0, 8, 200).tolist()
    same = followed(draw.integers(0, 8, 300).tolist(), promise, calibration)
    changed = followed([*draw.integers(0, 8, 200).tolist(), *[9] * 60], promise, calibration)
    needed = log_threshold(promise, chart_weight(promise, statistics=4))
    assert not same.alarmed(needed)
    assert changed.alarmed(needed)
    assert 190 <= changed.started <= 205


@pytest.mark.parametrize("promise", PROMISES)
def test_the_evidence_is_what_all_stakes_have_become(promise: Promise) -> None:
    """Written out: every unit's stake, times the bets of its bettor at all units from then on."""
    draw = np.random.default_rng(3)
    counts, histograms, bets = np.array([5, 4, 3, 2, 1]), no_histograms(), []
    chart = new_chart(counts)
    for score_bin, uniform in zip(draw.integers(0, 5, 40), draw.random(40), strict=True):
        chart = follow(chart, int(score_bin), uniform, promise)
        counts[score_bin] += 1
        p = p_value(counts, score_bin, uniform)
        bets.append(np.exp(log_bets(p, histograms)))
        histograms = learned(p, histograms)
    growth = np.cumprod(np.array(bets)[::-1], axis=0)[::-1].mean(axis=1)  # of a stake at each unit, over the bettors
    shares = 0.25 / (np.arange(40) + 50)
    left = np.cumprod(np.append(1.0, 1 - shares))
    expected = growth.sum() if isinstance(promise, RunLength) else left[-1] + (left[:-1] * shares * growth).sum()
    assert np.exp(chart.log_evidence) == pytest.approx(expected, rel=1e-9)


@given(st.lists(st.integers(0, 9), max_size=30), st.sampled_from(PROMISES))
@settings(max_examples=30, deadline=None)
def test_a_chart_continues_from_its_json(bins: list[int], promise: Promise) -> None:
    chart = followed(bins, promise, [1, 2, 3])
    again = Chart.from_json(json.loads(json.dumps(chart.to_json(), allow_nan=False)))
    one, other = follow(chart, 5, 0.3, promise), follow(again, 5, 0.3, promise)
    assert one.to_json() == other.to_json()


def test_a_foreign_state_is_refused() -> None:
    with pytest.raises(DataError, match="not the state of a chart"):
        Chart.from_json({"counts": [1]})
    with pytest.raises(DataError, match="other bets"):
        Chart.from_json(new_chart([1, 2]).to_json() | {"log_capital": [0.0]})


def test_a_chart_that_starts_anew_keeps_its_scores() -> None:
    chart = followed([9] * 30, RunLength(), [1, 2, 3])
    again = restarted(chart)
    assert again.counts.sum() == chart.counts.sum()
    assert again.started == again.units == 30
    assert again.peak == 0.0 < chart.peak


def test_the_tie_break_depends_on_the_chart_and_the_unit_alone() -> None:
    drawn = {tie_break(1, group, name, unit) for group in ("", "a") for name in ("light", "classes") for unit in (0, 1)}
    assert len(drawn) == 8
    assert all(0 <= u <= 1 for u in drawn)
    assert tie_break(1, "a", "light", 0) == tie_break(1, "a", "light", 0)


def test_the_weights_of_all_charts_sum_to_at_most_one() -> None:
    promise = FalseAlarms(0.05)
    known = sum(chart_weight(promise, 4, known_groups=3) for _ in range(3 * 4))
    new = sum(4 * chart_weight(promise, 4, 3, new_group=k) for k in range(1, 5000))
    assert known == pytest.approx(0.9)
    assert known + new <= 1
    assert log_threshold(promise, 0.25) == pytest.approx(math.log(80))
    assert chart_weight(RunLength(), 4, 3, new_group=2) == 0.25
    assert log_threshold(RunLength(1000), 0.25) == pytest.approx(math.log(8000))


@pytest.mark.parametrize("wrong", [0.0, 1.0, -1.0])
def test_a_probability_lies_between_0_and_1(wrong: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        FalseAlarms(wrong)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60), st.floats(-1e7, 1e7), st.floats(-1e7, 1e7))
def test_bins_keep_the_order_of_scores(fitted: list[float], one: float, other: float) -> None:
    bins = Bins.of(fitted)
    low, high = sorted((one, other))
    assert 0 <= bins.index(low) <= bins.index(high) < bins.count
    assert bins.counts(fitted).sum() == len(fitted)


def test_bins_keep_different_scores_apart_where_there_are_few() -> None:
    assert len({Bins.of([0.0, 0.0, 0.0, 0.5, 1.0]).index(score) for score in (0.0, 0.5, 1.0)}) == 3
    assert [Bins.of_positions(3).index(k) for k in range(3)] == [0, 1, 2]
    tail = Bins.of([0.0, 1.0])
    assert len({tail.index(score) for score in (1.05, 1.5, 3.0, 10.0, 50.0)}) == 5


@pytest.mark.parametrize("wrong", [[], [1.0, float("nan")], [float("inf")]])
def test_bins_need_finite_scores(wrong: list[float]) -> None:
    with pytest.raises(DataError, match="finite scores"):
        Bins.of(wrong)


def test_a_score_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(DataError, match="must be a number"):
        Bins.of([0.0, 1.0]).index(float("nan"))
