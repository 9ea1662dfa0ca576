"""The layer with spatial values: `models` finds it, the engine hands it over, `attribution` reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import AttributionError

if TYPE_CHECKING:
    from torch import Tensor

Layout = Literal["NCHW", "NHWC", "tokens"]


@dataclass(frozen=True)
class SpatialLayer:
    """The last layer with spatial values of a model, and the memory layout of its values.

    Args:
        name: the module's name in the user's model.
        channels, height, width: of the grid.
        layout: "NCHW" for [B, channels, height, width], "NHWC" for channels last, "tokens" for
            [B, prefix + height * width, channels], rows first.
        prefix: tokens before the spatial ones (class, distillation, registers).
        side: whether the values are the module's output or its first input.
    """

    name: str
    channels: int
    height: int
    width: int
    layout: Layout = "NCHW"
    prefix: int = 0
    side: Literal["output", "input"] = "output"

    def grid(self, values: Tensor) -> Tensor:
        """The module's values as [B, channels, height, width], a view where that is possible.

        Raises:
            AttributionError: they have another shape than was found when the layer was looked for.
        """
        wanted = {
            "NCHW": (self.channels, self.height, self.width),
            "NHWC": (self.height, self.width, self.channels),
            "tokens": (self.prefix + self.height * self.width, self.channels),
        }[self.layout]
        if tuple(values.shape[1:]) != wanted:
            raise AttributionError(
                f"layer {self.name!r}: its {self.side} is {list(values.shape)}, not [images, "
                f"{', '.join(map(str, wanted))}]: the model must give every image of a size the same grid"
            )
        if self.layout == "NCHW":
            return values
        if self.layout == "tokens":
            values = values[:, self.prefix :].reshape(len(values), self.height, self.width, self.channels)
        return values.permute(0, 3, 1, 2)


def lies_over(grid: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether a grid (h, w) has the proportion of an image (H, W) up to the rounding of strides: |hW - wH| < max(H, W).

    False for a grid of one row or column, and for one finer than the image.
    """
    (rows, columns), (height, width) = grid, image
    in_range = 1 < rows <= height and 1 < columns <= width
    return in_range and abs(rows * width - columns * height) < max(height, width)
