"""The inspection line: parts on surroundings, drawn frame by frame, with exact masks.

A frame is a pure function of (stream, seed, index, coupling). The coupling enters through one uniform draw only, so the
same frame at two couplings shows the same part in the same pose, and differs at most in what the part lies on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import parts, surroundings
from .parts import Array

SIDE = 64
PARTS = tuple(parts.OUTLINES)
SURROUNDINGS = tuple(surroundings.TEXTURES)
Stream = Literal["audit", "training"]
_STREAMS: tuple[Stream, ...] = ("audit", "training")
_LAST_SEED = 2**62
_CHUNK = 32


@dataclass(frozen=True)
class Frames:
    """Frames of the line.

    Args:
        pixels: [n, 64, 64, 3] uint8, RGB.
        masks: [n, 64, 64] uint8: 1 part, 0 surroundings, 255 the pixels of the outline that show both.
        parts: [n] int64, indices into PARTS.
        surroundings: [n] int64, indices into SURROUNDINGS.
    """

    pixels: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    parts: NDArray[np.int64]
    surroundings: NDArray[np.int64]


@dataclass(frozen=True)
class InspectionLine:
    """An inspection line with a shortcut of known strength.

    Frame `index` shows part ``PARTS[index % 4]``. With probability `coupling` it lies on the surroundings of its own
    (the one of the same index), else on one drawn uniformly from all four. At 0, part and surroundings are independent;
    at 1, either tells the other; P(own surroundings) = coupling + (1 - coupling) / 4.

    Args:
        coupling: in [0, 1].
        seed: a line of its own for each.
        stream: training frames and audit frames never share a random number.

    Raises:
        ValueError: a value outside its range.
    """

    coupling: float
    seed: int = 0
    stream: Stream = "audit"

    def __post_init__(self) -> None:
        if not 0 <= self.coupling <= 1:
            raise ValueError(f"coupling must be in [0, 1], got {self.coupling!r}")
        if not 0 <= self.seed < _LAST_SEED:
            raise ValueError(f"seed must be in [0, {_LAST_SEED}), got {self.seed!r}")

    def kind_of(self, index: int) -> tuple[int, int]:
        """(part, surroundings) of a frame, without drawing it."""
        return index % len(PARTS), self._surroundings(index, self._generator(index).random(2))

    def draw(self, indices: Sequence[int]) -> Frames:
        """The frames at `indices`, in that order."""
        chunks = [self._drawn(indices[start : start + _CHUNK]) for start in range(0, len(indices), _CHUNK)]
        fields = zip(*((f.pixels, f.masks, f.parts, f.surroundings) for f in chunks), strict=True)
        return Frames(*(np.concatenate(field) for field in fields))

    def _generator(self, index: int) -> np.random.Generator:
        key = [2 * self.seed + _STREAMS.index(self.stream), index]
        return np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64)))

    def _surroundings(self, index: int, draws: NDArray[np.float64]) -> int:
        own = index % len(PARTS)
        return own if draws[0] < self.coupling else int(draws[1] * len(SURROUNDINGS))

    def _drawn(self, indices: Sequence[int]) -> Frames:
        count = len(indices)
        kinds = np.empty((count, 2), dtype=np.int64)
        draws = np.empty((count, parts.DRAWS + surroundings.DRAWS + 4), dtype=np.float32)
        coarse = np.empty((count, surroundings.COARSE, surroundings.COARSE), dtype=np.float32)
        fine = np.empty((count, SIDE, SIDE), dtype=np.float32)
        for position, index in enumerate(indices):
            generator = self._generator(index)
            kinds[position] = index % len(PARTS), self._surroundings(index, generator.random(2))
            for array in (draws, coarse, fine):
                array[position] = generator.random(array.shape[1:], dtype=np.float32)
        pixels, masks = _compose(kinds, draws, coarse, fine)
        return Frames(pixels, masks, kinds[:, 0], kinds[:, 1])


def _compose(
    kinds: NDArray[np.int64], draws: Array, coarse: Array, fine: Array
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Lay the parts on their surroundings, light the scene and expose it."""
    of_part, of_surroundings, of_camera = np.split(draws, [parts.DRAWS, parts.DRAWS + surroundings.DRAWS], axis=1)
    below = np.empty((*fine.shape, 3), dtype=np.float32)
    for number, kind in enumerate(SURROUNDINGS):
        chosen = kinds[:, 1] == number
        below[chosen] = surroundings.render(kind, of_surroundings[chosen], coarse[chosen], fine[chosen])
    pixels, masks = below, np.empty(fine.shape, dtype=np.uint8)
    for number, kind in enumerate(PARTS):
        chosen = kinds[:, 0] == number
        part = parts.render(kind, of_part[chosen], SIDE)
        pixels[chosen] = part.over(below[chosen])
        masks[chosen] = part.mask()
    return _exposed(pixels, of_camera, fine), masks


def _exposed(pixels: Array, draws: Array, fine: Array) -> NDArray[np.uint8]:
    """A lamp to one side, the camera's exposure (0.80 to 1.15) and its noise."""
    unit = [column[:, None, None] for column in draws.T]
    grid = np.linspace(-1, 1, SIDE, dtype=np.float32)
    lamp = 0.10 * ((2 * unit[0] - 1) * grid[None, None, :] + (2 * unit[1] - 1) * grid[None, :, None])
    exposure = (0.80 + 0.35 * unit[2]) * (1 + lamp)
    noise = (0.010 + 0.02 * unit[3]) * (np.flip(fine, axis=-1) - 0.5)
    exposed = pixels * exposure[..., None] + noise[..., None]
    bytes_: NDArray[np.uint8] = (np.clip(exposed, 0, 1) * 255 + 0.5).astype(np.uint8)
    return bytes_
