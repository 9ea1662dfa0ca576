from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.monitoring.distance import Distance, fit_distance, shrinkage

Values = np.ndarray[Any, Any]


def draws(seed: int, count: int, dimensions: int) -> Values:
    """Correlated, of very different scales."""
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(count, dimensions)) @ random.normal(size=(dimensions, dimensions))
    return mixed * 10.0 ** random.uniform(-1, 1, dimensions) + random.normal(size=dimensions)


def dense(fitted: Values, new: Values) -> Values:
    """The distance with the whole shrunk covariance, inverted."""
    mean, scale = fitted.mean(0), fitted.std(0)
    z = (fitted - mean) / scale
    covariance, weight = z.T @ z / len(z), shrinkage(z)
    dimensions = z.shape[1]
    shrunk = (1 - weight) * covariance + weight * np.trace(covariance) / dimensions * np.eye(dimensions)
    apart = (new - mean) / scale
    return np.einsum("ij,jk,ik->i", apart, np.linalg.inv(shrunk), apart)


@pytest.mark.parametrize(("count", "dimensions"), [(200, 5), (60, 40), (30, 60), (40, 200)])
def test_the_distance_is_that_of_the_whole_shrunk_covariance(count: int, dimensions: int) -> None:
    """As long as no more than 64 eigenvalues differ from the others."""
    fitted, new = draws(1, count, dimensions), draws(2, 20, dimensions)
    distance = Distance.of(fit_distance(fitted))
    assert [distance(row) for row in new] == pytest.approx(dense(fitted, new), rel=1e-3)


def test_the_mean_of_the_eigenvalues_beyond_64_stands_for_them() -> None:
    fitted = draws(3, 300, 100)
    record = fit_distance(fitted)
    z = (fitted - fitted.mean(0)) / fitted.std(0)
    weight = shrinkage(z)
    eigenvalues = (1 - weight) * np.sort(np.linalg.eigvalsh(z.T @ z / 300))[::-1] + weight
    assert record.components.shape == [100, 64]
    assert record.variances.array() == pytest.approx(eigenvalues[:64], rel=1e-3)
    assert record.residual == pytest.approx(eigenvalues[64:].mean(), rel=1e-3)


@given(st.integers(0, 1000), st.floats(0.001, 1000), st.floats(-100, 100))
def test_units_and_offsets_of_the_features_do_not_matter(seed: int, factor: float, offset: float) -> None:
    fitted, new = draws(seed, 30, 8), draws(seed + 1, 5, 8)
    one = Distance.of(fit_distance(fitted))
    spread = fitted.std(0)
    other = Distance.of(fit_distance((fitted / spread + offset) * factor))
    plain = Distance.of(fit_distance(fitted / spread))
    assert [other((row / spread + offset) * factor) for row in new] == pytest.approx(
        [plain(row / spread) for row in new], rel=1e-2
    )
    assert all(one(row) > 0 for row in new)


def test_a_feature_that_was_constant_counts_without_outweighing_all_others() -> None:
    fitted = np.random.default_rng(0).normal(size=(100, 10))
    fitted[:, 3] = 5.0
    distance = Distance.of(fit_distance(fitted))
    middle = fitted.mean(0)
    moved = middle.copy()
    moved[3] += 1.0  # a standard deviation of the others
    assert 0 < distance(moved) < 1000
    assert distance(middle) == pytest.approx(0, abs=1e-6)


def test_fitted_images_that_are_all_the_same_have_a_distance() -> None:
    record = fit_distance(np.full((20, 4), 3.0))
    assert Distance.of(record)(np.full(4, 3.0)) == 0
    assert np.isfinite(Distance.of(record)(np.full(4, 4.0)))


def test_the_shrinkage_falls_with_more_images_and_is_whole_without_structure() -> None:
    def of(count: int) -> float:
        values = draws(5, count, 20)
        z = (values - values.mean(0)) / values.std(0)
        return shrinkage(z)

    assert 0 < of(2000) < of(100) < of(10) <= 1
    assert shrinkage(np.random.default_rng(0).normal(size=(50, 50))) > 0.8
