"""Change: the object stands before another background."""

from __future__ import annotations

from dataclasses import dataclass

from ..language.spec import Context, one_of
from .base import ContextDeclaration, ContextInput, ContextOutput, context
from .donor_rules import DonorRule
from .filling import FILLS, Fill, can_fill
from .pasting import pasted
from .seam import checked_feather


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
            box, tiled, as in ImageNet-9), "mean" (the mean of its background), "inpaint" (object and ring alone, grown
            in from their rim) or "keep" (the donor's object stays).
        rank: which of those who can lend, in the order of their weights: 0 the first, 1 another one, ...
    """

    donors: str
    feather: float = 0.0
    fill: Fill = "tile"
    rank: int = 0

    def __post_init__(self) -> None:
        rule = DonorRule.of(self.donors, "swap_background: donors", self.rank)
        object.__setattr__(self, "rank", rule.rank)
        one_of(self.fill, FILLS, "swap_background: fill")
        object.__setattr__(self, "feather", checked_feather(self.feather, "swap_background"))


@context(
    "swap_background",
    SwapBackground,
    ContextDeclaration(
        family="change",
        donors=lambda spec: DonorRule.of(spec.donors, "donors", spec.rank),
        lends=lambda spec, scene: can_fill(scene, spec.fill),
        examples=("swap_background(other_class)", "swap_background(random, feather=3, fill=inpaint)"),
        wording=lambda spec: DonorRule.of(spec.donors, "donors").wording,
    ),
)
def swap(spec: SwapBackground, scene: ContextInput) -> ContextOutput:
    """The object composited onto the donor's background.

    Impossible where the image has no object or no background, or the donor has nothing beside its object.

    Raises:
        ContextError: no masks, no donors, or donors of another shape.
    """
    return pasted(scene, scene.donors, str(spec), fill=spec.fill, feather=spec.feather)
