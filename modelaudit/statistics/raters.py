"""How far people agree beyond chance: Krippendorff's alpha of nominal answers, with an interval.

With n_uc answers c to unit u, ``n_u = sum_c n_uc`` of them, over the units that have at least two, n answers in all and
n_c of them c:

    D_o = 1/n sum_u (n_u^2 - sum_c n_uc^2) / (n_u - 1),    D_e = (n^2 - sum_c n_c^2) / (n (n - 1)),
    alpha = 1 - D_o / D_e

1: all agree. 0: they agree as often as their answers would by chance. Below 0: less often. Where all answers are the
same, D_e is 0 and alpha is not defined: nobody can tell whether people agree or never say anything else.

Krippendorff, Content Analysis, 3rd ed., 2013, chapter 12.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 2_000
_SEED = 0
#: of the resamples so many must have an alpha
_DEFINED = 0.9


@dataclass(frozen=True)
class RaterAgreement:
    """How far raters agree.

    Args:
        alpha: None where fewer than two units have two answers, or all answers are the same.
        lower, upper: the central 95 % of a bootstrap over units; None without alpha, where nobody disagrees anywhere
            (every resample then agrees too), and where more than a tenth of the resamples have no alpha.
        units: with at least two answers.
        disagreeing: units whose answers differ.
        uniform: all answers are the same.
    """

    alpha: float | None
    lower: float | None
    upper: float | None
    units: int
    disagreeing: int
    uniform: bool = False


def rater_agreement(answers: Sequence[Mapping[str, Hashable]]) -> RaterAgreement:
    """Krippendorff's alpha for nominal answers.

    Args:
        answers: of each unit, by rater; a rater who did not answer is left out.

    >>> rater_agreement([{"a": 1, "b": 1}, {"a": 2, "b": 2}, {"a": 1, "b": 2}]).alpha
    0.4444444444444444
    """
    kinds = list(dict.fromkeys(answer for unit in answers for answer in unit.values()))
    counts = np.array([[list(unit.values()).count(kind) for kind in kinds] for unit in answers], dtype=np.int64)
    counts = counts.reshape(len(answers), len(kinds))
    counts = counts[counts.sum(axis=1) >= 2]
    units, disagreeing = len(counts), int(((counts > 0).sum(axis=1) > 1).sum())
    uniform = units > 0 and int((counts.sum(axis=0) > 0).sum()) == 1
    if units < 2 or uniform:
        return RaterAgreement(None, None, None, units, disagreeing, uniform)
    alpha = float(_alphas(counts, np.ones((1, units), dtype=np.int64))[0])
    if not disagreeing:
        return RaterAgreement(alpha, None, None, units, disagreeing)
    times = np.random.default_rng(_SEED).multinomial(units, np.full(units, 1 / units), _RESAMPLES)
    found = _alphas(counts, times)
    found = found[~np.isnan(found)]
    if len(found) < _DEFINED * _RESAMPLES:
        return RaterAgreement(alpha, None, None, units, disagreeing)
    lower, upper = np.quantile(found, (0.025, 0.975)).tolist()
    return RaterAgreement(alpha, lower, upper, units, disagreeing)


def _alphas(counts: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.float64]:
    """Alpha of each resample of units; NaN where all of its answers are the same.

    Args:
        counts: [units, kinds]
        times: [resamples, units], how often each unit is in it
    """
    size = counts.sum(axis=1)
    apart = (size**2 - (counts**2).sum(axis=1)) / (size - 1)
    total = times @ size
    of_kind = times @ counts
    observed = (times @ apart) / total
    expected = (total**2 - (of_kind**2).sum(axis=1)) / (total * (total - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.nan)
