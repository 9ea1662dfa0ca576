"""Putting an object down elsewhere in its own image, and closing the place that it leaves."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import one_of
from .base import ContextInput, ContextOutput
from .filling import RIM, fill_of, with_margin
from .regions import without_object_or_background

#: what closes the place: see `filling.fill_of`
PlaceFill = Literal["inpaint", "tile", "mean"]


def checked_place(fill: str, what: str) -> None:
    """Raises an ExpressionError that names the nearest fill."""
    one_of(fill, get_args(PlaceFill), f"{what}: fill")


def placed(
    scene: ContextInput, colours: Tensor, mask: Tensor, *, fill: PlaceFill, what: str, impossible: Tensor
) -> ContextOutput:
    """The object at its new place, over its own background.

    Object and ring are taken away (they and a rim of 2 pixels, not their bounding box, are filled) and put down where
    `mask` says. So the mask follows the object, and what it uncovers is background. Where object and ring stay where
    they were there is nothing to close.

    Args:
        colours: [B, 3, H, W], read where `mask` has object or ring.
        mask: [B, H, W], object and ring at the new place.
        impossible: [B] bool; so are images without object or background, or with nothing to fill with.
    """
    assert scene.mask is not None
    taken_away = with_margin(scene.mask, RIM)
    filled, unfilled = fill_of(scene.pixels, taken_away, fill)
    moved = (mask != scene.mask).flatten(1).any(dim=1)[:, None, None]
    background = torch.where((moved & (taken_away != BACKGROUND)).unsqueeze(1), filled, scene.pixels)
    pixels = torch.where((mask != BACKGROUND).unsqueeze(1), colours, background)
    vanished = ~(mask == OBJECT).flatten(1).any(dim=1)
    impossible = impossible | unfilled | vanished | without_object_or_background(scene, what)
    return ContextOutput(pixels, torch.where(impossible[:, None, None], scene.mask, mask), impossible)


def taken(values: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """[B, C, H, W]: at (y, x) the value at (rows[y], columns[x]), to the bit; 0 where one of them is negative.

    Args:
        values: [B, C, H, W].
        rows, columns: [B, H] and [B, W], long.
    """
    channels, width = values.shape[1], values.shape[3]
    from_rows = rows.clamp_min(0)[:, None, :, None].expand(-1, channels, -1, width)
    from_columns = columns.clamp_min(0)[:, None, None, :].expand(-1, channels, rows.shape[1], -1)
    found = values.gather(2, from_rows).gather(3, from_columns)
    outside = (rows < 0)[:, None, :, None] | (columns < 0)[:, None, None, :]
    return found.masked_fill(outside, 0)


def within_frame(positions: Tensor, side: int) -> Tensor:
    """`positions`, and -1 for those outside of [0, side)."""
    return torch.where((positions >= 0) & (positions < side), positions, -1)
