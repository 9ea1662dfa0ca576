"""Ice: crystals that grow like ferns, computed in place of ImageNet-C's photos of frost."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from ..base import Scene, drawn
from .filters import convolved, scale_of
from .plasma import plasma, side_of

#: seeds of the crystals of one kind, as a share of the pixels at 224
_DENSITY = 0.0016
#: turn in degrees and length in pixels at 224 of each kind of crystal
_CRYSTALS = ((5.0, 34), (27.0, 26), (46.0, 40), (72.0, 22))
#: colour of thin and of thick ice
_THIN, _THICK = (0.10, 0.16, 0.24), (0.86, 0.93, 0.98)


def ice(scene: Scene, name: str) -> Tensor:
    """[B, 3, H, W] in [0, 1]: ice over the whole frame, one draw a sample."""
    pixels = scene.pixels
    height, width = pixels.shape[-2:]
    scale, side = scale_of(pixels), side_of(height, width)
    seeds = drawn(scene, name, lambda generator: torch.rand(len(_CRYSTALS), height, width, generator=generator))
    clouds = drawn(scene, name, lambda generator: torch.rand(side, side, generator=generator) * 2 - 1, slot=1)
    cover = plasma(clouds, 1.6)[:, None, :height, :width]
    density = _DENSITY / scale**2
    grown = torch.zeros_like(pixels[:, :1])
    for index, (turn, length) in enumerate(_CRYSTALS):
        sown = (seeds[:, index : index + 1] < density * 2 * cover).float()
        grown = torch.maximum(grown, convolved(sown, crystal(turn, round(length * scale)).unsqueeze(0), "nearest"))
    depth = (0.55 * grown.clamp(0, 1) + 0.6 * cover - 0.1).clamp(0, 1)
    thin, thick = (torch.tensor(colour, device=pixels.device).view(1, 3, 1, 1) for colour in (_THIN, _THICK))
    return torch.lerp(thin.expand_as(pixels), thick.expand_as(pixels), depth)


@functools.lru_cache(maxsize=32)
def crystal(turn: float, length: int) -> Tensor:
    """[2 length + 1, 2 length + 1] float32, at most 1: six arms, `turn` degrees from the axis, with side branches.

    Branches leave each arm at 60 degrees every eighth of its length, shorter towards its tip; all thin out.
    """
    image = torch.zeros(2 * length + 1, 2 * length + 1)
    for arm in range(6):
        angle = turn + 60 * arm
        _stroke(image, length, (0.0, 0.0), angle, length, 1.0)
        for knot in range(1, 8):
            at = knot / 8 * length
            start = (at * math.cos(math.radians(angle)), at * math.sin(math.radians(angle)))
            for side in (-60, 60):
                _stroke(image, length, start, angle + side, 0.4 * (length - at), 0.8 * (1 - knot / 10))
    return image


def _stroke(image: Tensor, middle: int, start: tuple[float, float], angle: float, length: float, weight: float) -> None:
    across, down = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    count = max(2, math.ceil(2 * length))
    for step in range(count + 1):
        along = step / count
        column = round(middle + start[0] + along * length * across)
        row = round(middle + start[1] + along * length * down)
        if 0 <= row < len(image) and 0 <= column < len(image):
            image[row, column] = max(float(image[row, column]), weight * (1 - 0.7 * along))
