"""Of which classes more images would help, and about how many.

A cell asks for images for one of two reasons:

- "threshold": an expectation on its measure and context has a threshold that its bounds contain. It asks for as many
  as bring the bounds as near to the mean as the threshold is, but no nearer than five points;
- "width": a bound lies more than ten points from the mean, so that no claim to ten points can be made of the cell.

(A point is a hundredth of the measure's range.) The number is the smallest n at which Clopper and Pearson's bounds of
n images with the cell's own mean are that near: for a mean of values in a range as for a proportion, whose spread is
the largest. Where images share clusters or donors it is at least that by which the cell's own width shrinks with the
root of n.

More images of a class serve all contexts, since those are made from the images: a class has one line, that of the
cell that asks for most.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

from ..statistics import clopper_pearson
from ..statistics.search import least_integer
from .cells import WIDTH, Scale, width
from .limits import Limit
from .record import MatrixCell, MatrixRecord, WantedImages

MOST_LINES = 10
#: of the range: a mean that lies nearer to a threshold is told from it by too many images to ask for
NEAREST = 0.05


def wants(
    matrix: MatrixRecord, cells: Sequence[MatrixCell], limits: Sequence[Iterable[Limit]], scale: Scale
) -> Iterator[WantedImages]:
    """What each of some cells asks for, with the `limits` of each context."""
    if scale.span is None or scale.low is None:
        return
    for cell in cells:
        if cell.mean is None or cell.n == 0:
            continue
        found: list[tuple[int, Limit | None]] = [
            (more_images(cell, max(abs(cell.mean - one.threshold) / scale.span, NEAREST), scale), one)
            for one in limits[cell.context]
            if one.label in (None, cell.label) and _open(cell, one.threshold)
        ]
        if cell.few:
            found.append((more_images(cell, WIDTH, scale), None))
        found = [(more, one) for more, one in found if more > 0]
        if found:
            more, limit = max(found, key=lambda one: (one[0], one[1] is not None))
            yield WantedImages(
                data=matrix.data,
                model=matrix.model,
                measure=matrix.measure,
                contexts=matrix.contexts[cell.context].contexts,
                cell=cell,
                rule="width" if limit is None else "threshold",
                op=None if limit is None else limit.op,
                threshold=None if limit is None else limit.threshold,
                more=more,
            )


def shopping(found: Iterable[WantedImages]) -> tuple[list[WantedImages], int]:
    """One line a class, ten at most, and how many are left: open thresholds first, and of those the largest number."""
    by_class: dict[tuple[str, str], WantedImages] = {}
    for want in found:
        key = (want.data, want.cell.label)
        if key not in by_class or want.more > by_class[key].more:
            by_class[key] = want
    lines = sorted(by_class.values(), key=lambda want: (want.rule != "threshold", -want.more))
    return lines[:MOST_LINES], max(0, len(lines) - MOST_LINES)


def more_images(cell: MatrixCell, near: float, scale: Scale) -> int:
    """About how many images more bring both bounds of a cell as near to its mean as `near`, a share of the range."""
    assert cell.mean is not None and scale.low is not None and scale.span is not None
    images = cell.n + cell.missing
    needed = images_for((cell.mean - scale.low) / scale.span, near, scale.confidence)
    found = width(cell, scale)
    if cell.clusters is not None and found is not None:
        needed = max(needed, math.ceil(images * (found / near) ** 2))
    return max(0, needed - images)


def images_for(share: float, near: float, confidence: float) -> int:
    """The smallest n from which on the bounds of n images with this share of right ones are at most `near` away."""
    share = min(1.0, max(0.0, share))

    def enough(n: int) -> bool:
        lower, upper = clopper_pearson(share * n, n, confidence)
        return max(share - lower, upper - share) <= near

    found = least_integer(enough)
    assert found is not None  # the bounds close in on any share
    return found


def _open(cell: MatrixCell, threshold: float) -> bool:
    """Whether the bounds of a cell contain a threshold; no bounds contain every one."""
    if cell.lower is None or cell.upper is None:
        return True
    return cell.lower <= threshold <= cell.upper
