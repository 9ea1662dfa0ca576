"""Models whose dependence on surroundings is planted exactly are ranked by the headline measure on original images."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ranking.py"


@pytest.fixture(scope="module")
def ranking() -> ModuleType:
    """The benchmark, loaded by its path: its folder is no place to import from."""
    spec = importlib.util.spec_from_file_location("ranking", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ranking"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(2))
def test_gradcam_ranks_models_by_their_planted_dependence(ranking: ModuleType, seed: int) -> None:
    correlation, means = ranking.ranked("gradcam", seed, 16)
    assert len(means) == len(ranking.PLANTED) and correlation >= 0.95, means
    assert means[0] < 0.4 and means[-1] > 0.6, means
