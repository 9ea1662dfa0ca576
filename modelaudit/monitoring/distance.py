"""How far an image is from those that a monitor was fitted to: a Mahalanobis distance with a shrunk covariance.

It was chosen by measurement among nearest neighbours and distances within the leading components alone: it separates
new surroundings as well as the best of them, and needs neither the fitted images nor a number to be set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .monitor_file import ArrayRecord, DistanceRecord

Values = NDArray[np.float64]
#: directions of the features that have a variance of their own; all others share one
MOST_COMPONENTS = 64
#: a feature whose standard deviation is a smaller share of the median one counts as constant on the fitted images: it
#: is divided by the median one, or it would outweigh all others as soon as it varied a little
_CONSTANT = 1e-3


@dataclass(frozen=True, eq=False)
class Distance:
    """A squared Mahalanobis distance; its parts are those of :class:`~.monitor_file.DistanceRecord`."""

    mean: Values
    scale: Values
    components: Values
    variances: Values
    residual: float

    @classmethod
    def of(cls, record: DistanceRecord) -> Distance:
        """The distance that a monitor stores."""
        return cls(
            record.mean.array(),
            record.scale.array(),
            record.components.array(),
            record.variances.array(),
            record.residual,
        )

    def __call__(self, features: Values) -> float:
        """The squared distance of one image, features [D]; of one at a time, so that it depends on no other."""
        z = (features - self.mean) / self.scale
        y = z @ self.components
        rest = max(float(z @ z - y @ y), 0.0)
        return float((y**2 / self.variances).sum()) + rest / self.residual


def fit_distance(features: Values) -> DistanceRecord:
    """The distance from images with these features [n, D], n >= 2, in units of their own scatter.

    Each feature is divided by its standard deviation. The covariance of the quotients is shrunk towards a multiple of
    the identity (:func:`shrinkage`); its largest eigenvalues, up to 64, are kept, and the mean of the others stands for
    them.
    """
    count, dimensions = features.shape
    mean = features.mean(axis=0)
    scale = features.std(axis=0)
    typical = float(np.median(scale[scale > 0])) if (scale > 0).any() else 1.0
    scale = np.where(scale > _CONSTANT * typical, scale, typical)
    z = (features - mean) / scale
    _, singular, directions = np.linalg.svd(z, full_matrices=False)
    eigenvalues, shrunk = singular**2 / count, shrinkage(z)
    level = float(eigenvalues.sum()) / dimensions or 1.0
    kept = min(count - 1, dimensions, MOST_COMPONENTS)
    variances = (1 - shrunk) * eigenvalues[:kept] + shrunk * level
    rest = dimensions - kept
    residual = (dimensions * level - float(variances.sum())) / rest if rest else 1.0
    least = 1e-6 * level
    return DistanceRecord(
        mean=ArrayRecord.of(mean),
        scale=ArrayRecord.of(scale),
        components=ArrayRecord.of(directions[:kept].T),
        variances=ArrayRecord.of(np.maximum(variances, least)),
        residual=max(residual, least),
    )


def shrinkage(centred: Values) -> float:
    """The weight of the multiple of the identity in the covariance of centred data [n, D] that has the least expected
    error, in [0, 1] (Ledoit & Wolf 2004)."""
    count, dimensions = centred.shape
    squares = (centred**2).sum(axis=1)
    gram = centred @ centred.T if count < dimensions else centred.T @ centred
    norm = float((gram**2).sum()) / count**2  # of the covariance, squared
    level = float(squares.sum()) / count / dimensions
    apart = norm - dimensions * level**2
    error = (float((squares**2).sum()) / count - norm) / count
    return float(np.clip(error / apart, 0.0, 1.0)) if apart > 0 else 1.0
