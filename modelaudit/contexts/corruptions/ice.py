"""Ice: fronds of frost as they grow on a window, computed in place of ImageNet-C's photos of frost."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ...language.draws import generator
from ..base import ContextInput, drawn
from .filters import REFERENCE_SIDE, scale_of
from .plasma import plasma, side_of

#: direction in degrees, bend over the whole length in degrees, and length in pixels at 224 of each kind of frond
FRONDS = ((15, 40, 60), (75, -30, 44), (130, 55, 72), (170, -45, 52), (220, 35, 64), (265, -60, 40), (310, 30, 76))
#: fronds of each kind on 224 x 224 pixels
_SOWN = 6
#: colour where there is no ice, and where it is thick
_DARK, _WHITE = (0.10, 0.15, 0.22), (0.88, 0.94, 0.98)


def ice(scene: ContextInput, name: str) -> Tensor:
    """[B, 3, H, W] in [0, 1]: ice over the whole frame, one draw a sample.

    ``dark + d (white - dark)`` with the depth ``d = (1 - exp(-1.5 f)) (.3 + .7 p) + .15 p``, at most 1: p plasma, f the
    sum of two pieces of :func:`pane`, each from a drawn place and in a drawn one of the 8 symmetries of a square.
    """
    pixels = scene.pixels
    height, width = pixels.shape[-2:]
    side = side_of(height, width)
    uniform = drawn(scene, name, lambda source: torch.rand(side, side, generator=source) * 2 - 1)
    cloud = plasma(uniform, 1.8)[:, None, :height, :width]
    glass = pane(2 * max(height, width), scale_of(pixels))

    def grow(source: torch.Generator) -> Tensor:
        return _piece(glass, height, width, source) + _piece(glass, height, width, source)

    grown = drawn(scene, name, grow, slot=1).unsqueeze(1)
    depth = ((1 - torch.exp(-1.5 * grown)) * (0.3 + 0.7 * cloud) + 0.15 * cloud).clamp_max(1.0)
    dark, white = (torch.tensor(colour, device=pixels.device).view(1, 3, 1, 1) for colour in (_DARK, _WHITE))
    return dark + depth * (white - dark)


def _piece(glass: Tensor, height: int, width: int, source: torch.Generator) -> Tensor:
    place = torch.rand(2, generator=source, dtype=torch.float64)
    top, left = (int(share * (len(glass) - size + 1)) for share, size in zip(place, (height, width), strict=True))
    turned = int(torch.randint(8, (), generator=source))
    lying = glass.rot90(turned % 4)
    return (lying.T if turned > 3 else lying)[top : top + height, left : left + width]


@functools.lru_cache(maxsize=4)
def pane(side: int, scale: float) -> Tensor:
    """[side, side] float32, 0 and more: a window pane on which :func:`fronds` have grown, always the same one."""
    kinds = fronds(scale)
    size = kinds.shape[-1]
    canvas = torch.zeros(side + 2 * size, side + 2 * size)
    count = math.ceil(_SOWN * len(kinds) * (len(canvas) / (REFERENCE_SIDE * scale)) ** 2)
    draws = torch.rand(count, 4, generator=generator(0, "pane", "frost"), dtype=torch.float64)
    for kind, row, column, strength in draws.tolist():
        top, left = (int(share * (len(canvas) - size + 1)) for share in (row, column))
        canvas[top : top + size, left : left + size] += (0.2 + 0.8 * strength) * kinds[int(kind * len(kinds))]
    return canvas[size:-size, size:-size].clone()


@functools.lru_cache(maxsize=4)
def fronds(scale: float) -> Tensor:
    """[kinds, 2 m + 1, 2 m + 1] float32: each kind of frond, growing from the middle, at most 1.

    A stem of the kind's length bends evenly. Every 4 pixels a barb leaves it on both sides at 55 degrees, .4 of what
    the stem has left, and every 2.5 pixels of a barb a barbule, .4 of what the barb has left. All fade to their tips.
    """
    reach = math.ceil(max(length for _, _, length in FRONDS) * scale) + 2
    images = torch.zeros(len(FRONDS), 2 * reach + 1, 2 * reach + 1)
    for image, (direction, bend, length) in zip(images, FRONDS, strict=True):
        _stroke(image, (float(reach), float(reach)), direction, bend, length * scale, 1.0, (4 * scale, 2.5 * scale))
    return images


def _stroke(
    image: Tensor,
    start: tuple[float, float],
    direction: float,
    bend: float,
    length: float,
    weight: float,
    spacings: tuple[float, ...],
) -> None:
    """A bent line from `start` (row, column), fading to 1/4 of `weight`, and its branches by the next spacing."""
    count = max(2, math.ceil(length / 0.5))
    along = torch.linspace(0, 1, count + 1, dtype=torch.float64)
    angle = torch.deg2rad(direction + bend * along)
    row = start[0] + (torch.sin(angle) * (length / count)).cumsum(0)
    column = start[1] + (torch.cos(angle) * (length / count)).cumsum(0)
    place = row.round().long().clamp(0, len(image) - 1) * len(image) + column.round().long().clamp(0, len(image) - 1)
    image.view(-1).scatter_reduce_(0, place, (weight * (1 - 0.75 * along)).float(), "amax")
    if not spacings:
        return
    for knot in range(1, int(length / spacings[0])):
        share = knot * spacings[0] / length
        at = round(share * count)
        rest = 0.4 * (length - knot * spacings[0])
        if rest < 1:
            break
        for side in (-55, 55):
            turned = direction + bend * share + side
            root = (float(row[at]), float(column[at]))
            _stroke(image, root, turned, bend * 0.4, rest, 0.8 * weight * (1 - 0.5 * share), spacings[1:])
