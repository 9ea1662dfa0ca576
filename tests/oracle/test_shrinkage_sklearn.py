"""The weight of the shrunk covariance beside scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest

from modelaudit.monitoring.distance import shrinkage

covariance = pytest.importorskip("sklearn.covariance")


@pytest.mark.parametrize(("count", "dimensions"), [(10, 3), (100, 20), (20, 100), (60, 300), (500, 40)])
def test_the_shrinkage_is_that_of_scikit_learn(count: int, dimensions: int) -> None:
    random = np.random.default_rng(count)
    values = random.normal(size=(count, dimensions)) @ random.normal(size=(dimensions, dimensions))
    centred = values - values.mean(axis=0)
    expected = covariance.ledoit_wolf_shrinkage(centred, assume_centered=True)
    assert shrinkage(centred) == pytest.approx(expected, rel=1e-9)
