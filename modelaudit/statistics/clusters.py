"""Means of images that depend on each other: of one scene, camera or lot, or with one donor of their background.

The clusters are what is independent. With n_g images of sum S_g in cluster g the lower bound of the mean is Gaffke's
over clusters: the ``1 - confidence`` quantile q of ``sum_g D_g S_g / sum_g D_g n_g`` with D uniform on the simplex and
one cluster more, of ``sum n_g^2 / n`` images (the size that a mean image meets), all at the worst end. With one image a cluster it is Gaffke's.

A design effect (n_eff = n V_0 / V images for the ordinary rule; Korn & Graubard 1998) and the t bound on clusters both
err with few clusters, because a rare kind of cluster that was not met leaves no trace in V (docs/statistics.md). The
worst cluster stands for what was not met.

With several clusterings at once (groups, donors) the one of the largest variance is taken, each of its clusters with
the weight ``V_k / V``. V_k is that of the delete-a-cluster jackknife, and ``V = V_0 + sum_k max(V_k - V_0, 0)``:

    V_k = (G - 1) / G * sum_g (e_g / (n - n_g))^2,    e_g = sum_{i in g} (x_i - mean)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .roots import root

#: with fewer clusters nothing is decided
LEAST_CLUSTERS = 10
_NOTHING = 1e-12


@dataclass(frozen=True)
class Clusters:
    """One clustering of n images in which some cluster has several: what they share, codes 0 to G-1, and sizes."""

    name: str
    codes: NDArray[np.int64]
    sizes: NDArray[np.int64]


def clusters_of(clusterings: Iterable[tuple[str, NDArray[np.int64]]]) -> tuple[Clusters, ...]:
    """The clusterings (name, [n] codes, -1 on its own) that hold images together, each once."""
    found: dict[bytes, Clusters] = {}
    for name, codes in clusterings:
        single = codes < 0
        apart = np.where(single, np.max(codes, initial=0) + np.cumsum(single), codes)
        _, numbered, sizes = np.unique(apart, return_inverse=True, return_counts=True)
        if np.max(sizes, initial=0) > 1:
            numbered = numbered.astype(np.int64).reshape(-1)
            found.setdefault(_as_met(numbered).tobytes(), Clusters(name, numbered, sizes.astype(np.int64)))
    return tuple(found.values())


def jackknife_variance(values: NDArray[np.float64], clusters: Clusters) -> float:
    """V_k; infinite where all images are one cluster."""
    n, count = values.size, clusters.sizes.size
    if count < 2:
        return float("inf")
    totals = np.bincount(clusters.codes, weights=values - np.mean(values), minlength=count)
    return float((count - 1) / count * np.sum((totals / (n - clusters.sizes)) ** 2))


def variances(values: NDArray[np.float64], clusterings: tuple[Clusters, ...]) -> tuple[Clusters, float, float, float]:
    """(the clustering of the largest variance, its V_k, V, V_0) of the mean of complete values; V_k is at least V_0."""
    alone = float(np.var(values, ddof=1)) / values.size
    each = [max(jackknife_variance(values, one), alone) for one in clusterings]
    # of equal variances the fewest clusters decide, so that the order of the clusterings plays no part
    chosen = max(range(len(each)), key=lambda at: (each[at], -clusterings[at].sizes.size))
    return clusterings[chosen], each[chosen], alone + sum(one - alone for one in each), alone


def cluster_gaffke_lower(
    values: NDArray[np.float64], clusters: Clusters, confidence: float, *, repeat: float = 1.0
) -> float:
    """The lower bound of the mean of [n] values in [0, 1]; `repeat` weights every cluster.

    The quantile is Lugannani & Rice's saddlepoint approximation: nothing is drawn, the order plays no part.
    """
    x, count = np.clip(values, 0.0, 1.0), clusters.sizes.size
    totals = np.sort(np.bincount(clusters.codes, weights=x, minlength=count) + 1j * clusters.sizes)  # pairs (S_g, n_g)
    sums, sizes = np.append(totals.real, 0.0), np.append(totals.imag, float(np.dot(clusters.sizes, clusters.sizes)) / x.size)
    if np.max(sums) <= _NOTHING:
        return 0.0
    weights = np.append(np.full(count, repeat), 1.0)

    def distance(q: float) -> float:
        return _below(sums - q * sizes, weights) - (1 - confidence)

    high = min(1.0, float(np.mean(x)))
    return root(distance, 0.0, high) if distance(high) > 0 else high


def _below(ends: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """P(sum_i E_i ends_i <= 0) for E_i of the gamma law of shape weights_i."""
    low, high = float(np.min(ends)), float(np.max(ends))
    if low >= 0 or high <= 0:
        return 0.0 if high > 0 else 1.0

    s = _saddlepoint(ends, weights, (1 - 1e-12) / low, (1 - 1e-12) / high)
    cumulant = -float(np.dot(weights, np.log1p(-s * ends)))
    w = math.copysign(math.sqrt(max(-2 * cumulant, 0.0)), s)
    u = s * math.sqrt(float(np.dot(weights, (ends / (1 - s * ends)) ** 2)))
    if abs(w) < 1e-6 or u == 0:
        return 0.5
    return float(ndtr(w + math.log(u / w) / w))


def _saddlepoint(ends: NDArray[np.float64], weights: NDArray[np.float64], first: float, last: float) -> float:
    """The s at which the slope ``sum w e / (1 - s e)`` of the cumulant is 0, by Newton between `first` and `last`."""
    s = 0.0
    for _ in range(100):
        tilted = ends / (1 - s * ends)
        slope = float(np.dot(weights, tilted))
        first, last = (first, s) if slope > 0 else (s, last)
        following = s - slope / float(np.dot(weights, tilted**2))
        if not first < following < last:
            following = (first + last) / 2
        if abs(following - s) <= 1e-11 * abs(s):
            break
        s = following
    return s


def _as_met(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The codes numbered by where each is first met, so that equal partitions are equal."""
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    met: NDArray[np.int64] = first[inverse.reshape(-1)].astype(np.int64)
    return met
