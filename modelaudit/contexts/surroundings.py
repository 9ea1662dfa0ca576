"""Patches on the background, and the space of changes in which the smallest one that flips an answer is searched.

A patch is a rectangle of which only background pixels (mask == 0) change: object and ignore ring never do.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..language import registry
from ..language.errors import ContextError, ExpressionError, nearest
from ..language.sample import BACKGROUND
from ..language.spec import Context, SearchSpec, as_context, one_of, plain, within
from ..language.wording import Phrase, Wording
from .apply import stored_picture
from .base import (
    ContextDeclaration,
    ContextInput,
    ContextOutput,
    context,
    mask_of,
    rendered,
    without_object_or_background,
)
from .change import LARGEST_DONOR
from .donor_rules import DonorRule
from .filling import FILLS, Fill, can_fill, without_object
from .light import Exposure, WhiteBalance

#: the named colours of patches, as 8-bit values; any other one is written as "#rrggbb"
COLOURS = {
    "grey": (128, 128, 128),
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
}
_JAPANESE = {"grey": "灰色", "black": "黒", "white": "白", "red": "赤", "green": "緑", "blue": "青"}
_HEX = re.compile(r"#[0-9a-f]{6}\Z")
#: rounding of shares: a rectangle may end so far beyond the frame
_SLACK = 1e-6
_FRAME = "a share of the frame"
#: what the light of a search is balanced for, in kelvin
DAYLIGHT = 6500.0


class PatchBox(NamedTuple):
    """A rectangle in pixels: rows from `top` up to `bottom`, columns from `left` up to `right`, the ends not in it."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left


def colour_of(fill: str) -> tuple[float, float, float]:
    """The colour of a name or of "#rrggbb", in [0, 1]."""
    if fill in COLOURS:
        red, green, blue = COLOURS[fill]
    else:
        red, green, blue = (int(fill[at : at + 2], 16) for at in (1, 3, 5))
    return red / 255, green / 255, blue / 255


def checked_colour(fill: object, what: str) -> str:
    """A colour as texts have it.

    Raises:
        ExpressionError: neither a named colour nor "#rrggbb".
    """
    text = fill.lower() if isinstance(fill, str) else fill
    if isinstance(text, str) and (text in COLOURS or _HEX.match(text)):
        return text
    raise ExpressionError(
        f"{what}: {fill!r} is not a colour{nearest(str(fill), COLOURS)}; write one of {', '.join(COLOURS)} or '#rrggbb'"
    )


@dataclass(frozen=True)
class BackgroundPatch(Context):
    """A rectangle of the background mixed with one colour; object and ignore ring stay as they are.

    Args:
        top, left: the corner of the rectangle, shares of the frame's height and width, 0 to 1.
        height, width: its sides, shares of the frame's height and width, above 0; it ends inside of the frame.
        fill: "grey" (128, 128, 128), "black", "white", "red", "green", "blue", or "#rrggbb" in sRGB.
        dose: how much of the colour: 0 is the image as it is, 1 is the colour alone.
    """

    top: float
    left: float
    height: float
    width: float
    fill: str
    dose: float = 1.0

    def __post_init__(self) -> None:
        _check_rectangle(self, "background_patch")
        object.__setattr__(self, "fill", checked_colour(self.fill, "background_patch: fill"))


@dataclass(frozen=True)
class DonorPatch(Context):
    """A rectangle of the background mixed with the background that a donor has at the same place.

    Args:
        donors: who lends, as in ``swap_background``: "random", "other_class", "photos:DIR", ...
        top, left: the corner of the rectangle, shares of the frame's height and width, 0 to 1.
        height, width: its sides, shares of the frame's height and width; the whole frame by default.
        dose: how much of the donor: 0 is the image as it is, 1 is the donor's background alone.
        rank: which of those who can lend: 0 the first, 1 another one, ...
        fill: what takes the place of the donor's own object, as in ``swap_background``.
    """

    donors: str
    top: float = 0.0
    left: float = 0.0
    height: float = 1.0
    width: float = 1.0
    dose: float = 1.0
    rank: int = 0
    fill: Fill = "inpaint"

    def __post_init__(self) -> None:
        rule = DonorRule.of(self.donors, "donor_patch: donors", self.rank)
        object.__setattr__(self, "rank", rule.rank)
        _check_rectangle(self, "donor_patch")
        one_of(self.fill, FILLS, "donor_patch: fill")


