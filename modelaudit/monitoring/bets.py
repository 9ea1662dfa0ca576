"""Bets against p-values that are independent and uniform on [0, 1]: densities fixed before the p-value is seen.

Each bettor multiplies its capital by ``b(p)``, where b is a density on [0, 1], so its expected capital stays the same
as long as the p-values are uniform. One set of bettors serves all statistics:

- power bets on small p-values, ``kappa p^(kappa - 1)``, for scores that have become larger;
- the same on large p-values, for scores that have become smaller;
- steps: most of the capital evenly on one side, for scores that have moved without scattering more;
- bets on both ends and on the middle, for scores that scatter more or less than before;
- histograms of the p-values so far, with forgetting, for any other shape (plug-in bets, Fedorova et al. 2012).

All functions take leading dimensions: one chart, or many at once in a simulation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Values = NDArray[np.float64]
POWERS: Values = np.array([0.125, 0.25, 0.5, 0.75])
_LOG_POWERS: Values = np.log(POWERS)
#: (a, share): a step puts this share of its capital on ``p < a``, and its mirror image on ``p > 1 - a``
STEPS: Values = np.array([(0.2, 0.8), (0.4, 0.9)])
_WIDTHS = STEPS[:, 0]
_LOG_INSIDE: Values = np.log(STEPS[:, 1] / _WIDTHS)
_LOG_OUTSIDE: Values = np.log((1 - STEPS[:, 1]) / (1 - _WIDTHS))
#: of a histogram
CELLS = 10
#: p-values after which what a histogram has counted weighs half
HALF_LIVES = (50, 200, 1000)
KEPT: Values = np.array([0.5 ** (1 / life) for life in HALF_LIVES])[:, None]
#: what every cell of a histogram starts with, and is drawn back to
PRIOR = 2.0
_CELLS = np.arange(CELLS)
_SMALLEST = 1e-16
BETTORS = 2 * POWERS.size + 2 * len(STEPS) + 2 + len(HALF_LIVES)
#: [bettors]: the share of the stake that each gets
LOG_SHARES: Values = np.full(BETTORS, -np.log(BETTORS))


def no_histograms() -> Values:
    """[histograms, cells]: nothing counted yet."""
    return np.zeros((len(HALF_LIVES), CELLS))


def log_bets(p: ArrayLike, histograms: Values) -> Values:
    """[..., bettors]: the log densities of all bettors at the p-values p [...].

    `histograms` [..., histograms, cells] hold the p-values before p, never p itself.
    """
    at = np.asarray(p, dtype=np.float64)[..., None]
    small, large = np.log(np.maximum(at, _SMALLEST)), np.log(np.maximum(1 - at, _SMALLEST))
    left, right = _LOG_POWERS + (POWERS - 1) * small, _LOG_POWERS + (POWERS - 1) * large
    low, high = (np.where(side < _WIDTHS, _LOG_INSIDE, _LOG_OUTSIDE) for side in (at, 1 - at))
    ends = np.log(0.25 * (np.exp(-0.5 * small) + np.exp(-0.5 * large)))
    middle = np.log(6.0) + small + large
    counted = (histograms * _cell(p)).sum(axis=-1)
    shares = np.log(CELLS * (counted + PRIOR) / (histograms.sum(axis=-1) + CELLS * PRIOR))
    bets: Values = np.concatenate([left, right, low, high, ends, middle, shares], axis=-1)
    return bets


def learned(p: ArrayLike, histograms: Values) -> Values:
    """[..., histograms, cells]: the histograms with the p-values p [...]."""
    counted: Values = histograms * KEPT + _cell(p)
    return counted


def _cell(p: ArrayLike) -> NDArray[np.bool_]:
    """[..., 1, cells]: the cell of a histogram that p [...] lies in."""
    at = np.minimum((np.asarray(p)[..., None, None] * CELLS).astype(np.int64), CELLS - 1)
    inside: NDArray[np.bool_] = at == _CELLS
    return inside
