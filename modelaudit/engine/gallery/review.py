"""The images of a case that people review: a third each the worst, newly wrong ones and random ones.

An image is newly wrong where its answer is right on the original and wrong under a change that the case makes. Which
ones are drawn depends on the seed and the ids alone, so that one more image moves few of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...language.draws import order
from ...language.spec import Context
from ..measurement.value_table import ValueTable
from ..planning.plan import PlannedCase, accuracy_column
from .candidates import Kept, clear_first
from .picture_asks import PictureAsk

ReviewRank = Literal["worst", "newly_wrong", "random"]
_DRAW, _DRAW_OF_VIEW = "review", "what is shown for review"


class ReviewChoice(NamedTuple):
    """An image to review: its position in the group, its value, and the pictures that are shown of it."""

    rank: ReviewRank
    position: int
    value: float
    pictures: tuple[PictureAsk, ...]


class ReviewCandidates:
    """Keeps the images of one case that may be reviewed.

    Args:
        views: the pictures that can be shown of an image, of which one is drawn; see :func:`views_of`.
        count: images to review.
    """

    def __init__(self, case: PlannedCase, views: Sequence[tuple[PictureAsk, ...]], count: int, seed: int) -> None:
        self.case, self._views, self._count, self._seed = case, views, count, seed
        self._sign = 1.0 if case.asked.expectation.wants_low else -1.0
        worst = -(-count // 3)
        newly = -(-(count - worst) // 2)
        self._parts = (worst, newly)
        self._worst = Kept(worst, -1.0)
        self._newly = Kept(worst + newly, 0.0)  # the worst may be among them
        self._random = Kept(count + worst + newly, 0.0)  # all of the others may be
        self._known: dict[int, tuple[str, float, int]] = {}
        self._places = tuple(dict.fromkeys(map(_place, views)))

    def offer(
        self,
        positions: NDArray[np.intp],
        values: NDArray[np.float64],
        orders: NDArray[np.uint64],
        areas: NDArray[np.float64],
        names: Sequence[str],
        table: ValueTable,
    ) -> None:
        """Consider images with defined values, as :meth:`.candidates.CaseCandidates.offer` does.

        Args:
            names: their ids.
            table: where it stands which answers are right.
        """
        badness = self._sign * values
        draws = np.array([order(self._seed, name, _DRAW) for name in names], dtype=np.uint64)
        wrong = self._newly_wrong(table, positions)
        newly = np.flatnonzero(wrong >= 0)
        self._worst = self._worst.with_(positions, badness, clear_first(orders, areas))
        self._newly = self._newly.with_(positions[newly], badness[newly], draws[newly])
        self._random = self._random.with_(positions, badness, draws)
        for at, name, value, place in zip(positions.tolist(), names, values.tolist(), wrong.tolist(), strict=True):
            self._known[at] = (name, value, place)
        kept = self.kept
        self._known = {at: one for at, one in self._known.items() if at in kept}

    @property
    def kept(self) -> set[int]:
        """The images that may still be reviewed."""
        return {int(at) for one in (self._worst, self._newly, self._random) for at in one.positions}

    def pictures(self, at: int) -> tuple[PictureAsk, ...]:
        """What is shown of a kept image: where it is newly wrong, the change that made it so."""
        name, _, wrong = self._known[at]
        views = self._views if wrong < 0 else [view for view in self._views if _place(view) == self._places[wrong]]
        return views[order(self._seed, name, _DRAW_OF_VIEW) % len(views)]

    def chosen(self) -> list[ReviewChoice]:
        """The images to review; none twice."""
        chosen: dict[int, ReviewRank] = {}
        worst, newly = self._parts
        wanted: tuple[tuple[ReviewRank, Kept, int], ...] = (
            ("worst", self._worst, worst),
            ("newly_wrong", self._newly, newly),
            ("random", self._random, self._count),
        )
        for rank, kept, most in wanted:
            new = [at for at in kept.positions.tolist() if at not in chosen]
            chosen.update(dict.fromkeys(new[: min(most, self._count - len(chosen))], rank))
        return [ReviewChoice(rank, at, self._known[at][1], self.pictures(at)) for at, rank in chosen.items()]

    def _newly_wrong(self, table: ValueTable, at: NDArray[np.intp]) -> NDArray[np.intp]:
        """[n]: the first (model, context) under which an image is wrong that is right on the original; -1 for none."""
        found = np.full(len(at), -1, dtype=np.intp)
        for number, (model, context) in enumerate(self._places):  # on the original nothing is newly wrong
            original = table.columns.get((model, accuracy_column(None).key))
            changed = table.columns.get((model, accuracy_column(context).key))
            if original is not None and changed is not None:
                now = (original.values[at] == 1) & (changed.values[at] == 0)
                found[now & (found < 0)] = number
        return found


def _place(view: tuple[PictureAsk, ...]) -> tuple[str, Context]:
    """The model and the context of what is shown."""
    return view[-1].model, view[-1].context
