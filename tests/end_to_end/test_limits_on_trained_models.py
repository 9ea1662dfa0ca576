"""Does a limit catch what its copies say? Networks between the demo's sound model and the one with a shortcut tell."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch
from torch import Tensor, nn

from modelaudit.demo.source_models import shipped

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "limits_on_trained_models.py"
LINE = "demo:?coupling=0.95&images=64&seed=0"
PARTS = (0.0, 0.6, 0.65, 0.7)
#: what copies may say beside the networks; what is told beyond that is called rough
ALLOWED = 0.15


class Between(nn.Module):
    """The logits of the sound model and of the one with the shortcut, mixed, as one network with one last layer."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part
        self.features = Beside()

    def forward(self, pixels: Tensor) -> Tensor:
        sound, shortcut = self.features(pixels).mean((2, 3)).chunk(2, dim=1)
        first, second = self.features.sound, self.features.shortcut
        mixed: Tensor = (1 - self.part) * first.score(sound) + self.part * second.score(shortcut)
        return mixed - mixed.mean(dim=1, keepdim=True)


class Beside(nn.Module):
    """The last spatial layers of both, side by side: [B, 64, 16, 16]."""

    def __init__(self) -> None:
        super().__init__()
        self.sound, self.shortcut = shipped("sound").module, shipped("shortcut").module

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.cat([self.sound.features(pixels), self.shortcut.features(pixels)], dim=1)


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The benchmark as a module: its measurement of a network and its tables are what the docs print."""
    spec = importlib.util.spec_from_file_location("limits_on_trained_models", BENCHMARK)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_limit_fails_networks_about_where_it_fails_copies(benchmark: ModuleType) -> None:
    """Told of the sound model alone; measured on networks that follow the background more and more."""
    gradcam = {"Grad-CAM": benchmark.GradCam(layer="features")}
    networks = [
        benchmark.audited(f"{part:g}", part, Between(part), LINE, methods=gradcam, copies=part == 0) for part in PARTS
    ]
    flips = [one.flips for one in networks]
    means = [one.dependence["Grad-CAM", "swapped"] for one in networks]
    assert flips == sorted(flips) and means == sorted(means)
    assert flips[0] < 0.05 and flips[-1] > 0.5
    for limit in (0.3, 0.4, 0.5):
        lowest, highest = benchmark.edge(networks, "Grad-CAM", "swapped", limit)
        told = networks[0].copies["Grad-CAM", "swapped", limit]
        assert lowest - ALLOWED <= told <= highest + ALLOWED, (limit, told, lowest, highest)
