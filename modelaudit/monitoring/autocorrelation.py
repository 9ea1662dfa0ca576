"""Whether successive scores depend on each other, and after how many images they no longer do.

Images of a line are exchangeable only if their order tells nothing. Where neighbours are alike (a shift, a burst, dirt
that stays for an hour), the evidence of a chart grows without any change, and a unit must be a lot, not an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from ..language.draws import order

#: fewer scores tell nothing of their order
LEAST_SCORES = 20
_MOST_LAGS, _PERMUTATIONS, _AT_ONCE = 200, 500, 50
#: a lot is so many times the largest lag at which scores are alike: drawn images of neighbouring lots lie apart then
_APART = 5


@dataclass(frozen=True)
class Autocorrelation:
    """How alike scores are that follow each other.

    Args:
        scores: how many there were.
        p_value: of the hypothesis that their order tells nothing (permutation test; against positive correlation).
        correlation: of neighbours, by ranks.
        reach: the lag up to which scores are alike (the m of the largest sum, or the last lag of those in a row at
            which r_k is beyond half of what chance makes of the largest); 0 where they are not.
        lot: images that a lot should have, so that units are about independent; 1 where the order tells nothing, None
            where the reach is too long to be told from so few scores.
    """

    scores: int
    p_value: float
    correlation: float
    reach: int
    lot: int | None

    def found(self, level: float = 0.05) -> bool:
        """Whether the order tells something."""
        return self.p_value <= level


def autocorrelation(scores: ArrayLike, seed: int, level: float = 0.05) -> Autocorrelation:
    """Test scores in the order of their images for autocorrelation.

    With r_k the correlation of ranks at lag k, the statistic is the largest ``sum_{k <= m} r_k / sqrt(m)`` over
    m = 1, 2, 4, ...: it sees neighbours that are alike, and long stretches that are slightly alike. Its distribution,
    and that of the largest r_k, come from 500 seeded permutations.

    Raises:
        ValueError: fewer than 20 scores.
    """
    ranks = rankdata(np.asarray(scores, dtype=np.float64).ravel())
    count = ranks.size
    if count < LEAST_SCORES:
        raise ValueError(f"autocorrelation needs at least {LEAST_SCORES} scores, got {count}")
    if np.ptp(ranks) == 0:
        return Autocorrelation(count, 1.0, 0.0, 0, 1)
    lags = min(_MOST_LAGS, count // 5)
    draw = np.random.default_rng(order(seed, "autocorrelation", str(count)))
    observed = _correlations(ranks[None], lags)
    rows = np.tile(ranks, (_AT_ONCE, 1))
    permuted = np.concatenate(
        [_correlations(draw.permuted(rows, axis=1), lags) for _ in range(_PERMUTATIONS // _AT_ONCE)]
    )
    sums, largest = _sums(observed)[0], _sums(permuted).max(axis=1)
    p = (1 + int((largest >= sums.max()).sum())) / (1 + _PERMUTATIONS)
    reach = 0
    if p <= level:
        chance = float(np.quantile(permuted.max(axis=1), 1 - level))
        reach = max(2 ** int(sums.argmax()), _run_above(observed[0], chance / 2))
    lot = 1 if not reach else _APART * reach if reach < lags else None
    return Autocorrelation(count, p, float(observed[0, 0]), reach, lot)


def _correlations(ranks: NDArray[np.float64], lags: int) -> NDArray[np.float64]:
    """[rows, lags]: the autocorrelations of each row at lags 1, 2, ..., by the Fourier transform."""
    centred = ranks - ranks.mean(axis=1, keepdims=True)
    length = 1 << (2 * ranks.shape[1] - 1).bit_length()
    power = np.abs(np.fft.rfft(centred, length, axis=1)) ** 2
    covariances = np.fft.irfft(power, length, axis=1)[:, : lags + 1]
    correlations: NDArray[np.float64] = covariances[:, 1:] / covariances[:, :1]
    return correlations


def _sums(correlations: NDArray[np.float64]) -> NDArray[np.float64]:
    """[rows, powers]: ``sum_{k <= m} r_k / sqrt(m)`` for m = 1, 2, 4, ..."""
    sums = correlations.cumsum(axis=1)
    ends = 2 ** np.arange(correlations.shape[1].bit_length())
    scaled: NDArray[np.float64] = sums[:, ends - 1] / np.sqrt(ends)
    return scaled


def _run_above(correlations: NDArray[np.float64], chance: float) -> int:
    """The lags from 1 on, up to the first one at which scores are not more alike than by chance."""
    below = np.flatnonzero(correlations <= chance)
    return int(below[0]) if below.size else correlations.size
