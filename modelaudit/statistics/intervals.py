"""One-sided bounds of a proportion, a mean, or a difference of two proportions, as pure functions.

Every function returns ``(lower, upper)``: two one-sided bounds, each at `confidence`; together they are the central
``2 * confidence - 1`` interval.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri

from .search import find_root

Interval = tuple[float, float]
#: at this skewness of the mean (sample skewness / sqrt(n)) the second-order correction of BCa no longer suffices
LARGEST_SKEWNESS_OF_MEAN = 0.2
_NOTHING = 1e-12
#: more different values than this are rounded to the grid, towards the worst end
_MOST_VALUES, _GRID = 100_000, 100_000


def clopper_pearson(successes: float, n: float, confidence: float) -> Interval:
    """Exact bounds of a binomial proportion (Clopper & Pearson 1934); `successes` may be fractional when planning.

    Raises:
        ValueError: unless 0 <= successes <= n and n > 0.

    >>> [round(bound, 3) for bound in clopper_pearson(17, 19, 0.95)]
    [0.704, 0.981]
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"successes must be between 0 and n > 0, got {successes} of {n}")
    alpha = 1 - confidence
    lower = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, alpha))
    upper = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, confidence))
    return lower, upper


def wilson(successes: float, n: float, confidence: float) -> Interval:
    """Score bounds of a proportion (Wilson 1927). For drawing only: false claims reach .18 at n = 20.

    >>> [round(bound, 3) for bound in wilson(17, 19, 0.95)]
    [0.727, 0.965]
    """
    z = float(ndtri(confidence))
    centre = (successes + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * math.sqrt(successes * (n - successes) / n + z * z / 4)
    return max(0.0, centre - half), min(1.0, centre + half)


def bca(values: ArrayLike, confidence: float) -> Interval | None:
    """Bias-corrected and accelerated bootstrap bounds of a mean (Efron 1987), computed without resampling.

    The bootstrap distribution of a mean is known: its Cornish-Fisher expansion to order 1/n replaces the resamples,
    the acceleration is skewness / (6 sqrt(n)), and so is the bias correction. No draw, no seed, no order.

    Returns None where the expansion cannot be trusted: equal values, or skewness / sqrt(n) beyond
    ``LARGEST_SKEWNESS_OF_MEAN`` (one-sided spikes). Never a zero width.

    >>> [round(bound, 3) for bound in bca([0.1, 0.2, 0.3, 0.4], 0.95)]
    [0.158, 0.342]
    >>> bca([0.2, 0.2, 0.2], 0.95) is None
    True
    """
    x = np.asarray(values, dtype=np.float64)
    n, mean, deviation = x.size, float(np.mean(x)), float(np.std(x))
    if n < 2 or deviation <= 1e-12 * max(1.0, abs(mean)):
        return None
    standard = (x - mean) / deviation
    skewness = float(np.mean(standard**3)) / math.sqrt(n)
    if abs(skewness) > LARGEST_SKEWNESS_OF_MEAN:
        return None
    kurtosis = (float(np.mean(standard**4)) - 3) / n
    error = deviation / math.sqrt(n)
    low, high = (mean + error * _bca_quantile(z, skewness, kurtosis) for z in _two_sides(confidence))
    return low, high


def _two_sides(confidence: float) -> Interval:
    z = float(ndtri(confidence))
    return -z, z


def _bca_quantile(z: float, skewness: float, kurtosis: float) -> float:
    acceleration = bias = skewness / 6
    level = bias + (bias + z) / (1 - acceleration * (bias + z))
    return float(
        level
        + skewness * (level**2 - 1) / 6
        + kurtosis * (level**3 - 3 * level) / 24
        - skewness**2 * (2 * level**3 - 5 * level) / 36
    )


def gaffke(values: ArrayLike, confidence: float, *, repeat: float = 1.0) -> Interval:
    """Bounds of the mean of values in [0, 1] (Gaffke 2005; Learned-Miller & Thomas 2019).

    The lower bound is the ``1 - confidence`` quantile of ``sum_i D_i z_i`` with z = (0, values) and D uniform on the
    simplex: the Bayesian bootstrap with one image more at the worst end. On 0/1 values it is Clopper-Pearson's. The
    quantile is Lugannani & Rice's (1980) saddlepoint approximation: nothing is drawn, the order plays no part.

    That it holds at every n for every distribution on [0, 1] is a conjecture that no simulation has contradicted; it
    is treated as approximate here. `repeat` weights every value, for planning. Where only one value differs from the
    worst end the quantile is that of a beta law, and exact.

    >>> [round(bound, 3) for bound in gaffke([0, 0.5, 1, 1, 1], 0.95)]
    [0.289, 0.946]
    """
    x = np.asarray(values, dtype=np.float64)
    return gaffke_lower(x, confidence, repeat=repeat), 1.0 - gaffke_lower(1.0 - x, confidence, repeat=repeat)


def gaffke_lower(values: ArrayLike, confidence: float, *, repeat: float = 1.0) -> float:
    """The lower one of :func:`gaffke`'s bounds."""
    x = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    if np.max(x) <= _NOTHING:
        return 0.0
    x, counts = np.unique(x, return_counts=True)  # proportions and their sums have few values
    if x.size > _MOST_VALUES:
        x, counts = np.unique(np.repeat(np.floor(x * _GRID) / _GRID, counts), return_counts=True)
    return weighted_gaffke_lower(x, np.asarray(repeat * counts, dtype=np.float64), confidence)


def weighted_gaffke_lower(x: NDArray[np.float64], counts: NDArray[np.float64], confidence: float) -> float:
    """:func:`gaffke_lower` of different values in [0, 1], each of so many images (not necessarily a whole number)."""
    alpha, above = 1 - confidence, x > _NOTHING
    if above.sum() <= 1:
        ones, n = float(np.sum(counts[above])), float(np.sum(counts))
        return float(x[above][0] * betaincinv(ones, n - ones + 1, alpha)) if ones > 0 else 0.0
    z, weights = np.append(x, 0.0), np.append(counts, 1.0)

    def distance(log_tilt: float) -> float:
        return _saddlepoint(z, weights, -math.exp(log_tilt))[1] - alpha

    # P falls from about 1/2 to 0 as the tilt grows; the scale of the tilt is 1 / (deviation * sqrt(n))
    centre = -0.5 * math.log(float(np.dot(weights, (z - np.average(z, weights=weights)) ** 2)))
    low, high = centre - 8.0, centre + 1.0
    while distance(high) > 0 and high < centre + 60:
        high += 2.0
    if distance(low) <= 0:
        return _saddlepoint(z, weights, -math.exp(low))[0]
    if distance(high) > 0:
        return 0.0
    tilt = -math.exp(find_root(distance, low, high))
    return max(0.0, _saddlepoint(z, weights, tilt)[0])


def _saddlepoint(z: NDArray[np.float64], weights: NDArray[np.float64], tilt: float) -> Interval:
    """(q, P(sum D z <= q)) for the q whose saddlepoint has this tilt (negative).

    With E_i exponential, the event is Q = sum E_i (z_i - q) <= 0 and K(s) = -sum log(1 - s (z_i - q)). Writing
    1 - s (z_i - q) = c (1 - tilt z_i) makes q explicit, so that only the tilt has to be searched.
    """
    inverse = weights / (1 - tilt * z)
    q = float(np.dot(inverse, z) / inverse.sum())
    c = 1 / (1 - tilt * q)
    s = tilt * c
    cumulant = -float(np.dot(weights, np.log(c * (1 - tilt * z))))
    curvature = float(np.dot(weights, ((z - q) / (c * (1 - tilt * z))) ** 2))
    w, u = -math.sqrt(max(-2 * cumulant, 0.0)), s * math.sqrt(curvature)
    if w == 0 or u == 0:
        return q, 0.5
    # Barndorff-Nielsen's form: a probability also in the far tail
    return q, float(ndtr(w + math.log(u / w) / w))


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
    would not matter, is wrong: a fixed permutation of sorted values is not a random sample; its error reaches .6.)

    >>> [round(bound, 3) for bound in betting([1] * 50, 0.95)]
    [0.935, 1.0]
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
    return find_root(surplus, smallest, mean)


