"""The cells of a matrix: the images of one class under one context, their mean and its bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..language import registry
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.strata import Stratum
from ..statistics import Clustering, Column, Membership
from ..statistics.bounds import Plan, lower_bound, upper_bound
from ..statistics.clusters import clusterings_of
from ..statistics.columns import Columns
from ..statistics.linear import Linear
from .record import ColumnRecord, MatrixCell, TableRecord

_SCARCE = Literal["cluster", "donor", "copies"]
#: of the range of a measure: what a bound may be away from the mean, ten points of a proportion
WIDTH = 0.1
#: with so many images a proportion of 1 is known to that width at a confidence of 0.95: 0.05 ** (1 / 29) = 0.902
LEAST_IMAGES = 29


@dataclass(frozen=True)
class Scale:
    """A measure, whose range the cells have, and the confidence at which their means are bounded."""

    measure: Measure
    confidence: float

    @cached_property
    def low(self) -> float | None:
        """The lower end of the range; None if it is open."""
        found: float | None = registry.entry_of(self.measure.spec).declares.low
        return found

    @cached_property
    def high(self) -> float | None:
        """The upper end of the range; None if it is open."""
        found: float | None = registry.entry_of(self.measure.spec).declares.high
        return found

    @cached_property
    def better(self) -> str:
        """Which end of the range is wanted, "low" or "high"."""
        return str(registry.entry_of(self.measure.spec).declares.better)

    @property
    def span(self) -> float | None:
        """The width of the range; None if it has an open end."""
        return None if self.low is None or self.high is None else self.high - self.low


@dataclass(frozen=True)
class Cells:
    """The columns of a matrix, and by [labels, contexts] how many images have a value, and their mean.

    ``codes`` [images] are numbers of labels, ``sizes`` [labels] the images of each, ``shared`` what images of each
    context share: groups of the data, and donors.
    """

    labels: tuple[str, ...]
    codes: NDArray[np.int64]
    columns: tuple[ColumnRecord, ...]
    values: NDArray[np.float64]
    shared: tuple[tuple[Clustering, ...], ...]
    sizes: NDArray[np.int64]
    known: NDArray[np.int64]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, table: TableRecord, columns: Sequence[tuple[ColumnRecord, str]]) -> Cells:
        """The cells of some columns of a table, each with the text of its context."""
        labels, codes = np.unique([sample.label for sample in table.samples], return_inverse=True)
        codes = codes.astype(np.int64).reshape(-1)
        values = np.array(
            [[np.nan if value is None else value for value in column.values] for column, _ in columns],
            dtype=np.float64,
        ).T
        known = np.zeros((len(labels), len(columns)), dtype=np.int64)
        totals = np.zeros(known.shape)
        np.add.at(known, codes, ~np.isnan(values))
        np.add.at(totals, codes, np.nan_to_num(values))
        means = np.where(known > 0, totals / np.maximum(known, 1), np.nan)
        return cls(
            tuple(str(label) for label in labels),
            codes,
            tuple(column for column, _ in columns),
            values,
            tuple(
                clusterings_of(table.samples, table.donors.get(f"{column.model}|{context}", ()))
                for column, context in columns
            ),
            np.bincount(codes, minlength=len(labels)),
            known,
            means,
        )


@dataclass(frozen=True)
class _Images:
    """The images of one cell, as the statistics read a table."""

    values: Column
    shared: tuple[Clustering, ...]

    def column(self, measure: Measure) -> Column:
        return self.values

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """All of them: the images are of one class already."""
        inside = np.ones(self.values.values.shape, dtype=bool)
        return Membership(inside, ~inside)

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return self.shared

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        """None: they are not divided any further."""
        return ()


def cell_of(cells: Cells, label: int, context: int, scale: Scale, number: int) -> MatrixCell:
    """One cell; `number` is its context's in the matrix.

    The bounds are those that would decide an expectation on the mean of these images: Clopper and Pearson's of a
    proportion, Gaffke's bound of a mean, over clusters where images share a cluster or
    a donor. Missing values stand at their worst and at their best end.
    """
    column = cells.columns[context]
    asked = cells.codes == label
    asked[[at for at, reason in column.missing.items() if reason == Missing.NO_OBJECT]] = False
    rows = np.flatnonzero(asked)
    if not len(rows):
        return MatrixCell(label=cells.labels[label], context=number, n=0, mean=None)
    values = cells.values[rows, context]
    missing = {at: Missing(column.missing[row]) for at, row in enumerate(rows.tolist()) if row in column.missing}
    shared = tuple(Clustering(one.name, one.codes[rows]) for one in cells.shared[context])
    of_images = Column(values, missing, column.scale, scale.low, scale.high)
    lower, upper, clusters = bounds_of(of_images, shared, scale.measure, scale.confidence)
    found = MatrixCell(
        label=cells.labels[label],
        context=number,
        n=len(rows) - len(missing),
        missing=len(missing),
        mean=None if np.isnan(cells.means[label, context]) else float(cells.means[label, context]),
        lower=lower,
        upper=upper,
        clusters=clusters,
        scarce=None if clusters is None else _scarcest(shared),
    )
    away = width(found, scale)
    return found.model_copy(update={"few": len(rows) < LEAST_IMAGES if away is None else away > WIDTH})


def _scarcest(shared: Sequence[Clustering]) -> _SCARCE | None:
    """What images share of which there are fewest, where several images share one."""
    sizes: dict[str, int] = {}
    for one in shared:
        different = np.unique(one.codes[one.codes >= 0]).size + int(
            np.sum(one.codes < 0)
        )  # an image with none is alone
        if different < one.codes.size:
            sizes[one.name] = different
    fewest = min(sizes, key=lambda name: sizes[name], default=None)
    return next((name for name in get_args(_SCARCE) if name == fewest), None)


def bounds_of(
    values: Column, shared: tuple[Clustering, ...], measure: Measure, confidence: float
) -> tuple[float | None, float | None, int | None]:
    """The one-sided bounds of the mean of some images, None if no rule gives them; and how many clusters they are,
    where several of them share one.

    Args:
        measure: the name of what the values are.
    """
    read, form, plan = Columns(_Images(values, shared)), Linear(terms={measure: 1.0}), Plan(confidence)
    lower, upper = (float(side(form, read, plan).value) for side in (lower_bound, upper_bound))
    together = read.clusters(form.terms, np.ones(values.values.size, dtype=bool))
    clusters = min((one.sizes.size for one in together), default=None)
    bounded = math.isfinite(lower) and math.isfinite(upper)
    return (lower, upper, clusters) if bounded else (None, None, clusters)


def width(cell: MatrixCell, scale: Scale) -> float | None:
    """The distance of the farther bound from the mean, as a share of the range; None if one of these is missing."""
    if cell.mean is None or cell.lower is None or cell.upper is None or scale.span is None:
        return None
    return max(cell.mean - cell.lower, cell.upper - cell.mean) / scale.span
