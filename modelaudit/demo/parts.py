"""The kinds of parts: their outlines as implicit functions, and how metal looks under a lamp.

Everything is elementwise over [n, side, side], so a frame does not depend on the batch it is drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Outline = Callable[[Array, Array, Array, Array], Array]

#: zinc, brass, copper: RGB at full light. Every part comes in each of them, so colour tells nothing about the class.
MATERIALS = np.array([(0.80, 0.82, 0.85), (0.86, 0.72, 0.38), (0.82, 0.56, 0.42)], dtype=np.float32)
#: columns of uniform draws that :func:`render` reads
DRAWS = 14
#: a smaller share of a pixel shows in no byte
_BARELY = 1e-3
#: the furthest point of any outline, in radii: what keeps every part inside the frame
_REACH = 1.08


@dataclass(frozen=True)
class RenderedParts:
    """Parts before they are laid on anything.

    Args:
        colour: [n, side, side, 3] in [0, 1].
        coverage: [n, side, side], the share of each pixel that the part covers: 1 inside, 0 outside, between at edges.
        film, tint: [n] and [n, 3], how much of what is beside the part in edge pixels is a film of oil, and its colour.
    """

    colour: Array
    coverage: Array
    film: Array
    tint: Array

    def over(self, below: Array) -> Array:
        """The parts laid on surroundings [n, side, side, 3].

        The film stays in the pixels of the outline, so that an outline of another colour than the surroundings, which
        every cut-out object brings along, argues for no class.
        """
        alpha, film = self.coverage[..., None], self.film[:, None, None, None]
        beside = np.where((alpha > 0) & (alpha < 1), (1 - film) * below + film * self.tint[:, None, None, :], below)
        laid: Array = alpha * self.colour + (1 - alpha) * beside
        return laid

    def mask(self) -> NDArray[np.uint8]:
        """[n, side, side]: 1 fully covered, 0 not covered, 255 the pixels that show both."""
        ring = np.where(self.coverage == 0, np.uint8(0), np.uint8(255))
        return np.where(self.coverage == 1, np.uint8(1), ring)


def _bracket(x: Array, y: Array, first: Array, second: Array) -> Array:
    """An L-shaped plate with a hole in each leg."""
    width = 0.68 + 0.12 * first
    right, bottom = x + 0.76, y + 0.76
    long_leg = _box(right, bottom, width, np.float32(1.52))
    short_leg = _box(right, bottom, 1.40 + 0.12 * second, width)
    outline = np.minimum(long_leg, short_leg)
    middle, radius = width / 2, 0.13
    upper = radius - np.hypot(right - middle, bottom - 1.22)
    lower = radius - np.hypot(right - 1.12, bottom - middle)
    field: Array = np.maximum(outline, np.maximum(upper, lower))
    return field


def _gear(x: Array, y: Array, first: Array, second: Array) -> Array:
    """A toothed wheel with a bore; 8 to 11 teeth."""
    teeth = np.floor(8 + 4 * first)
    profile = np.tanh(2.2 * np.cos(teeth * np.arctan2(y, x)))
    radius = np.hypot(x, y)
    field: Array = np.maximum(radius - (0.88 + 0.115 * profile), 0.18 + 0.08 * second - radius)
    return field


def _nut(x: Array, y: Array, first: Array, second: Array) -> Array:
    """A hexagon with a threaded hole."""
    across = [np.abs(x * np.cos(angle) + y * np.sin(angle)) for angle in np.pi / 3 * np.arange(3, dtype=np.float32)]
    field: Array = np.maximum(np.maximum.reduce(across) - 0.86, 0.28 + 0.08 * second - np.hypot(x, y))
    return field


def _washer(x: Array, y: Array, first: Array, second: Array) -> Array:
    """A round disc with a wide hole."""
    radius = np.hypot(x, y)
    field: Array = np.maximum(radius - 0.94, 0.46 + 0.10 * second - radius)
    return field


def _box(x: Array, y: Array, width: Array, height: Array | np.float32) -> Array:
    """Signed distance to the outline of [0, width] x [0, height], exact inside and at the sides."""
    field: Array = np.maximum(np.abs(x - width / 2) - width / 2, np.abs(y - height / 2) - height / 2)
    return field


#: outline f(x, y) in units of the part's radius: negative inside, positive outside, near a distance at the edge
OUTLINES: Mapping[str, Outline] = {"bracket": _bracket, "gear": _gear, "nut": _nut, "washer": _washer}


def render(kind: str, draws: Array, side: int) -> RenderedParts:
    """Parts of one kind, each with its own pose, size, material and light.

    Args:
        kind: a key of :data:`OUTLINES`.
        draws: [n, DRAWS], uniform in [0, 1).
        side: of the frame, in pixels.
    """
    unit = [column[:, None, None] for column in draws.T]
    radius = side * (0.34 + 0.055 * unit[0])
    shift = side / 2 - _REACH * radius - 1
    grid = np.arange(side, dtype=np.float32) + np.float32(0.5)
    x = grid[None, None, :] - side / 2 - shift * (2 * unit[1] - 1)
    y = grid[None, :, None] - side / 2 - shift * (2 * unit[2] - 1)
    angle = 2 * np.pi * unit[3]
    across = (x * np.cos(angle) + y * np.sin(angle)) / radius
    along = (y * np.cos(angle) - x * np.sin(angle)) / radius
    field = OUTLINES[kind](across, along, unit[4], unit[5]) * radius
    slope_y, slope_x = _slopes(field)
    steepness = np.maximum(np.hypot(slope_x, slope_y), 0.5)
    coverage = np.clip(0.5 - field / steepness, 0, 1).astype(np.float32)
    coverage[coverage < _BARELY] = 0
    coverage[coverage > 1 - _BARELY] = 1
    lamp = 2 * np.pi * unit[6]
    facing = (slope_x * np.cos(lamp) + slope_y * np.sin(lamp)) / steepness
    bevel = np.clip(1 + field / (0.16 * radius), 0, 1)
    sheen = np.cos(2.4 * (across * np.cos(lamp - angle) + along * np.sin(lamp - angle)) + 3 * unit[7])
    turned = 0.02 * np.sin(9 * np.hypot(across, along) + 4 * across)
    light = (0.66 + 0.34 * unit[8]) * (0.92 + 0.10 * sheen + turned + 0.34 * bevel * facing - 0.10 * bevel)
    material = MATERIALS[np.minimum((draws[:, 9] * len(MATERIALS)).astype(np.int64), len(MATERIALS) - 1)]
    colour = np.clip(light[..., None] * material[:, None, None, :], 0, 1)
    film = np.clip(2 * draws[:, 10] - 1, 0, 1)
    return RenderedParts(colour.astype(np.float32), coverage, film, draws[:, 11:14])


def _slopes(field: Array) -> tuple[Array, Array]:
    """Central differences along y and x, one-sided at the frame."""
    padded = np.pad(field, ((0, 0), (1, 1), (1, 1)), mode="edge")
    along_y: Array = (padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]) / np.float32(2)
    along_x: Array = (padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]) / np.float32(2)
    return along_y, along_x
