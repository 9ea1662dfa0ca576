"""The interval of a paired change that holds the uncertainty of a refit beside that of the test images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..statistics.intervals import tango

Values = NDArray[np.float64]
Codes = NDArray[np.int64]


def change_interval(
    before: Values,
    after: Values,
    refits: Values,
    clusterings: Sequence[Codes],
    *,
    confidence: float,
    generator: np.random.Generator,
) -> tuple[float, float]:
    """The two-sided interval of mean(after - before).

    For each refit to a bootstrap sample of the training images, the test images are resampled too, in whole clusters;
    the quantiles of these changes around their mean, laid around the change itself (a refit to a resample has seen
    fewer images, and is worse by a little). With several clusterings the widest counts, and no interval is tighter than
    Tango's for the test images alone.

    Args:
        before, after: [n] of 0 and 1.
        refits: [B, n] what `after` is of each refit.
        clusterings: [n] each: what makes test images depend on each other.
    """
    change = float((after - before).mean())
    tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
    gained, lost = float((after > before).sum()), float((after < before).sum())
    ends = [tango(gained, lost, len(before), float(tails[1]))]
    for clusters in clusterings:
        drawn = _changes(refits - before, clusters, generator)
        lower, upper = change + np.quantile(drawn - drawn.mean(), tails)
        ends.append((float(lower), float(upper)))
    return max(-1.0, min(low for low, _ in ends)), min(1.0, max(high for _, high in ends))


def _changes(differences: Values, clusters: Codes, generator: np.random.Generator) -> Values:
    """[B] the mean difference of each refit on test images drawn with replacement, cluster by cluster."""
    _, codes = np.unique(clusters, return_inverse=True)
    total = int(codes.max()) + 1
    drawn = np.empty(len(differences))
    for at, row in enumerate(differences):
        weights = np.bincount(generator.integers(total, size=total), minlength=total)[codes]
        drawn[at] = row @ weights / max(weights.sum(), 1)
    return drawn
