"""Bins of scores with fixed edges: counts are all that is kept of the past."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..language.errors import DataError

_BODY = 200
#: edges of a tail, and how much farther each lies from the body than the one before it
_TAIL, _GROWTH, _FIRST = 40, 1.2, 0.02


@dataclass(frozen=True)
class Bins:
    """Intervals of scores: bin k holds ``edges[k-1] <= score < edges[k]``, the first and the last are open.

    The edges are fixed before the first score that is counted. A binned score is itself a score, so conformal p-values
    of binned scores are exact.
    """

    edges: tuple[float, ...]

    @property
    def count(self) -> int:
        """The number of bins."""
        return len(self.edges) + 1

    def index(self, score: float) -> int:
        """The bin of a score.

        Raises:
            DataError: the score is not a number.
        """
        if score != score:
            raise DataError("a score must be a number, got nan: the model or the image gives no finite features")
        return bisect.bisect_right(self.edges, score)

    def counts(self, scores: Iterable[float]) -> NDArray[np.int64]:
        """[bins]: how many scores each bin holds."""
        found = np.zeros(self.count, dtype=np.int64)
        for score in scores:
            found[self.index(score)] += 1
        return found

    @classmethod
    def of(cls, scores: ArrayLike) -> Bins:
        """200 bins between quantiles of the scores that the score function was fitted to, and geometric tails.

        The tails begin at the smallest and the largest score and reach about 150 times the range of the scores beyond
        them: scores unlike all that were fitted still differ from each other.

        Raises:
            DataError: no scores, or one that is not finite.
        """
        values = np.asarray(scores, dtype=np.float64).ravel()
        if not values.size or not np.isfinite(values).all():
            raise DataError(
                f"bins need finite scores, got {values.size}, {int((~np.isfinite(values)).sum())} not finite"
            )
        body = np.quantile(values, np.linspace(0.0, 1.0, _BODY + 1))
        low, high = float(body[0]), float(body[-1])
        step = _FIRST * (high - low or abs(high) or 1.0)
        tail = step * (_GROWTH ** np.arange(1, _TAIL + 1) - 1) / (_GROWTH - 1)
        edges = np.unique(np.concatenate([low - tail, body, high + tail]))
        return cls(tuple(edges.tolist()))

    @classmethod
    def of_positions(cls, count: int) -> Bins:
        """One bin for each of the whole numbers 0 to `count` - 1: positions in a fixed order, such as classes."""
        return cls(tuple(k + 0.5 for k in range(count - 1)))
