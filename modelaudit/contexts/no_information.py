"""No information: the object or the background carries none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch

from ..language.spec import Context, one_of
from .base import Declares, Rendered, Scene, context, rendered
from .regions import inside, without_object_or_background

FilledRegion = Literal["background", "object"]
#: the mean colour of ImageNet in 8-bit values
MEAN_COLOUR = (123, 116, 103)


@dataclass(frozen=True)
class MeanFill(Context):
    """One region in the mean colour of ImageNet, (123, 116, 103) / 255.

    Args:
        region: "background" (object and ring stay) or "object" (object and ring are filled).
    """

    region: FilledRegion

    def __post_init__(self) -> None:
        one_of(self.region, get_args(FilledRegion), "mean_fill: region")


@context("mean_fill", MeanFill, Declares(family="no_information"))
def mean_fill(spec: MeanFill, scene: Scene) -> Rendered:
    """The region in one colour. Impossible where the image has no object or no background."""
    colour = torch.tensor(MEAN_COLOUR, dtype=scene.pixels.dtype, device=scene.pixels.device) / 255
    region = inside(scene, spec.region, str(spec))
    pixels = torch.where(region, colour[None, :, None, None], scene.pixels)
    return rendered(scene, pixels, without_object_or_background(scene, str(spec)))