def _check_rectangle(spec: Any, what: str) -> None:
    for name, low in (("top", 0.0), ("left", 0.0), ("height", 0.0), ("width", 0.0)):
        object.__setattr__(spec, name, float(within(getattr(spec, name), low, 1.0, f"{what}: {name} ({_FRAME})")) + 0.0)
    for name in ("height", "width"):
        if getattr(spec, name) == 0:
            raise ExpressionError(f"{what}: {name}=0 is no rectangle; give {_FRAME} above 0")
    for start, side in (("top", "height"), ("left", "width")):
        end = getattr(spec, start) + getattr(spec, side)
        if end > 1 + _SLACK:
            raise ExpressionError(
                f"{what}: {start} + {side} = {end:g} is beyond the frame; both are shares of it, and at most 1 together"
            )
    object.__setattr__(spec, "dose", float(within(spec.dose, 0.0, 1.0, f"{what}: dose")) + 0.0)


def box_of(spec: BackgroundPatch | DonorPatch, height: int, width: int) -> PatchBox:
    """The rectangle in the pixels of a frame, its edges rounded to whole pixels; at least one pixel each way."""
    top, bottom = _edges(spec.top, spec.height, height)
    left, right = _edges(spec.left, spec.width, width)
    return PatchBox(top, bottom, left, right)


def _edges(start: float, share: float, side: int) -> tuple[int, int]:
    first = min(math.floor(start * side + 0.5), side - 1)
    return first, min(max(math.floor((start + share) * side + 0.5), first + 1), side)


def shares_of(box: PatchBox, height: int, width: int) -> tuple[float, float, float, float]:
    """(top, left, height, width) as the shortest shares whose edges are those of the box."""
    top, tall = _shares(box.top, box.bottom, height)
    left, wide = _shares(box.left, box.right, width)
    return top, left, tall, wide


def _shares(first: int, last: int, side: int) -> tuple[float, float]:
    for digits in range(2, 8):
        start, share = round(first / side, digits), round((last - first) / side, digits)
        if start + share <= 1 and _edges(start, share, side) == (first, last):
            return start, share
    return first / side, (last - first) / side


def in_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """[B, 1, H, W] bool: which pixels are in the rectangle of each row of `boxes` [B, 4] (top, bottom, left, right)."""
    rows = torch.arange(height, device=boxes.device)[None, :]
    columns = torch.arange(width, device=boxes.device)[None, :]
    tall = (rows >= boxes[:, 0:1]) & (rows < boxes[:, 1:2])
    wide = (columns >= boxes[:, 2:3]) & (columns < boxes[:, 3:4])
    return (tall[:, :, None] & wide[:, None, :]).unsqueeze(1)


def mixed(pixels: Tensor, where: Tensor, target: Tensor, dose: Tensor) -> Tensor:
    """``x + dose (target - x)`` where `where`, other pixels to the bit; the target itself at dose 1.

    Args:
        pixels: [B, 3, H, W].
        where: [B, 1, H, W] bool.
        target: broadcast to the pixels.
        dose: [B, 1, 1, 1] float32 in [0, 1].
    """
    part = (dose != 1).flatten()
    if not part.any():
        return torch.where(where, target, pixels)
    blended = (target - pixels).mul_(dose).add_(pixels).clamp_(0.0, 1.0)
    if not part.all():
        blended = torch.where(dose == 1, target, blended)
    return torch.where(where, blended, pixels)


def _patched(spec: BackgroundPatch | DonorPatch, scene: ContextInput, target: Tensor) -> Tensor:
    height, width = scene.pixels.shape[2:]
    box = box_of(spec, height, width)
    boxes = torch.tensor([[box.top, box.bottom, box.left, box.right]], device=scene.pixels.device)
    background = (mask_of(scene, str(spec)) == BACKGROUND).unsqueeze(1)
    dose = torch.full((1, 1, 1, 1), spec.dose, dtype=scene.pixels.dtype, device=scene.pixels.device)
    return mixed(scene.pixels, background & in_boxes(boxes, height, width), target, dose)


def _size_wording(spec: BackgroundPatch | DonorPatch) -> tuple[str, str]:
    """Size and dose of a rectangle, in English and Japanese."""
    if spec.height == 1 and spec.width == 1:
        return f"dose {spec.dose:g}", f"強さ {spec.dose:g}"
    tall, wide = f"{spec.height:.1%}", f"{spec.width:.1%}"
    return (
        f"{tall} of the height, {wide} of the width, dose {spec.dose:g}",
        f"高さの{tall}・幅の{wide}、強さ {spec.dose:g}",
    )


