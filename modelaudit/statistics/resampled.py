"""Audits drawn from the images of another one, in memory: images with replacement, or whole clusters of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Measure
from ..language.strata import Stratum
from .values import Clustering, Column, Membership, Table


@dataclass(frozen=True)
class Draw:
    """Which images an audit holds, ``at`` [n], and how often each (or its cluster) was drawn before, ``copy`` [n].

    Two copies of a cluster are two clusters; what the first copies share with each other the second ones share too.
    """

    at: NDArray[np.intp]
    copy: NDArray[np.int64]


def draws(codes: NDArray[np.int64], images: int, count: int, generator: np.random.Generator) -> Iterator[Draw]:
    """So many audits of `images` images each.

    Args:
        codes: [m] the cluster of each image there is, -1 for one on its own (:func:`drawn_by`).
    """
    alone = np.arange(codes.size) + codes.max(initial=-1) + 1
    units = np.unique(np.where(codes < 0, alone, codes), return_inverse=True)[1]
    order = np.argsort(units, kind="stable")
    sizes = np.bincount(units)
    firsts = np.append(0, np.cumsum(sizes)[:-1])
    for _ in range(count):
        yield _draw(order, firsts, sizes, images, generator)


def drawn_by(table: Table, measures: Sequence[Measure], images: int) -> NDArray[np.int64]:
    """[images] the clusters that are drawn as a whole: clusters of the data, else what shares donors, else none."""
    found = [one for measure in measures for one in table.clusterings(measure)]
    found.sort(key=lambda one: one.name != "cluster")
    return found[0].codes if found else np.full(images, -1, dtype=np.int64)


class Resampled:
    """A table of drawn images.

    Args:
        table: of the images that are drawn from; what was read of it once is kept in `read`, for the next draw.
    """

    def __init__(self, table: Table, draw: Draw, read: dict[object, object] | None = None) -> None:
        self._table, self._draw = table, draw
        self._read: dict[object, object] = {} if read is None else read

    def column(self, measure: Measure) -> Column:
        """The values of the drawn images."""
        bare = replace(measure, stratum=None)
        whole = self._read.get(("column", bare))
        if not isinstance(whole, Column):
            whole = self._read["column", bare] = self._table.column(measure)
        values, missing = whole.values[self._draw.at], whole.missing
        gone = np.flatnonzero(np.isnan(values)).tolist() if missing else []
        return replace(whole, values=values, missing={new: missing[int(self._draw.at[new])] for new in gone})

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """The strata of the drawn images."""
        key = ("members", stratum, model)
        whole = self._read.get(key)
        if not isinstance(whole, Membership):
            whole = self._read[key] = self._table.members(stratum, model)
        return Membership(whole.inside[self._draw.at], whole.unknown[self._draw.at])

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """What the drawn images share."""
        key = ("clusterings", measure.model, measure.context)
        whole = self._read.get(key)
        if not isinstance(whole, tuple):
            whole = self._read[key] = self._table.clusterings(measure)
        return tuple(Clustering(one.name, self._codes(one.codes)) for one in whole)

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        """As in the whole table."""
        return self._table.strata_by(by)

    def _codes(self, codes: NDArray[np.int64]) -> NDArray[np.int64]:
        drawn = codes[self._draw.at]
        return np.where(drawn < 0, -1, drawn + self._draw.copy * (int(codes.max(initial=0)) + 1))


def _draw(
    order: NDArray[np.intp],
    firsts: NDArray[np.intp],
    sizes: NDArray[np.intp],
    images: int,
    generator: np.random.Generator,
) -> Draw:
    """Units until there are enough images; the last one is cut."""
    several = max(1, int(np.ceil(images * len(sizes) / sizes.sum())))
    units = generator.integers(len(sizes), size=several)
    while sizes[units].sum() < images:
        units = np.append(units, generator.integers(len(sizes), size=several))
    copies, lengths = _copies(units), sizes[units]
    begins = np.repeat(np.append(0, np.cumsum(lengths)[:-1]), lengths)
    within = np.arange(lengths.sum()) - begins
    at = order[np.repeat(firsts[units], lengths) + within]
    return Draw(at[:images], np.repeat(copies, lengths)[:images])


def _copies(units: NDArray[np.int64]) -> NDArray[np.int64]:
    """How often the same unit stands before each one."""
    order = np.argsort(units, kind="stable")
    sorted_units = units[order]
    begins = np.flatnonzero(np.append(True, sorted_units[1:] != sorted_units[:-1]))
    ranks = np.arange(units.size) - np.repeat(begins, np.diff(np.append(begins, units.size)))
    copies = np.empty(units.size, dtype=np.int64)
    copies[order] = ranks
    return copies
