"""The columns of an expression: read from the table, checked, limited to their stratum, missing values completed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..language.audit import Claim
from ..language.errors import DataError
from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.strata import Correct, Misclassified, strata_of
from .clusters import Clusters, clusters_of
from .linear import Linear
from .sequences import first_of_each
from .values import Clustering, Column, ColumnTable, Membership
from .verdict import Counts

#: by_reason key of images whose stratum is undetermined
UNKNOWN_STRATUM = "unknown_stratum"
_ROUNDING = 1e-6


@dataclass(frozen=True)
class MeasureColumn:
    """One measure over all samples, with its stratum.

    ``without_object``: images that would be in the stratum but are declared to have no object. ``unpaired``: further
    ones, which a baseline lacks.
    """

    column: Column
    inside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]
    group: Hashable
    without_object: NDArray[np.bool_]
    unpaired: NDArray[np.bool_]

    @property
    def asked(self) -> NDArray[np.bool_]:
        """[n] bool: in the stratum, or perhaps in it."""
        return self.inside | self.unknown

    @property
    def known(self) -> NDArray[np.bool_]:
        """[n] bool: surely in the stratum, and measured."""
        return self.inside & ~self.unknown & ~np.isnan(self.column.values)


@dataclass
class Columns:
    """The columns of an expression, each read once.

    With `complete_only` the images with a missing value are left out: what would be decided without them. ``partial``:
    more images may come, of groups too that none has been of yet. ``claim="these_clusters"``: of what images share only
    that they are copies of one picture counts.
    """

    table: ColumnTable
    complete_only: bool = False
    _read: dict[Measure, MeasureColumn] = field(default_factory=dict)
    _taken: dict[tuple[frozenset[Measure], int], NDArray[np.bool_]] = field(default_factory=dict)
    partial: bool = False
    _clusters: dict[tuple[frozenset[Measure], int], tuple[Clusters, ...]] = field(default_factory=dict)
    claim: Claim | None = None

    def __getitem__(self, measure: Measure) -> MeasureColumn:
        if measure not in self._read:
            self._read[measure] = _measure_column(self.table, measure)
        return self._read[measure]

    def clusterings(self, measures: Iterable[Measure]) -> list[Clustering]:
        """The clusterings of these measures that the claim takes into account."""
        every = [one for measure in measures for one in self.table.clusterings(measure)]
        return [one for one in every if self.claim is None or one.name == "copies"]

    def taken(self, measures: Iterable[Measure], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[asked.sum()] bool: the images that a sequence takes: neither copies of others nor with their donors."""
        key = (frozenset(measures), int(asked.sum()))
        if key not in self._taken:
            shared = [one.codes for one in self.clusterings(key[0]) if one.name in ("donor", "copies")]
            self._taken[key] = first_of_each(shared, asked)[asked]
        return self._taken[key]

    def clusters(self, measures: Iterable[Measure], asked: NDArray[np.bool_]) -> tuple[Clusters, ...]:
        """The clusters among the images asked for; empty where all are independent."""
        key = (frozenset(measures), int(asked.sum()))
        if key not in self._clusters:
            shared = [(one.name, one.codes[asked]) for one in self.clusterings(key[0])]
            self._clusters[key] = clusters_of(sorted(shared, key=lambda one: (one[0], one[1].tobytes())))
        return self._clusters[key]

    def without_missing(self) -> Columns:
        """The same columns, over complete images only."""
        return Columns(self.table, True, self._read, partial=self.partial, claim=self.claim)

    def without_object(self) -> int:
        """How many images would belong to what was read but are declared to have no object."""
        left = [read.without_object for read in self._read.values()]
        return int(np.logical_or.reduce(left).sum()) if left else 0

    def unpaired(self) -> int:
        """How many images would belong to what was read but are lacking in a baseline, as declared."""
        left = [read.unpaired for read in self._read.values()]
        return int(np.logical_or.reduce(left).sum()) if left else 0

    def one_group(self, measures: Iterable[Measure]) -> bool:
        """True where all measures are over the same stratum, so that their values pair up image by image."""
        return len({self[measure].group for measure in measures}) <= 1

    def known(self, measures: Iterable[Measure]) -> NDArray[np.bool_]:
        """[n] bool: the images on which every one of the measures (of one group) has its value."""
        known: NDArray[np.bool_] = np.logical_and.reduce([self[measure].known for measure in measures])
        return known


@dataclass(frozen=True)
class Completed:
    """A linear form, image by image, with missing values at the end that makes it lowest.

    ``values`` is None where a value of a measure without a range is missing. ``low``, ``high`` are the form's range.
    ``asked``: over all images, which these are.
    """

    values: NDArray[np.float64] | None
    low: float
    high: float
    n: int
    asked: NDArray[np.bool_]