def _patch_wording(spec: BackgroundPatch) -> Wording:
    detail, japanese = _size_wording(spec)
    name = _JAPANESE.get(spec.fill, spec.fill)
    article = "an" if spec.fill[0] in "aeiou" else "a"
    return Wording(
        Phrase(
            f"{article} {spec.fill} patch on the background",
            f"{article} {spec.fill} patch lies on the background",
            detail,
        ),
        Phrase(f"背景に{name}のパッチ", f"背景に{name}のパッチを重ね", japanese),
    )


def _donor_wording(spec: DonorPatch) -> Wording:
    detail, japanese = _size_wording(spec)
    rule = DonorRule.of(spec.donors, "donors").wording
    return Wording(
        Phrase(f"in a rectangle: {rule.en.label}", f"in a rectangle {rule.en.clause}", detail),
        Phrase(f"矩形内で{rule.ja.label}", f"矩形内で{rule.ja.clause}", japanese),
    )


@context(
    "background_patch",
    BackgroundPatch,
    ContextDeclaration(
        family="change",
        exempt=lambda spec: spec.dose == 0,
        examples=(
            "background_patch(0.05, 0.05, 0.3, 0.4, grey)",
            "background_patch(0, 0, 1, 1, '#ff8000', dose=0.5)",
        ),
        wording=_patch_wording,
    ),
)
def background_patch(spec: BackgroundPatch, scene: ContextInput) -> ContextOutput:
    """``x + dose (fill - x)`` on the background pixels of the rectangle, whose edges are rounded to whole pixels.

    Impossible where the image has no object or no background.

    Raises:
        ContextError: no masks.
    """
    colour = torch.tensor(colour_of(spec.fill), dtype=scene.pixels.dtype, device=scene.pixels.device)
    pixels = _patched(spec, scene, colour[None, :, None, None])
    return rendered(scene, pixels, without_object_or_background(scene, str(spec)))


@context(
    "donor_patch",
    DonorPatch,
    ContextDeclaration(
        family="change",
        donors=lambda spec: DonorRule.of(spec.donors, "donors", spec.rank),
        lends=lambda spec, scene: can_fill(scene, spec.fill),
        skips_same_picture=lambda spec: True,
        largest_donor=lambda spec: 1.0 if spec.fill == "keep" else LARGEST_DONOR,
        exempt=lambda spec: spec.dose == 0,
        examples=("donor_patch(random)", "donor_patch(random, top=0.1, left=0.05, height=0.6, width=0.5, dose=0.5)"),
        wording=_donor_wording,
    ),
)
def donor_patch(spec: DonorPatch, scene: ContextInput) -> ContextOutput:
    """``x + dose (d - x)`` on the background pixels of the rectangle, d the donor without its object.

    Impossible where the image has no object or no background, or the donor has nothing to fill its object's place with.

    Raises:
        ContextError: no masks, no donors, or donors of another shape.
    """
    if scene.donors is None or scene.donors.pixels.shape != scene.pixels.shape:
        raise ContextError(f"{spec} needs one donor an image, of the same size")
    mask_of(scene.donors, f"the donor of {spec}")
    background, unfilled = without_object(scene.donors, spec.fill)
    pixels = _patched(spec, scene, background)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, str(spec)))


