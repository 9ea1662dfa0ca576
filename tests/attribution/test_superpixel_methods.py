"""Feature ablation and Shapley values of superpixels: by hand, and what they promise."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, check, feature_ablation, kernel_shap, shapley_sampling
from modelaudit.attribution.superpixel_methods import _coalitions, _fitted, _orders
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels
from modelaudit.language import registry
from modelaudit.language.reasons import Missing


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


class Scores_shapley(nn.Module):
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


def sampled(method: shapley_sampling, asked: AttributionInput, image: int = 0) -> Tensor:
    parts = Superpixels.of(asked, image, method)
    values = explain(method, asked).values[image]
    return torch.zeros(parts.count).double().index_add_(0, parts.labels.flatten(), values.flatten())


def noise_pixels(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def means(x: Tensor) -> Tensor:
    """[B, 4]: the first channel's mean in each quarter."""
    return x[:, 0].unflatten(1, (2, -1)).unflatten(3, (2, -1)).mean((2, 4)).flatten(1)


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_a_linear_model_is_exact_with_any_permutation(segmentation: Segmentation, samples: int) -> None:
    weights, pixels = noise_pixels(3, 12, 10) - 0.5, noise_pixels(2, 3, 12, 10)
    asked = ask(Scores_shapley(lambda x: (x * weights).sum((1, 2, 3))), pixels)
    method = shapley_sampling(samples=samples, segments=9, segmentation=segmentation, fill="black")
    parts = Superpixels.of(asked, 1, method)
    expected = torch.zeros(parts.count).double()
    expected.index_add_(0, parts.labels.flatten(), (pixels[1] * weights).sum(0).flatten())
    torch.testing.assert_close(sampled(method, asked, 1), expected, rtol=0, atol=1e-12)


def test_a_permutation_and_its_reverse_are_exact_where_superpixels_meet_in_pairs() -> None:
    """A product is shared equally; one permutation alone gives all of it to the factor that comes last."""
    pixels = torch.full((1, 3, 8, 8), 0.5).double()
    asked = ask(Scores_shapley(lambda x: means(x)[:, 0] * means(x)[:, 3] + means(x)[:, 1] * means(x)[:, 3]), pixels)
    halves = torch.tensor([0.125, 0.125, 0, 0.25]).double()
    torch.testing.assert_close(sampled(shapley_sampling(samples=2, segments=4, fill="black"), asked), halves)
    alone = sampled(shapley_sampling(samples=1, segments=4, fill="black"), asked)
    assert set(alone.tolist()) <= {0.0, 0.25, 0.5} and float(alone.sum()) == 0.5


def test_the_estimate_tends_to_the_shapley_values_of_a_maximum() -> None:
    """Of four players with values a < b < c < d: a/4, then each further step shared by those who reach it."""
    pixels = torch.zeros(1, 3, 8, 8).double()
    pixels[0, 0, :4, :4], pixels[0, 0, :4, 4:], pixels[0, 0, 4:, :4], pixels[0, 0, 4:, 4:] = 0.2, 0.8, 0.4, 0.6
    asked = ask(Scores_shapley(lambda x: x.amax((1, 2, 3))), pixels, rows=200)
    found = sampled(shapley_sampling(samples=1500, segments=4, fill="black"), asked)
    first, second, third, fourth = 0.2 / 4, 0.2 / 4 + 0.2 / 3, 0.2 / 4 + 0.2 / 3 + 0.2 / 2, 0.2 / 4 + 0.2 / 3 + 0.3
    torch.testing.assert_close(found, torch.tensor([first, fourth, second, third]).double(), rtol=0, atol=0.02)


def test_every_map_sums_to_the_change_and_an_explained_quantity_of_another_model_is_found_out() -> None:
    model = Scores_shapley(lambda x: (means(x).prod(1) + x.square().sum((1, 2, 3))).sin())
    asked = ask(model, noise_pixels(3, 3, 8, 8))
    maps = explain(shapley_sampling(samples=3, segments=4, fill="black"), asked)
    change = asked.explained - model(torch.zeros(1, 3, 8, 8).double())[:, 0]
    torch.testing.assert_close(maps.values.sum((1, 2)), change)
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-12
    other = AttributionInput(model, asked.pixels, asked.selector, asked.explained + 0.5 * change, ids=asked.ids)
    lies = explain(shapley_sampling(samples=3, segments=4, fill="black"), other).completeness
    assert lies is not None and float(lies.min()) > 0.3


def test_more_samples_go_on_from_the_same_permutations() -> None:
    asked = ask(Scores_shapley(lambda x: x.sum((1, 2, 3))), noise_pixels(2, 3, 8, 8))
    many, few = _orders(asked, 0, 9, 7), _orders(asked, 0, 4, 7)
    assert torch.equal(many[:4], few)
    assert torch.equal(many[1], many[0].flip(0)) and not torch.equal(many[2], many[0])
    assert torch.equal(many.sort(1).values, torch.arange(7).expand(9, -1))
    assert not torch.equal(_orders(asked, 1, 9, 7), many)


