"""Moving an image, or a part of it, and its mask by one homography."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Warp:
    """Where every pixel of the moved image comes from.

    Args:
        rows: [B, H, W] float64 source rows, in pixels; they may lie outside of the frame.
        columns: [B, H, W] float64 source columns.
    """

    rows: Tensor
    columns: Tensor

    def pixels(self, pixels: Tensor) -> Tensor:
        """[B, 3, H, W]: bilinear, the frame mirrored at its border."""
        height, width = pixels.shape[2:]
        # normalised in float64 and rounded once; grid_sample counts from the border of the frame, not from its pixels
        grid = torch.stack([(2 * self.columns + 1) / width - 1, (2 * self.rows + 1) / height - 1], dim=-1)
        return functional.grid_sample(
            pixels, grid.to(pixels.dtype), mode="bilinear", padding_mode="reflection", align_corners=False
        )

    def mask(self, mask: Tensor) -> Tensor:
        """[B, H, W]: the nearest pixel, the frame mirrored at its border."""
        height, width = mask.shape[1:]
        rows, columns = self._nearest()
        source = mirrored_at(height, rows) * width + mirrored_at(width, columns)
        return mask.flatten(1).gather(1, source.flatten(1)).view_as(mask)

    def inside(self) -> Tensor:
        """[B, H, W] bool: pixels that come from within the frame, and not from its mirror image."""
        height, width = self.rows.shape[1:]
        rows, columns = self._nearest()
        return (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)

    def _nearest(self) -> tuple[Tensor, Tensor]:
        # in float64 on every device: a mask must not depend on how a library rounds
        return (self.rows + 0.5).floor().long(), (self.columns + 0.5).floor().long()


def warp(homography: Tensor, area: Tensor) -> Warp:
    """The warp of a frame by a homography about the middle of an area.

    Args:
        homography: [B, 3, 3] float64, from a place in the moved image to its source, both (column, row, 1) in pixels
            from the middle of the area, its last row in units of the area's reach.
        area: [B, H, W] bool, what turns about its middle: the mean of its pixels; its reach is the distance of its
            farthest pixel from there, at least half a pixel. For a whole frame these are its centre and its corner.
    """
    height, width = area.shape[1:]
    rows = torch.arange(height, dtype=torch.float64, device=area.device)[None, :, None]
    columns = torch.arange(width, dtype=torch.float64, device=area.device)[None, None, :]
    count = area.sum(dim=(1, 2)).clamp_min(1)
    middle_row, middle_column = (((area * axis).sum(dim=(1, 2)) / count)[:, None, None] for axis in (rows, columns))
    down, right = rows - middle_row, columns - middle_column
    reach = ((down**2 + right**2) * area).amax(dim=(1, 2)).sqrt().clamp_min(0.5)[:, None, None]
    h = homography[:, :, :, None, None]
    # 0 and below only far outside of a small area, behind the camera: never a division by 0
    scale = (h[:, 2, 2] + (h[:, 2, 0] * right + h[:, 2, 1] * down) / reach).clamp_min(1e-6)
    source_columns = (h[:, 0, 0] * right + h[:, 0, 1] * down + h[:, 0, 2]) / scale
    source_rows = (h[:, 1, 0] * right + h[:, 1, 1] * down + h[:, 1, 2]) / scale
    return Warp(source_rows + middle_row, source_columns + middle_column)


def mirrored_at(length: int, places: Tensor) -> Tensor:
    """The place in [0, length) that a place beyond the border mirrors, however far out it lies: cba | abc | cba."""
    folded = places % (2 * length)
    return torch.where(folded < length, folded, 2 * length - 1 - folded)
