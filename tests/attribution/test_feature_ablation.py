from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, feature_ablation
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels
from modelaudit.language import registry


class Scores(nn.Module):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        value = self.function(x)  # type: ignore[operator]
        return torch.stack([value, torch.zeros_like(value)], dim=1)


def sums(method: feature_ablation, model: nn.Module, pixels: Tensor) -> tuple[Tensor, Superpixels]:
    """[K], the sum of the first image's map over each superpixel."""
    selector = torch.tensor([[1.0, 0.0]]).double().expand(len(pixels), -1)
    asked = AttributionInput(model, pixels, selector, model(pixels)[:, 0])
    values = registry.entry_of(method).function(method, asked).values[0]
    parts = Superpixels.of(asked, 0, method)
    return torch.zeros(parts.count).double().index_add_(0, parts.labels.flatten(), values.flatten()), parts


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
def test_a_linear_model_loses_what_the_superpixel_held(segmentation: Segmentation) -> None:
    weights, pixels = noise(3, 12, 10) - 0.5, noise(2, 3, 12, 10)
    model = Scores(lambda x: (x * weights).sum((1, 2, 3)))
    found, parts = sums(feature_ablation(segments=9, segmentation=segmentation, fill="white"), model, pixels)
    held = ((pixels[0] - 1) * weights).sum(0).flatten()
    expected = torch.zeros(parts.count).double().index_add_(0, parts.labels.flatten(), held)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_only_the_superpixel_with_the_largest_pixel_matters_to_a_maximum() -> None:
    pixels = noise(1, 3, 8, 8) * 0.5
    pixels[0, 2, 7, 0] = 0.8
    found, _ = sums(feature_ablation(segments=4, fill="black"), Scores(lambda x: x.amax((1, 2, 3))), pixels)
    rest = pixels.clone()
    rest[..., 4:, :4] = 0
    torch.testing.assert_close(found, torch.tensor([0, 0, 0.8 - float(rest.max()), 0]).double(), rtol=1e-6, atol=0)


def test_either_factor_of_a_product_takes_all_of_it_away() -> None:
    pixels = torch.full((1, 3, 8, 8), 0.5).double()
    model = Scores(lambda x: x[:, 0, :4, :4].mean((1, 2)) * x[:, 0, 4:, 4:].mean((1, 2)))
    found, _ = sums(feature_ablation(segments=4, fill="black"), model, pixels)
    torch.testing.assert_close(found, torch.tensor([0.25, 0, 0, 0.25]).double())
