"""Object and background of a batch, and how much of a map lies on each."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from ..language.sample import BACKGROUND, OBJECT
from ..language.upsampling import adjoint_of_upsampling


class Regions:
    """The masks [B, H, W] of a batch, ready to be summed over; made once for all measures of a pass.

    Pixels that are ignored lie in neither region.
    """

    def __init__(self, mask: Tensor) -> None:
        self.object = mask == OBJECT
        self.background = mask == BACKGROUND
        self._on_cells: dict[tuple[int, int], tuple[Tensor, Tensor]] = {}

    @cached_property
    def object_area(self) -> Tensor:
        """[B] float64, in pixels."""
        return self.object.flatten(1).sum(1).double()

    @cached_property
    def background_area(self) -> Tensor:
        """[B] float64, in pixels."""
        return self.background.flatten(1).sum(1).double()

    def sums(self, maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B] float64 each: the sum of P = max(A, 0) on the object and on the background, and its largest value.

        The sums are those of P divided by its largest value over both regions: a share does not depend on the scale
        of the map, and a map of 1e-320 or 1e308 would lose its sum. Not finite values count as 0.
        """
        positive = maps.nan_to_num(0.0, 0.0, 0.0).clamp_min(0) * self._valid
        largest = positive.flatten(1).amax(1)
        positive = positive / torch.where(largest > 0, largest, 1.0)[:, None, None]
        on_object = (positive * self.object).flatten(1).sum(1, dtype=torch.float64)
        on_background = (positive * self.background).flatten(1).sum(1, dtype=torch.float64)
        return on_object, on_background, largest.double()

    def sums_of_cells(self, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """As :meth:`sums`, for maps that are `cells` [B, h, w], values >= 0, upsampled: <U c, M> = <c, U^T M>.

        The third value is the largest one of the cells that reach into a region, not of the pixels.
        """
        size = (cells.shape[1], cells.shape[2])
        if size not in self._on_cells:
            self._on_cells[size] = (
                adjoint_of_upsampling(self.object, size).double(),
                adjoint_of_upsampling(self.background, size).double(),
            )
        on_object, on_background = self._on_cells[size]
        values = cells.nan_to_num(0.0, 0.0, 0.0) * ((on_object + on_background) > 0)
        largest = values.flatten(1).amax(1)
        values = (values / torch.where(largest > 0, largest, 1.0)[:, None, None]).double()
        return (values * on_object).flatten(1).sum(1), (values * on_background).flatten(1).sum(1), largest.double()

    @cached_property
    def _valid(self) -> Tensor:
        return self.object | self.background
