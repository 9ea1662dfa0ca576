"""Quantus 0.6.0 on the maps that it drew itself: what MPRT and eMPRT make of them is the same here."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from modelaudit.measures.randomisation import correlations, entropies, layers, risen

quantus = pytest.importorskip("quantus", reason="Quantus is not installed (pip install pytest-modelaudit[test])")

QUIET = {"display_progressbar": False, "disable_warnings": True, "abs": False, "normalise": False}


def network() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 64, 3)).eval()


def scores_and_maps(metric: Any) -> tuple[Any, list[torch.Tensor]]:
    """What a metric found, and the maps [n, H, W] that it asked for, one batch a model."""
    maps: list[torch.Tensor] = []

    def signed(model: nn.Module, inputs: np.ndarray, targets: np.ndarray, **_: object) -> np.ndarray:
        pixels = torch.as_tensor(inputs).requires_grad_()
        model(pixels)[torch.arange(len(pixels)), torch.as_tensor(targets)].sum().backward()
        assert pixels.grad is not None
        maps.append((pixels.grad * pixels.detach()).sum(1))
        return maps[-1][:, None].numpy()

    draw = np.random.default_rng(0)
    images = draw.random((4, 3, 8, 8)).astype(np.float32)
    with torch.random.fork_rng():
        found = metric(
            model=network(),
            x_batch=images,
            y_batch=np.array([0, 1, 2, 0]),
            channel_first=True,
            explain_func=signed,
            softmax=True,
            device="cpu",
            batch_size=4,
        )
    return found, maps


@pytest.mark.filterwarnings("ignore")
def test_mprt_is_spearmans_correlation_at_every_stage() -> None:
    found, maps = scores_and_maps(quantus.MPRT(**QUIET))
    stages = layers(network())
    assert [name for name in found if name != "original"] == stages
    for name, after in zip(stages, maps[-len(stages) :], strict=True):
        assert correlations(maps[0], after) == pytest.approx(np.ravel(found[name]), abs=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_emprt_is_the_relative_rise_of_the_histogram_entropy() -> None:
    kwargs = {"complexity_func": quantus.functions.complexity_func.discrete_entropy}
    found, maps = scores_and_maps(quantus.EfficientMPRT(**QUIET, **kwargs, complexity_func_kwargs={"n_bins": 100}))
    assert risen(entropies(maps[0]), entropies(maps[-1])) == pytest.approx(found, rel=1e-6)
