"""RISE: scores under random masks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..language.errors import ExpressionError
from ..language.spec import Method, one_of, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import NAMES
from .perturbed import Fill, filled, for_each_image, parts_of, perturbed_scores

_QUANTITIES = ("logit", "probability")
_MASKS_AT_ONCE = 32


@dataclass(frozen=True)
class Rise(Method):
    """sum_i (f(x M_i) - mean f) M_i / (p N): how much more the score is where a pixel is kept (Petsiuk et al. 2018).

    A mask M [H, W] in [0, 1] is a random grid of zeros and ones, each 1 with probability p, brought bilinearly to
    (grid + 1) cells of ceil(H / grid) x ceil(W / grid) pixels and cut out at a random shift; x M + fill (1 - M) is
    scored. Each image has masks of its own, drawn by its id, so that their noise averages out over images. It falls
    as 1 / sqrt(masks).

    The paper's map, ``centred=False``, lacks "- mean f": it estimates E[f | pixel kept], which ranks pixels but is
    large everywhere, so that its share of the background is little else than the background's area, and it moves
    with the zero point of the logits, which means nothing. Centred, a pixel without influence has expectation zero.

    Args:
        masks: how many, 2 to 100,000; each costs a forward pass.
        grid: cells along a side, 2 to 64.
        probability: p, of a cell to be kept, 0.01 to 0.99.
        fill: "mean" (the mean colour of ImageNet, where the paper's zero lies), "black", "white", "blur" or "noise".
        quantity: "logit", as all methods here explain, or "probability" (softmax), as the paper does.
        centred: whether the mean score is subtracted.

    Raises:
        ExpressionError: an argument out of range.
    """

    masks: int = 1000
    grid: int = 7
    probability: float = 0.5
    fill: Fill = "mean"
    quantity: Literal["logit", "probability"] = "logit"
    centred: bool = True

    def __post_init__(self) -> None:
        for name, low, high in (("masks", 2, 100_000), ("grid", 2, 64)):
            value = within(getattr(self, name), low, high, f"rise: {name}")
            if not isinstance(value, int):
                raise ExpressionError(f"rise: {name}={value!r} is no whole number")
        within(self.probability, 0.01, 0.99, "rise: probability")
        one_of(self.fill, NAMES, "rise: fill")
        one_of(self.quantity, _QUANTITIES, "rise: quantity")
        if not isinstance(self.centred, bool):
            raise ExpressionError(f"rise: centred={self.centred!r} is neither True nor False")


@attribution(
    "rise",
    Rise,
    MethodDeclaration(cost=lambda spec: Cost(forward=spec.masks, backward=0), gradients=False, draws=True).named(
        "RISE"
    ),
)
def rise_maps(spec: Rise, question: AttributionInput) -> Maps:
    """[B, H, W], signed when centred, in units of the explained quantity."""
    if spec.quantity == "probability":
        question = replace(question, model=nn.Sequential(question.model, nn.Softmax(dim=1)))
    return Maps(torch.stack(for_each_image(question, lambda image: _map(spec, question, image))))


def _map(spec: Rise, question: AttributionInput, image: int) -> Tensor:
    pixels = question.pixels[image]
    fill, masks = filled(question, image, spec.fill, "rise"), _Masks(spec, question, image)

    def perturb(numbers: range) -> Tensor:
        mask = masks.of(numbers).unsqueeze(1)
        return torch.lerp(fill, pixels, mask)

    found = perturbed_scores(question, image, spec.masks, perturb)
    weights = found - found.mean() if spec.centred else found
    total = torch.zeros_like(pixels[0], dtype=found.dtype)
    for part in parts_of(spec.masks, _MASKS_AT_ONCE):  # made a second time: a thousand masks are too much to keep
        total += (weights[part.start : part.stop, None, None] * masks.of(part)).sum(0)
    return (total / (spec.probability * spec.masks)).to(pixels.dtype)


class _Masks:
    """The masks of one image, drawn by its id: a random grid and a shift in pixels for each."""

    def __init__(self, spec: Rise, question: AttributionInput, image: int) -> None:
        self._pixels = question.pixels[image]
        height, width = self._pixels.shape[1:]
        self._cells = (math.ceil(height / spec.grid), math.ceil(width / spec.grid))
        generator = question.generator(image, "rise")
        self._grids = torch.rand((spec.masks, spec.grid, spec.grid), generator=generator) < spec.probability
        shifts = [torch.randint(cell, (spec.masks,), generator=generator) for cell in self._cells]
        self._shifts = torch.stack(shifts, dim=1)

    def of(self, numbers: range) -> Tensor:
        """[n, H, W], the masks of those numbers."""
        height, width = self._pixels.shape[1:]
        grids, shifts = (part[numbers.start : numbers.stop].to(self._pixels) for part in (self._grids, self._shifts))
        rows = _weights_of_cells(height, self._cells[0], grids.shape[1], shifts[:, 0])
        columns = _weights_of_cells(width, self._cells[1], grids.shape[2], shifts[:, 1])
        return rows @ grids @ columns.transpose(1, 2)


def _weights_of_cells(side: int, cell: int, count: int, shifts: Tensor) -> Tensor:
    """[n, side, count]: the part of each cell in each pixel of a side, bilinear with align_corners=False."""
    scale = count / ((count + 1) * cell)
    place = torch.arange(side, device=shifts.device, dtype=shifts.dtype) + shifts[:, None]
    centre = ((place + 0.5) * scale - 0.5).clamp(0, count - 1)
    cells = torch.arange(count, device=shifts.device, dtype=shifts.dtype)
    return (1 - (centre[:, :, None] - cells).abs()).clamp_min(0)
