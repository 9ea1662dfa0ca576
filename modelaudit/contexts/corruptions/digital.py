"""Contrast, saturation, pixels and JPEG compression of ImageNet-C."""

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


JPEG_QUALITY = (25, 18, 15, 10, 7)

#: quantisation at quality 50 (ITU-T T.81, annex K.1), luma and chroma
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)


@dataclass(frozen=True)
class JpegCompression(Severe):
    """JPEG at quality 25 18 15 10 7."""


@degradation(
    "jpeg_compression",
    JpegCompression,
    examples=("jpeg_compression(3)",),
    wording=Wording(
        Phrase("JPEG compression of {region}", "{region} is compressed as JPEG", "severity {severity} of 5"),
        Phrase("{region}のJPEG圧縮", "{region}をJPEG圧縮し", "強度{severity}/5段階"),
    ),
)
def jpeg_compression(spec: JpegCompression, scene: ContextInput) -> Tensor:
    """Encoded and decoded as by Pillow: :func:`compressed`."""
    return compressed(scene.pixels, int(level(spec, JPEG_QUALITY)))


def compressed(pixels: Tensor, quality: int) -> Tensor:
    """[B, 3, H, W] in [0, 1], rounded to 8 bits, through JPEG at `quality` 1 to 100 and back.

    YCbCr, chroma at half the sides (4:2:0), 8 x 8 cosine transforms, the standard tables scaled to the quality,
    chroma enlarged by libjpeg's triangle filter.
    """
    height, width = pixels.shape[-2:]
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.int32)
    half = -(-height // 2)
    # whole blocks: the last column is repeated, and the last row of luma and of the halved chroma
    luma, *chroma = _to_ycc(_to_multiple(_to_multiple(levels, 3, 16), 2, 2))
    luma_table, chroma_table = (table.to(pixels.device) for table in tables(quality))
    luma = _quantised(_to_multiple(luma, 1, 8), luma_table)[:, :height, :width]
    small = torch.stack([_quantised(_to_multiple(_halved(part), 1, 8), chroma_table) for part in chroma], dim=1)
    blue, red = _doubled(small[..., :half, : -(-width // 2)])[..., :height, :width].unbind(dim=1)
    return _to_rgb(luma, blue, red) / 255


def _to_multiple(part: Tensor, dim: int, of: int) -> Tensor:
    """The last row or column repeated up to a multiple."""
    size = part.shape[dim]
    return part.index_select(dim, torch.arange(-(-size // of) * of, device=part.device).clamp_max(size - 1))


@functools.lru_cache(maxsize=16)
def tables(quality: int) -> tuple[Tensor, Tensor]:
    """[8, 8] float64 quantisation steps of luma and chroma at a quality from 1 to 100, as by libjpeg."""
    scale = 5000 // quality if quality < 50 else 200 - 2 * quality
    luma, chroma = (
        ((torch.tensor(table) * scale + 50) // 100).clamp(1, 255).to(torch.float64) for table in (_LUMA, _CHROMA)
    )
    return luma, chroma


def _fixed(value: float) -> int:
    """libjpeg's fixed point: 16 bits behind the point."""
    return int(value * 65536 + 0.5)


def _to_ycc(levels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """[B, H, W] int32 each: Y, Cb, Cr from 0 to 255."""
    red, green, blue = levels.unbind(dim=1)
    half, middle = 1 << 15, (128 << 16) + (1 << 15) - 1
    luma = _fixed(0.299) * red + _fixed(0.587) * green + _fixed(0.114) * blue + half
    to_blue = -_fixed(0.16874) * red - _fixed(0.33126) * green + _fixed(0.5) * blue + middle
    to_red = _fixed(0.5) * red - _fixed(0.41869) * green - _fixed(0.08131) * blue + middle
    return luma >> 16, to_blue >> 16, to_red >> 16


def _to_rgb(luma: Tensor, blue: Tensor, red: Tensor) -> Tensor:
    """[B, 3, H, W] float32 from 0 to 255, of int32 [B, H, W]."""
    blue, red, half = blue - 128, red - 128, 1 << 15
    channels = (
        luma + ((_fixed(1.402) * red + half) >> 16),
        luma + ((-_fixed(0.34414) * blue - _fixed(0.71414) * red + half) >> 16),
        luma + ((_fixed(1.772) * blue + half) >> 16),
    )
    return torch.stack(channels, dim=1).clamp(0, 255).to(torch.float32)


def _halved(part: Tensor) -> Tensor:
    """[B, H / 2, W / 2] means of 2 x 2, halves rounded down in even columns and up in odd ones, as by libjpeg."""
    total = part[:, ::2, ::2] + part[:, 1::2, ::2] + part[:, ::2, 1::2] + part[:, 1::2, 1::2]
    bias = 1 + torch.arange(total.shape[-1], device=part.device, dtype=torch.int32) % 2
    return (total + bias) >> 2


def _doubled(small: Tensor) -> Tensor:
    """[..., 2 h, 2 w] by the triangle filter: 3/4 of the nearest and 1/4 of the next, in rows, then in columns.

    Sixteenths are rounded at 1/2 in even and at 7/16 in odd columns; the first and last columns are fourths.
    """
    rows = torch.stack([3 * small + _shifted(small, -1, -2), 3 * small + _shifted(small, 1, -2)], dim=-2)
    tall = rows.flatten(-3, -2)
    left = (3 * tall + _shifted(tall, -1, -1) + 8) >> 4
    right = (3 * tall + _shifted(tall, 1, -1) + 7) >> 4
    return torch.stack([left, right], dim=-1).flatten(-2)


def _shifted(part: Tensor, step: int, dim: int) -> Tensor:
    """The neighbour before (-1) or behind (1) along `dim`; at the edge the pixel itself."""
    size = part.shape[dim]
    return part.index_select(dim, (torch.arange(size, device=part.device) + step).clamp(0, size - 1))


@functools.lru_cache(maxsize=1)
def _cosines() -> Tensor:
    """[8, 8] float64, whole numbers: libjpeg's cosine transform of 8 values ("islow"), times 8192 sqrt(8).

    Loeffler, Ligtenberg and Moschytz 1989 with their constants in 13 bits; its transpose is the way back.
    """
    first = torch.eye(4, 8, dtype=torch.float64)
    last = first.flip(1)
    outer, second, third, inner = first + last
    c0, c3, c1, c2 = outer + inner, outer - inner, second + third, second - third
    d7, d6, d5, d4 = first - last
    turned = 9633 * (d4 + d5 + d6 + d7)
    z1, z2 = -7373 * (d4 + d7), -20995 * (d5 + d6)
    z3, z4 = turned - 16069 * (d4 + d6), turned - 3196 * (d5 + d7)
    rows = (
        8192 * (c0 + c1),
        12299 * d7 + z1 + z4,
        4433 * (c2 + c3) + 6270 * c3,
        25172 * d6 + z2 + z3,
        8192 * (c0 - c1),
        16819 * d5 + z2 + z4,
        4433 * (c2 + c3) - 15137 * c2,
        2446 * d4 + z1 + z3,
    )
    return torch.stack(rows)


def _along_rows(part: Tensor, matrix: Tensor, bits: int) -> Tensor:
    """[B, H, W]: each 8 values of a row by the matrix, over 2^bits.

    Whole numbers below 2^53: exact in float64, in any order of summation.
    """
    return _over(part.view(*part.shape[:2], -1, 8) @ matrix.T, bits).flatten(2)


def _along_columns(part: Tensor, matrix: Tensor, bits: int) -> Tensor:
    """[B, H, W]: each 8 values of a column by the matrix, over 2^bits."""
    return _over(matrix @ part.view(len(part), -1, 8, part.shape[2]), bits).flatten(1, 2)


def _over(value: Tensor, bits: int) -> Tensor:
    """Rounded, halves up."""
    return value.add_(2 ** (bits - 1)).mul_(2.0**-bits).floor_()


def _quantised(part: Tensor, table: Tensor) -> Tensor:
    """[B, H, W] int32 from 0 to 255, H and W whole blocks of 8: transformed, quantised, and back."""
    cosines = _cosines().to(part.device)
    # libjpeg's order; between rows and columns it keeps 2 bits behind the point, and 3 more in the coefficients
    coefficients = _along_columns(_along_rows(part.double() - 128, cosines, 11), cosines, 15)
    size = table.repeat(part.shape[1] // 8, part.shape[2] // 8)
    steps = torch.floor((coefficients.abs() + 4 * size) / (8 * size)).copysign(coefficients)
    back = _along_rows(_along_columns(steps * size, cosines.T, 11), cosines.T, 18)
    return (back + 128).clamp(0, 255).to(torch.int32)
