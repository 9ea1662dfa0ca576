"""Distributions of per-image values that a plan supposes to be true."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .linear import Linear
from .power import Kind, Truth
from .roots import root

Values = NDArray[np.float64]


def two_values(form: Linear, share: float) -> Truth:
    """A proportion: that share of images at the upper one of its two values."""
    (coefficient,) = form.terms.values()
    low, high = sorted((form.constant, form.constant + coefficient))
    return Truth("proportion", np.array([low, high]), np.array([1 - share, share]), low, high)


def three_values(form: Linear, losses: float, gains: float) -> Truth:
    """A difference of proportions with these shares of images below and above the middle."""
    size = abs(next(iter(form.terms.values())))
    values = form.constant + size * np.array([-1.0, 0.0, 1.0])
    return Truth("difference", values, np.array([losses, 1 - losses - gains, gains]), values[0], values[2])


def moved(values: Values, target: float, low: float, high: float) -> Values | None:
    """Values, all moved by one amount and cut at the ends, with this mean; None where the ends do not reach it."""
    if not low <= target <= high:
        return None
    if not math.isfinite(high - low):
        return values + (target - float(values.mean()))
    span = high - low
    if not low + 1e-12 * span < target < high - 1e-12 * span:
        return np.full(values.size, target)
    shift = root(lambda by: float(np.mean(np.clip(values + by, low, high))) - target, -span, span)
    return np.clip(values + shift, low, high)


@dataclass(frozen=True, eq=False)
class Pilot:
    """The oriented left side on a pilot's images, missing values at their worst end, and its range."""

    values: Values
    known: NDArray[np.bool_]
    low: float
    high: float

    def truth(self, kind: Kind, form: Linear, target: float) -> Truth | None:
        """The same with the mean `target` over the known images; None where the range does not reach it."""
        known, missing = self.values[self.known], self.values[~self.known]
        there = known.size / self.values.size
        if kind == "mean":
            found = moved(known, target, self.low, self.high)
            return None if found is None else self.with_missing(found, np.full(found.size, 1 / found.size))
        size = abs(next(iter(form.terms.values())))
        if kind == "proportion":
            share = (target - self.low) / (self.high - self.low)
            return two_values(form, there * share) if -1e-9 <= share <= 1 + 1e-9 else None
        difference = (target - form.constant) / size
        differing = max(abs(difference), float(np.mean(np.abs(known - form.constant) > size / 2)))
        if differing > 1 + 1e-9:
            return None
        shares = [there * (differing + sign * difference) / 2 for sign in (-1, 1)]
        lost = [float(np.sum(sign * (missing - form.constant) > size / 2)) / self.values.size for sign in (-1, 1)]
        return three_values(form, shares[0] + lost[0], shares[1] + lost[1])

    def with_missing(self, values: Values, weights: Values) -> Truth:
        """A mean: the known images with this distribution, the missing values as they are."""
        missing = self.values[~self.known]
        there = np.concatenate([weights * self.known.mean(), np.full(missing.size, 1 / self.values.size)])
        return Truth("mean", np.concatenate([values, missing]), there, self.low, self.high)
