"""Krippendorff's alpha and its bootstrap against the package ``krippendorff`` (which is under the GPL, so not ours)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from modelaudit.statistics.raters import _RESAMPLES, _SEED, rater_agreement

krippendorff = pytest.importorskip("krippendorff")


def as_units(table: NDArray[np.float64]) -> list[dict[str, int]]:
    """Answers of raters (rows) to units (columns), NaN where there is none."""
    return [
        {str(rater): int(answer) for rater, answer in enumerate(column) if not np.isnan(answer)} for column in table.T
    ]


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(2, 30), st.integers(2, 4), st.floats(0, 0.6))
def test_alpha_equals_the_reference(seed: int, raters: int, units: int, kinds: int, missing: float) -> None:
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, kinds, units)
    table = np.where(draw.random((raters, units)) < 0.7, truth, draw.integers(0, kinds, (raters, units))).astype(float)
    table[draw.random((raters, units)) < missing] = np.nan
    found = rater_agreement(as_units(table))
    if found.alpha is not None:
        assert found.alpha == pytest.approx(krippendorff.alpha(table, level_of_measurement="nominal"), abs=1e-12)


def test_the_interval_is_that_of_the_reference_on_the_same_resamples() -> None:
    draw = np.random.default_rng(4)
    truth = draw.integers(0, 4, 24)
    table = np.where(draw.random((3, 24)) < 0.7, truth, draw.integers(0, 4, (3, 24))).astype(float)
    found = rater_agreement(as_units(table))
    times = np.random.default_rng(_SEED).multinomial(24, np.full(24, 1 / 24), _RESAMPLES)
    drawn = [np.repeat(np.arange(24), often) for often in times]
    again = [krippendorff.alpha(table[:, units], level_of_measurement="nominal") for units in drawn]
    assert (found.lower, found.upper) == pytest.approx(tuple(np.quantile(again, (0.025, 0.975))), abs=1e-12)
