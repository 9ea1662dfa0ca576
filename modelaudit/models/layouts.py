"""Which ways of lying over an image the shape of a value allows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from ..language.spatial import Layout, SpatialLayer, lies_over

#: class, distillation and register tokens; no published classifier has more in front of its patches
MOST_PREFIX_TOKENS = 16


@dataclass(frozen=True)
class Arrangement:
    """One reading of a value [B, ...]: a grid of height x width cells of `channels` values, and tokens before it."""

    layout: Layout
    channels: int
    height: int
    width: int
    prefix: int = 0

    def cells(self, values: Tensor) -> Tensor:
        """[B, channels, height, width]"""
        return self.spatial("", "output").grid(values)

    def spatial(self, name: str, side: Literal["output", "input"]) -> SpatialLayer:
        """The layer of that name, read so."""
        return SpatialLayer(name, self.channels, self.height, self.width, self.layout, self.prefix, side)


def arrangements(shape: Sequence[int], image: tuple[int, int], batch: int) -> list[Arrangement]:
    """All readings that the arithmetic allows, the likelier first: [B, C, h, w], [B, h, w, C], [B, prefix + h w, C].

    Of tokens, those with the fewest before the grid come first; there may be 16, and no more than cells. One channel is
    no feature.
    """
    if not shape or shape[0] != batch:
        return []
    if len(shape) == 4:
        found = []
        if lies_over((shape[2], shape[3]), image):
            found.append(Arrangement("NCHW", shape[1], shape[2], shape[3]))
        if lies_over((shape[1], shape[2]), image):
            found.append(Arrangement("NHWC", shape[3], shape[1], shape[2]))
        return found
    if len(shape) == 3 and shape[2] > 1:
        return _of_tokens(shape[1], shape[2], image)
    return []


def many_tokens(shape: Sequence[int], batch: int) -> bool:
    """Whether a value could be [B, tokens, channels] with enough tokens for a grid."""
    return len(shape) == 3 and shape[0] == batch and shape[1] >= 4 and shape[2] > 1


def _of_tokens(tokens: int, channels: int, image: tuple[int, int]) -> list[Arrangement]:
    found = []
    for prefix in range(min(MOST_PREFIX_TOKENS, tokens // 2) + 1):
        for rows in _rows(tokens - prefix, image):
            found.append(Arrangement("tokens", channels, rows, (tokens - prefix) // rows, prefix))
    return found


def _rows(cells: int, image: tuple[int, int]) -> list[int]:
    """The numbers of rows with which so many cells lie over the image, the closest to its proportion first."""
    height, width = image
    rows = [
        count for count in range(2, cells // 2 + 1) if cells % count == 0 and lies_over((count, cells // count), image)
    ]
    return sorted(rows, key=lambda count: abs(count * width - cells // count * height))
