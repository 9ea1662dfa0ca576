"""Moves, mirrors or scales the object within its image and fills the place that it leaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context, dose, one_of, within
from ..language.wording import Phrase, Wording
from .base import (
    ContextDeclaration,
    ContextInput,
    ContextOutput,
    alone,
    context,
    drawn,
    mask_of,
    without_object_or_background,
)
from .filling import RIM, box, fill_of, with_margin

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


@dataclass(frozen=True)
class MoveObject(Context):
    """The object, with its ring, at another place of its own background; the mask follows.

    Args:
        dx, dy: how far, in shares of the width and of the height of the frame, to the right and downwards; rounded to
            whole pixels. Without them the place is drawn for each image: every other place where object and ring
            lie in the frame is equally likely.
        fill: what closes the old place: "inpaint", "tile" or "mean" of the own background.
    """

    dx: float | None = None
    dy: float | None = None
    fill: PlaceFill = "inpaint"

    def __post_init__(self) -> None:
        checked_place(self.fill, "move_object")
        if (self.dx is None) != (self.dy is None):
            raise ExpressionError("move_object: give dx and dy, or none of them for a place that is drawn")
        for name in ("dx", "dy"):
            if getattr(self, name) is not None:
                value = within(getattr(self, name), -1.0, 1.0, f"move_object: {name} (share of the frame)")
                object.__setattr__(self, name, float(value) + 0.0)


@dataclass(frozen=True)
class MirrorObject(Context):
    """The object, with its ring, mirrored left to right within its bounding box; the mask follows.

    Args:
        fill: what closes the pixels that it uncovers: "inpaint", "tile" or "mean" of the own background.
    """

    fill: PlaceFill = "inpaint"

    def __post_init__(self) -> None:
        checked_place(self.fill, "mirror_object")


@dataclass(frozen=True)
class Mirror(Context):
    """The whole frame mirrored left to right, with its mask."""


@context(
    "move_object",
    MoveObject,
    ContextDeclaration(
        family="change",
        exempt=lambda spec: spec.dx == 0 and spec.dy == 0,
        examples=("move_object", "move_object(dx=0.1, dy=-0.05, fill=tile)"),
        wording=Wording(Phrase("the object moved", "the object is moved"), Phrase("対象物の移動", "対象物を移動し")),
    ),
)
def move_object(spec: MoveObject, scene: ContextInput) -> ContextOutput:
    """Every pixel of object and ring copied, to the bit. Impossible where one of them would leave the frame."""
    mask = mask_of(scene, str(spec))
    down, right, impossible = _shift(spec, scene)
    height, width = mask.shape[1:]
    rows = within_frame(torch.arange(height, device=mask.device) - down[:, None], height)
    columns = within_frame(torch.arange(width, device=mask.device) - right[:, None], width)
    return _copied(scene, rows, columns, spec.fill, str(spec), impossible)


@context(
    "mirror_object",
    MirrorObject,
    ContextDeclaration(
        family="change",
        examples=("mirror_object",),
        wording=Wording(
            Phrase("the object mirrored", "the object is mirrored"), Phrase("対象物の左右反転", "対象物を左右反転し")
        ),
    ),
)
def mirror_object(spec: MirrorObject, scene: ContextInput) -> ContextOutput:
    """Column x of the bounding box of object and ring becomes column left + right - x."""
    mask = mask_of(scene, str(spec))
    height, width = mask.shape[1:]
    _, _, left, right = (edge.flatten()[:, None] for edge in box(mask))
    rows = torch.arange(height, device=mask.device).expand(len(mask), -1)
    columns = left + right - 1 - torch.arange(width, device=mask.device)
    possible = torch.zeros(len(mask), dtype=torch.bool, device=mask.device)
    return _copied(scene, rows, within_frame(columns, width), spec.fill, str(spec), possible)


@context(
    "mirror",
    Mirror,
    ContextDeclaration(
        family="perturbation",
        needs_mask=lambda spec: False,
        examples=("mirror",),
        wording=Wording(
            Phrase("the image mirrored", "the image is mirrored"), Phrase("画像の左右反転", "画像を左右反転し")
        ),
    ),
)
def mirror(spec: Mirror, scene: ContextInput) -> ContextOutput:
    """Column x becomes column W - 1 - x, in pixels and mask."""
    possible = torch.zeros(len(scene.ids), dtype=torch.bool, device=scene.pixels.device)
    return ContextOutput(scene.pixels.flip(3), None if scene.mask is None else scene.mask.flip(2), possible)


def _copied(
    scene: ContextInput, rows: Tensor, columns: Tensor, fill: PlaceFill, what: str, impossible: Tensor
) -> ContextOutput:
    mask = taken(mask_of(scene, what).unsqueeze(1), rows, columns)[:, 0]
    colours = taken(scene.pixels, rows, columns)
    return placed(scene, colours, mask, fill=fill, what=what, impossible=impossible)


def _shift(spec: MoveObject, scene: ContextInput) -> tuple[Tensor, Tensor, Tensor]:
    """[B] each: pixels downwards and to the right, and where there is no such place in the frame."""
    mask = mask_of(scene, str(spec))
    height, width = mask.shape[1:]
    top, bottom, left, right = (edge.flatten() for edge in box(mask))
    if spec.dx is not None and spec.dy is not None:
        down = torch.full_like(top, round(spec.dy * height))
        across = torch.full_like(top, round(spec.dx * width))
        leaves = (top + down < 0) | (bottom + down > height) | (left + across < 0) | (right + across > width)
        return down, across, leaves
    wide = width - (right - left) + 1
    here, places = top * wide + left, (height - (bottom - top) + 1) * wide
    share = drawn(scene, "move_object", lambda generator: torch.rand((), generator=generator, dtype=torch.float64))
    # every place but the own one
    place = (share * (places - 1)).long()
    place = torch.where(place >= here, place + 1, place)
    return torch.div(place, wide, rounding_mode="floor") - top, place % wide - left, places == 1


SMALLEST, LARGEST = 0.05, 20.0


@dataclass(frozen=True)
class RescaleObject(Context):
    """The object, with its ring, scaled by a factor on its own background; the mask follows.

    It is scaled about the centre of the bounding box of object and ring; a side of the box that lies on the frame stays
    there, so that an object that the frame cuts off is cut off still.

    Args:
        factor: of lengths, 0.05 to 20; 1 is the image as it is.
        fill: what closes the pixels that it uncovers: "inpaint", "tile" or "mean" of the own background.
        each: several factors, as a series.
    """

    factor: float | None = dose()
    fill: PlaceFill = "inpaint"
    each: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checked_place(self.fill, "rescale_object")
        self._check_doses(lambda value: float(within(value, SMALLEST, LARGEST, "rescale_object: factor")))


@dataclass(frozen=True)
class ShrinkObject(Context):
    """The object scaled down in its place, as ``rescale_object``, until it takes a share of the frame.

    Args:
        share: object pixels (without the ring) by pixels of the frame, above 0 and below 1.
        fill: as in ``rescale_object``.
        each: several shares, as a series.
    """

    share: float | None = dose()
    fill: PlaceFill = "inpaint"
    each: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        checked_place(self.fill, "shrink_object")
        self._check_doses(_checked_share)


def _checked_share(value: float) -> float:
    if not 0.0 < within(value, 0.0, 1.0, "shrink_object: share") < 1.0:
        raise ExpressionError(
            f"shrink_object: share={value!r}; an object takes more than 0 and less than 1 of the frame"
        )
    return float(value)


@context(
    "rescale_object",
    RescaleObject,
    ContextDeclaration(
        family="change",
        exempt=lambda spec: spec.factor == 1,
        examples=("rescale_object(0.6)",),
        wording=Wording(
            Phrase("the object at another size", "the object is shown at another size", "× {factor}"),
            Phrase("対象物の大きさの変化", "対象物の大きさを変え", "× {factor}"),
        ),
    ),
)
def rescale_object(spec: RescaleObject, scene: ContextInput) -> ContextOutput:
    """Impossible where object or ring would leave the frame, or no object pixel is left."""
    mask = mask_of(scene, str(spec))
    assert spec.factor is not None
    factor = torch.full((len(mask),), spec.factor, dtype=torch.float64, device=mask.device)
    return _scaled(scene, factor, spec.fill, str(spec))


@context(
    "shrink_object",
    ShrinkObject,
    ContextDeclaration(
        family="no_information",
        examples=("shrink_object(0.02)",),
        wording=Wording(
            Phrase("the object shrunk", "the object is shrunk to a share of the image", "share {share}"),
            Phrase("対象物の縮小", "対象物を画像の一定割合まで縮小し", "割合 {share}"),
        ),
    ),
)
def shrink_object(spec: ShrinkObject, scene: ContextInput) -> ContextOutput:
    """The factor is sqrt(share * H W / object pixels). Impossible where the object is no larger than the share."""
    mask = mask_of(scene, str(spec))
    assert spec.share is not None
    area = (mask == OBJECT).flatten(1).sum(dim=1).double()
    wanted = spec.share * mask.shape[1] * mask.shape[2]
    factor = (wanted / area.clamp_min(1.0)).sqrt()
    done = _scaled(scene, factor.clamp_max(1.0), spec.fill, str(spec))
    return ContextOutput(done.pixels, done.mask, done.impossible | (factor >= 1.0))


def _scaled(scene: ContextInput, factor: Tensor, fill: PlaceFill, what: str) -> ContextOutput:
    mask = mask_of(scene, what)
    height, width = mask.shape[1:]
    top, bottom, left, right = (edge.flatten() for edge in box(mask))
    down, leaves_down = _sources(top, bottom, height, factor)
    across, leaves_across = _sources(left, right, width, factor)
    rows, columns = (within_frame(at.floor().long(), side) for at, side in ((down, height), (across, width)))
    moved = taken(mask.unsqueeze(1), rows, columns)[:, 0]
    weights = _weights(down, factor, height), _weights(across, factor, width)
    colours = alone(_resampled, scene.pixels, (mask != BACKGROUND).unsqueeze(1), *weights)
    return placed(scene, colours, moved, fill=fill, what=what, impossible=leaves_down | leaves_across)


def _sources(first: Tensor, end: Tensor, side: int, factor: Tensor) -> tuple[Tensor, Tensor]:
    """[B, side] where each pixel's centre comes from, in pixels from the frame's edge, and [B] whether the box leaves.

    ``s = fixed + (t - fixed) / factor``, t the centre of a pixel; the box [first, end) is scaled about `fixed`.
    """
    fixed = (first + end).double() / 2
    fixed = torch.where((first == 0) & (end < side), 0.0, fixed)
    fixed = torch.where((end == side) & (first > 0), float(side), fixed)
    centres = torch.arange(side, device=first.device, dtype=torch.float64) + 0.5
    # a pixel belongs to the scaled box where its centre does
    leaves = (fixed + (first - fixed) * factor <= -0.5) | (fixed + (end - fixed) * factor > side + 0.5)
    return fixed[:, None] + (centres - fixed[:, None]) / factor[:, None], leaves


def _weights(sources: Tensor, factor: Tensor, side: int) -> Tensor:
    """[B, side, side]: tents round the sources, as wide as a pixel before or after scaling, whichever is wider."""
    centres = torch.arange(side, device=sources.device, dtype=torch.float64) + 0.5
    reach = (1.0 / factor).clamp_min(1.0)[:, None, None]
    return (1.0 - (sources[:, :, None] - centres).abs() / reach).clamp_min(0.0).float()


def _resampled(pixels: Tensor, kept: Tensor, down: Tensor, across: Tensor) -> Tensor:
    """Weighted means of kept pixels alone: no background is mixed into the object's rim."""
    layers = torch.cat([pixels * kept, kept.to(pixels.dtype)], dim=1)
    layers = down.unsqueeze(1) @ layers @ across.unsqueeze(1).mT
    weight = layers[:, 3:]
    return torch.where(weight > 0, layers[:, :3] / weight.clamp_min(1e-12), 0.0).clamp(0.0, 1.0)
