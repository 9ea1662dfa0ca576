"""Which classes need more images, and about how many.

A cell asks for images for one of two reasons:

- "threshold": an expectation on its measure and context has a threshold that its bounds contain. It asks for as many
  as bring the bounds as near to the mean as the threshold is, but no nearer than five points;
- "width": a bound lies more than ten points from the mean, so that no claim to ten points can be made of the cell.

(A point is a hundredth of the measure's range.) The number is the smallest n at which Clopper and Pearson's bounds of
n images with the cell's own mean are that near: for a mean of values in a range as for a proportion, whose spread is
the largest. Where images share clusters or donors it is at least that by which the cell's own width shrinks with the
root of n.

More images of a class serve all contexts, since those are made from the images: a class has one line, that of the
cell that asks for most; before all others that of a cell whose expectation is undecided for want of images. Where
photographs cannot help (the masks are uncertain, the maps cannot be trusted, values are missing) none are asked for.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..engine.planning.plan import column_key, single_method
from ..language.errors import AuditError
from ..language.parser import parse
from ..language.strata import Label
from ..statistics import clopper_pearson
from ..statistics.search import least_integer
from .matrix_cells import WIDTH, Scale, width
from .record import CaseRecord, MatrixCell, MatrixRecord, MeasureNode, WantedImages

#: why an expectation is undecided that more images may decide
CURABLE = ("too_few_images", "too_few_clusters")


@dataclass(frozen=True)
class Limit:
    """The threshold of an expectation, and the label that it is about; None for any.

    ``undecided``: the expectations with this threshold that lack images, by name.
    """

    op: Literal["<", "<=", ">", ">="]
    threshold: float
    label: str | None = None
    undecided: tuple[str, ...] = ()


def limits_of(cases: Sequence[CaseRecord]) -> dict[tuple[str, str, str], list[Limit]]:
    """The thresholds that expectations set for the cells of a matrix, by (data, model, column).

    Only those of one measure, or of the worst class: a difference or a ratio sets none for a cell. Controls that must
    fail, expectations about this very set, and strata other than a class do not speak of a class at large.
    """
    found: dict[tuple[str, str, str], dict[Limit, list[str]]] = {}
    for case in cases:
        if not _sets_limits(case) or _incurable(case) or case.data is None or len(case.models) != 1:
            continue
        for key, label in _cells_of(case):
            limits = found.setdefault((case.data, case.models[0], key), {})
            names = limits.setdefault(Limit(case.op, case.threshold, label), [])
            if case.verdict == "INCONCLUSIVE":
                names.append(case.name)
    return {
        key: [replace(limit, undecided=tuple(names)) for limit, names in limits.items()]
        for key, limits in found.items()
    }


def beyond_photographs(cases: Sequence[CaseRecord]) -> set[tuple[str, str, str]]:
    """The columns of which photographs decide nothing, by (data, model, column): an expectation that reads them is
    undecided for another reason."""
    return {
        (case.data, model, key)
        for case in cases
        if _incurable(case) and case.data is not None
        for model in case.models
        for key, _ in _cells_of(case)
    }


def _incurable(case: CaseRecord) -> bool:
    """Whether an expectation is undecided, and photographs would leave it so."""
    return case.verdict == "ERROR" or (case.verdict == "INCONCLUSIVE" and case.reason not in CURABLE)


def _sets_limits(case: CaseRecord) -> bool:
    if case.must_fail or case.about != "process":
        return False
    left = case.left
    if left.kind == "composite":
        return left.name == "worst_group_accuracy" and left.arguments.get("by", "label") == "label"
    return left.kind == "measure"


def _cells_of(case: CaseRecord) -> Iterator[tuple[str, str | None]]:
    """The columns that an expectation reads, and the label that it is about; None for any."""
    try:
        expectation = parse(case.expectation)
    except AuditError:
        # it names what only the process that ran it had registered; a plain measure is a column by its own text
        left = case.left
        if isinstance(left, MeasureNode) and left.stratum is None and left.model is None and not left.doses:
            yield left.text, None
        return
    for measure in expectation.expression.measures():
        if measure.stratum is None:
            label = None
        elif isinstance(measure.stratum, Label) and isinstance(measure.stratum.label, str):
            label = measure.stratum.label
        else:
            continue
        for spec, _ in single_method(measure.spec):
            yield column_key(spec, measure.context), label


MOST_CLASSES = 30
#: of the range: to tell a nearer mean from the threshold would take too many images
NEAREST = 0.05


def wanted_images(
    matrix: MatrixRecord, cells: Sequence[MatrixCell], limits: Sequence[Iterable[Limit]], scale: Scale
) -> Iterator[WantedImages]:
    """The images that some cells need, given the `limits` of each context."""
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
            more, limit = max(found, key=lambda one: (_undecided(one[1]) != [], one[0], one[1] is not None))
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
                decides=_undecided(limit),
            )


def _undecided(limit: Limit | None) -> list[str]:
    return [] if limit is None else list(limit.undecided)


def list_wanted_images(found: Iterable[WantedImages]) -> tuple[list[WantedImages], int]:
    """One line a class, and how many are left: first what decides an expectation, then open thresholds, and of those
    the largest number."""
    by_class: dict[tuple[str, str], WantedImages] = {}
    for want in found:
        key = (want.data, want.cell.label)
        if key not in by_class or (want.decides != [], want.more) > (by_class[key].decides != [], by_class[key].more):
            by_class[key] = want
    lines = sorted(by_class.values(), key=lambda want: (want.decides == [], want.rule != "threshold", -want.more))
    return lines[:MOST_CLASSES], max(0, len(lines) - MOST_CLASSES)


def more_images(cell: MatrixCell, near: float, scale: Scale) -> int:
    """About how many images more bring both bounds of a cell as near to its mean as `near`, a share of the range."""
    assert cell.mean is not None and scale.low is not None and scale.span is not None
    images = cell.n + cell.missing
    needed = images_needed((cell.mean - scale.low) / scale.span, near, scale.confidence)
    found = width(cell, scale)
    if cell.clusters is not None and found is not None:
        needed = max(needed, math.ceil(images * (found / near) ** 2))
    return max(0, needed - images)


def images_needed(share: float, near: float, confidence: float) -> int:
    """The smallest n at which the bounds of a proportion with this value are at most `near` away from it."""
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
