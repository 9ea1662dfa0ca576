"""Swaps the background, shows pictures stored with the data, and has the controls of the swap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from ..language.errors import ContextError, ExpressionError
from ..language.spec import Context, one_of, plain, within
from ..language.wording import Phrase, Wording
from .base import (
    ContextDeclaration,
    ContextInput,
    ContextOutput,
    context,
    mask_of,
    rendered,
    without_object_or_background,
)
from .donor_rules import DonorRule
from .filling import FILLS, Fill, can_fill, fill_of, without_object

WIDEST_FEATHER = 64
#: what changed the fewest answers when an image's own background was filled and pasted back (benchmarks/swaps.py)
SEAM = 1.0
LARGEST_DONOR = 0.8


def checked_feather(feather: float, what: str) -> float:
    """The feather as a float: 0 is a hard edge; a radius below 1 px reaches no neighbour and is none.

    Raises:
        ExpressionError: neither 0 nor a number from 1 to 64.
    """
    value = plain(feather)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    return float(within(value, 1.0, WIDEST_FEATHER, f"{what}: feather (0 is a hard edge)"))


def composite(front: Tensor, back: Tensor, kept: Tensor, feather: float) -> Tensor:
    """`front` where `kept`, `back` elsewhere: [B, 3, H, W].

    With a feather of r pixels the weight of the front is the share of kept pixels in the disc of radius r, so that only
    pixels within r of the edge differ from the hard edge; weights 0 and 1 copy pixels to the bit.
    """
    if feather == 0:
        return torch.where(kept, front, back)
    weight = _share_in_disc(kept, feather)
    blended = (back + weight * (front - back)).clamp(0.0, 1.0)
    # equal pixels and whole weights are copied: a + w (b - a) is not exactly b at w = 1
    blended = torch.where((weight == 1) | (front == back), front, blended)
    return torch.where(weight == 0, back, blended)


def _share_in_disc(kept: Tensor, radius: float) -> Tensor:
    reach = int(radius)
    offsets = torch.arange(-reach, reach + 1, device=kept.device)
    disc = (offsets[:, None] ** 2 + offsets[None, :] ** 2 <= radius**2).float()
    around = functional.pad(kept.float(), (reach, reach, reach, reach), mode="replicate")
    # rounding makes the count of pixels exact on every device, and so the support of the seam
    return functional.conv2d(around, disc[None, None]).round() / disc.sum()


def pasted(
    scene: ContextInput, donors: ContextInput | None, what: str, *, fill: Fill = "tile", feather: float = 0.0
) -> ContextOutput:
    """Object and ring where they are, over the donors' backgrounds.

    Impossible where the image has no object or no background, or the donor has nothing to fill its object's place with.

    Args:
        donors: one image each, of the same size.
        what: the context, for messages.
        fill: what takes the place of the donor's own object.
        feather: radius of the seam in pixels; 0 is a hard edge.

    Raises:
        ContextError: no masks, no donors, or donors of another shape.
    """
    mask_of(scene, what)
    if donors is None:
        raise ContextError(f"{what} needs donors, and the scene has none")
    mask_of(donors, f"the donor of {what}")
    if donors.pixels.shape != scene.pixels.shape:
        raise ContextError(
            f"{what}: donors have shape {tuple(donors.pixels.shape)}, images {tuple(scene.pixels.shape)}; one donor an "
            "image, of the same size"
        )
    background, unfilled = without_object(donors, fill)
    pixels = composite(scene.pixels, background, scene.kept(), feather)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, what))


@dataclass(frozen=True)
class SwapBackground(Context):
    """The background of a donor, another image; object and ignore ring stay where they are.

    Args:
        donors: who lends, of the same data: an image of the "same_class", of an "other_class", of the "next_class" (the
            next label in sorted order, as in ImageNet-9's Mixed-Next), a "random" one, one of "class:NAME" or of
            "group:NAME", or one of an "other_group"; from outside: "photos:DIR" (a folder of photos) or "pool:NAME"
            (``Audit(pools={NAME: ...})``), whose images need no masks.
        feather: radius of the seam in pixels; 0 is a hard edge.
        fill: what takes the place of the donor's own object: "inpaint" (object and ring alone, grown in from their
            rim), "tile" (the largest background strip next to its bounding box, tiled, as in ImageNet-9), "mean" (the
            mean of its background) or "keep" (the donor's object stays).
        max_donor_object: the share of the frame, from 0.01 to 1, that object and ring of a donor may cover. An image
            with a larger one is passed over, because its background would be mostly fill; with "keep" none is.
        rank: which of those who can lend, in the order of their weights: 0 the first, 1 another one, ...
    """

    donors: str
    feather: float = SEAM
    fill: Fill = "inpaint"
    rank: int = 0
    max_donor_object: float = LARGEST_DONOR

    def __post_init__(self) -> None:
        rule = DonorRule.of(self.donors, "swap_background: donors", self.rank)
        object.__setattr__(self, "rank", rule.rank)
        one_of(self.fill, FILLS, "swap_background: fill")
        object.__setattr__(self, "feather", checked_feather(self.feather, "swap_background"))
        what = "swap_background: max_donor_object (a share of the frame)"
        object.__setattr__(self, "max_donor_object", float(within(self.max_donor_object, 0.01, 1.0, what)))


@context(
    "swap_background",
    SwapBackground,
    ContextDeclaration(
        family="change",
        donors=lambda spec: DonorRule.of(spec.donors, "donors", spec.rank),
        lends=lambda spec, scene: can_fill(scene, spec.fill),
        skips_same_picture=lambda spec: True,
        largest_donor=lambda spec: 1.0 if spec.fill == "keep" else spec.max_donor_object,
        examples=("swap_background(other_class)", "swap_background(random, feather=0, fill=tile)"),
        wording=lambda spec: DonorRule.of(spec.donors, "donors").wording,
    ),
    version=2,
)
def swap(spec: SwapBackground, scene: ContextInput) -> ContextOutput:
    """The object composited onto the donor's background.

    Impossible where the image has no object or no background, or the donor has nothing next to its object.

    Raises:
        ContextError: no masks, no donors, or donors of another shape.
    """
    return pasted(scene, scene.donors, str(spec), fill=spec.fill, feather=spec.feather)


@dataclass(frozen=True)
class Original(Context):
    """The image as it is."""


@dataclass(frozen=True)
class Identity(Context):
    """The image as it is, in a pass of its own: that a second pass gives the numbers of the first.

    ``original`` is the pass that everything is compared with; a difference to it is what the machine itself adds.
    """


@dataclass(frozen=True)
class SwapIdentical(Context):
    """The swap with the image itself as its donor, through the code of the swap.

    Args:
        feather: radius of the seam in pixels, as in ``swap_background``.
        fill: what takes the place of the donor's object, as in ``swap_background``. With "keep" the image is equal to
            the original whatever the feather; with another one it shows what filling the donor's place costs.
    """

    feather: float = SEAM
    fill: Fill = "inpaint"

    def __post_init__(self) -> None:
        one_of(self.fill, FILLS, "swap_identical: fill")
        object.__setattr__(self, "feather", checked_feather(self.feather, "swap_identical"))


@dataclass(frozen=True)
class PasteBack(Context):
    """The own background pasted back over the seam of the swap: what the seam alone costs.

    Args:
        feather: radius of the seam in pixels, as in ``swap_background``; with 0 the image is equal to the original.
    """

    feather: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "feather", checked_feather(self.feather, "paste_back"))


@context(
    "original",
    Original,
    ContextDeclaration(
        family="control", needs_mask=lambda spec: False, exempt=lambda spec: True, examples=("original",)
    ),
)
def original(spec: Original, scene: ContextInput) -> ContextOutput:
    """The scene's own pixels."""
    return rendered(scene, scene.pixels)


@context(
    "identity",
    Identity,
    ContextDeclaration(
        family="control",
        needs_mask=lambda spec: False,
        exempt=lambda spec: True,
        examples=("identity",),
        wording=Wording(
            Phrase("the same image once more (control)", "the same image is shown once more (control)"),
            Phrase("同じ画像の再提示（対照）", "対照として同じ画像を再び見せ"),
        ),
    ),
)
def identity(spec: Identity, scene: ContextInput) -> ContextOutput:
    """A copy of the scene's own pixels."""
    return rendered(scene, scene.pixels.clone())


@context(
    "swap_identical",
    SwapIdentical,
    ContextDeclaration(
        family="control",
        exempt=lambda spec: True,
        examples=("swap_identical", "swap_identical(feather=3, fill=keep)"),
        wording=Wording(
            Phrase(
                "background swapped with the image's own (control)",
                "the background is swapped with the image's own (control)",
            ),
            Phrase("自身の背景との入れ替え（対照）", "対照として背景を自身の背景と入れ替え"),
        ),
    ),
    version=2,
)
def swap_identical(spec: SwapIdentical, scene: ContextInput) -> ContextOutput:
    """Impossible where the swap would be: no object, no background, or nothing to fill with."""
    return pasted(scene, scene, str(spec), fill=spec.fill, feather=spec.feather)


@context(
    "paste_back",
    PasteBack,
    ContextDeclaration(
        family="control",
        exempt=lambda spec: True,
        examples=("paste_back", "paste_back(feather=3)"),
        wording=Wording(
            Phrase("own background pasted back (control)", "the image's own background is pasted back (control)"),
            Phrase("元の背景の貼り戻し（対照）", "対照として元の背景を貼り戻し"),
        ),
    ),
)
def paste_back(spec: PasteBack, scene: ContextInput) -> ContextOutput:
    """The object composited onto its own background, from which object and ring were taken and tiled over.

    Pixels outside the object and its ring never change; inside, those within `feather` of the edge mix with the tile.
    Impossible where the image has no object or no background, and with a feather where no strip can be tiled.
    """
    mask = mask_of(scene, str(spec))
    impossible = without_object_or_background(scene, str(spec))
    if spec.feather == 0:
        return rendered(scene, scene.pixels, impossible)
    tile, unfilled = fill_of(scene.pixels, mask, "tile")
    background = torch.where(scene.kept(), tile, scene.pixels)
    return rendered(scene, composite(scene.pixels, background, scene.kept(), spec.feather), impossible | unfilled)


StoredMask = Literal["same", "none"]


@dataclass(frozen=True)
class Stored(Context):
    """The picture stored with the data for the same sample under `name`, in place of the image.

    Args:
        name: as the data source has it (``mixed_rand`` of ``imagenet9:``, NAME of ``folder:DIR?stored.NAME=OTHER``).
        mask: "same": the object is where the original's mask has it, so the picture must have the image's size; "none":
            it is somewhere else, and nothing that needs a mask is measured.
    """

    name: str
    mask: StoredMask = "same"

    #: whatever came before it in a composition would be lost
    comes_first: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise ExpressionError(
                f"stored: name must be a text, got {self.name!r}; give the name of a picture stored with the data"
            )
        one_of(self.mask, get_args(StoredMask), "stored: mask")


@context(
    "stored",
    Stored,
    ContextDeclaration(
        family="change",
        needs_mask=lambda spec: False,
        stored=lambda spec: spec.name,
        in_place=lambda spec: spec.mask == "same",
        wording=Wording(
            Phrase("stored picture “{name}”", "the stored picture “{name}” is shown in its place"),
            Phrase("保存画像「{name}」", "保存画像「{name}」に置き換え"),
        ),
    ),
)
def show(spec: Stored, scene: ContextInput) -> ContextOutput:
    """The stored pixels; the mask stays the scene's.

    Raises:
        ContextError: the scene has no such pictures.
    """
    pixels = scene.stored.get(spec.name)
    if pixels is None:
        raise ContextError(f"{spec} shows pictures stored with the data, and the scene has none of that name")
    return rendered(scene, pixels)
