"""What carries no information and may stand in a region's place: a colour, or noise."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from .base import ContextInput, drawn

Blank = Literal["black", "white", "mean", "red", "green", "blue", "gaussian_noise", "white_noise"]
BLANKS: tuple[Blank, ...] = get_args(Blank)
#: mean and standard deviation of ImageNet's colours, in 8-bit values
MEAN_COLOUR, DEVIATION = (123, 116, 103), (58.4, 57.1, 57.4)
_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "mean": MEAN_COLOUR,
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}


def blank(scene: ContextInput, fill: Blank, name: str, slot: int = 0) -> Tensor:
    """[B or 1, 3, H or 1, W or 1], to stand in for pixels: the same whatever the image shows.

    ``mean`` is the mean colour of ImageNet, (123, 116, 103) / 255, and no mean of the image. ``gaussian_noise`` is
    normal, each value by itself, with ImageNet's mean and standard deviation (58.4, 57.1, 57.4) / 255, clipped to
    [0, 1]; ``white_noise`` is uniform in [0, 1], each value by itself.

    Args:
        name, slot: of the context, for its draw.
    """
    if fill in _COLOURS:
        return _three(scene, _COLOURS[fill])
    shape = scene.pixels.shape[1:]
    if fill == "white_noise":
        return drawn(scene, name, lambda generator: torch.rand(shape, generator=generator), slot)
    noise = drawn(scene, name, lambda generator: torch.randn(shape, generator=generator), slot)
    return (_three(scene, MEAN_COLOUR) + noise * _three(scene, DEVIATION)).clamp(0.0, 1.0)


def _three(scene: ContextInput, values: tuple[float, ...]) -> Tensor:
    return (torch.tensor(values, dtype=scene.pixels.dtype, device=scene.pixels.device) / 255)[None, :, None, None]
