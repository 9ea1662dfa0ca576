"""Quantus, where it is right: on |A|, non-empty masks and maps without ties."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.attribution import saliency
from modelaudit.language import registry
from modelaudit.measures.base import Seen
from modelaudit.measures.localisation import BackgroundShare

quantus = pytest.importorskip("quantus", reason="Quantus is not installed (pip install pytest-modelaudit[test])")


class Unused(torch.nn.Module):
    """Quantus asks for a model and never runs it for these metrics."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        raise AssertionError("a measure of maps must not run the model")


def cases(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    maps = generator.normal(size=(4, 1, 12, 12)).astype(np.float32)
    masks = np.zeros((4, 1, 12, 12), dtype=bool)
    for mask in masks:
        top, left = generator.integers(0, 8, size=2)
        rows, columns = generator.integers(1, 5, size=2)
        mask[0, top : top + rows, left : left + columns] = True
    return maps, masks


def theirs(metric: object, maps: np.ndarray, masks: np.ndarray) -> np.ndarray:
    pixels, labels = np.zeros((4, 3, 12, 12), dtype=np.float32), np.zeros(4, dtype=int)
    scores = metric(  # type: ignore[operator]
        model=Unused(), x_batch=pixels, y_batch=labels, a_batch=maps, s_batch=masks, channel_first=True, device="cpu"
    )
    return np.asarray(scores, dtype=np.float64)


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
@pytest.mark.parametrize("metric", ["RelevanceMassAccuracy", "AttributionLocalisation"])
def test_background_share_is_one_minus_the_mass_inside(metric: str, seed: int) -> None:
    maps, masks = cases(seed)
    metric_class = getattr(quantus, metric)
    score = metric_class(abs=True, normalise=False, display_progressbar=False, disable_warnings=True)
    seen = Seen(
        torch.zeros(4, 2),
        torch.zeros(4, dtype=torch.long),
        attribution=torch.from_numpy(maps[:, 0]).abs(),
        mask=torch.from_numpy(masks[:, 0].astype(np.uint8)),
    )
    spec = BackgroundShare((saliency(),))
    ours = registry.entry_of(spec).function(spec, seen).values.numpy()
    assert ours == pytest.approx(1 - theirs(score, maps, masks), abs=1e-5)
