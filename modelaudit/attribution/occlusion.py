"""Masks over the image: a window that slides (occlusion), and random masks (RISE)."""

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

_SMALLEST = 1 / 64
_ROUNDING = 1e-9
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Occlusion(Method):
    """f(x) - f(x with the window filled), averaged over the windows that cover a pixel (Zeiler and Fergus 2014).

    Signed. Window and stride are shares of each side, rounded up to pixels, so an image costs the same passes at any
    size: with the defaults windows of 8 pixels in steps of 4 at 64, 28 in steps of 14 at 224, 48 in steps of 24 at
    384, and 226 passes. The last window of a row is cut off at the border, as captum's is.

    >>> str(Occlusion(window=0.25, fill="blur"))
    'occlusion(window=0.25, fill=blur)'

    Args:
        window: side of the window, as a share of the image's, 1/64 to 1.
        stride: how far it moves, 1/64 to `window`.
        fill: "mean" (the mean colour of ImageNet), "black", "white", "blur" or "noise", as baselines are.

    Raises:
        ExpressionError: a share out of range, or another fill.
    """

    window: float = 1 / 8
    stride: float = 1 / 16
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        within(self.window, _SMALLEST, 1, "occlusion: window, a share of the side")
        within(self.stride, _SMALLEST, self.window, "occlusion: stride, a share of the side no larger than the window")
        one_of(self.fill, NAMES, "occlusion: fill")


def _cost(spec: Occlusion) -> Cost:
    steps = math.ceil((1 - spec.window) / spec.stride - _ROUNDING) + 1
    return Cost(forward=1 + steps**2, backward=0)


@attribution("occlusion", Occlusion, MethodDeclaration(cost=_cost, gradients=False).named("Occlusion"))
def occlusion_maps(spec: Occlusion, question: AttributionInput) -> Maps:
    """[B, H, W], signed, in units of the explained quantity."""
    windows = _windows(spec, question.pixels.shape[2], question.pixels.shape[3])
    return Maps(torch.stack(for_each_image(question, lambda image: _occluded(spec, question, image, windows))))


def _occluded(spec: Occlusion, question: AttributionInput, image: int, windows: list[Window]) -> Tensor:
    pixels = question.pixels[image]
    fill = filled(question, image, spec.fill, "occlusion")

    def perturb(numbers: range) -> Tensor:
        occluded = pixels.repeat(len(numbers), 1, 1, 1)
        for row, number in enumerate(numbers):
            if number:  # the first is the image itself
                rows, columns = windows[number - 1]
                occluded[row, :, rows, columns] = fill[:, rows, columns]
        return occluded

    found = perturbed_scores(question, image, 1 + len(windows), perturb)
    return _averaged(found[0] - found[1:], windows, pixels)


def _averaged(drops: Tensor, windows: list[Window], pixels: Tensor) -> Tensor:
    """[H, W]: the mean drop [windows] of the windows that cover a pixel."""
    total = torch.zeros_like(pixels[0], dtype=drops.dtype)
    covered = torch.zeros_like(total)
    for drop, (rows, columns) in zip(drops, windows, strict=True):
        total[rows, columns] += drop
        covered[rows, columns] += 1
    return (total / covered).to(pixels.dtype)


def _windows(spec: Occlusion, height: int, width: int) -> list[Window]:
    return [(rows, columns) for rows in _spans(spec, height) for columns in _spans(spec, width)]


def _spans(spec: Occlusion, side: int) -> list[slice]:
    window, stride = (math.ceil(share * side - _ROUNDING) for share in (spec.window, spec.stride))
    steps = math.ceil((side - window) / stride) + 1
    return [slice(step * stride, min(step * stride + window, side)) for step in range(steps)]


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

    >>> str(Rise(masks=500))
    'rise(masks=500)'

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
                raise ExpressionError(f"rise: {name} must be an integer, got {value!r}")
        within(self.probability, 0.01, 0.99, "rise: probability")
        one_of(self.fill, NAMES, "rise: fill")
        one_of(self.quantity, _QUANTITIES, "rise: quantity")
        if not isinstance(self.centred, bool):
            raise ExpressionError(f"rise: centred must be true or false, got {self.centred!r}")


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
