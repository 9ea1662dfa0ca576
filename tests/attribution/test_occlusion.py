"""Occlusion and RISE: by hand, and what they promise."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modelaudit.attribution import AttributionInput, Maps, occlusion, rise
from modelaudit.attribution.baselines import BASELINES
from modelaudit.attribution.occlusion import _Masks, _spans
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


SIDE = 6


class Linear(nn.Module):
    """Logits of a linear model, each moved by `offset`."""

    def __init__(self, offset: float = 0.0) -> None:
        super().__init__()
        self.weights = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double() - 0.3
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bchw,kchw->bk", x, self.weights) + self.offset


def question(model: nn.Module, count: int = 1, rows: int | None = 50) -> AttributionInput:
    pixels = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2)).double()
    selector = torch.tensor([[1.0, 0.0]]).double().expand(count, -1)
    return AttributionInput(
        model, pixels, selector, model(pixels)[:, 0], ids=tuple("abcdef"[:count]), seed=4, rows=rows
    )


def explain_rise(method: rise, asked: AttributionInput) -> Maps:
    return registry.entry_of(method).function(method, asked)  # type: ignore[no-any-return]


def masks_of(method: rise, asked: AttributionInput, image: int = 0) -> Tensor:
    return _Masks(method, asked, image).of(range(method.masks))


@pytest.mark.parametrize(("height", "width", "grid"), [(6, 6, 2), (12, 9, 4), (7, 11, 3), (5, 8, 7)])
def test_masks_are_those_of_the_paper(height: int, width: int, grid: int) -> None:
    """The random grid, brought to (grid + 1) cells bilinearly by torch itself, cut out at the shift."""
    pixels = torch.zeros(1, 3, height, width)
    masks = _Masks(rise(masks=20, grid=grid), AttributionInput(nn.Identity(), pixels, pixels, pixels), 0)
    cells = -(-height // grid), -(-width // grid)
    full = interpolate(
        masks._grids[:, None].float(), (cells[0] * (grid + 1), cells[1] * (grid + 1)), mode="bilinear"
    ).squeeze(1)
    found = masks.of(range(20))
    assert found.shape == (20, height, width)
    for number, (row, column) in enumerate(masks._shifts.tolist()):
        assert 0 <= row < cells[0] and 0 <= column < cells[1]
        cut = full[number, row : row + height, column : column + width]
        torch.testing.assert_close(found[number], cut, rtol=0, atol=1e-5)
    assert torch.equal(masks.of(range(7, 12)), found[7:12])


def test_the_map_is_the_papers_sum_and_centring_takes_the_mean_score_off() -> None:
    method = rise(masks=40, grid=2, probability=0.3, centred=False)
    model = Linear(offset=5)
    asked = question(model)
    masks = masks_of(method, asked)
    fill = torch.tensor(BASELINES["mean"]).double().view(3, 1, 1)
    total = torch.zeros(SIDE, SIDE).double()
    scores = [model((asked.pixels[0] * mask + fill * (1 - mask))[None])[0, 0] for mask in masks]
    for score, mask in zip(scores, masks, strict=True):
        total += score * mask
    torch.testing.assert_close(explain_rise(method, asked).values[0], total / (0.3 * 40), rtol=1e-6, atol=1e-6)
    centred = explain_rise(rise(masks=40, grid=2, probability=0.3), asked).values[0]
    mean = torch.stack(scores).mean()
    torch.testing.assert_close(centred, (total - mean * masks.sum(0)) / (0.3 * 40), rtol=1e-5, atol=1e-5)


def test_centred_maps_do_not_know_the_zero_point_of_the_logits() -> None:
    method, paper = rise(masks=30, grid=2), rise(masks=30, grid=2, centred=False)
    near, far = question(Linear()), question(Linear(offset=100))
    torch.testing.assert_close(explain_rise(method, near).values, explain_rise(method, far).values, rtol=0, atol=1e-9)
    assert float((explain_rise(paper, near).values - explain_rise(paper, far).values).abs().min()) > 10


def test_the_map_of_a_linear_model_tends_to_its_expectation() -> None:
    """All grids and shifts counted out: N-1 over N of cov(score, mask) / p, within five standard errors."""
    method = rise(masks=3000, grid=2, fill="black")
    model = Linear()
    asked = question(model)
    weights = (asked.pixels[0] * model.weights[0]).sum(0)
    patterns = torch.tensor(list(itertools.product([0.0, 1.0], repeat=4))).view(-1, 1, 2, 2).double()
    full = interpolate(patterns, (9, 9), mode="bilinear").squeeze(1)
    masks = torch.cat([full[:, row : row + SIDE, column : column + SIDE] for row in range(3) for column in range(3)])
    scores = (masks * weights).sum((1, 2))
    products = (scores - scores.mean())[:, None, None] * masks / 0.5
    expected, error = products.mean(0) * 2999 / 3000, products.std(0) / 3000**0.5
    found = explain_rise(method, asked).values[0]
    assert bool(((found - expected).abs() < 5 * error).all())
    assert float(expected.abs().max()) > 20 * float(error.max())


def test_a_probability_is_explained_if_it_is_asked_for() -> None:
    class Soft(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1)

    asked = question(Linear())
    found = explain_rise(rise(masks=20, grid=2, quantity="probability"), asked).values
    torch.testing.assert_close(found, explain_rise(rise(masks=20, grid=2), question(Soft())).values)
    assert not torch.allclose(found, explain_rise(rise(masks=20, grid=2), asked).values)
    assert float(explain_rise(rise(masks=20, grid=2, quantity="probability", centred=False), asked).values.min()) >= 0


def test_images_have_masks_of_their_own_and_a_share_of_kept_cells_as_asked() -> None:
    method = rise(masks=2000, grid=3, probability=0.2)
    asked = question(Linear(), 2)
    first, second = masks_of(method, asked, 0), masks_of(method, asked, 1)
    assert not torch.equal(first, second)
    assert abs(float(first.mean()) - 0.2) < 0.02 and float(first.min()) >= 0 and float(first.max()) <= 1
