from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, check, kernel_shap
from modelaudit.attribution.superpixel_methods import _coalitions, _fitted
from modelaudit.attribution.superpixels import SEGMENTATIONS, Segmentation, Superpixels
from modelaudit.language import registry
from modelaudit.language.reasons import Missing


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


def ask(count: int = 2, side: int = 8, model: nn.Module | None = None) -> AttributionInput:
    model = model or Net(side)
    pixels = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    selector = torch.tensor([[1.0, -1.0]]).double().expand(count, -1)
    return AttributionInput(
        model, pixels, selector, (model(pixels) * selector).sum(1), ids=tuple("abc"[:count]), rows=64
    )


def explain(method: kernel_shap, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def sums(method: kernel_shap, asked: AttributionInput, image: int) -> Tensor:
    parts = Superpixels.of(asked, image, method)
    values = explain(method, asked).values[image]
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
    asked = ask()
    method = kernel_shap(samples=510, segments=segments, segmentation=segmentation)
    for image in range(2):
        exact = shapley_values(Superpixels.of(asked, image, method))
        torch.testing.assert_close(sums(method, asked, image), exact, rtol=1e-9, atol=1e-9)


def test_the_estimate_tends_to_the_shapley_values() -> None:
    asked = ask(1, 12)
    exact = sums(kernel_shap(samples=510, segments=9), asked, 0)
    few, many = (float((sums(kernel_shap(samples=count, segments=9), asked, 0) - exact).norm()) for count in (40, 400))
    assert many < 0.4 * few and many < 0.15 * float(exact.norm())


def test_a_linear_model_is_exact_with_few_coalitions() -> None:
    class Linear(Net):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1) @ self.first[:2].T

    asked = ask(1, 12, Linear(12))
    method = kernel_shap(samples=4 * 36, segments=36, fill="black")
    parts = Superpixels.of(asked, 0, method)
    weights = (asked.model.first[0] - asked.model.first[1]).view(3, 12, 12)
    expected = torch.zeros(36).double()
    expected.index_add_(0, parts.labels.flatten(), (asked.pixels[0] * weights).sum(0).flatten())
    torch.testing.assert_close(sums(method, asked, 0), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("method", [kernel_shap(samples=64, segments=16), kernel_shap(samples=14, segments=4)], ids=str)
def test_every_map_sums_to_the_change(method: kernel_shap) -> None:
    asked = ask(3)
    fill = torch.tensor([123 / 255, 116 / 255, 103 / 255]).double().view(1, 3, 1, 1).expand(1, 3, 8, 8)
    with_fill = (asked.model(fill) * asked.selector[:1]).sum(1)
    maps = explain(method, asked)
    torch.testing.assert_close(maps.values.sum((1, 2)), asked.explained - with_fill, rtol=1e-6, atol=1e-6)
    assert maps.completeness is not None and float(maps.completeness.max()) < 1e-6


def test_coalitions_come_in_pairs_and_their_sizes_in_the_kernels_proportion() -> None:
    method = kernel_shap(samples=20_001, segments=16)
    drawn, weights = _coalitions(method, ask(1), 0, 16)
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

    asked = ask(2, 8, Broken(8))
    asked.pixels[1, :, 0, 0] = 1
    maps = explain(kernel_shap(samples=64, segments=16), asked)
    assert check(maps, asked.pixels, asked.explained)[Missing.ATTRIBUTION_INVALID].tolist() == [False, True]
