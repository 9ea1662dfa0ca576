"""Spatter of ImageNet-C: drops of water or mud on the lens."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ...language.wording import Phrase, Wording
from ..base import ContextInput, drawn
from ..degradation import Severe, degradation, level
from .filters import border_index, gaussian, scale_of

#: mean and deviation of the liquid's field, sigma of its blur, threshold; strength of water, sigma of the blur of mud
SPATTER = (
    (0.65, 0.3, 4, 0.69, 0.6),
    (0.65, 0.3, 3, 0.68, 0.6),
    (0.65, 0.3, 2, 0.68, 0.5),
    (0.65, 0.3, 1, 0.65, 1.5),
    (0.67, 0.4, 1, 0.65, 1.5),
)
MUD_FROM = 4
WATER = (175 / 255, 238 / 255, 238 / 255)
MUD = (63 / 255, 42 / 255, 20 / 255)

#: farthest distance that is told apart, in pixels
_FARTHEST = 20
#: light from the lower right
_EMBOSS = ((-2.0, -1.0, 0.0), (-1.0, 1.0, 1.0), (0.0, 1.0, 2.0))
_MEAN = ((1 / 9,) * 3,) * 3


@dataclass(frozen=True)
class Spatter(Severe):
    """Drops on the lens: water at severities 1 to 3, mud at 4 and 5."""


@degradation(
    "spatter",
    Spatter,
    examples=("spatter(2)", "spatter(5)"),
    wording=Wording(
        Phrase("spatter on {region}", "water or mud spatters {region}", "severity {severity} of 5"),
        Phrase("{region}への飛沫", "{region}に水や泥の飛沫を重ね", "強度{severity}/5段階"),
    ),
)
def spatter(spec: Spatter, scene: ContextInput) -> Tensor:
    """Where a blurred normal field exceeds the threshold there is liquid.

    Mud: ``x (1 - m) + mud m``, m the liquid's area blurred, 0 below .8. Water: ``x + water m``, m by :func:`_drops`.
    Parameters are the released code's (``SPATTER``); sigmas grow with the picture. The water's edges are those of its
    area, where the released code looks for them with Canny's detector, and nothing is rounded to 8 bits except the
    distances from the edge.
    """
    parameters: tuple[float, ...] = level(spec, SPATTER)
    mean, deviation, sigma, threshold, strength = parameters
    scale, shape = scale_of(scene.pixels), (1, 1, *scene.pixels.shape[-2:])

    def draw(generator: torch.Generator) -> Tensor:
        # blurred where it is drawn: every device sees the same drops
        return gaussian(torch.randn(shape, generator=generator), sigma * scale)[0]

    liquid = mean + deviation * drawn(scene, "spatter", draw)
    wet = liquid > threshold
    assert spec.severity is not None
    if spec.severity >= MUD_FROM:
        cover = gaussian(wet.to(liquid.dtype), strength * scale)
        cover = torch.where(cover < 0.8, 0.0, cover)
        return scene.pixels * (1 - cover) + _colour(MUD, scene) * cover
    return scene.pixels + _colour(WATER, scene) * (strength * _drops(liquid, wet))


def _colour(colour: tuple[float, float, float], scene: ContextInput) -> Tensor:
    return torch.tensor(colour, device=scene.pixels.device).view(1, 3, 1, 1)


def _drops(liquid: Tensor, wet: Tensor) -> Tensor:
    """[B, 1, H, W] in [0, 1]: how bright each drop shines.

    The distance to the nearest edge (at most 20 pixels at 224, smoothed, whole numbers) has its histogram equalised
    and is embossed by a kernel that is lit from the lower right, smoothed again, multiplied with the liquid, and scaled
    to a maximum of 1.
    """
    scale = scale_of(liquid)
    near = distance_to(edge_of(wet), math.ceil(_FARTHEST * scale)) / scale
    # 1e-4 lets every device see the same whole numbers
    heights = equalised((_filtered(near.clamp_max(_FARTHEST), _MEAN) + 1e-4).long())
    lit = _filtered(_filtered(heights, _EMBOSS).clamp(0, 255), _MEAN)
    shine = torch.where(wet, liquid, 0.0) * lit
    return shine / shine.amax(dim=(1, 2, 3), keepdim=True).clamp_min(1e-12)


def edge_of(area: Tensor) -> Tensor:
    """[B, 1, H, W] bool: the pixels of the area with a neighbour above, below, left or right that is none of it."""
    outside = torch.zeros_like(area)
    outside[..., 1:, :] |= ~area[..., :-1, :]
    outside[..., :-1, :] |= ~area[..., 1:, :]
    outside[..., :, 1:] |= ~area[..., :, :-1]
    outside[..., :, :-1] |= ~area[..., :, 1:]
    return area & outside


def distance_to(points: Tensor, farthest: int) -> Tensor:
    """[B, 1, H, W] float32: Euclidean distance to the nearest of the points, exact up to `farthest`.

    Farther pixels get `farthest` or more. Squares of distances are least along rows first, then along columns.
    """
    squares = torch.where(points, 0.0, 2.0 * farthest**2)
    for dim in (3, 2):
        squares = _least_along(squares, dim, farthest)
    return squares.sqrt()


def _least_along(squares: Tensor, dim: int, farthest: int) -> Tensor:
    """``min over |d| <= farthest of squares[p + d] + d^2`` along one side."""
    least = squares.clone()
    for step in range(1, min(farthest + 1, squares.shape[dim])):
        moved = squares + step**2
        count = squares.shape[dim] - step
        for here, there in ((0, step), (step, 0)):
            place = least.narrow(dim, here, count)
            torch.minimum(place, moved.narrow(dim, there, count), out=place)
    return least


def equalised(heights: Tensor) -> Tensor:
    """Whole numbers from 0 to 20 to floats from 0 to 255 by their ranks in the image, as OpenCV's ``equalizeHist``."""
    count, levels = len(heights), _FARTHEST + 1
    flat = heights.flatten(1) + levels * torch.arange(count, device=heights.device).unsqueeze(1)
    pixels = torch.bincount(flat.flatten(), minlength=count * levels).view(count, levels)
    total = pixels.cumsum(dim=1)
    lowest = torch.where(total > 0, total, total[:, -1:]).amin(dim=1, keepdim=True)
    table = (total - lowest).clamp_min(0).double() * 255 / (total[:, -1:] - lowest).clamp_min(1)
    return table.round().float().gather(1, heights.flatten(1)).view(heights.shape)


def _filtered(plane: Tensor, kernel: tuple[tuple[float, ...], ...]) -> Tensor:
    """[B, 1, H, W] by a 3 x 3 kernel, mirrored at the edges."""
    height, width = plane.shape[-2:]
    rows, columns = (border_index(side, 1, "mirror").to(plane.device) for side in (height, width))
    wide = plane.index_select(2, rows).index_select(3, columns)
    total = torch.zeros_like(plane)
    # written out: a GPU's convolution rounds to TF32 unless told otherwise, and whole numbers are read off below
    for row, weights in enumerate(kernel):
        for column, weight in enumerate(weights):
            total.add_(wide[..., row : row + height, column : column + width], alpha=weight)
    return total
