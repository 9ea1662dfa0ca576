"""Change: the object moved or mirrored on its own background, and the mirrored frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Context, within
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, context, drawn
from .filling import box
from .placing import PlaceFill, checked_place, placed, taken, within_frame
from .regions import mask_of


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
