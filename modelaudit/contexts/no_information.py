"""Removes information from the object or the background: blank fills, patches, low resolution, fading."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.sample import BACKGROUND, OBJECT
from ..language.spec import Context, dose, one_of, plain, within
from ..language.wording import Phrase, Wording
from .base import (
    REGIONS,
    ContextDeclaration,
    ContextInput,
    ContextOutput,
    Region,
    alone,
    context,
    drawn,
    inside,
    mask_of,
    mean_of,
    rendered,
    without_object_or_background,
)
from .degradation import Dosed, dosed
from .filling import RIM, fill_of, grid, with_margin

Blank = Literal["black", "white", "mean", "red", "green", "blue", "gaussian_noise", "white_noise"]
BLANKS: tuple[Blank, ...] = get_args(Blank)
#: mean and standard deviation of ImageNet's colours, in 8-bit values
MEAN_COLOUR, DEVIATION = (123, 116, 103), (58.4, 57.1, 57.4)
_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "mean": MEAN_COLOUR,
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}


def blank(scene: ContextInput, fill: Blank, name: str, slot: int = 0) -> Tensor:
    """[B or 1, 3, H or 1, W or 1], to stand in for pixels: the same whatever the image shows.

    ``mean`` is the mean colour of ImageNet, (123, 116, 103) / 255, and no mean of the image. ``gaussian_noise`` is
    normal, each value by itself, with ImageNet's mean and standard deviation (58.4, 57.1, 57.4) / 255, clipped to
    [0, 1]; ``white_noise`` is uniform in [0, 1], each value by itself.

    Args:
        name, slot: of the context, for its draw.
    """
    if fill in _COLOURS:
        return _three(scene, _COLOURS[fill])
    shape = scene.pixels.shape[1:]
    if fill == "white_noise":
        return drawn(scene, name, lambda generator: torch.rand(shape, generator=generator), slot)
    noise = drawn(scene, name, lambda generator: torch.randn(shape, generator=generator), slot)
    return (_three(scene, MEAN_COLOUR) + noise * _three(scene, DEVIATION)).clamp(0.0, 1.0)


def _three(scene: ContextInput, values: tuple[float, ...]) -> Tensor:
    return (torch.tensor(values, dtype=scene.pixels.dtype, device=scene.pixels.device) / 255)[None, :, None, None]


FilledRegion = Literal["background", "object"]
ObjectFill = Literal["inpaint", "tile", "silhouette"] | Blank
WIDEST_MARGIN = 64
_OBJECT_FILLS: tuple[ObjectFill, ...] = ("inpaint", "tile", "silhouette", *BLANKS)


@dataclass(frozen=True)
class MeanFill(Context):
    """One region in the mean colour of ImageNet, (123, 116, 103) / 255.

    Args:
        region: "background" (object and ring stay) or "object" (object and ring are filled).
    """

    region: FilledRegion

    def __post_init__(self) -> None:
        one_of(self.region, get_args(FilledRegion), "mean_fill: region")


@dataclass(frozen=True)
class RemoveObject(Context):
    """Object and ring replaced, with a margin round them; the rest of the background as it is.

    The mask stays, and says where the object was: what a model still finds there is the answer that is looked for.

    Args:
        fill: from the image's own background "inpaint" (its colours and its texture, without an edge) or "tile" (its
            largest strip beside the bounding box); "silhouette", the object's own mean colour, which leaves outline
            and colour and takes the texture; or a blank: "black", "white", "mean" (of ImageNet), "red", "green",
            "blue", "gaussian_noise", "white_noise", which all leave the outline.
        margin: pixels round object and ring that go with them, 0 to 64. Photographs blur the rim of an object into its
            surroundings; with 0 no background pixel changes, and what is left of the rim may draw the outline.
    """

    fill: ObjectFill = "inpaint"
    margin: int = RIM

    def __post_init__(self) -> None:
        margin = plain(self.margin)
        if isinstance(margin, bool) or not isinstance(margin, int) or not 0 <= margin <= WIDEST_MARGIN:
            raise ExpressionError(f"remove_object: margin={margin!r}; give whole pixels from 0 to {WIDEST_MARGIN}")
        object.__setattr__(self, "margin", margin)
        one_of(self.fill, _OBJECT_FILLS, "remove_object: fill")


@dataclass(frozen=True)
class RemoveBackground(Context):
    """The background replaced by a blank; object and ring as they are.

    Args:
        fill: "black", "white", "mean" (of ImageNet), "red", "green", "blue", "gaussian_noise" (ImageNet's mean and
            standard deviation) or "white_noise" (uniform).
    """

    fill: Blank = "mean"

    def __post_init__(self) -> None:
        one_of(self.fill, BLANKS, "remove_background: fill")


@context(
    "mean_fill",
    MeanFill,
    ContextDeclaration(
        family="no_information",
        examples=("mean_fill(background)", "mean_fill(object)"),
        wording=Wording(
            Phrase("{region} in one mean colour", "{region} is filled with one mean colour"),
            Phrase("{region}を平均色で塗りつぶし", "{region}を平均色で塗りつぶし"),
        ),
    ),
)
def mean_fill(spec: MeanFill, scene: ContextInput) -> ContextOutput:
    """The region in one colour. Impossible where the image has no object or no background."""
    return _filled(scene, spec.region, blank(scene, "mean", "mean_fill"), str(spec))


@context(
    "remove_background",
    RemoveBackground,
    ContextDeclaration(
        family="no_information",
        examples=("remove_background(fill=black)", "remove_background(fill=gaussian_noise)"),
        wording=Wording(
            Phrase("the background removed", "the background is removed", "{fill}"),
            Phrase("背景の除去", "背景を除去し", "{fill}"),
        ),
    ),
)
def remove_background(spec: RemoveBackground, scene: ContextInput) -> ContextOutput:
    """The blank in the background. Impossible where the image has no object or no background."""
    return _filled(scene, "background", blank(scene, spec.fill, "remove_background"), str(spec))


@context(
    "remove_object",
    RemoveObject,
    ContextDeclaration(
        family="no_information",
        examples=("remove_object", "remove_object(fill=tile)", "remove_object(fill=silhouette)"),
        wording=Wording(
            Phrase("the object removed", "the object is removed", "{fill}"),
            Phrase("対象物の除去", "対象物を除去し", "{fill}"),
        ),
    ),
)
def remove_object(spec: RemoveObject, scene: ContextInput) -> ContextOutput:
    """The fill in object, ring and margin. Impossible without object or background, and with "tile" without a strip."""
    mask = with_margin(mask_of(scene, str(spec)), spec.margin)
    unfilled = torch.zeros(len(mask), dtype=torch.bool, device=mask.device)
    if spec.fill == "inpaint" or spec.fill == "tile":
        fill, unfilled = fill_of(scene.pixels, mask, spec.fill)
    elif spec.fill == "silhouette":
        fill = mean_of(scene.pixels, (mask == OBJECT).unsqueeze(1))
    else:
        fill = blank(scene, spec.fill, "remove_object")
    pixels = torch.where((mask != BACKGROUND).unsqueeze(1), fill, scene.pixels)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, str(spec)))


def _filled(scene: ContextInput, region: FilledRegion, fill: Tensor, what: str) -> ContextOutput:
    pixels = torch.where(inside(scene, region, what), fill, scene.pixels)
    return rendered(scene, pixels, without_object_or_background(scene, what))


@dataclass(frozen=True)
class OccludeObject(Context):
    """A patch over a share of the object, round a point of it that is drawn; no background pixel changes.

    All shares of one sample share the point, so what is covered at 0.25 is covered at 0.5. The mask stays: the covered
    part of the object is still its place, attribution that falls on the patch falls on the object, and all doses are
    measured against one mask.

    Args:
        share: of the object's pixels, 0 to 1; 0 is the image as it is, 1 covers the ring too.
        fill: what covers: "mean" (of ImageNet), "black", "white", "red", "green", "blue", "gaussian_noise" or
            "white_noise".
        each: several shares, as a series.
    """

    share: float | None = dose()
    fill: Blank = "mean"
    each: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.fill, BLANKS, "occlude_object: fill")
        self._check_doses(lambda value: float(within(value, 0.0, 1.0, "occlude_object: share")) + 0.0)


@context(
    "occlude_object",
    OccludeObject,
    ContextDeclaration(
        family="no_information",
        exempt=lambda spec: spec.share == 0,
        examples=("occlude_object(0.25)", "occlude_object(0.75, fill=white_noise)"),
        wording=Wording(
            Phrase("the object partly covered", "a part of the object is covered", "share {share}"),
            Phrase("対象物の部分的な遮蔽", "対象物の一部を隠し", "割合 {share}"),
        ),
    ),
)
def occlude_object(spec: OccludeObject, scene: ContextInput) -> ContextOutput:
    """The patch is a square that grows round the point until round(share * object pixels) object pixels lie in it.

    Of its last line of pixels only the first ones from the top are taken, so the number is exact. Ring pixels are
    covered as the square passes them. Impossible where the image has no object.
    """
    mask = mask_of(scene, str(spec))
    assert spec.share is not None
    pixels = torch.where(
        _patch(mask, _centre(scene, mask), spec.share), blank(scene, spec.fill, "occlude_object", 1), scene.pixels
    )
    return rendered(scene, pixels, ~(mask == OBJECT).flatten(1).any(dim=1))


def _centre(scene: ContextInput, mask: Tensor) -> Tensor:
    """[B] the place, in reading order, of an object pixel; every one is equally likely."""
    share = drawn(scene, "occlude_object", lambda generator: torch.rand((), generator=generator, dtype=torch.float64))
    rank = (mask == OBJECT).flatten(1).cumsum(dim=1)
    return (rank <= (share * rank[:, -1]).floor()[:, None]).sum(dim=1).clamp_max(rank.shape[1] - 1)


def _patch(mask: Tensor, centre: Tensor, share: float) -> Tensor:
    """[B, 1, H, W] bool: what is covered."""
    height, width = mask.shape[1:]
    rows, columns = grid(mask)
    row, column = (centre // width)[:, None, None], (centre % width)[:, None, None]
    radius = torch.maximum((rows - row).abs(), (columns - column).abs()).flatten(1)
    target = (mask == OBJECT).flatten(1)
    wanted = (share * target.sum(dim=1).double() + 0.5).floor().long()[:, None]
    # object pixels by radius: the square ends at the first radius at which there are enough
    found = torch.zeros(len(mask), max(height, width), dtype=torch.long, device=mask.device)
    found = found.scatter_add(1, radius, target.long()).cumsum(dim=1)
    last = (found < wanted).sum(dim=1, keepdim=True)
    inner = torch.where(last > 0, found.gather(1, (last - 1).clamp_min(0)), 0)
    line = target & (radius == last)
    kept = (mask != BACKGROUND).flatten(1)
    covered = (kept & (radius < last)) | (line & (line.cumsum(dim=1) <= wanted - inner))
    return (kept if share == 1 else covered).view_as(mask).unsqueeze(1)


@dataclass(frozen=True)
class LowResolution(Context):
    """A region as it would look in an image whose shorter side has `side` pixels.

    Only pixels of the region are averaged, so nothing of the object spreads into the background, or the reverse.

    Args:
        side: pixels of the shorter side, 1 to 1024; the other side keeps the proportion.
        region: "background", "object" (with its ring) or "whole".
        each: several sides, as a series, from the coarsest on.
    """

    side: int | None = dose()
    region: Region = "background"
    each: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        one_of(self.region, REGIONS, "low_resolution: region")
        self._check_doses(_checked_side)


def _checked_side(side: object) -> int:
    if isinstance(side, bool) or not isinstance(side, int) or not 1 <= side <= 1024:
        raise ExpressionError(f"low_resolution: side={side!r}; give whole pixels from 1 to 1024")
    return side


@context(
    "low_resolution",
    LowResolution,
    ContextDeclaration(
        family="no_information",
        needs_mask=lambda spec: spec.region != "whole",
        examples=("low_resolution(8)", "low_resolution(16, region=object)"),
        wording=Wording(
            Phrase("low resolution of {region}", "the resolution of {region} is lowered", "{side} px"),
            Phrase("{region}の低解像度化", "{region}の解像度を下げ", "{side} px"),
        ),
    ),
)
def low_resolution(spec: LowResolution, scene: ContextInput) -> ContextOutput:
    """Down by area, up by bilinear interpolation (``align_corners=False``), both over the region's pixels alone.

    With A the means over areas, U the interpolation and r the region: ``U A (r x) / U A r``. Impossible where the
    region is empty, or the frame no larger than `side`.
    """
    region = inside(scene, spec.region, str(spec))
    assert spec.side is not None
    height, width = scene.pixels.shape[2:]
    shorter = min(height, width)
    rows, columns = (_Side(side, max(1, round(spec.side * side / shorter)), scene.pixels) for side in (height, width))
    pixels = alone(lambda image, where: _coarse(image, where, rows, columns), scene.pixels, region)
    small = torch.full((len(region),), shorter <= spec.side, device=region.device)
    return rendered(scene, torch.where(region, pixels, scene.pixels), small | ~region.flatten(1).any(dim=1))


def _coarse(pixels: Tensor, region: Tensor, rows: _Side, columns: _Side) -> Tensor:
    layers = torch.cat([pixels * region, region.to(pixels.dtype)], dim=1)
    layers = rows.up @ (rows.down @ layers @ columns.down.mT) @ columns.up.mT
    weight = layers[:, 3:]
    return torch.where(weight > 0, layers[:, :3] / weight.clamp_min(1e-12), 0.0).clamp(0.0, 1.0)


class _Side:
    """One side of the frame: `down` [few, side] to means over equal parts, `up` [side, few] interpolated back."""

    def __init__(self, side: int, few: int, like: Tensor) -> None:
        edges = torch.arange(few + 1, dtype=torch.float64) * side / few
        pixel = torch.arange(side, dtype=torch.float64)
        overlap = torch.minimum(edges[1:, None], pixel + 1) - torch.maximum(edges[:-1, None], pixel)
        self.down = (overlap.clamp_min(0.0) * few / side).to(like)
        at = ((pixel + 0.5) * few / side - 0.5).clamp(0.0, few - 1)
        self.up = (1.0 - (at[:, None] - torch.arange(few)).abs()).clamp_min(0.0).to(like)


FadeTo = Literal["mean", "black", "white"]


@dataclass(frozen=True)
class Fade(Dosed):
    """The background fades towards one colour.

    Args:
        strength: 0 is the image as it is, to the bit; 1 is the colour and nothing else.
        region: "background", "object" (with its ring) or "whole".
        to: "mean" (the region's own mean colour), "black" or "white".
        each: several strengths, as a series.
    """

    strength: float | None = dose()
    region: Region = "background"
    to: FadeTo = "mean"
    each: tuple[float, ...] = ()

    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    neutral: ClassVar[float | None] = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of(self.to, get_args(FadeTo), "fade: to")


@dosed(
    "fade",
    Fade,
    examples=("fade(0.5)", "fade(1, to=white)"),
    wording=Wording(
        Phrase("{region} faded", "{region} is faded", "strength {strength}"),
        Phrase("{region}の退色", "{region}を一様な色に近づけ", "強さ {strength}"),
    ),
)
def fade(spec: Fade, scene: ContextInput) -> Tensor:
    """``(1 - s) x + s c``, c the colour: linear in the strength s."""
    if spec.to == "mean":
        colour = mean_of(scene.pixels, inside(scene, spec.region, str(spec)))
    else:
        colour = torch.full_like(scene.pixels[:, :, :1, :1], float(spec.to == "white"))
    return (1.0 - spec.amount) * scene.pixels + spec.amount * colour
