"""One-sided bounds of a proportion or a mean, as pure functions.

Every function returns ``(lower, upper)``: two one-sided bounds, each at `confidence`; together they are the central
``2 * confidence - 1`` interval.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv, ndtr, ndtri

from .roots import root

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
    """
    if not 0 <= successes <= n or n <= 0:
        raise ValueError(f"{successes} successes of {n} are no proportion")
    alpha = 1 - confidence
    lower = 0.0 if successes == 0 else float(betaincinv(successes, n - successes + 1, alpha))
    upper = 1.0 if successes == n else float(betaincinv(successes + 1, n - successes, confidence))
    return lower, upper


def wilson(successes: float, n: float, confidence: float) -> Interval:
    """Score bounds of a proportion (Wilson 1927). For drawing only: false claims reach .18 at n = 20."""
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
    tilt = -math.exp(root(distance, low, high))
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
