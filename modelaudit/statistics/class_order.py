"""Whether a model's answers look as if its classes were named in another order."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[attr-defined]
from scipy.special import gammaln
from scipy.stats import binom  # type: ignore[attr-defined]  # its stubs know no distributions

#: fewer labelled images than this say nothing about an order
LEAST_IMAGES = 20
_LEAST_MOVED = 10
#: the level of each test; over permutations by Bonferroni
_ALPHA = 1e-3
#: the least share of the moved images that another order must explain
_EXPLAINED = 0.6
#: what a label's own class is favoured by, so that no label moves without a reason
_OWN = 0.5


@dataclass(frozen=True)
class ClassOrder:
    """What is odd about the answers of a model.

    Args:
        images: with a label and an answer.
        right: how many answers are right.
        chance: the share that would be right if the answers, as many of each class, were dealt out at random.
        below_chance: whether `right` is far below that (one-sided binomial test at 0.001).
        never: classes of at least 10 images that are never the answer.
        moved: for labels that another order of the classes explains, the class that is answered for each.
        explained: how many answers would be right in that order.
    """

    images: int
    right: int
    chance: float
    below_chance: bool
    never: tuple[int, ...] = ()
    moved: Mapping[int, int] = field(default_factory=dict)
    explained: int = 0


def class_order(labels: Sequence[int], answers: Sequence[int | None]) -> ClassOrder | None:
    """What is odd about a model's answers; None where nothing is, or there are too few images to say.

    Another order is accepted where it explains clearly: of the images of the labels that it moves it makes at least
    60 % right, more than dealing out the same answers would (binomial test at 0.001, over all orders that there are),
    and more than the given order does (sign test at 0.001). A model that always answers at random, or the same, has
    none.

    Args:
        labels: the index of each image's class.
        answers: the predicted class: -1 for outputs that mean no label, None where there is none.

    >>> good, broken = [0] * 15, [1] * 15
    >>> class_order(good + broken, [1] * 14 + [0] * 16).moved
    {0: 1, 1: 0}
    >>> class_order(good + broken, good + broken) is None
    True
    """
    pairs = [(label, answer) for label, answer in zip(labels, answers, strict=True) if answer is not None]
    if len(pairs) < LEAST_IMAGES or len({label for label, _ in pairs}) < 2:
        return None
    rows = sorted({label for label, _ in pairs})
    columns = sorted({*rows, *(answer for _, answer in pairs if answer >= 0)})
    row, column = ({index: place for place, index in enumerate(indices)} for indices in (rows, columns))
    counts, totals = np.zeros((len(rows), len(columns))), np.zeros(len(rows), dtype=np.int64)
    for label, answer in pairs:
        totals[row[label]] += 1
        if answer >= 0:
            counts[row[label], column[answer]] += 1
    own = np.array([column[label] for label in rows])
    return _judged(_Table(counts, totals, own, tuple(rows), tuple(columns)))


@dataclass(frozen=True)
class _Table:
    """Labels by answers; `own` is the column of each label's class, `totals` the images of each label."""

    counts: NDArray[np.float64]
    totals: NDArray[np.int64]
    own: NDArray[np.int64]
    rows: tuple[int, ...]
    columns: tuple[int, ...]

    @property
    def images(self) -> int:
        return int(self.totals.sum())

    def by_chance(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> float:
        """The share of these labels' images that would have these answers if all answers were dealt out at random."""
        answers = self.counts.sum(0)[columns] / self.images
        return float((self.totals[rows] * answers).sum() / self.totals[rows].sum())


def _judged(table: _Table) -> ClassOrder | None:
    every = np.arange(len(table.rows))
    right = int(table.counts[every, table.own].sum())
    chance = table.by_chance(every, table.own)
    below = bool(binom.cdf(right, table.images, chance) <= _ALPHA)
    answered = table.counts.sum(0)[table.own]
    never = tuple(
        row for row, n, total in zip(table.rows, answered, table.totals, strict=True) if not n and total >= _LEAST_MOVED
    )
    moved, gained = _moved(table)
    if not (below or never or moved):
        return None
    return ClassOrder(table.images, right, chance, below, never, moved, right + gained)


def _moved(table: _Table) -> tuple[dict[int, int], int]:
    """The labels that another order moves, each with the class answered for it, and how many more would be right."""
    favoured = table.counts.copy()
    favoured[np.arange(len(table.rows)), table.own] += _OWN
    rows, columns = linear_sum_assignment(favoured, maximize=True)
    elsewhere = columns != table.own[rows]
    rows, columns = rows[elsewhere], columns[elsewhere]
    images = int(table.totals[rows].sum())
    if images < _LEAST_MOVED:
        return {}, 0
    now = int(table.counts[rows, table.own[rows]].sum())
    then = int(table.counts[rows, columns].sum())
    orders = gammaln(len(table.columns) + 1) - gammaln(len(table.columns) - len(rows) + 1)
    better_than_chance = binom.logsf(then - 1, images, table.by_chance(rows, columns)) + orders <= math.log(_ALPHA)
    better_than_given = binom.sf(then - 1, then + now, 0.5) <= _ALPHA
    if then < _EXPLAINED * images or not (better_than_chance and better_than_given):
        return {}, 0
    return {table.rows[row]: table.columns[column] for row, column in zip(rows, columns, strict=True)}, then - now


def reordered(classes: Sequence[str], moved: Mapping[int, int]) -> tuple[str, ...] | None:
    """The class names in the order that explains the answers; None where the moved labels do not trade places.

    >>> reordered(["good", "broken", "bent"], {0: 1, 1: 0})
    ('broken', 'good', 'bent')
    """
    if set(moved) != set(moved.values()):
        return None
    names = list(classes)
    for label, answer in moved.items():
        names[answer] = classes[label]
    return tuple(names)
