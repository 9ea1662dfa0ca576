"""Draws the kinds of surroundings that a part may lie on.

Everything is elementwise over [n, side, side], so a frame does not depend on the batch it is drawn in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from .parts import Array

#: columns of uniform draws that :func:`render` reads
DRAWS = 16
#: side of the square of coarse noise that textures stretch
COARSE = 12


def _belt(x: Array, y: Array, unit: list[Array], coarse: Array, fine: Array) -> Array:
    """A green conveyor belt: a woven surface, worn in soft lanes."""
    weave = np.sin(1.55 * x) * np.sin(1.55 * y)
    lane = np.sin((0.10 + 0.05 * unit[4]) * x + 6.3 * unit[5])
    value = 1 + 0.13 * weave + 0.10 * lane + 0.22 * (_stretched(coarse, x, y, 9, 30) - 0.5) + 0.12 * (fine - 0.5)
    return _tinted(value, (0.22, 0.50, 0.33), (0.05, 0.08, 0.08), unit)


def _mat(x: Array, y: Array, unit: list[Array], coarse: Array, fine: Array) -> Array:
    """A blue work mat with a pale grid."""
    pitch = 9 + 4 * unit[4]
    line = np.maximum(_ridge(x, pitch, 0.9), _ridge(y, pitch, 0.9))
    value = 1 + 0.20 * (_stretched(coarse, x, y, 14, 14) - 0.5) + 0.08 * (fine - 0.5)
    return _tinted(value, (0.18, 0.36, 0.66), (0.06, 0.08, 0.08), unit) + (np.float32(0.22) * line)[..., None]


def _pallet(x: Array, y: Array, unit: list[Array], coarse: Array, fine: Array) -> Array:
    """Wooden planks with grain, and dark gaps between them."""
    width = 15 + 7 * unit[4]
    plank = np.floor(y / width + 8 * unit[5])
    tone = np.sin(12.9898 * plank + 78.233 * unit[6])
    gap = _ridge(y + 8 * unit[5] * width, width, 1.0)
    grain = _stretched(coarse, x + 17 * plank, y, 40, 2.6) - 0.5
    rings = np.sin(1.1 * y + 5 * _stretched(coarse, x, y, 34, 12))
    value = (1 + 0.13 * tone + 0.30 * grain + 0.06 * rings + 0.08 * (fine - 0.5)) * (1 - 0.42 * gap)
    return _tinted(value, (0.64, 0.47, 0.30), (0.05, 0.01, 0.04), unit)


def _steel(x: Array, y: Array, unit: list[Array], coarse: Array, fine: Array) -> Array:
    """A brushed steel table with staggered holes."""
    pitch = 10 + 4 * unit[4]
    row = np.floor(y / pitch)
    to_x = (x / pitch + 0.5 * (row % 2)) % 1 - 0.5
    to_y = (y / pitch) % 1 - 0.5
    hole = np.clip(0.5 - (np.hypot(to_x, to_y) - 0.20) * pitch, 0, 1)
    brushed = _stretched(coarse, x, y, 60, 1.3) - 0.5
    worn = 0.10 * (_stretched(coarse, x, y, 20, 20) - 0.5)
    value = (1 + 0.22 * brushed + worn + 0.05 * (fine - 0.5)) * (1 - 0.68 * hole)
    return _tinted(value, (0.60, 0.63, 0.68), (0.03, 0.03, 0.03), unit)


_Texture = Callable[[Array, Array, list[Array], Array, Array], Array]
TEXTURES: Mapping[str, _Texture] = {"belt": _belt, "mat": _mat, "pallet": _pallet, "steel": _steel}


def render(kind: str, draws: Array, coarse: Array, fine: Array) -> Array:
    """Surroundings of one kind, each with its own direction, tint, light and wear: [n, side, side, 3] in [0, 1].

    Args:
        kind: a key of :data:`TEXTURES`.
        draws: [n, DRAWS], uniform in [0, 1).
        coarse: [n, COARSE, COARSE], uniform in [0, 1).
        fine: [n, side, side], uniform in [0, 1).
    """
    unit = [column[:, None, None] for column in draws.T]
    side = fine.shape[-1]
    column, row = _pieced(side, unit[8:])
    angle = np.pi * (unit[0] - 0.5)
    x = column * np.cos(angle) + row * np.sin(angle) + side * unit[1]
    y = row * np.cos(angle) - column * np.sin(angle) + side * unit[2]
    return np.clip(TEXTURES[kind](x, y, unit, coarse, fine), 0, 1).astype(np.float32)


def _pieced(side: int, unit: list[Array]) -> tuple[Array, Array]:
    """Where each pixel takes its texture from: columns and rows, [n, side, side] each.

    In an upright rectangle another piece of the same surface is laid in; in two frames of three it repeats itself,
    along the columns or the rows. Joints are everywhere on a real line; and a straight edge or a repetition near a part
    must argue for no class, since a background that was exchanged or repaired has them too.
    """
    grid = np.arange(side, dtype=np.float32)
    column, row = grid[None, None, :], grid[None, :, None]
    left, top = side * 0.5 * unit[0], side * 0.5 * unit[1]
    right, bottom = left + side * (0.3 + 0.5 * unit[2]), top + side * (0.3 + 0.5 * unit[3])
    laid = (column >= left) & (column < right) & (row >= top) & (row < bottom)
    period = 7 + 25 * unit[7]
    folded_column = np.where(unit[6] < 1 / 3, column % period, column) + side * unit[4]
    folded_row = np.where(unit[6] > 2 / 3, row % period, row) + side * unit[5]
    return np.where(laid, folded_column, column), np.where(laid, folded_row, row)


def _tinted(value: Array, base: tuple[float, ...], spread: tuple[float, ...], unit: list[Array]) -> Array:
    """`value` times a colour near `base`, brighter or darker by up to 15 %."""
    hue = 2 * unit[7] - 1
    light = 0.85 + 0.30 * unit[3]
    channels = zip(base, spread, (1, -1, 1), strict=True)
    return np.stack([value * light * (centre + hue * width * sign) for centre, width, sign in channels], axis=-1)


def _ridge(position: Array, pitch: Array, width: float) -> Array:
    """1 on lines every `pitch` pixels, `width` pixels to each side, 0 between, with a soft edge of a pixel."""
    distance = np.abs((position / pitch) % 1 - 0.5) * pitch
    ridge: Array = np.clip(0.5 + width - (pitch / 2 - distance), 0, 1)
    return ridge


def _stretched(coarse: Array, x: Array, y: Array, along: float, across: float) -> Array:
    """The coarse noise as a smooth periodic surface, one cell every `along` x `across` pixels."""
    column, row = x / along * 2, y / across
    left, top = np.floor(column), np.floor(row)
    share_x, share_y = _smooth(column - left), _smooth(row - top)
    above = (1 - share_x) * _cell(coarse, top, left) + share_x * _cell(coarse, top, left + 1)
    below = (1 - share_x) * _cell(coarse, top + 1, left) + share_x * _cell(coarse, top + 1, left + 1)
    return (1 - share_y) * above + share_y * below


def _cell(coarse: Array, row: Array, column: Array) -> Array:
    which: NDArray[np.int64] = np.arange(len(coarse))[:, None, None]
    return coarse[which, row.astype(np.int64) % COARSE, column.astype(np.int64) % COARSE]


def _smooth(share: Array) -> Array:
    return share * share * (3 - 2 * share)
