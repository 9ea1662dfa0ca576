"""Means of images that depend on each other: of one scene, camera or lot, or with one donor of their background.

The clusters are what is independent. With n_g images of sum S_g in cluster g the lower bound of the mean is Gaffke's
over clusters: the ``1 - confidence`` quantile q of ``sum_g D_g S_g / sum_g D_g n_g`` with D uniform on the simplex and
one cluster more, of :func:`unseen_images` images, all at the worst end. With one image a cluster it is Gaffke's.

A design effect (n_eff = n V_0 / V images for the ordinary rule; Korn & Graubard 1998) and the t bound on clusters both
err with few clusters, because a rare kind of cluster that was not met columns no trace in V
(docs/validation/error_rates.md). The worst cluster stands for what was not met. Where clusters are small (donors that
few images share), a difference of proportions is also bounded by Tango's rule for n / :func:`design_effect` images, and
the better bound counts.

With several clusterings at once (groups, donors) the one of the largest variance is taken, each of its clusters with
the weight ``V_k / V``. V_k is that of the delete-a-cluster jackknife, and ``V = V_0 + sum_k max(V_k - V_0, 0)``:

    V_k = (G - 1) / G * sum_g (e_g / (n - n_g))^2,    e_g = sum_{i in g} (x_i - mean)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ..language.sample import LEAST_CLUSTERS as LEAST_CLUSTERS
from ..language.text_column import HasColumns, TextColumn, column_of_texts
from .intervals import LARGEST_BET
from .search import find_root
from .values import Clustering

#: in clusters of more images (as a mean image meets them) Tango's rule errs too often, for the few that they count as
LARGEST_FOR_TANGO = 3.0
_NOTHING = 1e-12


@dataclass(frozen=True)
class Clusters:
    """One clustering of n images in which some cluster has several: what they share, codes 0 to G-1, and sizes."""

    name: str
    codes: NDArray[np.int64]
    sizes: NDArray[np.int64]

    @property
    def size_per_image(self) -> float:
        """n0, the size of the cluster that a mean image meets: ``sum n_g^2 / n``."""
        return float(np.dot(self.sizes, self.sizes)) / self.codes.size


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


def cluster_similarity(
    values: NDArray[np.float64], clusters: Clusters, *, times: float = 1.0, mean: float | None = None
) -> float:
    """The similarity of images of one cluster, for [n] values in [0, 1] whose worst end is 0; 1 where undetermined.

        r = (k + C) / (k + B),    k = mean^2 (n0 - 1)^3,    e_i = x_i - mean,
        C = sum of e_i e_j (at least 0),  B = sum of (e_i^2 + e_j^2) / 2,  both over all pairs of images of one cluster

    k is a prior of (n0 - 1)^3 pairs at the worst end that agree. It grows so fast with the size because a rare cluster
    that fails as a whole is not seen in the pairs of others; found by simulation (docs/validation/rules.md). `mean`: of
    the prior, where another one is supposed than that of the values.
    """
    e = values - np.mean(values)
    totals, squares = (np.bincount(clusters.codes, weights=each, minlength=clusters.sizes.size) for each in (e, e * e))
    agreeing = max(float(np.dot(totals, totals) - np.sum(squares)) / 2, 0.0) * times
    pairs = float(np.dot(clusters.sizes - 1, squares)) / 2 * times
    prior = (float(np.mean(values)) if mean is None else mean) ** 2 * (clusters.size_per_image - 1) ** 3
    return min(1.0, (prior + agreeing) / (prior + pairs)) if prior + pairs > 0 else 1.0


def unseen_images(values: NDArray[np.float64], clusters: Clusters, *, times: float = 1.0) -> float:
    """The number of images at the worst end that stand for clusters that were not sampled: from one to a whole cluster.

    ``1 + (N - 1) r`` with ``N = max(m, n0 - m / 2)``, ``m = n / G``: the mean size is enough where sizes differ little
    (donors drawn at random), not where they differ much.
    """
    mean = values.size / clusters.sizes.size
    return 1 + (max(mean, clusters.size_per_image - mean / 2) - 1) * cluster_similarity(values, clusters, times=times)


def design_effect(
    values: NDArray[np.float64], clusters: Clusters, *, times: float = 1.0, mean: float | None = None
) -> float:
    """``1 + (n0 - 1) r``: how many images count as one, as a rule for independent images needs it."""
    return 1 + (clusters.size_per_image - 1) * cluster_similarity(values, clusters, times=times, mean=mean)


def connected_clusters(clusterings: tuple[Clusters, ...]) -> Clusters:
    """Connected components over several clusterings: images linked by a chain of clusters are in one."""
    first, *others = clusterings
    codes = first.codes
    for other in others:
        while True:  # of the lowest code that an image is linked to, until nothing changes
            lowest = np.full(other.sizes.size, codes.size, dtype=np.int64)
            np.minimum.at(lowest, other.codes, codes)
            linked = np.full(int(codes.max()) + 1, codes.size, dtype=np.int64)
            np.minimum.at(linked, codes, lowest[other.codes])
            following = linked[codes]
            if np.array_equal(following, codes):
                break
            codes = following
    _, codes, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    return Clusters(first.name, codes.astype(np.int64).reshape(-1), sizes.astype(np.int64))


def cluster_betting_lower(values: NDArray[np.float64], clusters: Clusters, confidence: float) -> float:
    """The betting bound over clusters, guaranteed where no cluster is larger than the largest one met.

    The bettor plays on ``(S_g - m n_g) / N`` of each cluster, N the largest size: its mean is at most 0 where the mean
    of images is at most m. The bets are those of :func:`~modelaudit.statistics.intervals.betting` with the running
    variance of ``(S_g - mean n_g) / N``.
    """
    order = np.random.Generator(np.random.PCG64(clusters.sizes.size)).permutation(clusters.sizes.size)
    largest = float(np.max(clusters.sizes))
    sizes = clusters.sizes[order] / largest
    sums = np.bincount(clusters.codes, np.clip(values, 0.0, 1.0), clusters.sizes.size)[order] / largest
    needed, usual = math.log(1 / (1 - confidence)), float(np.mean(sizes))
    seen = np.arange(1, sizes.size + 1)
    means = (usual / 2 + np.cumsum(sums)) / (usual + np.cumsum(sizes))
    variances = (usual**2 / 4 + np.cumsum((sums - means * sizes) ** 2)) / (seen + 1)
    bets = np.sqrt(2 * needed / (sizes.size * np.append(usual**2 / 4, variances[:-1])))

    def surplus(m: float) -> float:
        return float(np.max(np.cumsum(np.log1p(np.minimum(bets, LARGEST_BET / m) * (sums - m * sizes))))) - needed

    smallest, mean = 1e-12, float(np.sum(sums) / np.sum(sizes))
    if mean <= smallest or surplus(smallest) < 0:
        return 0.0
    return mean if surplus(mean) >= 0 else find_root(surplus, smallest, mean)


def cluster_gaffke_lower(
    values: NDArray[np.float64], clusterings: tuple[Clusters, ...], confidence: float, *, times: float = 1.0
) -> float:
    """The lower bound of the mean of [n] values in [0, 1]; with `times` there are as many more clusters of each kind.

    The quantile is Lugannani & Rice's saddlepoint approximation: nothing is drawn, the order plays no part.
    """
    high = min(1.0, float(np.mean(values)))
    if high <= _NOTHING:
        return 0.0
    below, alpha = cluster_error_at(values, clusterings, times=times), 1 - confidence
    return find_root(lambda q: below(q) - alpha, 0.0, high) if below(high) > alpha else high


def cluster_error_at(
    values: NDArray[np.float64], clusterings: tuple[Clusters, ...], *, times: float = 1.0
) -> Callable[[float], float]:
    """The error rate at which q would be the lower bound, as a function of q: where it is less, q lies below."""
    clusters, own, variance, _ = variances(values, clusterings)
    totals = np.bincount(clusters.codes, weights=np.clip(values, 0.0, 1.0), minlength=clusters.sizes.size)
    pairs, counts = np.unique(totals + 1j * clusters.sizes, return_counts=True)  # sorted (S_g, n_g), and how many
    more = max(unseen_images(values, one, times=times) for one in clusterings)
    sums, sizes = np.append(pairs.real, 0.0), np.append(pairs.imag, more)
    weights = np.append(times * (own / variance if variance > 0 else 1.0) * counts, 1.0)
    return lambda q: _below(sums - q * sizes, weights)


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


class ClusteredSample(Protocol):
    """An image: its id, the cluster that the data give it, and the first of the images that are the same picture."""

    @property
    def id(self) -> str: ...
    @property
    def cluster(self) -> str | None: ...
    @property
    def copy_of(self) -> str | None: ...


def clusterings_of(
    samples: Sequence[ClusteredSample] | HasColumns, donors: Sequence[str | None]
) -> tuple[Clustering, ...]:
    """Clusters of the data, donors of backgrounds, and copies of one picture, where there are any.

    Args:
        donors: the image that lent each its background, by id; empty where no image did. Donors that are copies of one
            picture are one donor.
    """
    copies = column_of_texts(samples, "copy_of")
    shared = {
        "cluster": column_of_texts(samples, "cluster"),
        "donor": TextColumn.of(_pictures_of(donors, column_of_texts(samples, "id"), copies)),
        "copies": copies,
    }
    return tuple(Clustering(name, names.codes()) for name, names in shared.items() if not names.absent.all())


def _pictures_of(donors: Sequence[str | None], ids: TextColumn, copies: TextColumn) -> Iterable[str | None]:
    """The first image of the picture that each donor shows."""
    if not len(donors) or copies.absent.all():
        return donors
    pairs = zip(ids, copies, strict=True)
    pictures = {name: first for name, first in pairs if name is not None and first is not None}
    return (None if donor is None else pictures.get(donor, donor) for donor in donors)


def integer_codes(names: Sequence[str | None]) -> NDArray[np.int64]:
    """A number for each name, -1 for none."""
    known = {name: at for at, name in enumerate(dict.fromkeys(name for name in names if name is not None))}
    return np.array([-1 if name is None else known[name] for name in names], dtype=np.int64)
