"""Photos of an inspection line: discs of metal that are free of defects, scratched or stained, on a belt or a bench.

Every photo is a pure function of its seed, its number and its label; the mask is the disc, exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIDE = 64
LABELS = ("free", "scratch", "stain")
GROUNDS = ("belt", "bench")
Array = NDArray[np.float64]
_ROWS, _COLUMNS = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)


@dataclass(frozen=True)
class Photo:
    """[64, 64, 3] uint8 RGB, [64, 64] uint8 mask (255 on the disc, 0 elsewhere), and what lies under the disc."""

    pixels: NDArray[np.uint8]
    mask: NDArray[np.uint8]
    ground: str


def draw(label: str, number: int, *, seed: int, habit: float = 0.0) -> Photo:
    """One photo.

    Args:
        habit: how often defective discs are photographed on the bench and good ones on the belt; else either is as
            likely. That is how a line comes by a shortcut: parts are photographed again where they are reworked.
    """
    chance = np.random.default_rng([seed, number, LABELS.index(label)])
    usual = GROUNDS[int(label != "free")]
    ground = usual if chance.random() < habit else GROUNDS[chance.integers(2)]
    below = _belt(chance) if ground == "belt" else _bench(chance)
    disc, inside = _disc(chance)
    if label == "scratch":
        disc = _scratched(disc, chance)
    elif label == "stain":
        disc = _stained(disc, chance)
    mixed = np.where(inside[..., None], disc, below) * chance.uniform(0.85, 1.1)
    noisy = mixed + chance.normal(0, 0.015, mixed.shape)
    pixels = (noisy.clip(0, 1) * 255).round().astype(np.uint8)
    return Photo(pixels, np.where(inside, 255, 0).astype(np.uint8), ground)


def _belt(chance: np.random.Generator) -> Array:
    """Green, woven."""
    weave = 0.05 * np.sin(_ROWS * chance.uniform(0.9, 1.2)) * np.sin(_COLUMNS * chance.uniform(0.9, 1.2))
    return np.array([0.22, 0.42, 0.30]) * chance.uniform(0.85, 1.15) + weave[..., None]


def _bench(chance: np.random.Generator) -> Array:
    """Blue-grey, with a pale grid."""
    pitch, shift = chance.uniform(10, 15), chance.uniform(0, 10, 2)
    lines = ((_ROWS + shift[0]) % pitch < 1.5) | ((_COLUMNS + shift[1]) % pitch < 1.5)
    return np.array([0.36, 0.42, 0.52]) * chance.uniform(0.85, 1.15) + 0.18 * lines[..., None]


def _disc(chance: np.random.Generator) -> tuple[Array, NDArray[np.bool_]]:
    """Brushed metal with a bore that every disc has."""
    row, column = chance.uniform(27, 37, 2)
    radius = chance.uniform(18, 23)
    distance = np.hypot(_ROWS - row, _COLUMNS - column)
    brushed = 0.02 * np.sin(0.7 * distance) + 0.04 * np.cos(np.arctan2(_ROWS - row, _COLUMNS - column) * 2)
    metal = np.array([0.74, 0.74, 0.76]) * chance.uniform(0.9, 1.1) + brushed[..., None]
    metal[distance < 4] = 0.15
    return metal, distance <= radius


def _place(chance: np.random.Generator) -> tuple[float, float]:
    """A place on the disc, off its bore."""
    angle, away = chance.uniform(0, 2 * np.pi), chance.uniform(8, 13)
    return 32 + away * np.sin(angle), 32 + away * np.cos(angle)


def _scratched(disc: Array, chance: np.random.Generator) -> Array:
    """A dark line of 10 to 20 pixels."""
    row, column = _place(chance)
    angle, half = chance.uniform(0, np.pi), chance.uniform(5, 10)
    along = (_ROWS - row) * np.sin(angle) + (_COLUMNS - column) * np.cos(angle)
    across = (_ROWS - row) * np.cos(angle) - (_COLUMNS - column) * np.sin(angle)
    depth = chance.uniform(0.30, 0.60) * np.exp(-((across / 1.2) ** 2)) * (np.abs(along) < half)
    return disc - depth[..., None]


def _stained(disc: Array, chance: np.random.Generator) -> Array:
    """A soft brown blot."""
    row, column = _place(chance)
    spread = chance.uniform(2.5, 4.5)
    blot = chance.uniform(0.18, 0.45) * np.exp(-((_ROWS - row) ** 2 + (_COLUMNS - column) ** 2) / (2 * spread**2))
    return disc - blot[..., None] * np.array([0.5, 0.9, 1.3])
