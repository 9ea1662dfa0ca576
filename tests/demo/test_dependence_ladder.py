"""Truth by construction: what was trained in is what is measured (the full ladder is in docs/demo.md)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from modelaudit.demo.source_models import shipped
from modelaudit.demo.training import Training
from modelaudit.statistics import betting

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "dependence_ladder.py"
THRESHOLD = 0.40


@pytest.fixture(scope="module")
def ladder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("dependence_ladder", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.nightly
def test_the_measured_dependence_rises_with_the_coupling_trained_in(ladder: ModuleType) -> None:
    data = "demo:?coupling=0.95&images=40&seed=1"
    rungs = [ladder.climbed(Training(coupling, images=1800, epochs=3), data) for coupling in (0.0, 0.8, 1.0)]
    for method in ladder.METHODS:
        means = [float(rung.original[method].nanmean()) for rung in rungs]
        # from 0.8 on nearly every answer follows the surroundings; which of the two is higher, rounding decides
        assert means[2] > means[1] - 0.02, (method, means)
        assert min(means[1:]) - means[0] > 0.15, (method, means)
        assert ladder.spearman(rungs, method) >= 0.5
    swapped = [rung.accuracy[1] for rung in rungs]
    assert swapped == sorted(swapped, reverse=True)


@pytest.mark.parametrize("seed", [0, 1])
def test_one_threshold_parts_the_shipped_models_by_each_method(ladder: ModuleType, seed: int) -> None:
    """On other classes' backgrounds, undefined values at their worst end, one-sided 95 % betting bounds."""
    original, swapped, labels = ladder.scenes(f"demo:?images=100&seed={seed}")
    found = {}
    for name in ("sound", "shortcut"):
        network = shipped(name).module
        before, _ = ladder.dependence(network, network.features, original, labels, methods=())
        after, values = ladder.dependence(network, network.features, swapped, labels)
        found[name] = (before - after, values)
    for method in ladder.METHODS:
        sound, shortcut = (found[name][1][method] for name in ("sound", "shortcut"))
        assert betting(torch.nan_to_num(sound, nan=1.0).numpy(), 0.95)[1] < THRESHOLD
        assert betting(torch.nan_to_num(shortcut, nan=0.0).numpy(), 0.95)[0] > THRESHOLD
    assert found["sound"][0] < 0.05
    assert found["shortcut"][0] > 0.80
