"""The betting bound of the mean of bounded values (Waudby-Smith & Ramdas 2023)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .roots import root

#: share of the largest bet that cannot ruin the bettor; near 1 keeps the bound tight when all values are equal
LARGEST_BET = 0.9


def betting(values: ArrayLike, confidence: float) -> tuple[float, float]:
    """One-sided bounds of the mean of independent values in [0, 1], each at `confidence`; guaranteed at every n.

    The lower bound is the smallest m for which the capital ``max_t prod_{i<=t} (1 + b_i(m) (x_i - m))`` stays below
    ``1 / alpha``, with the predictable plug-in bets ``b_i(m) = min(sqrt(2 log(1/alpha) / (n v_{i-1})), 0.9 / m)`` and
    ``v`` the regularised running variance. Each bet falls in m and the capital with it, so a root search finds the
    bound. The upper bound is the lower one of 1 - x.

    The capital reads the values one after the other. They are read in a permutation that depends on n alone: it
    breaks an ordering by class or by time, and the bound stays exact. (Sorting first, so that the order of the images
    would not matter, is wrong: a fixed permutation of sorted values is no sample, and its error reaches .6.)
    """
    x = np.asarray(values, dtype=np.float64)
    return betting_lower(x, confidence), 1.0 - betting_lower(1.0 - x, confidence)


def betting_lower(values: ArrayLike, confidence: float) -> float:
    """The lower one of :func:`betting`'s bounds."""
    x = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    x = x[np.random.Generator(np.random.PCG64(x.size)).permutation(x.size)]
    needed = math.log(1 / (1 - confidence))
    bets = _plug_in_bets(x, needed)

    def surplus(m: float) -> float:
        return float(np.max(np.cumsum(np.log1p(np.minimum(bets, LARGEST_BET / m) * (x - m))))) - needed

    smallest, mean = 1e-12, float(np.mean(x))
    if mean <= smallest or surplus(smallest) < 0:
        return 0.0
    if surplus(mean) >= 0:  # early luck would put the bound above the mean
        return mean
    return root(surplus, smallest, mean)


def _plug_in_bets(x: NDArray[np.float64], needed: float) -> NDArray[np.float64]:
    n = x.size
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (seen + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (seen + 1)
    before = np.append(0.25, variances[:-1])
    bets: NDArray[np.float64] = np.sqrt(2 * needed / (n * before))
    return bets
