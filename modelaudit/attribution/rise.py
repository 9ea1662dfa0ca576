"""RISE: scores under random masks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor, nn

from ..language.errors import ExpressionError
from ..language.spec import Method, one_of, within
from .base import Cost, Declares, Maps, Question, attribution
from .perturbed import FILLS, Fill, filled, perturbed_scores

_QUANTITIES = ("logit", "probability")


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
        fill: "mean" (the mean colour of ImageNet, where the paper's zero lies), "black" or "white".
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
        one_of(self.fill, FILLS, "rise: fill")
        one_of(self.quantity, _QUANTITIES, "rise: quantity")
        if not isinstance(self.centred, bool):
            raise ExpressionError(f"rise: centred={self.centred!r} is neither True nor False")


@attribution("rise", Rise, Declares(cost=lambda spec: Cost(forward=spec.masks, backward=0), gradients=False))
def rise_maps(spec: Rise, question: Question) -> Maps:
    """[B, H, W], signed when centred, in units of the explained quantity."""
    pixels = question.pixels
    fill, masks = filled(pixels, spec.fill), _Masks(spec, question)
    if spec.quantity == "probability":
        question = replace(question, model=nn.Sequential(question.model, nn.Softmax(dim=1)))

    def perturb(index: int) -> Tensor:
        mask = masks.of(index).unsqueeze(1)
        return pixels * mask + fill * (1 - mask)

    found = perturbed_scores(question, spec.masks, perturb)
    if spec.centred:
        found = found - found.mean(1, keepdim=True)
    total = torch.zeros_like(pixels[:, 0], dtype=found.dtype)
    for index in range(spec.masks):  # made a second time: a thousand masks an image are not kept
        total += found[:, index, None, None] * masks.of(index)
    return Maps((total / (spec.probability * spec.masks)).to(pixels.dtype))


class _Masks:
    """The masks of a batch: random grids [B, masks, grid, grid] and shifts [B, masks, 2] in pixels, drawn by id."""

    def __init__(self, spec: Rise, question: Question) -> None:
        self._pixels = question.pixels
        size = question.pixels.shape[2:]
        self._cells = tuple(math.ceil(side / spec.grid) for side in size)
        grids, shifts = [], []
        for index in range(len(question.pixels)):
            generator = question.generator(index, "rise")
            kept = torch.rand((spec.masks, spec.grid, spec.grid), generator=generator) < spec.probability
            drawn = [torch.randint(cell, (spec.masks,), generator=generator) for cell in self._cells]
            grids.append(kept)
            shifts.append(torch.stack(drawn, dim=1))
        self._grids, self._shifts = torch.stack(grids), torch.stack(shifts)

    def of(self, index: int) -> Tensor:
        """[B, H, W], the mask of that number for every image."""
        pixels = self._pixels
        grid = self._grids[:, index].to(pixels)
        shifts = self._shifts[:, index].to(pixels)
        rows = self._weights(pixels.shape[2], self._cells[0], shifts[:, 0])
        columns = self._weights(pixels.shape[3], self._cells[1], shifts[:, 1])
        return rows @ grid @ columns.transpose(1, 2)

    def _weights(self, side: int, cell: int, shifts: Tensor) -> Tensor:
        """[B, side, grid]: the part that each cell has in each pixel, bilinear with align_corners=False."""
        count = self._grids.shape[2]
        scale = count / ((count + 1) * cell)
        place = torch.arange(side, device=shifts.device, dtype=shifts.dtype) + shifts[:, None]
        centre = ((place + 0.5) * scale - 0.5).clamp(0, count - 1)
        cells = torch.arange(count, device=shifts.device, dtype=shifts.dtype)
        return (1 - (centre[:, :, None] - cells).abs()).clamp_min(0)
