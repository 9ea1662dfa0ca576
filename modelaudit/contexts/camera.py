"""Perturbation by small motions of the camera, the scene or the object; the mask moves with the pixels."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import dose, one_of, spec_name
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, Region, context, drawn, inside, mask_of, rendered
from .degradation import Dosed, checked_direction, singles
from .filling import RIM, fill_of, fillable, with_margin


@dataclass(frozen=True)
class Warp:
    """Where every pixel of the moved image comes from.

    Args:
        rows: [B, H, W] float64 source rows, in pixels; they may be outside the frame.
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
    """The place in [0, length) that a place beyond the border mirrors, however far out it is: cba | abc | cba."""
    folded = places % (2 * length)
    return torch.where(folded < length, folded, 2 * length - 1 - folded)


Turn = Literal["drawn", "clockwise", "counterclockwise"]
#: what takes the place of an object that is taken out of the picture
HoleFill = Literal["inpaint", "tile", "mean"]
_Homography = Callable[[Any, ContextInput], Tensor]


class _Moved(Dosed):
    """What the motions share: the fill of the place that an object leaves, or that it hid."""

    fill: HoleFill

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.fill, get_args(HoleFill), f"{spec_name(type(self))}: fill")


class _Directed(_Moved):
    """A motion in a direction, drawn or given."""

    direction: float | None

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "direction", checked_direction(self.direction, spec_name(type(self))))


@dataclass(frozen=True)
class Shift(_Directed):
    """The picture shifted within its frame.

    Args:
        pixels: of the model's input, 0 to 1024; 0 is the image itself.
        direction: where to, degrees counterclockwise from "to the right" (90 is up); drawn for each image unless given.
        region: "whole", "background" (it moves behind the object) or "object" (with its ring).
        fill: with a region that is not the whole: what takes the object's place in the background: "inpaint", "tile" or
            "mean", as in ``swap_background``.
        each: several distances, as a series.
    """

    pixels: float | None = dose()
    direction: float | None = None
    region: Region = "whole"
    fill: HoleFill = "inpaint"
    each: tuple[float, ...] = ()
    bounds = (0.0, 1024.0)
    neutral = 0.0


@dataclass(frozen=True)
class Rotation(_Moved):
    """The picture turned about the middle of the frame; with region "object" the object about its own.

    Args:
        degrees: 0 to 180; 0 is the image itself.
        turn: "clockwise", "counterclockwise", or "drawn" for each image.
        region: "whole", "background" (it turns behind the object) or "object" (with its ring).
        fill: as in ``shift``.
        each: several angles, as a series.
    """

    degrees: float | None = dose()
    turn: Turn = "drawn"
    region: Region = "whole"
    fill: HoleFill = "inpaint"
    each: tuple[float, ...] = ()
    bounds = (0.0, 180.0)
    neutral = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.turn, get_args(Turn), f"{spec_name(type(self))}: turn")


@dataclass(frozen=True)
class Zoom(_Moved):
    """The picture magnified about the middle of the frame; with region "object" the object about its own.

    Args:
        factor: 0.25 to 4; above 1 nearer, below 1 farther, 1 is the image itself.
        region: "whole", "background" (it grows behind the object) or "object" (with its ring).
        fill: as in ``shift``.
        each: several factors, as a series.
    """

    factor: float | None = dose()
    region: Region = "whole"
    fill: HoleFill = "inpaint"
    each: tuple[float, ...] = ()
    bounds = (0.25, 4.0)
    neutral = 1.0


