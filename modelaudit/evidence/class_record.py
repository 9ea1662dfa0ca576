"""What fails where in the run record, class by context: matrices, confusions, and the images that are wanted."""

from __future__ import annotations

from typing import Literal

from .nodes import ContextNode, MeasureNode
from .part import Part


class MatrixContext(Part):
    """One column of a matrix: the key of its values, and its contexts; none on original images."""

    key: str
    contexts: list[ContextNode]


class MatrixCell(Part):
    """The images of a label under the context of that number: how many have a value, how many none, and their mean.

    ``lower`` and ``upper`` are one-sided bounds of the mean, each at the matrix's confidence; None if no rule gives
    them. ``few``: a bound is further from the mean than a tenth of the measure's range, or there is none and fewer
    than 29 images. ``clusters``: how many clusters or donors there are, where several images share one, and ``scarce``
    is what is fewest: clusters of the data, donors of backgrounds, or different pictures; none in older records.
    """

    label: str
    context: int
    n: int
    missing: int = 0
    mean: float | None
    lower: float | None = None
    upper: float | None = None
    few: bool = False
    clusters: int | None = None
    scarce: Literal["cluster", "donor", "copies"] | None = None


class MatrixRecord(Part):
    """A measure of a model by label and context: the worst labels, and the worst contexts besides the original.

    ``measure`` is written without context. ``low`` and ``high``: its range. ``stopped``: the audit stopped early, which
    the bounds do not allow for. The rest is counted in ``labels_left_out`` and ``contexts_left_out``.
    """

    data: str
    model: str
    measure: MeasureNode
    low: float | None
    high: float | None
    confidence: float
    contexts: list[MatrixContext]
    cells: list[MatrixCell]
    stopped: bool = False
    labels_left_out: int = 0
    contexts_left_out: int = 0


class WantedImages(Part):
    """A label that needs more images, and the cell that shows it.

    ``rule``: "threshold", where the bounds of the cell contain the threshold of an expectation on this measure and
    context (then ``op`` and ``threshold``), or "width", where a bound is too far from the mean. ``more``: images.
    ``decides``: the undecided expectations with this threshold, which lack images, by name.
    """

    data: str
    model: str
    measure: MeasureNode
    contexts: list[ContextNode]
    cell: MatrixCell
    rule: Literal["threshold", "width"]
    op: Literal["<", "<=", ">", ">="] | None = None
    threshold: float | None = None
    more: int
    decides: list[str] = []


class ConfusionColumn(Part):
    """What the images of a column are called: a class by its name, one of `classes` others, or none of the labels."""

    kind: Literal["class", "others", "none"]
    name: str | None = None
    classes: int = 1


class ConfusionRow(Part):
    """A label: how many of its images have a prediction, and how many have none."""

    label: str
    n: int
    missing: int = 0


class ConfusionCell(Part):
    """How many images of a label are called what the column of that number says, and their share of the row.

    ``lower`` and ``upper`` are one-sided bounds of the share, each at the table's confidence; None if no rule gives
    them. ``right``: the column is the label's own class. ``clusters``: as in a matrix.
    """

    label: str
    column: int
    n: int
    share: float | None
    lower: float | None = None
    upper: float | None = None
    right: bool
    clusters: int | None = None


class ConfusionRecord(Part):
    """What a model calls the original images of each label.

    ``pairs``: there are many labels, and ``cells`` are the most frequent confusions alone; ``pairs_left_out`` are not
    shown. ``stopped``: as in a matrix.
    """

    data: str
    model: str
    confidence: float
    pairs: bool = False
    rows: list[ConfusionRow]
    columns: list[ConfusionColumn]
    cells: list[ConfusionCell]
    pairs_left_out: int = 0
    stopped: bool = False


class ByClass(Part):
    """What fails where, class by context, and the labels that need more images, the worst first.

    ``unread``: columns of a measure that was not known where the record was written. ``confusions``: what each model
    calls the images; empty in older records.
    """

    matrices: list[MatrixRecord]
    wanted: list[WantedImages]
    confusions: list[ConfusionRecord] = []
    matrices_left_out: int = 0
    wanted_left_out: int = 0
    unread: list[str] = []
