"""Learning curves: the power law that was drawn from, intervals that hold what comes, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelaudit.advice.learning_curve import curve_of, fit_power_law, sizes_of

TEST, DRAWS = 400, 5


@given(st.floats(0, 0.3), st.floats(0.3, 3), st.floats(0.2, 1.5))
@settings(max_examples=40, deadline=None)
def test_a_law_without_noise_is_found(a: float, b: float, c: float) -> None:
    sizes = np.array(sizes_of(1000), dtype=np.float64)
    law = fit_power_law(sizes, a + b * sizes**-c)
    assert law.at(4000) == pytest.approx(a + b * 4000**-c, abs=0.01)


def test_sizes_rise_to_all_images() -> None:
    assert sizes_of(600)[0] == 30
    assert sizes_of(600)[-1] == 600
    assert len(sizes_of(600)) == 10
    assert sizes_of(10) == []


def simulated(
    a: float, b: float, c: float, seed: int, pool: int = 600, spread: float = 0.5
) -> tuple[list[int], NDArray[np.bool_], NDArray[np.float64], np.random.Generator]:
    """Fits to nested parts of one pool, whose true errors scatter by spread / sqrt(n), judged on the same images, each
    of which is wrong where its difficulty is below the fit's error."""
    draw = np.random.default_rng(seed)
    sizes = sizes_of(pool)
    difficulty = draw.random(TEST)
    of_pool = draw.normal() / pool**0.5
    wrong = np.empty((len(sizes), DRAWS, TEST), dtype=bool)
    for at, size in enumerate(sizes):
        apart = draw.normal(size=DRAWS) * max(0.0, 1 / size - 1 / pool) ** 0.5
        truth = a + b * size**-c + spread * (of_pool + apart)
        wrong[at] = difficulty < truth[:, None]
    return sizes, wrong, difficulty, draw


def test_intervals_hold_what_a_fit_to_more_images_really_has() -> None:
    inside, asked, refused = 0, 0, 0
    for seed in range(60):
        sizes, wrong, _, draw = simulated(0.05, 2.0, 0.5, seed)
        curve = curve_of(sizes, wrong, np.arange(TEST), confidence=0.95, seed=0)
        if curve.refused is not None:
            refused += 1
            continue
        for forecast in curve.forecasts:
            truth = 0.05 + 2.0 * forecast.images**-0.5 + 0.5 * draw.normal() / forecast.images**0.5
            inside += forecast.lower <= truth <= forecast.upper
            asked += 1
    assert refused < 10
    assert inside / asked >= 0.85


def test_an_error_that_no_longer_falls_is_refused() -> None:
    sizes, wrong, _, _ = simulated(0.2, 0.0, 0.5, 1)
    curve = curve_of(sizes, wrong, np.arange(TEST), confidence=0.95, seed=0)
    assert (curve.refused, curve.law, curve.forecasts) == ("no_fall", None, ())


def test_few_images_are_refused() -> None:
    sizes, wrong, _, _ = simulated(0.05, 2.0, 0.5, 1)
    few = wrong[:, :, :20]
    assert curve_of(sizes, few, np.arange(20), confidence=0.95, seed=0).refused == "too_few_images"
    assert curve_of(sizes[:3], wrong[:3], np.arange(TEST), confidence=0.95, seed=0).refused == "too_few_images"


def test_test_images_of_few_clusters_make_the_interval_wide_or_refuse_it() -> None:
    sizes, wrong, _, _ = simulated(0.05, 2.0, 0.5, 3)
    alone = curve_of(sizes, wrong, np.arange(TEST), confidence=0.95, seed=0)
    order = np.argsort(wrong.mean(axis=(0, 1)))
    clusters = np.empty(TEST, dtype=np.int64)
    clusters[order] = np.arange(TEST) // 40
    shared = curve_of(sizes, wrong, clusters, confidence=0.95, seed=0)
    assert alone.refused is None
    if shared.refused is None:
        widths = [curve.forecasts[0].upper - curve.forecasts[0].lower for curve in (alone, shared)]
        assert widths[1] > 1.3 * widths[0]
