"""Per-image values, as the decision reads them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Measure
from ..language.reasons import Missing
from ..language.strata import Stratum


@dataclass(frozen=True)
class Column:
    """One measure of one model under one context by one method, over all samples asked for.

    Args:
        values: [n] float64; NaN exactly where `missing` names a reason.
        missing: the reason by position.
        scale: "proportion" (every value 0 or 1) or "mean".
        low, high: the measure's range; None where it has no bound.
        applicable: [n] bool: the images that the expression is about; the others are declared to have no object, and a
            term of the expression needs one, or they are `unpaired`. None: all of them.
        unpaired: [n] bool: those that leave the expression since a baseline that it reads lacks them. None: none.
    """

    values: NDArray[np.float64]
    missing: Mapping[int, Missing]
    scale: Literal["proportion", "mean"]
    low: float | None
    high: float | None
    applicable: NDArray[np.bool_] | None = None
    unpaired: NDArray[np.bool_] | None = None


def unpaired_rows(missing: Iterable[Mapping[int, Missing]], count: int) -> NDArray[np.bool_] | None:
    """[count] bool: the images that one of these columns leaves out; None where there are none."""
    rows = {at for column in missing for at, reason in column.items() if reason is Missing.UNPAIRED}
    if not rows:
        return None
    found = np.zeros(count, dtype=bool)
    found[list(rows)] = True
    return found


@dataclass(frozen=True)
class Membership:
    """The samples in a stratum: [n] bool each. `unknown` where it is undetermined (an unreadable image, say)."""

    inside: NDArray[np.bool_]
    unknown: NDArray[np.bool_]


@dataclass(frozen=True)
class Clustering:
    """Which images are not independent of each other: those of one code. [n] int64; -1 is an image on its own.

    ``name``: what they share, "cluster" (of the data), "donor" (of their backgrounds) or "copies" (one picture).
    """

    name: str
    codes: NDArray[np.int64]


class ColumnTable(Protocol):
    """Where the decision finds its values. Every column and membership has one entry a sample, in one order."""

    def column(self, measure: Measure) -> Column:
        """The column of a measure with exactly one method (or none); its stratum is not applied yet."""
        ...

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """The samples of a stratum, judged by that model."""
        ...

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """What images share that makes a measure's values depend on each other: clusters, donors, copies."""
        ...

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        """The strata that "label", "group" or a column of the manifest divides the samples into."""
        ...
