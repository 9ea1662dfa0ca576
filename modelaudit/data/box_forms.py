"""Boxes that are meant otherwise than as x, y, width, height: those that leave their images show it.

One box that reaches out of its image shows nothing. Where many do, and all are inside as corners (or as centre and
size), that is what they are: of boxes that are x, y, width, height some are never corners, as their width is less than
their x.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..language.contradictions import ContradictedFact, too_many
from .likely_causes import BOX_FORMS, Bounds, spans
from .objects import Region

Size = tuple[int, int]
#: pixels that rounding may carry an edge out of its image
_ROUNDED = 3.0


def other_form(images: Sequence[tuple[Sequence[Region], Size | None]]) -> str:
    """What the boxes hold and the way out, where it is not x, y, width, height; empty where nothing shows it.

    Args:
        images: the regions of each image and its (height, width) as stated; those without a size do not count.
    """
    known = [(_boxes(regions), size) for regions, size in images if size is not None]
    known = [(boxes, size) for boxes, size in known if boxes]
    out = [any(_leaves(_bounds(box), size) for box in boxes) for boxes, size in known]
    if not too_many(sum(out), len(known)):
        return ""
    for cause, form in BOX_FORMS.items():
        meant = [(form(_bounds(box)), size) for boxes, size in known for box in boxes]
        if all(one[2] > one[0] and one[3] > one[1] and not _leaves(one, size) for one, size in meant):
            return cause
    return ""


def boxes_of_other_form(regions: Sequence[Region], size: Size | None, cause: str) -> tuple[ContradictedFact, ...]:
    """Where boxes hold something else (:func:`other_form`), those of an image that leave it show it."""
    if not cause or size is None:
        return ()
    return tuple(
        ContradictedFact(
            region.named,
            "box and size of the image",
            f"its box spans {spans(_bounds(region.outline))}",
            f"its image is stated as {size[1]} x {size[0]} (width x height)",
            cause,
        )
        for region in regions
        if region.shape == "box" and _leaves(_bounds(region.outline), size)
    )


def _boxes(regions: Sequence[Region]) -> list[Sequence[float]]:
    return [region.outline for region in regions if region.shape == "box"]


def _bounds(box: Sequence[float]) -> Bounds:
    left, top, wide, high = map(float, box)
    return left, top, left + wide, top + high


def _leaves(bounds: Bounds, size: Size) -> bool:
    height, width = size
    return min(bounds[:2]) < -_ROUNDED or bounds[2] > width + _ROUNDED or bounds[3] > height + _ROUNDED
