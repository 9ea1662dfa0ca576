"""How probably n images pass, by the rule that decides, given the true distribution of per-image values.

The left side is oriented: it passes where its lower bound is above 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, ndtri
from scipy.stats import binom  # type: ignore[attr-defined]  # its stubs know no distributions

from .assumed_distribution import Distribution
from .bounds import DISCORDANT_FOR_TANGO, IMAGES_WITHOUT_RANGE
from .intervals import LARGEST_BET, bca

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: simulated audits, where no sum over all outcomes is possible
AUDITS = 2000
_AUDITS_BCA = 600
#: outcomes of a 2 x 2 table that are summed one by one; beyond that the normal law of the score is close enough
_MOST_TABLES = 4_000_000


def power(distribution: Distribution, n: int, confidence: float, *, guaranteed: bool = False) -> float:
    """The probability that n independent images pass. Exact for proportions, simulated for means."""
    if distribution.kind == "proportion":
        return _proportion(distribution, n, confidence)
    if distribution.kind == "difference":
        return _difference(distribution, n, confidence, guaranteed)
    return float(np.mean(_means(distribution, n, confidence, guaranteed)))


def power_lower_bound(distribution: Distribution, n: int, confidence: float, *, guaranteed: bool = False) -> float:
    """:func:`power`, less two standard errors where it is simulated."""
    found = power(distribution, n, confidence, guaranteed=guaranteed)
    if distribution.kind != "mean":
        return found
    audits = AUDITS if math.isfinite(distribution.high - distribution.low) else _AUDITS_BCA
    return found - 2 * math.sqrt(found * (1 - found) / audits)


def _proportion(distribution: Distribution, n: int, confidence: float) -> float:
    """Clopper-Pearson inverts the binomial test: x images suffice where P(X >= x) < alpha with the true value at 0."""
    low, high = distribution.values
    at_threshold = min(1.0, max(0.0, -low / (high - low)))
    needed = binom.isf(1 - confidence, n, at_threshold) + 1
    return float(binom.sf(needed - 1, n, distribution.weights[1]))


def _difference(distribution: Distribution, n: int, confidence: float, guaranteed: bool) -> float:
    """Summed over the discordant cells: x images lose, y gain."""
    low, middle, high = distribution.values
    limit = 2 * middle / (high - low)
    losses, gains = float(distribution.weights[0]), float(distribution.weights[2])
    x, y = likely_counts(losses, n), likely_counts(gains, n)
    if x.size * y.size > _MOST_TABLES:
        return _normal_difference(losses, gains, limit, n, confidence)
    weights = binom.pmf(x, n, losses)[:, None] * binom.pmf(
        y[None, :], n - x[:, None], min(1.0, gains / (1 - losses)) if losses < 1 else 0.0
    )
    rule = proven_difference_passes if guaranteed else difference_passes
    passes = rule(x[:, None].astype(float), y[None, :].astype(float), n, limit, confidence)
    return float(np.sum(weights[passes]))


def difference_passes(losses: Values, gains: Values, n: int, limit: float, confidence: float) -> Flags:
    """Where the upper bound of ``(losses - gains) / n`` lies below `limit`, by Tango's rule or as a mean."""
    losses, gains = np.broadcast_arrays(losses, gains)
    possible = losses + gains <= n
    with np.errstate(invalid="ignore", divide="ignore"):
        passes = possible & (_scores(losses, gains, n, limit) < -float(ndtri(confidence)))
    alone = gains == 0
    passes &= ~alone | (binom.cdf(losses, n, min(1.0, max(0.0, limit))) < 1 - confidence)
    if limit <= 0:
        only = (losses == 0) & ~alone
        passes &= ~only | (binom.sf(gains - 1, n, -limit) < 1 - confidence)
    few = possible & ~alone & (losses + gains < DISCORDANT_FOR_TANGO)  # bounded as a mean
    cells = np.stack([losses, n - losses - gains, gains], axis=-1)[few]
    passes[few] = gaffke_passes(np.array([0.0, 0.5, 1.0]), cells, (1 - limit) / 2, confidence)
    return np.asarray(passes & (limit > -1))


def proven_difference_passes(losses: Values, gains: Values, n: int, limit: float, confidence: float) -> Flags:
    """The same by the rule of :func:`~modelaudit.statistics.intervals.discordant_clopper_pearson`."""
    each = (1 - confidence) / 2  # a bound is worked out once for each number of losses, and of gains
    high = np.where(losses < n, betaincinv(losses + 1, np.maximum(n - losses, 1), 1 - each), 1.0)
    low = np.where(gains > 0, betaincinv(np.maximum(gains, 1), n - gains + 1, each), 0.0)
    return np.asarray((losses + gains <= n) & (high - low < limit))


