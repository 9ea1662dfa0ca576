"""Confidence sequences: bounds of a mean that hold at every look, so that an audit may stop as soon as it is decided.

The capital of a bettor against "the mean is at most m" (Waudby-Smith & Ramdas 2023): where that is true, the capital
exceeds ``1 / alpha`` at any time at all with a probability of at most alpha (Ville), so a lower bound may be read after
each image, and the best one so far be kept.

The bettor spreads the capital evenly over fixed shares of the largest bet that cannot ruin him, ``lambda = g / m`` with
``logit(g)`` from -3.5 to 4: a mixture that needs neither the number of images nor a running variance, and whose capital
falls in m, so that the bound is a root. The predictable plug-in bets of the paper (lambda_t from the running variance
and ``t log(1 + t)``) need up to 15 % fewer images at wide margins and up to 2.5 times as many at narrow ones; aGRAPA
needs from 7 % fewer to 1.5 times as many, and twice as many at the widest (docs/validation/rules.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logsumexp

from .search import find_root

#: shares of the largest bet
SHARES: NDArray[np.float64] = expit(np.linspace(-3.5, 4.0, 12))
_SMALLEST, _CLIPPED, _NOTHING = 1e-12, 50.0, 1e-9
_Capital = Callable[[float], NDArray[np.float64]]


@dataclass(frozen=True)
class Looks:
    """The images are those looked at so far, in a random order that was fixed beforehand, of `available` ones.

    ``of_this_set``: the bound is of the mean of the available ones, which are drawn without replacement; else of the
    process that all of them come from, also when all have been looked at.
    """

    available: int
    of_this_set: bool


def capitals(values: ArrayLike, m: float) -> NDArray[np.float64]:
    """[..., n]: the capital against a mean of at most `m` after each of the [..., n] values in [0, 1], drawn
    independently."""
    x = np.asarray(values, dtype=np.float64)
    return _played(x / m - 1)


def capitals_without_replacement(
    values: ArrayLike, m: float, population: int, inside: ArrayLike | None = None
) -> NDArray[np.float64]:
    """[..., n]: the same for values drawn one after the other from a set of `population` images.

    What is left has a mean of at most ``m_t = m - sum_{i<t} (x_i - m) / (population - t + 1)``; the bets are g / m_t.
    With `inside` [..., n] the bound is of the mean of those inside, of whom nobody knows how many there are: it is at
    most m where the sum of ``inside * (x - m)`` over the population is at most 0, and that sum is drawn without
    replacement from all.
    """
    x = np.asarray(values, dtype=np.float64)
    gain = x - m if inside is None else np.where(np.asarray(inside, dtype=bool), x - m, 0.0)
    left = population - np.arange(x.shape[-1])
    owed = (np.cumsum(gain, axis=-1) - gain) / left
    mean_left = m - owed
    possible = np.logical_and.accumulate(mean_left > -_NOTHING, axis=-1)
    bets = possible & (mean_left > _NOTHING)  # where nothing may be left, the next value decides without a bet
    returns: NDArray[np.float64] = np.where(bets, (gain + owed) / np.where(bets, mean_left, 1.0), 0.0)
    return np.where(possible, _played(returns), np.inf)


def sequence_lower(values: ArrayLike, confidence: float) -> float:
    """The best lower bound so far of the mean that independent values in [0, 1] have in common, at `confidence` over
    all looks."""
    x = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    return _bound(lambda m: capitals(x, m), confidence, 0.0) if x.size else 0.0


def sequence_lower_without_replacement(
    values: ArrayLike, confidence: float, population: int, inside: ArrayLike | None = None
) -> float:
    """The best lower bound so far of the mean of a set of `population` images; when all are looked at, their mean.

    Raises:
        ValueError: more values than images.
    """
    x = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    member = np.ones(x.shape, dtype=bool) if inside is None else np.asarray(inside, dtype=bool)
    if x.size > population:
        raise ValueError(f"{x.size} values of a set of {population}")
    count = np.cumsum(member) + population - np.arange(1, x.size + 1)  # at most so many are inside
    shares = np.cumsum(np.where(member, x, 0.0)) / np.maximum(count, 1)
    if x.size == population:
        return float(shares[-1]) if population else 0.0
    certain = float(np.max(shares, initial=0.0))
    return _bound(lambda m: capitals_without_replacement(x, m, population, member), confidence, min(certain, 1.0))


def sequence_lower_expected(values: ArrayLike, confidence: float, images: int) -> float:
    """The bound that `images` images in the same shares would have, whatever their order (planning)."""
    x = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)

    def final(m: float) -> NDArray[np.float64]:
        growth = np.log1p(SHARES[:, None] * (x / m - 1)).mean(axis=1)
        capital: NDArray[np.float64] = np.exp(np.minimum(logsumexp(images * growth) - math.log(SHARES.size), 700.0))
        return capital

    return _bound(final, confidence, 0.0)


def first_of_each(codes: Sequence[NDArray[np.int64]], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[n] bool: of the images asked for those that share no code with one before them that was taken; -1 is shared
    with none.

    Who is taken depends on what the images share and on their order, never on their values: what is left is a sequence
    of images that share nothing.
    """
    different = list({code.tobytes(): code for code in codes}.values())
    taken = asked.copy()
    used: list[set[int]] = [set() for _ in different]
    for at in np.flatnonzero(asked).tolist():
        own = [int(code[at]) for code in different]
        taken[at] = not any(one in seen for one, seen in zip(own, used, strict=True))
        if taken[at]:
            for one, seen in zip(own, used, strict=True):
                if one >= 0:
                    seen.add(one)
    return taken


def _played(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean capital over all shares; too much is infinite, and what has become nothing stays so."""
    with np.errstate(over="ignore", under="ignore"):
        total: NDArray[np.float64] = np.cumprod(1 + SHARES[0] * returns, axis=-1)
        for share in SHARES[1:]:
            total += np.cumprod(1 + share * returns, axis=-1)
    return total / SHARES.size


def _bound(capital: _Capital, confidence: float, certain: float) -> float:
    """The smallest m above `certain` against which the capital has stayed below ``1 / alpha``; it falls in m."""
    needed = -math.log1p(-confidence)

    def surplus(m: float) -> float:
        most = float(np.max(capital(m)))
        return max(-_CLIPPED, min(_CLIPPED, math.log(most) - needed)) if most > 0 else -_CLIPPED

    low = max(certain, _SMALLEST)
    if low >= 1 or surplus(low * (1 + 1e-9)) < 0:
        return certain
    return max(certain, find_root(surplus, low * (1 + 1e-9), 1.0))
