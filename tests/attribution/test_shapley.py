from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, shapley_sampling
from modelaudit.attribution.superpixel_methods import _orders
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels
from modelaudit.language import registry


class Scores(nn.Module):
    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        value = self.function(x)  # type: ignore[operator]
        return torch.stack([value, torch.zeros_like(value)], dim=1)


def ask(model: nn.Module, pixels: Tensor, rows: int = 16) -> AttributionInput:
    selector = torch.tensor([[1.0, 0.0]]).double().expand(len(pixels), -1)
    return AttributionInput(model, pixels, selector, model(pixels)[:, 0], ids=("a", "b", "c")[: len(pixels)], rows=rows)


def explain(method: shapley_sampling, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def sums(method: shapley_sampling, asked: AttributionInput, image: int = 0) -> Tensor:
    parts = Superpixels.of(asked, image, method)
    values = explain(method, asked).values[image]
    return torch.zeros(parts.count).double().index_add_(0, parts.labels.flatten(), values.flatten())


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def means(x: Tensor) -> Tensor:
    """[B, 4]: the first channel's mean in each quarter."""
    return x[:, 0].unflatten(1, (2, -1)).unflatten(3, (2, -1)).mean((2, 4)).flatten(1)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_linear_model_is_exact_with_any_permutation(segmentation: Segmentation, samples: int) -> None:
    weights, pixels = noise(3, 12, 10) - 0.5, noise(2, 3, 12, 10)
    asked = ask(Scores(lambda x: (x * weights).sum((1, 2, 3))), pixels)
    method = shapley_sampling(samples=samples, segments=9, segmentation=segmentation, fill="black")
    parts = Superpixels.of(asked, 1, method)
    expected = torch.zeros(parts.count).double()
    expected.index_add_(0, parts.labels.flatten(), (pixels[1] * weights).sum(0).flatten())
    torch.testing.assert_close(sums(method, asked, 1), expected, rtol=0, atol=1e-12)


def test_a_permutation_and_its_reverse_are_exact_where_superpixels_meet_in_pairs() -> None:
    """A product is shared equally; one permutation alone gives all of it to the factor that comes last."""
    pixels = torch.full((1, 3, 8, 8), 0.5).double()
    asked = ask(Scores(lambda x: means(x)[:, 0] * means(x)[:, 3] + means(x)[:, 1] * means(x)[:, 3]), pixels)
    halves = torch.tensor([0.125, 0.125, 0, 0.25]).double()
    torch.testing.assert_close(sums(shapley_sampling(samples=2, segments=4, fill="black"), asked), halves)
    alone = sums(shapley_sampling(samples=1, segments=4, fill="black"), asked)
    assert set(alone.tolist()) <= {0.0, 0.25, 0.5} and float(alone.sum()) == 0.5


def test_the_estimate_tends_to_the_shapley_values_of_a_maximum() -> None:
    """Of four players with values a < b < c < d: a/4, then each further step shared by those who reach it."""
    pixels = torch.zeros(1, 3, 8, 8).double()
    pixels[0, 0, :4, :4], pixels[0, 0, :4, 4:], pixels[0, 0, 4:, :4], pixels[0, 0, 4:, 4:] = 0.2, 0.8, 0.4, 0.6
    asked = ask(Scores(lambda x: x.amax((1, 2, 3))), pixels, rows=200)
    found = sums(shapley_sampling(samples=1500, segments=4, fill="black"), asked)
    first, second, third, fourth = 0.2 / 4, 0.2 / 4 + 0.2 / 3, 0.2 / 4 + 0.2 / 3 + 0.2 / 2, 0.2 / 4 + 0.2 / 3 + 0.3
    torch.testing.assert_close(found, torch.tensor([first, fourth, second, third]).double(), rtol=0, atol=0.02)


def test_every_map_sums_to_the_change_and_an_explained_quantity_of_another_model_is_found_out() -> None:
    model = Scores(lambda x: (means(x).prod(1) + x.square().sum((1, 2, 3))).sin())
    asked = ask(model, noise(3, 3, 8, 8))
    maps = explain(shapley_sampling(samples=3, segments=4, fill="black"), asked)
    change = asked.explained - model(torch.zeros(1, 3, 8, 8).double())[:, 0]
    torch.testing.assert_close(maps.values.sum((1, 2)), change)
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12
    other = AttributionInput(model, asked.pixels, asked.selector, asked.explained + 0.5 * change, ids=asked.ids)
    lies = explain(shapley_sampling(samples=3, segments=4, fill="black"), other).completeness
    assert lies is not None and float(lies.min()) > 0.3


def test_more_samples_go_on_from_the_same_permutations() -> None:
    asked = ask(Scores(lambda x: x.sum((1, 2, 3))), noise(2, 3, 8, 8))
    many, few = _orders(asked, 0, 9, 7), _orders(asked, 0, 4, 7)
    assert torch.equal(many[:4], few)
    assert torch.equal(many[1], many[0].flip(0)) and not torch.equal(many[2], many[0])
    assert torch.equal(many.sort(1).values, torch.arange(7).expand(9, -1))
    assert not torch.equal(_orders(asked, 1, 9, 7), many)
