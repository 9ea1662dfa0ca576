"""The cells of a matrix: the images of one class under one context, their mean and its bounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..statistics import betting, clopper_pearson
from ..statistics.clusters import LEAST_CLUSTERS, Clusters, cluster_gaffke_lower, clusters_of
from .record import ColumnRecord, MatrixCell, TableRecord

#: of the range of a measure: what a bound may be away from the mean, ten points of a proportion
WIDTH = 0.1
#: with so many images a proportion of 1 is known to that width at a confidence of 0.95: 0.05 ** (1 / 29) = 0.902
LEAST_IMAGES = 29


@dataclass(frozen=True)
class Scale:
    """What a measure's values are, and at which confidence their mean is bounded."""

    kind: Literal["proportion", "mean"]
    low: float | None
    high: float | None
    confidence: float

    @property
    def span(self) -> float | None:
        """The width of the range; None where it has an open end."""
        return None if self.low is None or self.high is None else self.high - self.low


@dataclass(frozen=True)
class Cells:
    """The values [images, contexts] of a table, NaN where there is none, and by [labels, contexts] how many have one,
    and their mean."""

    labels: tuple[str, ...]
    codes: NDArray[np.int64]
    groups: NDArray[np.int64]
    values: NDArray[np.float64]
    sizes: NDArray[np.int64]
    known: NDArray[np.int64]
    means: NDArray[np.float64]

    @classmethod
    def of(cls, table: TableRecord, columns: Sequence[ColumnRecord]) -> Cells:
        labels, codes = np.unique([sample.label for sample in table.samples], return_inverse=True)
        codes = codes.astype(np.int64).reshape(-1)
        names = [sample.group for sample in table.samples]
        numbers = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
        groups = np.array([-1 if name is None else numbers[name] for name in names], dtype=np.int64)
        values = np.array(
            [[np.nan if value is None else value for value in column.values] for column in columns], dtype=np.float64
        ).T
        shape = (len(labels), len(columns))
        known, totals = np.zeros(shape, dtype=np.int64), np.zeros(shape)
        np.add.at(known, codes, ~np.isnan(values))
        np.add.at(totals, codes, np.nan_to_num(values))
        means = np.where(known > 0, totals / np.maximum(known, 1), np.nan)
        sizes = np.bincount(codes, minlength=len(labels))
        return cls(tuple(str(label) for label in labels), codes, groups, values, sizes, known, means)


def cell_of(cells: Cells, label: int, context: int, scale: Scale, number: int) -> MatrixCell:
    """One cell; `number` is its context's in the matrix.

    Missing values stand at the low end for the lower bound and at the high end for the upper one. Where images share
    a group the groups are what is independent, and with fewer than ten of them there is no bound.
    """
    rows = cells.codes == label
    values = cells.values[rows, context]
    missing = int(np.isnan(values).sum())
    clusters = clusters_of([("group", cells.groups[rows])])
    bounds = _bounds(values, scale, clusters)
    mean = float(cells.means[label, context])
    few = values.size < LEAST_IMAGES if bounds is None else width(mean, bounds, scale) > WIDTH
    return MatrixCell(
        label=cells.labels[label],
        context=number,
        n=values.size - missing,
        missing=missing,
        mean=None if np.isnan(mean) else mean,
        lower=None if bounds is None else bounds[0],
        upper=None if bounds is None else bounds[1],
        few=few,
        groups=clusters[0].sizes.size if clusters else None,
    )


def width(mean: float, bounds: tuple[float, float], scale: Scale) -> float:
    """How far the farther bound lies from the mean, as a share of the range; that from an unknown mean is all of it."""
    if np.isnan(mean) or scale.span is None:
        return 1.0
    return max(mean - bounds[0], bounds[1] - mean) / scale.span


def _bounds(values: NDArray[np.float64], scale: Scale, clusters: tuple[Clusters, ...]) -> tuple[float, float] | None:
    if scale.low is None or scale.high is None or (clusters and clusters[0].sizes.size < LEAST_CLUSTERS):
        return None
    unit = (values - scale.low) / (scale.high - scale.low)
    least, most = np.nan_to_num(unit, nan=0.0), np.nan_to_num(unit, nan=1.0)
    if clusters:
        lower = cluster_gaffke_lower(least, clusters[0], scale.confidence)
        upper = 1 - cluster_gaffke_lower(1 - most, clusters[0], scale.confidence)
    elif scale.kind == "proportion":
        lower = clopper_pearson(round(float(least.sum())), values.size, scale.confidence)[0]
        upper = clopper_pearson(round(float(most.sum())), values.size, scale.confidence)[1]
    else:
        lower, upper = betting(least, scale.confidence)[0], betting(most, scale.confidence)[1]
    return tuple(scale.low + (scale.high - scale.low) * bound for bound in (lower, upper))  # type: ignore[return-value]
