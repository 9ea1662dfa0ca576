"""Digital corruptions of ImageNet-C: contrast, saturate, pixelate. JPEG and elastic transform: files of their own."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import torch
from torch import Tensor

from ...language.wording import Phrase, Wording
from ..base import ContextInput, alone
from ..degradation import Severe, degradation, level
from .filters import separable

#: share of the distance from the mean that stays
CONTRAST = (0.4, 0.3, 0.2, 0.1, 0.05)
#: factor and summand of the saturation of HSV
SATURATE = ((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2))
#: side of the small image, as a share
PIXELATE = (0.6, 0.5, 0.4, 0.3, 0.25)


@dataclass(frozen=True)
class Contrast(Severe):
    """Less contrast: .4 .3 .2 .1 .05 of the distance from the mean of each channel."""


@dataclass(frozen=True)
class Saturate(Severe):
    """Saturation S of HSV becomes a S + b, (a, b) = (.3, 0) (.1, 0) (2, 0) (5, .1) (20, .2); not monotone."""


@dataclass(frozen=True)
class Pixelate(Severe):
    """Down to .6 .5 .4 .3 .25 of the sides and up again."""


@degradation(
    "contrast",
    Contrast,
    examples=("contrast(3)",),
    wording=Wording(
        Phrase("lower contrast of {region}", "the contrast of {region} is lowered", "severity {severity} of 5"),
        Phrase("{region}のコントラスト低下", "{region}のコントラストを下げ", "強度{severity}/5段階"),
    ),
)
def contrast(spec: Contrast, scene: ContextInput) -> Tensor:
    """``(x - mean) c + mean``, the mean of each channel over the whole image, whatever the region."""
    mean = alone(lambda images: images.mean(dim=(2, 3), keepdim=True), scene.pixels)
    return (scene.pixels - mean) * float(level(spec, CONTRAST)) + mean


@degradation(
    "saturate",
    Saturate,
    examples=("saturate(3)",),
    wording=Wording(
        Phrase(
            "other colour saturation of {region}",
            "the colour saturation of {region} is changed",
            "severity {severity} of 5",
        ),
        Phrase("{region}の彩度の変化", "{region}の彩度を変え", "強度{severity}/5段階"),
    ),
)
def saturate(spec: Saturate, scene: ContextInput) -> Tensor:
    """``v - (v - x) S' / S`` with v the greatest channel, ``S = 1 - least / v`` and ``S' = clip(a S + b, 0, 1)``.

    That is the way to HSV and back. Grey has no hue: with b > 0 it turns to hue 0, red, as by the released code.
    """
    factor, summand = level(spec, SATURATE)
    value, least = scene.pixels.amax(dim=1, keepdim=True), scene.pixels.amin(dim=1, keepdim=True)
    spread = value - least
    share = spread / value.clamp_min(1e-12)
    new = (share * factor + summand).clamp(0.0, 1.0)
    red = torch.cat([value, value * (1 - new), value * (1 - new)], dim=1)
    return torch.where(spread > 0, value - (value - scene.pixels) * (new / share.clamp_min(1e-12)), red)


@degradation(
    "pixelate",
    Pixelate,
    examples=("pixelate(3)",),
    wording=Wording(
        Phrase("{region} in coarse pixels", "{region} is shown in coarse pixels", "severity {severity} of 5"),
        Phrase("{region}の粗い画素化", "{region}を粗い画素で表し", "強度{severity}/5段階"),
    ),
)
def pixelate(spec: Pixelate, scene: ContextInput) -> Tensor:
    """Pillow's box filter to ``int(c side)`` pixels (at least 1) and back, without its rounding to 8 bits."""
    rows, columns = (_pixelated(side, level(spec, PIXELATE)) for side in scene.pixels.shape[-2:])
    return separable(scene.pixels, rows, columns)


@functools.lru_cache(maxsize=64)
def _pixelated(side: int, share: float) -> Tensor:
    """[side, side] float32: down and up along one side."""
    small = max(1, int(side * share))
    return (box(small, side) @ box(side, small)).float()


def box(size: int, side: int) -> Tensor:
    """[side, size] float64: Pillow's box filter from `size` to `side` pixels.

    A pixel of the result is the mean of those whose centres lie in its box. Ties fall as in
    Pillow, by the same operations.
    """
    ratio = size / side
    reach = max(ratio, 1.0)
    centre = ((torch.arange(side, dtype=torch.float64) + 0.5) * ratio).unsqueeze(1)
    pixel = torch.arange(size, dtype=torch.float64)
    near = (pixel >= (centre - 0.5 * reach + 0.5).floor()) & (pixel < (centre + 0.5 * reach + 0.5).floor())
    offset = (pixel - centre + 0.5) * (1.0 / reach)
    taken = (near & (offset > -0.5) & (offset <= 0.5)).double()
    return taken / taken.sum(dim=1, keepdim=True)