def _plug_in_bets(x: NDArray[np.float64], needed: float) -> NDArray[np.float64]:
    n = x.size
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(x)) / (seen + 1)
    variances = (0.25 + np.cumsum((x - means) ** 2)) / (seen + 1)
    before = np.append(0.25, variances[:-1])
    bets: NDArray[np.float64] = np.sqrt(2 * needed / (n * before))
    return bets


def tango(only_first: float, only_second: float, n: float, confidence: float) -> Interval:
    """Tango's (1998) score bounds, never tighter than Clopper-Pearson's where a discordant cell is empty.

    With one cell empty the problem is that of a single proportion, where a score bound errs as Wilson's does (no
    discordance in 52 images would pass ``< 0.05``; 0.95^52 = .069); the exact bound takes over (59 images).

    >>> [round(bound, 3) for bound in tango(6, 1, 200, 0.95)]
    [0.004, 0.053]
    """
    lower = -_upper(only_second, only_first, n, confidence)
    return lower, _upper(only_first, only_second, n, confidence)


def discordant_clopper_pearson(only_first: float, only_second: float, n: float, confidence: float) -> Interval:
    """The guaranteed mode: Clopper-Pearson on each discordant cell, with Bonferroni over the two.

    >>> [round(bound, 3) for bound in discordant_clopper_pearson(6, 1, 200, 0.95)]
    [-0.016, 0.064]
    """
    each = 1 - (1 - confidence) / 2
    first, second = clopper_pearson(only_first, n, each), clopper_pearson(only_second, n, each)
    return first[0] - second[1], first[1] - second[0]


def score(difference: float, only_first: float, only_second: float, n: float) -> float:
    """Tango's z: the observed difference against `difference`, with p01 at its restricted maximum likelihood."""
    b, c, d = only_first, only_second, difference
    linear = -b - c + (2 * n - b + c) * d
    root = math.sqrt(max(linear * linear + 8 * n * c * d * (1 - d), 0.0))
    p01 = (root - linear) / (4 * n) if linear <= 0 else 2 * c * d * (1 - d) / (root + linear)
    variance = n * (2 * p01 + d * (1 - d))
    distance = b - c - n * d
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _upper(only_first: float, only_second: float, n: float, confidence: float) -> float:
    z = float(ndtri(confidence))
    observed = (only_first - only_second) / n
    upper = 1.0
    if observed < 1 and score(1.0, only_first, only_second, n) < -z:
        upper = find_root(lambda d: score(d, only_first, only_second, n) + z, observed, 1.0)
    if only_second == 0:
        upper = max(upper, clopper_pearson(only_first, n, confidence)[1])
    elif only_first == 0:
        upper = max(upper, -clopper_pearson(only_second, n, confidence)[0])
    return upper
