from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from modelaudit.attribution import AttributionInput, Maps, rise
from modelaudit.attribution.baselines import BASELINES
from modelaudit.attribution.occlusion import _Masks
from modelaudit.language import registry

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


def explain(method: rise, asked: AttributionInput) -> Maps:
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
    torch.testing.assert_close(explain(method, asked).values[0], total / (0.3 * 40), rtol=1e-6, atol=1e-6)
    centred = explain(rise(masks=40, grid=2, probability=0.3), asked).values[0]
    mean = torch.stack(scores).mean()
    torch.testing.assert_close(centred, (total - mean * masks.sum(0)) / (0.3 * 40), rtol=1e-5, atol=1e-5)


def test_centred_maps_do_not_know_the_zero_point_of_the_logits() -> None:
    method, paper = rise(masks=30, grid=2), rise(masks=30, grid=2, centred=False)
    near, far = question(Linear()), question(Linear(offset=100))
    torch.testing.assert_close(explain(method, near).values, explain(method, far).values, rtol=0, atol=1e-9)
    assert float((explain(paper, near).values - explain(paper, far).values).abs().min()) > 10


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
    found = explain(method, asked).values[0]
    assert bool(((found - expected).abs() < 5 * error).all())
    assert float(expected.abs().max()) > 20 * float(error.max())


def test_a_probability_is_explained_if_it_is_asked_for() -> None:
    class Soft(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).softmax(1)

    asked = question(Linear())
    found = explain(rise(masks=20, grid=2, quantity="probability"), asked).values
    torch.testing.assert_close(found, explain(rise(masks=20, grid=2), question(Soft())).values)
    assert not torch.allclose(found, explain(rise(masks=20, grid=2), asked).values)
    assert float(explain(rise(masks=20, grid=2, quantity="probability", centred=False), asked).values.min()) >= 0


def test_images_have_masks_of_their_own_and_a_share_of_kept_cells_as_asked() -> None:
    method = rise(masks=2000, grid=3, probability=0.2)
    asked = question(Linear(), 2)
    first, second = masks_of(method, asked, 0), masks_of(method, asked, 1)
    assert not torch.equal(first, second)
    assert abs(float(first.mean()) - 0.2) < 0.02 and float(first.min()) >= 0 and float(first.max()) <= 1
