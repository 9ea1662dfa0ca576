"""Compares what annotations state more than once: outline, box, area, and the size of the image.

Exporters round, simplify outlines and leave small parts out, write an area of the polygon, of its pixels or of the
box, and let outlines reach out of the image by some pixels. All of that is honest: only what no export makes of one
object is a contradiction.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from operator import mul

import numpy as np

from ..language.contradictions import ContradictedFact
from .likely_causes import Bounds, area, likely_cause, overlap, spans
from .objects import Region, is_number, run_lengths

#: numbers of a polygon, at least
_LEAST = 6
#: the x and the y of the points of each part of an outline
_Parts = list[tuple[list[float], list[float]]]
#: simplified outlines of photos overlap the boxes of their masks by 0.97 and more; a copy of 0.8 times the size by 0.64
#: at most
_SAME_PLACE = 0.7
#: pixels that a side may differ by whatever the overlap: an object of 4 x 4 rounds to another of 6 x 6
_ROUNDED = 3.0
#: areas of an outline and of its pixels differ by less than this factor, whatever holes it loses and parts overlap
_FACTOR = 2.0
#: an area that is meant to be the box's is that of the box, but for rounding
_BOX_AREA = 1.25
#: the part of an object's box that lies in the image: objects may be drawn on beyond its border, but not mostly
_INSIDE = 1 / 3


def region_contradictions(regions: Iterable[Region], size: tuple[int, int] | None) -> tuple[ContradictedFact, ...]:
    """The contradictions in the outlines of an image, in pixels; what cannot be drawn at all is left to its drawing.

    Args:
        size: (height, width) as stated; None where it is not.
    """
    return tuple(one for region in regions for one in _of_region(region, size))


def _of_region(region: Region, size: tuple[int, int] | None) -> Iterator[ContradictedFact]:
    try:
        if region.shape == "rle":
            yield from _of_run_lengths(region, size)
        elif region.shape == "polygon":
            if any(len(part) < _LEAST or len(part) % 2 for part in region.outline):
                return
            parts = [(part[0::2], part[1::2]) for part in region.outline]
            across, down = [v for x, _ in parts for v in x], [v for _, y in parts for v in y]
            bounds = (float(min(across)), float(min(down)), float(max(across)), float(max(down)))
            drawn = sum(_shoelace(x, y) for x, y in parts)
            yield from _of_outline(region, bounds, drawn, parts, size)
        elif region.shape == "box":
            left, top, wide, high = map(float, region.outline)
            yield from _bounds_against_image(region, (left, top, left + wide, top + high), size, "box")
            yield from _area_against_box(region, wide * high)
    except (TypeError, ValueError, KeyError, OverflowError):  # no numbers: the drawing of the mask says so
        return


def _of_outline(
    region: Region, bounds: Bounds, drawn: float, parts: _Parts, size: tuple[int, int] | None
) -> Iterator[ContradictedFact]:
    if not all(map(math.isfinite, (*bounds, drawn))):
        return
    found = [
        *_bounds_against_box(region, bounds, size),
        *_area_against_outline(region, bounds, drawn, parts),
    ]
    # an outline that is elsewhere than its box may lie outside for the same reason
    yield from found or _bounds_against_image(region, bounds, size, "outline")


def _bounds_against_box(region: Region, bounds: Bounds, size: tuple[int, int] | None) -> Iterator[ContradictedFact]:
    if region.box is None:
        return
    left, top, wide, high = map(float, region.box)
    box = (left, top, left + wide, top + high)
    clipped = [_clipped(one, size) for one in (bounds, box)]
    agree = any(
        overlap(one, other) >= _SAME_PLACE
        or max(abs(edge - stated) for edge, stated in zip(one, other, strict=True)) <= _ROUNDED
        for one, other in ((bounds, box), (clipped[0], clipped[1]))
    )
    if not agree:
        yield ContradictedFact(
            region.named,
            "outline and box",
            f"its outline spans {spans(bounds)}",
            f"its box states {spans(box)}",
            likely_cause(bounds, box, size),
        )


def _area_against_outline(region: Region, bounds: Bounds, drawn: float, parts: _Parts) -> Iterator[ContradictedFact]:
    """An area may be the polygon's, that of its pixels, or the box's."""
    stated = region.area
    if stated is None or not stated > 0 or not math.isfinite(stated):  # some tools write 0 for an unknown area
        return
    boxes = [area(bounds)] + ([] if region.box is None else [float(region.box[2]) * float(region.box[3])])
    if any(box / _BOX_AREA <= stated <= box * _BOX_AREA for box in boxes):
        return
    # the pixels that the border runs through count or do not, which is most of a thin object
    border = _length(parts)
    if drawn / _FACTOR - border <= stated <= drawn * _FACTOR + border:
        return
    side = math.sqrt(drawn / stated)
    yield ContradictedFact(
        region.named,
        "outline and area",
        f"its outline encloses {drawn:.0f} pixels",
        f"its area states {stated:.0f}",
        f"outlines are {side:.2f} times as large as their areas say" if drawn else "",
    )


def _area_against_box(region: Region, box: float) -> Iterator[ContradictedFact]:
    """An object has no more pixels than its box; it may have far fewer."""
    stated = region.area
    if stated is not None and stated > box * _BOX_AREA + _ROUNDED * 2 * math.sqrt(box):
        yield ContradictedFact(
            region.named,
            "box and area",
            f"its box holds {box:.0f} pixels",
            f"its area states {stated:.0f}",
            f"boxes are {math.sqrt(box / stated):.2f} times as large as their areas say" if box > 0 else "",
        )


def _bounds_against_image(
    region: Region, bounds: Bounds, size: tuple[int, int] | None, what: str
) -> Iterator[ContradictedFact]:
    if size is None or not all(map(math.isfinite, bounds)):
        return
    inside = _clipped(bounds, size)
    reach = max(abs(edge - other) for edge, other in zip(bounds, inside, strict=True))
    if reach <= _ROUNDED or area(inside) >= _INSIDE * area(bounds) > 0:
        return
    cause = "boxes may hold x1, y1, x2, y2: write x, y, width, height" if what == "box" else ""
    yield ContradictedFact(
        region.named,
        f"{what} and size of the image",
        f"its {what} spans {spans(bounds)}",
        f"its image is stated as {size[1]} x {size[0]} (width x height)",
        cause or f"the {what} may be of a copy of another size",
    )


def _of_run_lengths(region: Region, size: tuple[int, int] | None) -> Iterator[ContradictedFact]:
    height, width = region.outline["size"]
    if size is not None and (height, width) != size:
        yield ContradictedFact(
            region.named,
            "run lengths and size of the image",
            f"its run lengths are for {width} x {height}",
            f"its image is stated as {size[1]} x {size[0]} (width x height)",
            "height and width are swapped: run lengths have [height, width]" if (width, height) == size else "",
        )
        return
    counts = region.outline["counts"]
    runs = run_lengths(counts) if isinstance(counts, str) else counts
    if not runs or not all(map(is_number, (height, width, *runs))) or min(runs) < 0:
        return
    if sum(runs) != height * width:
        yield ContradictedFact(
            region.named,
            "run lengths and their size",
            f"its run lengths cover {sum(runs)} pixels",
            f"they are stated as {width} x {height}, which are {height * width}",
        )
        return
    bounds, drawn = _bounds_of_runs(runs, height)
    if drawn:
        yield from _of_outline(region, bounds, drawn, [], size)


def _bounds_of_runs(runs: Sequence[int], height: int) -> tuple[Bounds, int]:
    """The bounds and the number of the pixels that are set: every second run, column by column."""
    ends = np.cumsum(np.asarray(runs, dtype=np.int64))
    first, last = ends[:-1:2], ends[1::2] - 1
    drawn = int((last - first + 1).sum())
    first, last = first[last >= first], last[last >= first]
    if not first.size:
        return (0.0, 0.0, 0.0, 0.0), 0
    over = first // height != last // height  # goes on in the next column
    top = 0 if over.any() else int((first % height).min())
    bottom = height if over.any() else int((last % height).max()) + 1
    return (float(first[0] // height), float(top), float(last[-1] // height + 1), float(bottom)), drawn


def _clipped(bounds: Bounds, size: tuple[int, int] | None) -> Bounds:
    if size is None:
        return bounds
    height, width = size
    left, right = (min(max(edge, 0.0), float(width)) for edge in bounds[0::2])
    top, bottom = (min(max(edge, 0.0), float(height)) for edge in bounds[1::2])
    return left, top, right, bottom


def _shoelace(x: Sequence[float], y: Sequence[float]) -> float:
    """The area of a polygon; of plain numbers faster than numpy, as outlines have few points."""
    twice = sum(map(mul, x, (*y[1:], y[0]))) - sum(map(mul, y, (*x[1:], x[0])))
    return abs(float(twice)) / 2


def _length(parts: _Parts) -> float:
    return math.fsum(
        math.fsum(map(math.dist, zip(x, y, strict=True), zip((*x[1:], x[0]), (*y[1:], y[0]), strict=True)))
        for x, y in parts
    )
