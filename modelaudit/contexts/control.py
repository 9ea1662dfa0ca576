"""Controls: they test the audit itself, and may change no pixel."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..language.spec import Context
from .base import Declares, Rendered, Scene, context, rendered
from .filling import fill_of
from .regions import mask_of, without_object_or_background
from .seam import checked_feather, composite


@dataclass(frozen=True)
class Original(Context):
    """The image as it is."""


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
    Declares(family="control", needs_mask=lambda spec: False, exempt=lambda spec: True),
)
def original(spec: Original, scene: Scene) -> Rendered:
    """The scene's own pixels."""
    return rendered(scene, scene.pixels)


@context("paste_back", PasteBack, Declares(family="control", exempt=lambda spec: True))
def paste_back(spec: PasteBack, scene: Scene) -> Rendered:
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