@dataclass(frozen=True)
class Surroundings(SearchSpec):
    """The changes of surroundings in which ``worst_change`` searches; an empty list leaves a kind out.

    All of them change background pixels alone, but for `contexts`, which are tried as they are.

    Args:
        colours: of patches: names as in ``background_patch``, or "#rrggbb".
        donors: who lends backgrounds, as in ``swap_background``; None for none.
        backgrounds: how many donors of each image are tried, from the first in rank on.
        stops: the exposure of the background is changed by up to so many stops, both ways; 0 for none.
        kelvin: the light on the background is a black body of one of these temperatures, 1667 to 25000 K, or of one
            between it and 6500 K.
        smallest: the least height and width of a patch, a share of the frame's.
        largest: the greatest height and width of a patch, a share of the frame's.
        contexts: other contexts, each tried as it is: ("fog(3)", ...).
    """

    colours: tuple[str, ...] = tuple(COLOURS)
    donors: str | None = "random"
    backgrounds: int = 4
    stops: float = 2.0
    kelvin: tuple[float, ...] = (3000.0, 12000.0)
    smallest: float = 0.05
    largest: float = 1.0
    contexts: tuple[Context, ...] = ()

    def __post_init__(self) -> None:
        colours = [checked_colour(one, "surroundings: colours") for one in _listed(self.colours, "colours")]
        kelvin = [float(within(one, 1667.0, 25000.0, "surroundings: kelvin")) for one in _listed(self.kelvin, "kelvin")]
        contexts = [as_context(one) for one in _listed(self.contexts, "contexts")]
        for one in contexts:
            if one.doses:
                raise ExpressionError(f"surroundings: contexts: '{one}' is a series; give single contexts")
            if stored_picture(one) is not None:
                raise ExpressionError(f"surroundings: contexts: '{one}' shows pictures of the data, and changes none")
        for name, value in (("colours", colours), ("kelvin", kelvin), ("contexts", contexts)):
            object.__setattr__(self, name, tuple(dict.fromkeys(value)))
        if self.donors is not None:
            DonorRule.of(self.donors, "surroundings: donors")
        count = plain(self.backgrounds)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ExpressionError(f"surroundings: backgrounds must be an integer from 1, got {self.backgrounds!r}")
        object.__setattr__(self, "backgrounds", count)
        object.__setattr__(self, "stops", float(within(self.stops, 0.0, 8.0, "surroundings: stops")))
        for name in ("smallest", "largest"):
            what = f"surroundings: {name} ({_FRAME})"
            object.__setattr__(self, name, float(within(getattr(self, name), 0.0, 1.0, what)))
        if self.smallest > self.largest or self.largest == 0:
            raise ExpressionError(
                f"surroundings: smallest={self.smallest:g} and largest={self.largest:g} leave no patch; give shares of "
                "the frame's sides with smallest <= largest"
            )
        if not (self.colours or self.donors is not None or self.stops or self.kelvin or self.contexts):
            raise ExpressionError("surroundings: nothing is left to be changed; give colours, donors, stops or kelvin")

    @property
    def tried(self) -> tuple[Context, ...]:
        return self.contexts

    @property
    def kinds(self) -> tuple[Context, ...]:
        found: list[Context] = [BackgroundPatch(0, 0, 1, 1, one) for one in self.colours[:1]]
        if self.donors is not None:
            found.append(DonorPatch(self.donors))
        if self.stops:
            found.append(Exposure(self.stops, region="background"))
        found += [WhiteBalance(one, region="background") for one in self.kelvin[:1]]
        return (*found, *self.contexts)

    def holds(self, change: Context, height: int, width: int) -> bool:
        """Whether a change is one of those that are searched, in a frame of this size."""
        if change in self.contexts:
            return True
        if isinstance(change, BackgroundPatch):
            return change.fill in self.colours and self._fits(box_of(change, height, width), height, width)
        if isinstance(change, DonorPatch):
            lent = change.donors == self.donors and change.fill == "inpaint" and change.rank < self.backgrounds
            return lent and self._fits(box_of(change, height, width), height, width)
        if isinstance(change, Exposure):
            stops = change.stops
            return change.region == "background" and stops is not None and 0 < abs(stops) <= round(self.stops, 4)
        if isinstance(change, WhiteBalance):
            kelvin, ends = change.kelvin, [sorted((DAYLIGHT, float(round(one)))) for one in self.kelvin]
            between = kelvin is not None and any(low <= kelvin <= high for low, high in ends)
            return change.region == "background" and between
        return False

    def sides(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """The smallest and the largest patch, (height, width) in pixels."""
        smallest, largest = (
            tuple(max(1, rounded(share * side)) for side in (height, width))
            for share, rounded in ((self.smallest, math.ceil), (self.largest, math.floor))
        )
        return smallest, largest  # type: ignore[return-value]

    def _fits(self, box: PatchBox, height: int, width: int) -> bool:
        smallest, largest = self.sides(height, width)
        return smallest[0] <= box.height <= largest[0] and smallest[1] <= box.width <= largest[1]


def _listed(value: object, name: str) -> list[Any]:
    value = plain(value)
    if isinstance(value, str | Context) or not isinstance(value, list | tuple):
        raise ExpressionError(f"surroundings: {name}={value!r}; give a list")
    return list(value)


registry.register(registry.Entry("search", "surroundings", Surroundings, Surroundings))
