"""Change: the object stands before another background."""

from __future__ import annotations

from dataclasses import dataclass

from ..language.errors import ContextError
from ..language.spec import Context, one_of
from .base import Declares, Rendered, Scene, context, rendered
from .donor_rules import DonorRule
from .filling import FILLS, Fill, without_object
from .regions import mask_of, without_object_or_background
from .seam import checked_feather, composite


@dataclass(frozen=True)
class SwapBackground(Context):
    """The background of a donor, another image; object and ignore ring stay where they are.

    Args:
        donors: who lends, of the same data: an image of the "same_class", of an "other_class", of the "next_class" (the
            next label in sorted order, as in ImageNet-9's Mixed-Next), a "random" one, one of "class:NAME" or of
            "group:NAME", or one of an "other_group"; from outside: "photos:DIR" (a folder of photos) or "pool:NAME"
            (``Audit(pools={NAME: ...})``), whose images need no masks.
        feather: radius of the seam in pixels; 0 is a hard edge.
        fill: what takes the place of the donor's own object: "tile" (the largest background strip beside its bounding
            box, tiled, as in ImageNet-9) or "mean" (the mean of its background).
        rank: which of those who can lend, in the order of their weights: 0 the first, 1 another one, ...
    """

    donors: str
    feather: float = 0.0
    fill: Fill = "tile"
    rank: int = 0

    def __post_init__(self) -> None:
        DonorRule.of(self.donors, "swap_background: donors", self.rank)
        one_of(self.fill, FILLS, "swap_background: fill")
        object.__setattr__(self, "feather", checked_feather(self.feather, "swap_background"))


@context(
    "swap_background",
    SwapBackground,
    Declares(
        family="change",
        donors=lambda spec: DonorRule.of(spec.donors, "donors", spec.rank),
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
