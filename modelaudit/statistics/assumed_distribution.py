"""Distributions of per-image values that a plan assumes to be true."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Expectation
from .columns import Columns
from .linear import Linear, Ratio
from .search import find_root

Values = NDArray[np.float64]
Kind = Literal["proportion", "difference", "mean"]
#: distinct values of a mean that are kept; more are joined to their means
_MOST_VALUES = 512


@dataclass(frozen=True, eq=False)
class Distribution:
    """The distribution of the oriented left side over images.

    Args:
        kind: which rule decides: of one proportion, of a difference of two on the same images, or of a mean.
        values, weights: [m] each; weights sum to 1. A proportion has two values, a difference three, in rising order.
        low, high: the range of the form; infinite where a measure has none.
    """

    kind: Kind
    values: Values
    weights: Values
    low: float
    high: float

    @property
    def mean(self) -> float:
        """The true value of the left side, less its threshold."""
        return float(self.values @ self.weights)

    @property
    def deviation(self) -> float:
        """The standard deviation from image to image."""
        return math.sqrt(max(0.0, float((self.values - self.mean) ** 2 @ self.weights)))

    @cached_property
    def joined(self) -> tuple[Values, Values]:
        """At most 512 values and their weights: neighbours are joined to their mean, the ends of the range stay."""
        values, inverse = np.unique(self.values, return_inverse=True)
        weights: Values = np.bincount(inverse, self.weights).astype(np.float64)
        if values.size <= _MOST_VALUES:
            return values, weights
        bins = np.minimum((np.cumsum(weights) * _MOST_VALUES).astype(int), _MOST_VALUES - 1)
        bins[0], bins[-1] = -1, _MOST_VALUES
        _, bins = np.unique(bins, return_inverse=True)
        whole: Values = np.bincount(bins, weights).astype(np.float64)
        sums: Values = np.bincount(bins, weights * values).astype(np.float64)
        return sums / whole, whole


def proportion_distribution(form: Linear, share: float) -> Distribution:
    """A proportion: that share of images at the upper one of its two values."""
    (coefficient,) = form.terms.values()
    low, high = sorted((form.constant, form.constant + coefficient))
    return Distribution("proportion", np.array([low, high]), np.array([1 - share, share]), low, high)


def difference_distribution(form: Linear, losses: float, gains: float) -> Distribution:
    """A difference of proportions with these shares of images below and above the middle."""
    size = abs(next(iter(form.terms.values())))
    values = form.constant + size * np.array([-1.0, 0.0, 1.0])
    return Distribution("difference", values, np.array([losses, 1 - losses - gains, gains]), values[0], values[2])


def shifted(values: Values, target: float, low: float, high: float) -> Values | None:
    """Values, all moved by one amount and cut at the ends, with this mean; None where the ends do not reach it."""
    if not low <= target <= high:
        return None
    if not math.isfinite(high - low):
        return values + (target - float(values.mean()))
    span = high - low
    if not low + 1e-12 * span < target < high - 1e-12 * span:
        return np.full(values.size, target)
    shift = find_root(lambda by: float(np.mean(np.clip(values + by, low, high))) - target, -span, span)
    return np.clip(values + shift, low, high)


@dataclass(frozen=True, eq=False)
class PilotValues:
    """The oriented left side on a pilot's images, missing values at their worst end, and its range."""

    values: Values
    known: NDArray[np.bool_]
    low: float
    high: float

    def distribution(self, kind: Kind, form: Linear, target: float) -> Distribution | None:
        """The same with the mean `target` over the known images; None where the range does not reach it."""
        known, missing = self.values[self.known], self.values[~self.known]
        there = known.size / self.values.size
        if kind == "mean":
            found = shifted(known, target, self.low, self.high)
            return None if found is None else self.with_missing(found, np.full(found.size, 1 / found.size))
        size = abs(next(iter(form.terms.values())))
        if kind == "proportion":
            share = (target - self.low) / (self.high - self.low)
            return proportion_distribution(form, there * share) if -1e-9 <= share <= 1 + 1e-9 else None
        difference = (target - form.constant) / size
        differing = max(abs(difference), float(np.mean(np.abs(known - form.constant) > size / 2)))
        if differing > 1 + 1e-9:
            return None
        shares = [there * (differing + sign * difference) / 2 for sign in (-1, 1)]
        lost = [float(np.sum(sign * (missing - form.constant) > size / 2)) / self.values.size for sign in (-1, 1)]
        return difference_distribution(form, shares[0] + lost[0], shares[1] + lost[1])

    def with_missing(self, values: Values, weights: Values) -> Distribution:
        """A mean: the known images with this distribution, the missing values as they are."""
        missing = self.values[~self.known]
        there = np.concatenate([weights * self.known.mean(), np.full(missing.size, 1 / self.values.size)])
        return Distribution("mean", np.concatenate([values, missing]), there, self.low, self.high)


def is_of_two_proportions(tree: Ratio, columns: Columns) -> bool:
    """Whether it is ``A / B`` of two proportions, and of nothing else."""
    forms = (tree.numerator, tree.denominator)
    measures = [measure for form in forms for measure in form.terms]
    plain = all(form.constant == 0 and list(form.terms.values()) == [1.0] for form in forms)
    return plain and all(columns[measure].column.scale == "proportion" for measure in measures)


def base_and_difference(tree: Ratio, columns: Columns) -> tuple[float, float]:
    """The share of images in which B counts, and that in which A and B differ."""
    (first,), (second,) = tree.numerator.terms, tree.denominator.terms
    known = columns.known([first, second])
    above, below = (columns[measure].column.values[known] for measure in (first, second))
    return float(below.mean()), float(np.mean(above != below))


def ratio_of_proportions(
    part: Expectation, supposed: float, base: float, differing: float
) -> tuple[Values, Values] | None:
    """[4], [4]: ``A - t B`` (oriented) of images where both, A alone, B alone and none count, and their shares.

    B counts in `base` of the images, A in `supposed` times that, and they differ in a share of `differing`, or as near
    to it as these leave. None where there are no such proportions.
    """
    above = base * supposed
    if not (0 < base <= 1 and 0 <= above <= 1):
        return None
    differing = max(abs(above - base), min(differing, above + base, 2 - above - base))
    only_a, only_b = (differing + above - base) / 2, (differing + base - above) / 2
    both = above - only_a
    sign, t = (-1.0 if part.wants_low else 1.0), part.threshold
    shares = np.array([both, only_a, only_b, 1 - both - only_a - only_b]).clip(0.0)
    return sign * np.array([1 - t, 1.0, -t, 0.0]), shares