def _scores(losses: Values, gains: Values, n: int, d: float) -> Values:
    """:func:`modelaudit.statistics.intervals.score` of many tables."""
    b, c = losses, gains
    linear = -b - c + (2 * n - b + c) * d
    root = np.sqrt(np.maximum(linear * linear + 8 * n * c * d * (1 - d), 0.0))
    p01 = np.where(linear <= 0, (root - linear) / (4 * n), 2 * c * d * (1 - d) / (root + linear))
    variance = n * (2 * np.nan_to_num(p01) + d * (1 - d))
    distance = b - c - n * d
    none = np.where(distance == 0, 0.0, np.copysign(np.inf, distance))
    return np.where(variance > 0, distance / np.sqrt(np.maximum(variance, 1e-300)), none)


def _normal_difference(losses: float, gains: float, limit: float, n: int, confidence: float) -> float:
    mean = losses - gains
    error = math.sqrt(max(0.0, losses + gains - mean * mean) / n)
    return float(ndtr((limit - mean) / error - float(ndtri(confidence)))) if error else float(mean < limit)


def likely_counts(p: float, n: int) -> NDArray[np.int64]:
    """The counts that have all but 1e-9 of the probability."""
    return np.arange(int(binom.ppf(5e-10, n, p)), int(binom.ppf(1 - 5e-10, n, p)) + 1).clip(0, n)


def _means(distribution: Distribution, n: int, confidence: float, guaranteed: bool) -> Flags:
    """Whether each of many simulated audits passes; the draws depend on n alone."""
    values, weights = distribution.joined
    generator = np.random.default_rng(n)
    spread = distribution.high - distribution.low
    if not math.isfinite(spread):
        if n < IMAGES_WITHOUT_RANGE or guaranteed:
            return np.zeros(1, dtype=bool)
        drawn = generator.choice(values, size=(_AUDITS_BCA, n), p=weights / weights.sum())
        bounds = [bca(one, confidence) for one in drawn]
        return np.array([bound is not None and bound[0] > 0 for bound in bounds])
    unit, at = np.clip((values - distribution.low) / spread, 0.0, 1.0), -distribution.low / spread
    if guaranteed:
        drawn = unit[generator.choice(unit.size, size=(AUDITS, n), p=weights / weights.sum())]
        return betting_passes(drawn, at, confidence)
    counts = generator.multinomial(n, weights / weights.sum(), size=AUDITS)
    return gaffke_passes(unit, counts.astype(np.float64), at, confidence)


def betting_passes(values: Values, threshold: float, confidence: float) -> Flags:
    """[k] bool: where the lower betting bound of values [k, n] in [0, 1], read in order, lies above `threshold`."""
    needed, n = math.log(1 / (1 - confidence)), values.shape[1]
    if threshold < 0:
        return np.ones(len(values), dtype=bool)
    seen = np.arange(1, n + 1)
    means = (0.5 + np.cumsum(values, axis=1)) / (seen + 1)
    variances = (0.25 + np.cumsum((values - means) ** 2, axis=1)) / (seen + 1)
    before = np.concatenate([np.full((len(values), 1), 0.25), variances[:, :-1]], axis=1)
    m = max(threshold, 1e-12)
    bets = np.minimum(np.sqrt(2 * needed / (n * before)), LARGEST_BET / m)
    capital = np.max(np.cumsum(np.log1p(bets * (values - m)), axis=1), axis=1)
    return np.asarray((capital > needed) & (values.mean(axis=1) > threshold))


def gaffke_passes(values: Values, counts: Values, threshold: float, confidence: float) -> Flags:
    """[k] bool: where Gaffke's lower bound of the sample with `counts` [k, m] of `values` [m] lies above `threshold`.

    :func:`~modelaudit.statistics.intervals.gaffke_lower` searches the value whose probability is alpha; here only
    the probability of one value is asked, so that the tilt is searched whose saddlepoint it is.
    """
    z, weights = np.append(values, 0.0), np.append(counts, np.ones((len(counts), 1)), axis=1)
    mean = weights @ z / weights.sum(axis=1)
    if threshold < 0:
        return np.ones(len(counts), dtype=bool)
    found = mean > max(threshold, 1e-12)
    if threshold <= 0 or not found.any():
        return np.asarray(found)
    z_, w_ = z[None, :], weights[found]
    low, high = np.full(len(w_), -20.0), np.full(len(w_), 60.0)
    for _ in range(48):
        middle = (low + high) / 2
        inverse = w_ / (1 + np.exp(middle)[:, None] * z_)
        above = inverse @ z / inverse.sum(axis=1) > threshold
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    tilt = -np.exp((low + high) / 2)
    c = 1 / (1 - tilt * threshold)
    scaled = c[:, None] * (1 - tilt[:, None] * z_)
    cumulant = -np.sum(w_ * np.log(scaled), axis=1)
    curvature = np.sum(w_ * ((z_ - threshold) / scaled) ** 2, axis=1)
    w, u = -np.sqrt(np.maximum(-2 * cumulant, 0.0)), tilt * c * np.sqrt(curvature)
    with np.errstate(invalid="ignore", divide="ignore"):
        probability = np.where((w == 0) | (u == 0), 0.5, ndtr(w + np.log(u / w) / w))
    found[found] = probability < 1 - confidence
    return np.asarray(found)
