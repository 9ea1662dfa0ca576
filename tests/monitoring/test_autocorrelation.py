"""The order of scores: what tells something is found, and the lot that is advised is long enough."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from modelaudit.monitoring.autocorrelation import autocorrelation


def in_lots(draw: np.random.Generator, lots: int, size: int, shared: float) -> NDArray[np.float64]:
    """Scores of which a lot shares so much of the variance."""
    own = draw.standard_normal(lots * size) * np.sqrt(1 - shared)
    common: NDArray[np.float64] = np.repeat(draw.standard_normal(lots), size) * np.sqrt(shared)
    return own + common


def test_independent_scores_are_rarely_called_dependent() -> None:
    draw = np.random.default_rng(0)
    found = sum(autocorrelation(draw.standard_normal(60), seed).found() for seed in range(200))
    assert found <= 20  # 10 are expected, 20 or more have a probability below 0.003


def test_lots_are_found_and_the_advised_ones_are_longer() -> None:
    found = autocorrelation(in_lots(np.random.default_rng(1), 40, 25, 0.5), seed=0)
    assert found.p_value == 1 / 501
    assert found.lot is not None
    assert found.lot >= 50


def test_what_goes_on_to_the_end_has_no_lot() -> None:
    found = autocorrelation(np.linspace(0.0, 1.0, 100), seed=0)
    assert found.found()
    assert found.lot is None


def test_ties_and_equal_scores() -> None:
    assert autocorrelation(np.zeros(30), seed=0).p_value == 1.0
    alternating = autocorrelation(np.arange(40) % 2, seed=0)
    assert alternating.correlation < -0.9
    assert alternating.lot == 1


def test_only_the_order_and_the_seed_count() -> None:
    scores = np.random.default_rng(2).standard_normal(50)
    assert autocorrelation(scores, 3) == autocorrelation(np.exp(scores), 3)
    assert autocorrelation(scores, 3).p_value != autocorrelation(scores[::-1].copy(), 4).p_value


def test_few_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20 scores, got 19"):
        autocorrelation(np.zeros(19), seed=0)
