"""What probably happened where an outline and its stated box are not in the same place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

#: left, top, right, bottom
Bounds = tuple[float, float, float, float]
#: a guess explains the outline where its bounds and those of the guess overlap so far
_EXPLAINED = 0.75
#: what two shares of an image may be off by
_ROUNDING = 0.01


def overlap(one: Bounds, other: Bounds) -> float:
    """Intersection over union; 0 where both are empty."""
    wide = max(min(one[2], other[2]) - max(one[0], other[0]), 0)
    high = max(min(one[3], other[3]) - max(one[1], other[1]), 0)
    union = area(one) + area(other) - wide * high
    return wide * high / union if union > 0 else 0.0


def area(bounds: Bounds) -> float:
    """Of a rectangle."""
    return max(bounds[2] - bounds[0], 0) * max(bounds[3] - bounds[1], 0)


def spans(bounds: Bounds) -> str:
    """For a message."""
    left, top, right, bottom = bounds
    return f"x {left:.6g} to {right:.6g}, y {top:.6g} to {bottom:.6g}"


def _from_corners(box: Bounds) -> Bounds:
    """The bounds that are meant by x1, y1, x2, y2 that were read as x, y, width, height."""
    left, top, right, bottom = box
    return left, top, right - left, bottom - top


def _from_centre(box: Bounds) -> Bounds:
    left, top, right, bottom = box
    wide, high = (right - left) / 2, (bottom - top) / 2
    return left - wide, top - high, left + wide, top + high


#: what boxes may hold instead of x, y, width, height, by what is said of them: the bounds that are meant by those read
BOX_FORMS: Mapping[str, Callable[[Bounds], Bounds]] = {
    "boxes hold x1, y1, x2, y2: write x, y, width, height": _from_corners,
    "boxes hold the centre, width and height: write x and y of the upper left corner": _from_centre,
}


def likely_cause(outline: Bounds, box: Bounds, size: tuple[int, int] | None) -> str:
    """What would make an outline with these bounds of the stated box, and the way out; empty where nothing does.

    Args:
        size: (height, width) of the image, where it is stated.
    """
    if max(map(abs, outline)) <= 1 + _ROUNDING < max(box):
        return "outlines are shares of the image's sides: multiply them by its width and height"
    if max(map(abs, box)) <= 1 + _ROUNDING < max(outline):
        return "boxes are shares of the image's sides: multiply them by its width and height"
    return next((text for text, guess in _guesses(outline, box, size) if overlap(outline, guess) >= _EXPLAINED), "")


def _guesses(outline: Bounds, box: Bounds, size: tuple[int, int] | None) -> Iterator[tuple[str, Bounds]]:
    left, top, right, bottom = box
    yield from ((cause, form(box)) for cause, form in BOX_FORMS.items())
    yield "x and y are swapped in outlines or boxes: write x first in both", (top, left, bottom, right)
    # the ratio of the centres, which a shift of both edges by rounding leaves alone
    x, y = _ratio(outline[0] + outline[2], left + right), _ratio(outline[1] + outline[3], top + bottom)
    yield (
        f"outlines are the boxes scaled by {x:.2f} in x and {y:.2f} in y: one of them was made on a copy of another "
        "size; export both for the images that are here",
        (left * x, top * y, right * x, bottom * y),
    )
    if size is not None:
        height, width = size
        turned = "the image is turned by its EXIF orientation and only one of the two is: save the images upright"
        yield turned, (height - bottom, left, height - top, right)
        yield turned, (width - bottom, left, width - top, right)
        yield turned, (top, width - right, bottom, width - left)
        yield turned, (top, height - right, bottom, height - left)
        yield "one of the two is turned upside down", (width - right, height - bottom, width - left, height - top)
        yield "one of the two is mirrored left to right", (width - right, top, width - left, bottom)
        yield "one of the two counts y from below", (left, height - bottom, right, height - top)
    across, down = outline[0] - left, outline[1] - top
    yield (
        f"outlines are {across:+.0f}, {down:+.0f} pixels from their boxes: one of the two is of a crop of the image",
        (left + across, top + down, right + across, bottom + down),
    )


def _ratio(one: float, other: float) -> float:
    return one / other if other else 1.0