def complete_at_worst(form: Linear, columns: Columns) -> Completed:
    """The form over the images of its stratum, every missing value at its worst end for a lower bound."""
    measures = list(form.terms)
    asked = columns.known(measures) if columns.complete_only else columns[measures[0]].asked
    low, high = form.constant, form.constant
    total: NDArray[np.float64] | None = np.full(int(asked.sum()), form.constant)
    for measure, coefficient in form.terms.items():
        ends = _ends(columns[measure].column, coefficient)
        low, high = low + ends[0], high + ends[1]
        column = np.where(columns[measure].unknown, np.nan, columns[measure].column.values)[asked]
        missing = np.isnan(column)
        if total is None or (missing.any() and not np.isfinite(ends).all()):
            total = None
        else:
            total = total + np.where(missing, ends[0], coefficient * column)
    return Completed(total, low, high, int(asked.sum()), asked)


def estimate(form: Linear, columns: Columns, measures: Iterable[Measure]) -> float | None:
    """The form's mean over the images on which all of `measures` are known; None where there is none."""
    if not form.terms:
        return form.constant
    known = columns.known(measures)
    if not known.any():
        return None
    total = np.full(int(known.sum()), form.constant)
    for measure, coefficient in form.terms.items():
        total += coefficient * columns[measure].column.values[known]
    return math.fsum(total) / total.size  # as the exact bounds are summed, so that they equal it


def counts(measures: Iterable[Measure], columns: Columns) -> Counts:
    """asked = measured + undefined + errored; an image counts once, by its worst value."""
    worst: dict[int, tuple[int, str]] = {}
    asked: set[int] = set()
    for measure in dict.fromkeys(measures):
        read = columns[measure]
        asked.update(np.flatnonzero(read.asked).tolist())
        for index in np.flatnonzero(read.asked & ~read.known).tolist():
            reason = read.column.missing.get(index)
            found = (2, UNKNOWN_STRATUM) if reason is None else (2 if reason.errored else 1, reason.value)
            if found[0] > worst.get(index, (0, ""))[0]:
                worst[index] = found
    errored = sum(rank == 2 for rank, _ in worst.values())
    by_reason = Counter(reason for _, reason in worst.values())
    return Counts(
        len(asked),
        len(asked) - len(worst),
        len(worst) - errored,
        errored,
        dict(sorted(by_reason.items())),
        columns.without_object(),
        columns.unpaired(),
    )


def mostly_invalid(found: Counts) -> bool:
    """True where most missing images are `attribution_invalid`."""
    return 2 * found.by_reason.get(Missing.ATTRIBUTION_INVALID.value, 0) > found.asked - found.measured


def _ends(column: Column, coefficient: float) -> tuple[float, float]:
    low = -np.inf if column.low is None else column.low
    high = np.inf if column.high is None else column.high
    return (coefficient * low, coefficient * high) if coefficient > 0 else (coefficient * high, coefficient * low)


def _measure_column(table: ColumnTable, measure: Measure) -> MeasureColumn:
    column = _checked(table.column(measure), measure)
    n = column.values.size
    applicable = np.ones(n, bool) if column.applicable is None else column.applicable
    unpaired = np.zeros(n, bool) if column.unpaired is None else column.unpaired
    if measure.stratum is None:
        return MeasureColumn(column, applicable, np.zeros(n, bool), None, ~applicable & ~unpaired, unpaired)
    members: Membership = table.members(measure.stratum, measure.model)
    if members.inside.shape != (n,) or members.unknown.shape != (n,):
        raise DataError(f"'{measure}': {n} values, but a stratum of {members.inside.size} samples")
    follows_model = any(isinstance(part, Correct | Misclassified) for part in strata_of(measure.stratum))
    by_model = measure.model if follows_model else None
    inside, unknown = members.inside & applicable, members.unknown & applicable
    group = (str(measure.stratum), by_model, inside.tobytes(), unknown.tobytes())
    left = (members.inside | members.unknown) & ~applicable
    return MeasureColumn(column, inside, unknown, group, left & ~unpaired, left & unpaired)


def _checked(column: Column, measure: Measure) -> Column:
    """The column, clipped to its range by rounding errors only.

    Raises:
        DataError: a value that its own declaration excludes; it would make every bound meaningless.
    """
    values, low, high = column.values, column.low, column.high
    nan = np.isnan(values)
    named = np.zeros(values.shape, bool)
    named[list(column.missing)] = True
    if (nan != named).any():
        index = int(np.flatnonzero(nan != named)[0])
        raise DataError(
            f"'{measure}': sample {index} is {values[index]}, but its missing reason is "
            f"{column.missing.get(index)}; a value is NaN exactly where a reason is given"
        )
    there = values[~nan]
    if column.scale == "proportion" and not np.isin(there, (0.0, 1.0)).all():
        raise DataError(
            f"'{measure}' is declared a proportion, but has the value "
            f"{there[~np.isin(there, (0.0, 1.0))][0]}; declare it with scale='mean'"
        )
    slack = _ROUNDING * max(1.0, abs(low or 0.0), abs(high or 0.0))
    below, above = -np.inf if low is None else low, np.inf if high is None else high
    outside = ~np.isfinite(there) | (there < below - slack) | (there > above + slack)
    if outside.any():
        raise DataError(
            f"'{measure}' has the value {there[outside][0]} outside its declared range "
            f"[{below}, {above}]; correct the range or mark the value as missing"
        )
    return replace(column, values=np.clip(values, below, above))
