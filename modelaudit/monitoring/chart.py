"""A chart: the evidence that the scores of one statistic in one group have changed, unit by unit.

The p-value of a unit compares its score with those of the calibration units and of all units before it in the group
(the bag grows, else the p-values would depend on each other through the fixed calibration scores):

    p_n = (#{scores in higher bins} + U_n #{scores in the same bin, its own included}) / n

with U_n uniform and n the number of scores, its own included. As long as the units are exchangeable with the
calibration units and with each other, p_1, p_2, ... are independent and uniform (Vovk, Gammerman & Shafer 2005).

A change may come at any unit, so each unit puts a stake on "it comes now", split over the bettors
(:mod:`.bets`), and every stake is then multiplied by the bets of its bettor:

    C_n(i) = (C_{n-1}(i) + stake_n share(i)) b_i(p_n),        evidence_n = reserve_n + sum_i C_n(i)

- under :class:`~.promises.FalseAlarms` the stakes come out of a reserve of 1 that is never bet, and falls slowly:
  ``stake_n = reserve_{n-1} rate / (n + delay)``. The evidence is a martingale that starts at 1, and a change after many
  quiet units costs only what the stake has become smaller.
- under :class:`~.promises.RunLength` every stake is 1 and there is no reserve: ``evidence_n - n`` is a martingale.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..language.draws import order
from ..language.errors import DataError
from .bets import BETTORS, CELLS, HALF_LIVES, LOG_SHARES, learned, log_bets, no_histograms
from .promises import Promise, RunLength

Values = NDArray[np.float64]
#: share of the reserve that is staked: rate / (unit + delay)
_RATE, _DELAY = 0.25, 50.0
#: log of as good as nothing; finite, so that a chart can be written as JSON
_NOTHING = -700.0


@dataclass(frozen=True, eq=False)
class Chart:
    """The state of one statistic in one group.

    Args:
        counts: [bins] scores so far: calibration and stream.
        units: of the stream, so far.
        log_evidence: now; 0 under :class:`~.promises.FalseAlarms` before the first unit.
        peak: the largest log_evidence so far.
        started: how many units of the stream came before the change, if there is one (maximum likelihood under the
            bettor that has won most).
        log_capital: [bettors]; log_reserve: what has not been staked yet.
        log_runs: [bettors] log growth since ``run_starts`` [bettors], the units at which it was smallest.
        histograms: [histograms, cells] of the p-values so far.
    """

    counts: NDArray[np.int64]
    units: int = 0
    log_evidence: float = 0.0
    peak: float = 0.0
    started: int = 0
    log_reserve: float = 0.0
    log_capital: Values = field(default_factory=lambda: np.full(BETTORS, _NOTHING))
    log_runs: Values = field(default_factory=lambda: np.zeros(BETTORS))
    run_starts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BETTORS, dtype=np.int64))
    histograms: Values = field(default_factory=no_histograms)

    def alarmed(self, log_threshold: float) -> bool:
        """Whether the evidence has ever reached the threshold."""
        return self.peak >= log_threshold

    def to_json(self) -> dict[str, Any]:
        """Numbers and lists, from which :meth:`from_json` makes an equal chart."""
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Chart:
        """The chart that :meth:`to_json` wrote.

        Raises:
            DataError: it is not one, or one of a version with other bets.
        """
        of_bettors = dict.fromkeys(("log_capital", "log_runs", "run_starts"), (BETTORS,))
        shapes: dict[str, tuple[int, ...]] = {**of_bettors, "histograms": (len(HALF_LIVES), CELLS)}
        try:
            chart = cls(
                counts=np.asarray(stored["counts"], dtype=np.int64),
                units=int(stored["units"]),
                log_evidence=float(stored["log_evidence"]),
                peak=float(stored["peak"]),
                started=int(stored["started"]),
                log_reserve=float(stored["log_reserve"]),
                log_capital=np.asarray(stored["log_capital"], dtype=np.float64),
                log_runs=np.asarray(stored["log_runs"], dtype=np.float64),
                run_starts=np.asarray(stored["run_starts"], dtype=np.int64),
                histograms=np.asarray(stored["histograms"], dtype=np.float64),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"not the state of a chart: {error!r}; start the watch anew with an empty state") from error
        if wrong := [name for name, shape in shapes.items() if getattr(chart, name).shape != shape]:
            raise DataError(f"the state of a chart has other bets ({', '.join(wrong)}); start the watch anew")
        return chart


def new_chart(counts: ArrayLike) -> Chart:
    """A chart before the first unit of the stream; `counts` [bins] are those of the calibration scores, or zeros."""
    return Chart(counts=np.asarray(counts, dtype=np.int64))


def follow(chart: Chart, score_bin: int, uniform: float, promise: Promise) -> Chart:
    """The chart after one more unit.

    Args:
        score_bin: the bin of the unit's score (:meth:`~.bins.Bins.index`).
        uniform: the unit's U_n in [0, 1] (:func:`tie_break`).
    """
    counts = chart.counts.copy()
    counts[score_bin] += 1
    p = p_value(counts, score_bin, uniform)
    log_stake, log_reserve = stakes(chart.units, chart.log_reserve, promise)
    won = log_bets(p, chart.histograms)
    log_capital = np.maximum(np.logaddexp(chart.log_capital, LOG_SHARES + log_stake) + won, _NOTHING)
    log_evidence = float(np.logaddexp.reduce(log_capital, initial=log_reserve))
    run_starts = np.where(chart.log_runs <= 0, chart.units, chart.run_starts)
    return replace(
        chart,
        counts=counts,
        units=chart.units + 1,
        log_evidence=log_evidence,
        peak=max(chart.peak, log_evidence),
        started=int(run_starts[int(np.argmax(log_capital))]),
        log_reserve=log_reserve,
        log_capital=log_capital,
        log_runs=np.maximum(chart.log_runs, 0.0) + won,
        run_starts=run_starts,
        histograms=learned(p, chart.histograms),
    )


def restarted(chart: Chart) -> Chart:
    """The chart after an alarm under :class:`~.promises.RunLength`: no evidence, the same scores to compare with."""
    fresh = new_chart(chart.counts)
    return replace(fresh, units=chart.units, started=chart.units, run_starts=fresh.run_starts + chart.units)


def p_value(counts: NDArray[np.int64], score_bin: int, uniform: float) -> float:
    """The conformal p-value of the latest score, which `counts` [bins] include."""
    above = int(counts[score_bin + 1 :].sum())
    return (above + uniform * int(counts[score_bin])) / int(counts.sum())


def stakes(units: int, log_reserve: float, promise: Promise) -> tuple[float, float]:
    """The log of the stake on a change at the next unit, after `units` units, and of the reserve that is left."""
    if isinstance(promise, RunLength):
        return 0.0, _NOTHING
    rate = _RATE / (units + _DELAY)
    return log_reserve + math.log(rate), log_reserve + math.log1p(-rate)


def tie_break(seed: int, group: str, statistic: str, unit: int) -> float:
    """U_n of a unit in [0, 1]: a function of the monitor's seed, the chart and the unit's number alone."""
    return (order(seed, f"{group}\0{statistic}", str(unit)) + 0.5) / 2**64
