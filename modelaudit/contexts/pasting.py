"""The object on a donor's background: what the swap, ImageNet-9's mixed variants and a control share."""

from __future__ import annotations

from ..language.errors import ContextError
from .base import ContextInput, ContextOutput, rendered
from .filling import Fill, without_object
from .regions import mask_of, without_object_or_background
from .seam import composite


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
        raise ContextError(f"{what} needs donors, and the scene brings none")
    mask_of(donors, f"the donor of {what}")
    if donors.pixels.shape != scene.pixels.shape:
        raise ContextError(
            f"{what}: donors have shape {tuple(donors.pixels.shape)}, images {tuple(scene.pixels.shape)}; one donor an "
            "image, of the same size"
        )
    background, unfilled = without_object(donors, fill)
    pixels = composite(scene.pixels, background, scene.kept(), feather)
    return rendered(scene, pixels, unfilled | without_object_or_background(scene, what))
