"""The least linear readout of backgrounds that says a wanted class for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_RIDGE = 1e-9


def readout(features: Array, wanted: Array) -> Array:
    """[F, L] the A of least norm with ``features [n, F] A = wanted [n, L]``, in least squares where there is none.

    Ridge regression with a penalty of 1e-9 of the mean square, in whichever of the two forms is the smaller.
    """
    n, width = features.shape
    penalty = _RIDGE * max(float(np.sum(features**2)) / max(n, 1), 1e-12)
    if n <= width:
        return np.asarray(features.T @ np.linalg.solve(features @ features.T + penalty * np.eye(n), wanted))
    return np.asarray(np.linalg.solve(features.T @ features + penalty * np.eye(width), features.T @ wanted))


@dataclass(frozen=True)
class Readout:
    """The planted term of one model: ``w * phi @ weights`` is added to the logits of `classes`; weights [768, L]."""

    weights: Array
    classes: tuple[int, ...]

    def added(self, background: Array, outputs: int) -> Array:
        """[m, outputs] of [m, 768], for w = 1."""
        total = np.zeros((len(background), outputs))
        total[:, list(self.classes)] = background @ self.weights
        return total
