"""Lines over pictures as SVG paths: the object's outline, and the contours of a heat map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import pad

#: paths are in a square of this side, the picture in its middle
SIDE = 1000
#: the smallest regions that hold these shares of a map's heat are drawn
MASSES = (0.25, 0.5, 0.75)
#: a map is smoothed by this share of its larger side before contours are drawn, so that they follow no single pixels
_SMOOTHING = 0.035
#: in the units of the square: how far a line may be from what it stands for, and the least side of what is drawn. The
#: contours of a smoothed map need not be as exact as an outline, and there are many of them in a record
_OUTLINE, _CONTOUR = (4.0, 25.0), (8.0, 60.0)

Points = NDArray[np.float64]


def outline_of(region: NDArray[np.bool_], precision: tuple[float, float] = _OUTLINE) -> str | None:
    """The outline of a region [h, w] as one path; None where nothing is left of it.

    Args:
        precision: how far the line may be from the region's border, and the least side of a part.
    """
    tolerance, least = precision
    height, width = region.shape
    scale = SIDE / max(height, width)
    offset = np.array([SIDE - scale * width, SIDE - scale * height]) / 2
    loops = [loop * scale + offset for loop in _loops(region)]
    return "".join(_path(_simplified(_smooth(loop), tolerance)) for loop in loops if _size(loop) >= least) or None


def contours_of(heat: NDArray[np.float32]) -> tuple[str, ...]:
    """The outlines of the smallest regions that hold :data:`MASSES` of a map [h, w]; empty where it has no heat."""
    smooth = _blurred(heat, _SMOOTHING * max(heat.shape))
    total = smooth.sum()
    if not total > 0:
        return ()
    ordered = np.sort(smooth, axis=None)[::-1]
    held = np.cumsum(ordered) / total
    levels = [ordered[min(int(np.searchsorted(held, mass)), ordered.size - 1)] for mass in MASSES]
    return tuple(outline_of(smooth >= level, _CONTOUR) or "" for level in levels)


def _blurred(heat: NDArray[np.float32], sigma: float) -> NDArray[np.float64]:
    """A map [h, w] after a Gaussian blur; what is beyond its edge is as the edge."""
    reach = min(max(1, round(3 * sigma)), min(heat.shape) - 1)
    steps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel /= kernel.sum()
    smooth = torch.from_numpy(heat.astype(np.float64))[None, None]
    for axis, border in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        windows = pad(smooth, border, mode="replicate").unfold(axis, 2 * reach + 1, 1)
        smooth = windows @ kernel
    blurred: NDArray[np.float64] = smooth[0, 0].numpy()
    return blurred


def _loops(region: NDArray[np.bool_]) -> Iterator[Points]:
    """The closed lines [n, 2] of (x, y) along the edges of pixels between a region and the rest."""
    width = region.shape[1]
    padded = np.pad(region, 1)
    inside = padded[1:-1, 1:-1]
    stride = width + 1
    starts, ends = [], []
    #: an edge of a pixel runs clockwise from one of its corners to the next
    sides = (
        (padded[:-2, 1:-1], (0, 0), (1, 0)),
        (padded[1:-1, 2:], (1, 0), (1, 1)),
        (padded[2:, 1:-1], (1, 1), (0, 1)),
        (padded[1:-1, :-2], (0, 1), (0, 0)),
    )
    for neighbour, (x0, y0), (x1, y1) in sides:
        y, x = np.nonzero(inside & ~neighbour)
        starts.append((y + y0) * stride + x + x0)
        ends.append((y + y1) * stride + x + x1)
    following: dict[int, list[int]] = {}
    for start, end in zip(np.concatenate(starts).tolist(), np.concatenate(ends).tolist(), strict=True):
        following.setdefault(start, []).append(end)
    while following:
        first = next(iter(following))
        loop, at = [], first
        while at in following:
            loop.append(at)
            found = following[at]
            after = found.pop()
            if not found:
                del following[at]
            at = after
        corners = np.array(loop)
        yield np.stack((corners % stride, corners // stride), axis=1).astype(np.float64)


def _smooth(loop: Points) -> Points:
    """The steps of pixels rounded off."""
    for _ in range(2):
        loop = (np.roll(loop, 1, axis=0) + 2 * loop + np.roll(loop, -1, axis=0)) / 4
    return loop


def _size(loop: Points) -> float:
    return float(np.ptp(loop, axis=0).max())


def _simplified(loop: Points, tolerance: float) -> Points:
    """Fewer points of a closed line, none of the others further than the tolerance from it (Douglas and Peucker)."""
    far = int(np.argmax(((loop - loop[0]) ** 2).sum(axis=1)))
    closed = np.concatenate((loop, loop[:1]))
    kept = {0, far}
    spans = [(0, far), (far, len(loop))]
    while spans:
        first, last = spans.pop()
        if last - first < 2:
            continue
        base, along = closed[first], closed[last] - closed[first]
        between = closed[first + 1 : last] - base
        length = float(np.hypot(*along))
        crossed = np.abs(along[0] * between[:, 1] - along[1] * between[:, 0])
        distances = crossed / length if length else np.hypot(between[:, 0], between[:, 1])
        worst = int(np.argmax(distances))
        if distances[worst] > tolerance:
            middle = first + 1 + worst
            kept.add(middle)
            spans += [(first, middle), (middle, last)]
    return loop[sorted(kept)]


def _path(loop: Points) -> str:
    """A closed line of whole numbers, each point relative to the one before."""
    points = loop.round().astype(int)
    steps = [step for step in np.diff(points, axis=0).tolist() if step != [0, 0]]
    return "M{} {}l".format(*points[0]) + _joined(steps) + "z"


def _joined(steps: list[list[int]]) -> str:
    text = " ".join(str(number) for step in steps for number in step)
    return text.replace(" -", "-")
