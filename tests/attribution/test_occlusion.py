from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, Maps, occlusion
from modelaudit.attribution.baselines import BASELINES
from modelaudit.attribution.occlusion import _spans
from modelaudit.language import registry


class Scores(nn.Module):
    """Two logits: some function of the pixels, and zero."""

    def __init__(self, function: object) -> None:
        super().__init__()
        self.function = function
        self.count = 0

    def forward(self, x: Tensor) -> Tensor:
        self.count += len(x)
        value = self.function(x)  # type: ignore[operator]
        return torch.stack([value, torch.zeros_like(value)], dim=1)


def explain(method: occlusion, model: nn.Module, pixels: Tensor) -> Maps:
    selector = torch.tensor([[1.0, 0.0]]).double().expand(len(pixels), -1)
    return registry.entry_of(method).function(
        method, AttributionInput(model, pixels, selector, torch.zeros(len(pixels)))
    )  # type: ignore[no-any-return]


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("side", "window", "stride"), [(64, 8, 4), (96, 12, 6), (224, 28, 14), (384, 48, 24)])
def test_the_default_has_as_many_windows_at_any_size(side: int, window: int, stride: int) -> None:
    spans = _spans(occlusion(), side)
    assert len(spans) == 15
    assert {span.stop - span.start for span in spans} == {window}
    assert {later.start - span.start for span, later in itertools.pairwise(spans)} == {stride}


@settings(max_examples=150, deadline=None)
@given(st.integers(8, 600), st.floats(1 / 64, 1), st.floats(0.02, 1))
def test_the_windows_cover_the_side_and_their_number_is_what_the_cost_says(
    side: int, window: float, part: float
) -> None:
    method = occlusion(window=window, stride=max(1 / 64, window * part))
    spans = _spans(method, side)
    covered = torch.zeros(side)
    for span in spans:
        assert 0 <= span.start < span.stop <= side
        covered[span] += 1
    assert bool((covered > 0).all()) and spans[-1].stop == side
    forward = registry.entry_of(method).declares.cost(method).forward
    assert 1 + len(spans) ** 2 <= forward


def test_a_linear_model_loses_what_a_window_held() -> None:
    """Without overlap: the sum of weight times change over the window, exactly."""
    weights, pixels = noise(3, 12, 8) - 0.5, noise(2, 3, 12, 8)
    model = Scores(lambda x: (x * weights).sum((1, 2, 3)))
    maps = explain(occlusion(window=0.25, stride=0.25, fill="black"), model, pixels)
    shares = (pixels * weights).sum(1)
    windows = shares.unflatten(1, (4, 3)).unflatten(3, (4, 2)).sum((2, 4))
    expected = windows.repeat_interleave(3, 1).repeat_interleave(2, 2)
    torch.testing.assert_close(maps.values, expected, rtol=0, atol=1e-12)


def test_only_the_window_with_the_largest_pixel_matters_to_a_maximum() -> None:
    pixels = noise(1, 3, 8, 8) * 0.5
    pixels[0, 1, 5, 2] = 0.9
    maps = explain(occlusion(window=0.25, stride=0.25, fill="black"), Scores(lambda x: x.amax((1, 2, 3))), pixels)
    expected = torch.zeros(1, 8, 8).double()
    rest = pixels.clone()
    rest[..., 4:6, 2:4] = 0
    expected[0, 4:6, 2:4] = 0.9 - rest.max()
    assert torch.equal(maps.values, expected)


def test_either_factor_of_a_product_takes_all_of_it_away() -> None:
    pixels = torch.full((1, 3, 8, 8), 0.5).double()
    maps = explain(
        occlusion(window=0.5, stride=0.5, fill="black"),
        Scores(lambda x: x[:, 0, :4, :4].mean((1, 2)) * x[:, 0, 4:, 4:].mean((1, 2))),
        pixels,
    )
    product = torch.block_diag(torch.ones(4, 4), torch.ones(4, 4)).double() * 0.25
    torch.testing.assert_close(maps.values[0], product, rtol=0, atol=1e-15)


@pytest.mark.parametrize("fill", ["mean", "black", "white"])
def test_a_pixel_that_has_the_colour_of_the_fill_already_gets_exactly_nothing(fill: str) -> None:
    pixels = noise(1, 3, 8, 8)
    pixels[..., :4] = torch.tensor(BASELINES[fill], dtype=torch.float64).view(1, 3, 1, 1)
    maps = explain(occlusion(window=0.25, stride=0.25, fill=fill), Scores(lambda x: x.square().sum((1, 2, 3))), pixels)
    assert bool((maps.values[..., :4] == 0).all()) and bool((maps.values[..., 4:] != 0).all())


def test_a_window_over_the_whole_image_gives_everything_to_every_pixel() -> None:
    pixels, model = noise(1, 3, 6, 6), Scores(lambda x: x.sum((1, 2, 3)))
    maps = explain(occlusion(window=1, stride=1, fill="black"), model, pixels)
    torch.testing.assert_close(maps.values, pixels.sum().expand(1, 6, 6), rtol=1e-12, atol=0)
    assert model.count == 2
