"""Models whose dependence on surroundings is planted exactly are ranked by the headline measure on original images."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from ranking import PLANTED, ranked


@pytest.mark.parametrize("seed", range(2))
def test_gradcam_ranks_models_by_their_planted_dependence(seed: int) -> None:
    correlation, means = ranked("gradcam", seed, 16)
    assert len(means) == len(PLANTED) and correlation >= 0.95, means
    assert means[0] < 0.4 and means[-1] > 0.6, means
