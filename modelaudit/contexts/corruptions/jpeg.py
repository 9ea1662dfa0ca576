"""JPEG on the device: what libjpeg makes of a picture, without the bytes in between.

Integer steps are libjpeg's own. The cosine transforms are exact (float64) where libjpeg's are integer approximations:
results differ by a level or two of 255 here and there.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..base import Scene, alone
from ..degradation import Severe, degradation, level

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


@degradation("jpeg_compression", JpegCompression, examples=("jpeg_compression(3)",))
def jpeg_compression(spec: JpegCompression, scene: Scene) -> Tensor:
    """Encoded and decoded as by Pillow: :func:`compressed`."""
    return compressed(scene.pixels, int(level(spec, JPEG_QUALITY)))


def compressed(pixels: Tensor, quality: int) -> Tensor:
    """[B, 3, H, W] in [0, 1], rounded to 8 bits, through JPEG at `quality` 1 to 100 and back.

    YCbCr, chroma at half the sides (4:2:0), 8 x 8 cosine transforms, the standard tables scaled to the quality,
    chroma enlarged by libjpeg's triangle filter.
    """
    return alone(lambda images: _through(images, quality), pixels)


def _through(pixels: Tensor, quality: int) -> Tensor:
    height, width = pixels.shape[-2:]
    levels = (pixels.clamp(0, 1) * 255).round().to(torch.int32)
    # whole blocks of 16: the last row and column are repeated
    rows, columns = (
        torch.arange(-(-side // 16) * 16, device=pixels.device).clamp_max(side - 1) for side in (height, width)
    )
    luma, *chroma = _to_ycc(levels.index_select(2, rows).index_select(3, columns))
    luma_table, chroma_table = (table.to(pixels.device) for table in tables(quality))
    luma = _quantised(luma, luma_table)[:, :height, :width]
    small = torch.stack([_quantised(_halved(part), chroma_table) for part in chroma], dim=1)
    blue, red = _doubled(small[..., : (height + 1) // 2, : (width + 1) // 2])[..., :height, :width].unbind(dim=1)
    return _to_rgb(luma, blue, red) / 255


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
    to_blue = -_fixed(0.168735892) * red - _fixed(0.331264108) * green + _fixed(0.5) * blue + middle
    to_red = _fixed(0.5) * red - _fixed(0.418687589) * green - _fixed(0.081312411) * blue + middle
    return luma >> 16, to_blue >> 16, to_red >> 16


def _to_rgb(luma: Tensor, blue: Tensor, red: Tensor) -> Tensor:
    """[B, 3, H, W] float32 from 0 to 255, of int32 [B, H, W]."""
    blue, red, half = blue - 128, red - 128, 1 << 15
    channels = (
        luma + ((_fixed(1.402) * red + half) >> 16),
        luma + ((-_fixed(0.344136286) * blue - _fixed(0.714136286) * red + half) >> 16),
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
    """[64, 64] float64: the cosine transform of an 8 x 8 block, flat; its transpose is the way back."""
    frequency, place = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    basis = torch.cos((2 * place.double() + 1) * frequency * math.pi / 16) / 2
    basis[0] /= math.sqrt(2)
    return torch.kron(basis, basis)


def _quantised(part: Tensor, table: Tensor) -> Tensor:
    """[B, H, W] int32 from 0 to 255, H and W whole blocks of 8: transformed, quantised, and back."""
    cosines = _cosines().to(part.device)
    count, height, width = part.shape
    blocks = part.view(count, height // 8, 8, width // 8, 8).transpose(2, 3).reshape(-1, 64)
    ratio = ((blocks - 128).double() @ cosines.T) / table.view(64)
    # halves go away from zero; the 1e-9 lets every device see the same halves
    steps = ratio.sign() * torch.floor(ratio.abs() + (0.5 + 1e-9))
    back = torch.floor((steps * table.view(64)) @ cosines + (128.5 + 1e-9)).clamp(0, 255).to(torch.int32)
    return back.view(count, height // 8, width // 8, 8, 8).transpose(2, 3).reshape(count, height, width)