class Net(nn.Module):
    """No sum of superpixels: a small random network in float64."""

    def __init__(self, side: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first, self.second = (
            torch.randn(shape, generator=generator, dtype=torch.float64) for shape in ((12, 3 * side * side), (2, 12))
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(2 * (x - 0.4).flatten(1) @ self.first.T) @ self.second.T


def asked_of(count: int = 2, side: int = 8, model: nn.Module | None = None) -> AttributionInput:
    model = model or Net(side)
    pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    selector = torch.tensor([[1.0, -1.0]]).double().expand(count, -1)
    return AttributionInput(
        model, pixels, selector, (model(pixels) * selector).sum(1), ids=tuple("abc"[:count]), rows=64
    )


def fit(method: kernel_shap, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def fitted(method: kernel_shap, asked: AttributionInput, image: int) -> Tensor:
    parts = Superpixels.of(asked, image, method)
    values = fit(method, asked).values[image]
    return torch.zeros(parts.count).double().index_add_(0, parts.labels.flatten(), values.flatten())


def shapley_values(parts: Superpixels) -> Tensor:
    """By their definition: sum over S without k of |S|! (K - |S| - 1)! / K! (v(S with k) - v(S))."""
    players = parts.count
    subsets = torch.tensor(list(itertools.product([False, True], repeat=players)))
    values = parts.values(len(subsets), lambda numbers: subsets[numbers.start : numbers.stop])
    of = {tuple(subset.tolist()): float(value) for subset, value in zip(subsets, values, strict=True)}
    shares = torch.zeros(players).double()
    for subset, value in of.items():
        for player in [player for player in range(players) if not subset[player]]:
            size = sum(subset)
            weight = math.factorial(size) * math.factorial(players - size - 1) / math.factorial(players)
            joined = (*subset[:player], True, *subset[player + 1 :])
            shares[player] += weight * (of[joined] - value)
    return shares


@pytest.mark.parametrize("segmentation", SEGMENTATIONS)
@pytest.mark.parametrize("segments", [4, 7, 9])
def test_with_every_coalition_they_are_the_shapley_values(segmentation: Segmentation, segments: int) -> None:
    asked = asked_of()
    method = kernel_shap(samples=510, segments=segments, segmentation=segmentation)
    for image in range(2):
        exact = shapley_values(Superpixels.of(asked, image, method))
        torch.testing.assert_close(fitted(method, asked, image), exact, rtol=1e-9, atol=1e-9)


def test_the_estimate_tends_to_the_shapley_values() -> None:
    asked = asked_of(1, 12)
    exact = fitted(kernel_shap(samples=510, segments=9), asked, 0)
    few, many = (
        float((fitted(kernel_shap(samples=count, segments=9), asked, 0) - exact).norm()) for count in (40, 400)
    )
    assert many < 0.4 * few and many < 0.15 * float(exact.norm())


def test_a_linear_model_is_exact_with_few_coalitions() -> None:
    class Linear(Net):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) @ self.first[:2].T

    asked = asked_of(1, 12, Linear(12))
    method = kernel_shap(samples=4 * 36, segments=36, fill="black")
    parts = Superpixels.of(asked, 0, method)
    weights = (asked.model.first[0] - asked.model.first[1]).view(3, 12, 12)
    expected = torch.zeros(36).double()
    expected.index_add_(0, parts.labels.flatten(), (asked.pixels[0] * weights).sum(0).flatten())
    torch.testing.assert_close(fitted(method, asked, 0), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", [kernel_shap(samples=64, segments=16), kernel_shap(samples=14, segments=4)], ids=str)
def test_every_map_sums_to_the_change(method: kernel_shap) -> None:
    asked = asked_of(3)
    fill = torch.tensor([123 / 255, 116 / 255, 103 / 255]).double().view(1, 3, 1, 1).expand(1, 3, 8, 8)
    with_fill = (asked.model(fill) * asked.selector[:1]).sum(1)
    maps = fit(method, asked)
    torch.testing.assert_close(maps.values.sum((1, 2)), asked.explained - with_fill, rtol=1e-6, atol=1e-6)
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-6


def test_coalitions_come_in_pairs_and_their_sizes_in_the_kernels_proportion() -> None:
    method = kernel_shap(samples=20_001, segments=16)
    drawn, weights = _coalitions(method, asked_of(1), 0, 16)
    assert drawn.shape == (20_000, 16) and bool((weights == 1).all())
    assert torch.equal(drawn[0::2], ~drawn[1::2])
    sizes = drawn.sum(1)
    assert int(sizes.min()) >= 1 and int(sizes.max()) <= 15
    wanted = torch.tensor([15 / (size * (16 - size)) for size in range(1, 16)])
    shares = sizes.bincount(minlength=16)[1:] / len(sizes)
    torch.testing.assert_close(shares, wanted / wanted.sum(), rtol=0, atol=0.015)
    assert float((drawn.double().mean(0) - 0.5).abs().max()) == 0.0


def test_a_fit_without_a_single_solution_is_no_number() -> None:
    coalitions = torch.tensor([[True, False, False], [False, True, True]]).repeat(6, 1)
    values = torch.rand(14, generator=torch.Generator().manual_seed(0)).double()
    assert bool(_fitted(coalitions, torch.ones(12).double(), values).isnan().all())
    more = torch.cat([coalitions, torch.tensor([[False, True, False]])])
    found = _fitted(more, torch.ones(13).double(), torch.cat([values, values[:1]]))
    assert bool(found.isfinite().all()) and float(found.sum() - values[1] + values[0]) == pytest.approx(0, abs=1e-12)


def test_an_image_of_one_superpixel_gives_it_everything() -> None:
    values = torch.tensor([1.0, 4.0]).double()
    assert _fitted(torch.zeros(0, 1, dtype=torch.bool), torch.zeros(0).double(), values).tolist() == [3.0]


def test_one_broken_image_is_invalid_and_the_others_stay() -> None:
    class Broken(Net):
        def forward(self, x: Tensor) -> Tensor:
            return torch.where(x[:, :1, 0, 0] == 1, torch.nan, super().forward(x))

    asked = asked_of(2, 8, Broken(8))
    asked.pixels[1, :, 0, 0] = 1
    maps = fit(kernel_shap(samples=64, segments=16), asked)
    assert check(maps, asked.pixels, asked.explained)[Missing.ATTRIBUTION_INVALID].tolist() == [False, True]