@dataclass(frozen=True)
class Perspective(_Directed):
    """The camera tilted: one side of the picture comes nearer, the other goes back.

    Args:
        strength: s, 0 to 0.5: on the nearer side what is at the distance of the corner moves out to 1 / (1 - s) times
            its distance from the middle, on the farther side in to 1 / (1 + s) times; 0 is the image itself.
        direction: of the nearer side, degrees counterclockwise from "to the right"; drawn for each image unless given.
        region: "whole", "background" (it tilts behind the object) or "object" (with its ring).
        fill: as in ``shift``.
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    direction: float | None = None
    region: Region = "whole"
    fill: HoleFill = "inpaint"
    each: tuple[float, ...] = ()
    bounds = (0.0, 0.5)
    neutral = 0.0


def _motion(
    name: str, spec: type[_Moved], *, examples: tuple[str, ...], wording: Wording
) -> Callable[[_Homography], _Homography]:
    """Register a function ``(spec, scene) -> [B, 3, 3]``: the homography that :func:`warp` takes."""

    def decorate(function: _Homography) -> _Homography:
        declares = ContextDeclaration(
            family="perturbation",
            needs_mask=lambda spec: spec.region != "whole",
            exempt=lambda spec: bool(spec.is_neutral),
            examples=examples,
            wording=wording,
        )

        @context(name, spec, declares)
        @functools.wraps(function)
        def moved(spec: _Moved, scene: ContextInput) -> ContextOutput:
            if not scene.ids:
                return rendered(scene, scene.pixels)
            return _joined([_move(spec, one, function(spec, one)) for one in singles(scene)])

        return function

    return decorate


@_motion(
    "shift",
    Shift,
    examples=("shift(20)", "shift(30, region=background)", "shift(30, region=object)"),
    wording=Wording(
        Phrase("{region} shifted", "{region} is shifted", "{pixels} px"),
        Phrase("{region}の平行移動", "{region}を平行移動し", "{pixels} px"),
    ),
)
def shift(spec: Shift, scene: ContextInput) -> Tensor:
    """``source = p - pixels (cos a, -sin a)``, a the direction; a is uniform unless given."""
    matrix = _unmoved(scene)
    matrix[:, :2, 2] = -spec.amount * _towards(spec.direction, scene, "shift")
    return matrix


@_motion(
    "rotation",
    Rotation,
    examples=("rotation(10)", "rotation(30, region=background)", "rotation(30, region=object)"),
    wording=Wording(
        Phrase("{region} rotated", "{region} is rotated", "{degrees}°"),
        Phrase("{region}の回転", "{region}を回転し", "{degrees}°"),
    ),
)
def rotation(spec: Rotation, scene: ContextInput) -> Tensor:
    """``source = [[cos t, -sin t], [sin t, cos t]] p``, counterclockwise for t > 0 (rows point down)."""
    sign = drawn(scene, "rotation", lambda generator: torch.randint(2, (), generator=generator)).double() * 2 - 1
    if spec.turn != "drawn":
        sign = torch.full_like(sign, -1.0 if spec.turn == "clockwise" else 1.0)
    angle = math.radians(spec.amount)
    matrix = _unmoved(scene)
    matrix[:, 0, 0] = matrix[:, 1, 1] = math.cos(angle)
    matrix[:, 0, 1], matrix[:, 1, 0] = -sign * math.sin(angle), sign * math.sin(angle)
    return matrix


@_motion(
    "zoom",
    Zoom,
    examples=("zoom(1.3)", "zoom(0.8)", "zoom(1.5, region=background)", "zoom(0.6, region=object)"),
    wording=Wording(
        Phrase("{region} at another scale", "{region} is shown at another scale", "× {factor}"),
        Phrase("{region}の拡大・縮小", "{region}の拡大率を変え", "× {factor}"),
    ),
)
def zoom(spec: Zoom, scene: ContextInput) -> Tensor:
    """``source = p / factor``."""
    matrix = _unmoved(scene)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1.0 / spec.amount
    return matrix


@_motion(
    "perspective",
    Perspective,
    examples=("perspective(0.3)", "perspective(0.3, region=background)"),
    wording=Wording(
        Phrase("{region} from another angle", "{region} is seen from another angle", "strength {strength}"),
        Phrase("別の角度から見た{region}", "{region}を別の角度から見た形に変え", "強さ {strength}"),
    ),
)
def perspective(spec: Perspective, scene: ContextInput) -> Tensor:
    """``source = p / (1 + strength (p . u) / R)``, u = (cos a, -sin a), R the distance of the corner; a as in shift."""
    matrix = _unmoved(scene)
    matrix[:, 2, :2] = spec.amount * _towards(spec.direction, scene, "perspective")
    return matrix


def _move(spec: _Moved, scene: ContextInput, homography: Tensor) -> ContextOutput:
    """The region moved, the rest in its place.

    The whole frame: pixels and mask by the same homography. The background: taken without its object and a rim of 2
    pixels, moved, and the object laid over it where it was. The object: its old place filled, and object and ring laid
    over at their new one.
    Impossible where the region is empty, where the object leaves the frame (with the whole or the object), and where a
    hole cannot be filled.
    """
    region = inside(scene, spec.region, str(spec))[:, 0]
    impossible = ~region.flatten(1).any(dim=1)
    if spec.region == "whole":
        return _whole(spec, scene, homography, region, impossible)
    mask = mask_of(scene, str(spec))
    impossible = impossible | (~fillable(mask, spec.fill) & scene.kept().flatten(1).any(dim=1))
    if spec.is_neutral:
        return rendered(scene, scene.pixels, impossible)
    # what moves keeps no rim of the object, whose outline it would carry along; what stays keeps every pixel
    hole = with_margin(mask, RIM) if spec.region == "background" else mask
    filled = torch.where((hole != BACKGROUND).unsqueeze(1), fill_of(scene.pixels, hole, spec.fill)[0], scene.pixels)
    if spec.region == "background":
        behind = warp(homography, torch.ones_like(region)).pixels(filled).clamp(0.0, 1.0)
        return rendered(scene, torch.where(scene.kept(), scene.pixels, behind), impossible)
    step = warp(homography, region)
    new = torch.where(step.inside(), step.mask(mask), 0)
    gone = ~(new == OBJECT).flatten(1).any(dim=1)
    pixels = torch.where((new != 0).unsqueeze(1), step.pixels(scene.pixels).clamp(0.0, 1.0), filled)
    return ContextOutput(pixels, new, impossible | gone)


def _whole(spec: _Moved, scene: ContextInput, homography: Tensor, region: Tensor, impossible: Tensor) -> ContextOutput:
    if spec.is_neutral:
        return rendered(scene, scene.pixels, impossible)
    step = warp(homography, region)
    pixels = step.pixels(scene.pixels).clamp(0.0, 1.0)
    if scene.mask is None:
        return ContextOutput(pixels, None, impossible)
    new = step.mask(scene.mask)
    had = (scene.mask == OBJECT).flatten(1).any(dim=1)
    # a mirror image does not count as the object: what left the frame is gone
    gone = ~((new == OBJECT) & step.inside()).flatten(1).any(dim=1)
    return ContextOutput(pixels, new, impossible | (had & gone))


def _joined(parts: list[ContextOutput]) -> ContextOutput:
    masks = [part.mask for part in parts if part.mask is not None]
    pixels = torch.cat([part.pixels for part in parts])
    return ContextOutput(pixels, torch.cat(masks) if masks else None, torch.cat([part.impossible for part in parts]))


def _unmoved(scene: ContextInput) -> Tensor:
    return torch.eye(3, dtype=torch.float64, device=scene.pixels.device).repeat(len(scene.ids), 1, 1)


def _towards(direction: float | None, scene: ContextInput, name: str) -> Tensor:
    """[B, 2]: (column, row) of the direction, of length 1; computed on the CPU, so that no device rounds otherwise."""

    def unit(generator: torch.Generator) -> Tensor:
        degrees = 360 * torch.rand((), generator=generator, dtype=torch.float64) if direction is None else direction
        angle = math.radians(float(degrees))
        return torch.tensor([math.cos(angle), -math.sin(angle)], dtype=torch.float64)

    return drawn(scene, name, unit)
