"""The object larger or smaller, in its place: by a factor, or until it takes a share of the frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context, dose, within
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, alone, context
from .filling import box
from .placing import PlaceFill, checked_place, placed, taken, within_frame
from .regions import mask_of

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
