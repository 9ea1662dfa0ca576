"""The few images that a case keeps for people to look at: worst, typical and best for its expectation.

They are chosen while the values come in, so that only they need to be drawn and memory does not grow with the data.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..planning.plan import PlannedCase

WORST, TYPICAL, BEST = 3, 2, 2
_TYPICAL_POOL = 16
#: shares of an image that its object may take so that both it and its surroundings are seen
_CLEAR = (0.02, 0.7)
Rank = Literal["worst", "typical", "best"]


class GalleryChoice(NamedTuple):
    """An image to show: its position in the group, and its value."""

    rank: Rank
    position: int
    value: float


@dataclass(frozen=True)
class Kept:
    """The first `size` of all offered images by (sign * badness, order)."""

    size: int
    sign: float
    positions: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, dtype=np.intp))
    badness: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    orders: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, dtype=np.uint64))

    def with_(self, positions: NDArray[np.intp], badness: NDArray[np.float64], orders: NDArray[np.uint64]) -> Kept:
        positions = np.concatenate([self.positions, positions])
        badness, orders = np.concatenate([self.badness, badness]), np.concatenate([self.orders, orders])
        first = np.lexsort((orders, self.sign * badness))[: self.size]
        return Kept(self.size, self.sign, positions[first], badness[first], orders[first])


class CaseCandidates:
    """Keeps the images of one case; ties are broken by a hash of the id, not by the place in the data.

    Where many are equally bad, as of answers that are right or wrong, an image that shows an object and its
    surroundings comes before one that is nearly all of one of them.
    """

    def __init__(self, case: PlannedCase) -> None:
        self.case = case
        self._sign = 1.0 if case.asked.expectation.wants_low else -1.0
        self._worst = Kept(WORST, -1.0)
        self._best = Kept(WORST + BEST, 1.0)  # where all are equal, the worst are among them
        self._typical = Kept(_TYPICAL_POOL, 0.0)
        self._values: list[NDArray[np.float64]] = []

    def offer(
        self,
        positions: NDArray[np.intp],
        values: NDArray[np.float64],
        orders: NDArray[np.uint64],
        areas: NDArray[np.float64] | None = None,
    ) -> None:
        """Consider images with defined values.

        Args:
            orders: as :func:`orders_of` gives them.
            areas: the object's share of each image, NaN where it is not known.
        """
        if not len(values):
            return
        badness = self._sign * values
        self._values.append(values)
        clear = orders if areas is None else clear_first(orders, areas)
        self._worst = self._worst.with_(positions, badness, clear)
        self._best = self._best.with_(positions, badness, clear)
        self._typical = self._typical.with_(positions, badness, orders)

    @property
    def kept(self) -> set[int]:
        """The images that may still be shown."""
        return {int(at) for one in (self._worst, self._best, self._typical) for at in one.positions}

    def chosen(self) -> list[GalleryChoice]:
        """The images to show, worst first; none twice."""
        if not self._values:
            return []
        chosen: dict[int, tuple[Rank, float, int]] = {}

        def take(rank: Rank, kept: Kept, order: Iterable[int], count: int) -> None:
            new = [row for row in order if int(kept.positions[row]) not in chosen][:count]
            for row in new:
                chosen[int(kept.positions[row])] = (rank, float(kept.badness[row]), int(kept.orders[row]))

        take("worst", self._worst, range(len(self._worst.positions)), WORST)
        take("best", self._best, range(len(self._best.positions)), BEST)
        middle = self._sign * float(np.median(np.concatenate(self._values)))
        near = np.lexsort((self._typical.orders, np.abs(self._typical.badness - middle)))
        take("typical", self._typical, near.tolist(), TYPICAL)
        ranks: dict[Rank, int] = {"worst": 0, "typical": 1, "best": 2}
        ordered = sorted(chosen.items(), key=lambda one: (ranks[one[1][0]], -one[1][1], one[1][2]))
        return [GalleryChoice(rank, at, self._sign * badness) for at, (rank, badness, _) in ordered]


def clear_first(orders: NDArray[np.uint64], areas: NDArray[np.float64]) -> NDArray[np.uint64]:
    """The same order within clear images and within the others, which come later."""
    unclear = (areas < _CLEAR[0]) | (areas > _CLEAR[1])
    return (orders >> np.uint64(1)) | (unclear.astype(np.uint64) << np.uint64(63))
