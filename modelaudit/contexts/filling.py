"""Taking an object away: its place is filled from the background of the same image."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..language.sample import BACKGROUND, IGNORE
from .base import ContextInput, alone
from .inpainting import inpainted, widened
from .regions import mean_of

Fill = Literal["tile", "mean", "inpaint", "keep"]
FILLS: tuple[Fill, ...] = ("tile", "mean", "inpaint", "keep")
#: pixels round object and ring that go with an object that is taken away: photographs blur its rim into its
#: surroundings, and what is left of the rim draws the outline
RIM = 2


def fill_of(pixels: Tensor, mask: Tensor, fill: Fill) -> tuple[Tensor, Tensor]:
    """A background without the object, for every pixel: [B, 3, H, W], and [B] bool where there is none to take.

    ``tile``: the largest of the four strips above, below, left and right of the bounding box of object and ring
    (full width or height of the frame; the first on equal area), tiled from its corner over the whole frame, as in
    ImageNet-9's only_bg_t. ``mean``: the mean of the background pixels. ``inpaint``: object and ring filled from
    their surroundings (:func:`~.inpainting.inpainted`), the other pixels as they are. ``keep``: the image as it is.
    """
    unfilled = ~fillable(mask, fill)
    if fill == "tile":
        return _tiled(pixels, mask), unfilled
    if fill == "mean":
        return mean_of(pixels, (mask == BACKGROUND).unsqueeze(1)).expand_as(pixels), unfilled
    if fill == "inpaint":
        return alone(inpainted, pixels, (mask != BACKGROUND).unsqueeze(1)), unfilled
    return pixels, unfilled


def fillable(mask: Tensor, fill: Fill) -> Tensor:
    """[B] bool: a strip to tile; for "mean" and "inpaint" any background; for "keep" every image."""
    if fill == "keep":
        return torch.ones(len(mask), dtype=torch.bool, device=mask.device)
    if fill == "tile":
        _, area = _strips(mask)
        return area.amax(dim=0) > 0
    return (mask == BACKGROUND).flatten(1).any(dim=1)


def can_fill(scene: ContextInput, fill: Fill) -> Tensor:
    """[B] bool: what :func:`fillable` says of the scene's masks."""
    assert scene.mask is not None
    return fillable(scene.mask, fill)


def with_margin(mask: Tensor, margin: int) -> Tensor:
    """The mask with a ring that is `margin` pixels wider; as it was where that would leave no background."""
    wide = widened((mask != BACKGROUND).unsqueeze(1), margin)[:, 0]
    return torch.where(wide & (mask == BACKGROUND), IGNORE, mask)


def without_object(scene: ContextInput, fill: Fill) -> tuple[Tensor, Tensor]:
    """The scene with the place of its object filled: [B, 3, H, W], and [B] bool where that is impossible.

    The place is the bounding box of object and ring; with ``inpaint`` it is object, ring and a rim of 2 pixels. An
    image without an object is returned as it is.
    """
    assert scene.mask is not None
    if fill == "inpaint":
        return fill_of(scene.pixels, with_margin(scene.mask, RIM), fill)
    filled, impossible = fill_of(scene.pixels, scene.mask, fill)
    return (filled if fill == "keep" else torch.where(in_box(scene.mask), filled, scene.pixels)), impossible


def in_box(mask: Tensor) -> Tensor:
    """[B, 1, H, W] bool: the bounding box of object and ring; nowhere where there is neither."""
    top, bottom, left, right = box(mask)
    rows, columns = grid(mask)
    return ((rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)).unsqueeze(1)


def _tiled(pixels: Tensor, mask: Tensor) -> Tensor:
    height, width = mask.shape[1:]
    strips, area = _strips(mask)
    largest = (area == area.amax(dim=0)).to(torch.uint8).argmax(dim=0)
    chosen = strips[largest, :, torch.arange(len(mask), device=mask.device)]
    row, column, high, wide = (part[:, None, None] for part in chosen.unbind(dim=1))
    at_rows, at_columns = grid(mask)
    source_rows = row + (at_rows - row) % high.clamp_min(1)
    source_columns = column + (at_columns - column) % wide.clamp_min(1)
    source = (source_rows * width + source_columns).clamp_max(height * width - 1)
    tiled = pixels.flatten(2).gather(2, source.flatten(1).unsqueeze(1).expand(-1, pixels.shape[1], -1))
    return tiled.view_as(pixels)


def _strips(mask: Tensor) -> tuple[Tensor, Tensor]:
    """[4, 4, B] the strips above, below, left and right as (first row, first column, rows, columns), [4, B] areas."""
    height, width = mask.shape[1:]
    top, bottom, left, right = (edge.flatten() for edge in box(mask))
    zero, rows, columns = torch.zeros_like(top), torch.full_like(top, height), torch.full_like(top, width)
    strips = torch.stack(
        [
            torch.stack([zero, zero, top, columns]),
            torch.stack([bottom, zero, height - bottom, columns]),
            torch.stack([zero, zero, rows, left]),
            torch.stack([zero, right, rows, width - right]),
        ]
    )
    return strips, strips[:, 2] * strips[:, 3]


def box(mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[B, 1, 1] each: first and one-past-last row and column of object and ring; all 0 where there is no object."""
    kept = mask != BACKGROUND
    edges = [_extent(kept.any(dim=2)), _extent(kept.any(dim=1))]
    return tuple(edge[:, None, None] for pair in edges for edge in pair)  # type: ignore[return-value]


def _extent(occupied: Tensor) -> tuple[Tensor, Tensor]:
    found = occupied.any(dim=1)
    bits = occupied.to(torch.uint8)
    first, last = bits.argmax(dim=1), occupied.shape[1] - bits.flip(1).argmax(dim=1)
    return torch.where(found, first, 0), torch.where(found, last, 0)


def grid(mask: Tensor) -> tuple[Tensor, Tensor]:
    """[1, H, 1] the rows and [1, 1, W] the columns of the frame."""
    rows = torch.arange(mask.shape[1], device=mask.device)[None, :, None]
    columns = torch.arange(mask.shape[2], device=mask.device)[None, None, :]
    return rows, columns
