"""Controls: they test the audit itself, and may change no pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..language.spec import Context, one_of
from ..language.wording import Phrase, Wording
from .base import ContextDeclaration, ContextInput, ContextOutput, context, rendered
from .filling import FILLS, Fill, fill_of
from .pasting import pasted
from .regions import mask_of, without_object_or_background
from .seam import checked_feather, composite


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

    feather: float = 0.0
    fill: Fill = "tile"

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
