"""Occlusion: a window slides over the image."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.spec import Method, one_of, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import NAMES
from .perturbed import Fill, filled, for_each_image, perturbed_scores

_SMALLEST = 1 / 64
_ROUNDING = 1e-9
Window = tuple[slice, slice]


@dataclass(frozen=True)
class Occlusion(Method):
    """f(x) - f(x with the window filled), averaged over the windows that cover a pixel (Zeiler and Fergus 2014).

    Signed. Window and stride are shares of each side, rounded up to pixels, so an image costs the same passes at any
    size: with the defaults windows of 8 pixels in steps of 4 at 64, 28 in steps of 14 at 224, 48 in steps of 24 at
    384, and 226 passes. The last window of a row is cut off at the border, as captum's is.

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
