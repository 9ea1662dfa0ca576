"""Change: the object stands before another background."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

from ..language.errors import ContextError
from ..language.spec import Context, one_of
from .base import Declares, DonorRule, Rendered, Scene, context, rendered
from .filling import FILLS, Fill, without_object
from .regions import mask_of, without_object_or_background
from .seam import checked_feather, composite


@dataclass(frozen=True)
class SwapBackground(Context):
    """The background of a donor, another image of the data set; object and ignore ring stay where they are.

    Args:
        donors: who lends: an image of the "same_class", of an "other_class", or a "random" one.
        feather: radius of the seam in pixels; 0 is a hard edge.
        fill: what takes the place of the donor's own object: "tile" (the largest background strip beside its bounding
            box, tiled, as in ImageNet-9) or "mean" (the mean of its background).
    """

    donors: DonorRule
    feather: float = 0.0
    fill: Fill = "tile"

    def __post_init__(self) -> None:
        one_of(self.donors, get_args(DonorRule), "swap_background: donors")
        one_of(self.fill, FILLS, "swap_background: fill")
        object.__setattr__(self, "feather", checked_feather(self.feather, "swap_background"))


@context(
    "swap_background",
    SwapBackground,
    Declares(
        family="change",
        donors=lambda spec: spec.donors,
        lends=lambda spec, scene: ~without_object(scene, spec.fill)[1],
    ),
)
def swap(spec: SwapBackground, scene: Scene) -> Rendered:
    """The object composited onto the donor's background.

    Impossible where the image has no object or no background, or the donor has nothing beside its object.

    Raises:
        ContextError: no masks, no donors, or donors of another shape.
    """
    mask_of(scene, str(spec))
    donors = scene.donors
    if donors is None:
        raise ContextError(f"{spec} needs donors, and the scene brings none")
    mask_of(donors, f"the donor of {spec}")
    if donors.pixels.shape != scene.pixels.shape:
        raise ContextError(
            f"{spec}: donors have shape {tuple(donors.pixels.shape)}, images {tuple(scene.pixels.shape)}; one donor an "
            "image, of the same size"
        )
    background, unfilled = without_object(donors, spec.fill)
    pixels = composite(scene.pixels, background, scene.kept(), spec.feather)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, str(spec)))
