"""What a monitor promises about false alarms, and how much evidence an alarm needs under that promise.

A monitor follows several statistics in several groups, each with a chart of its own. The evidence of a chart is a
martingale (or grows by one a unit, see :class:`RunLength`) with respect to the p-values of that chart alone, not to
those of all charts: the statistics are computed from the same images and depend on each other. Neither an average of
such evidence nor a sum of it obeys Ville's inequality at the time when it is first large (Choe & Ramdas 2024,
"Combining evidence across filtrations"). So the error is split over the charts: the union bound holds however they
depend on each other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_OF_KNOWN = 0.9


@dataclass(frozen=True)
class FalseAlarms:
    """The probability that the monitor ever raises a false alarm, in any chart, is at most `probability`.

    A chart of weight w alarms at evidence ``1 / (probability w)``; by Ville's inequality it ever gets there with a
    probability of at most ``probability w``, and the weights sum to at most 1.
    """

    probability: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.probability < 1:
            raise ValueError(f"the probability of a false alarm lies between 0 and 1, got {self.probability}")


@dataclass(frozen=True)
class RunLength:
    """The mean number of units until the monitor's first false alarm, in any chart, is at least `units`.

    Units of all groups are counted together. The evidence R of a chart sums over all units at which the change may have
    come (Shiryaev 1963, Roberts 1966; e-detectors: Shin, Ramdas & Rinaldo 2024), so ``R_n - n`` is a martingale and,
    by Doob's inequality, ``P(R reaches c within n units) <= n / c``. Over K statistics the first false alarm T has
    ``P(T <= n) <= n K / c`` (union bound; groups share the n units among them), and ``E T >= c / (2 K)``. A chart
    alarms at ``c = 2 K units``, that is ``2 units / w`` with weight ``w = 1 / K``.
    """

    units: int = 10_000

    def __post_init__(self) -> None:
        if self.units < 1:
            raise ValueError(f"a run length is at least one unit, got {self.units}")


Promise = FalseAlarms | RunLength


def chart_weight(promise: Promise, statistics: int, known_groups: int = 1, new_group: int | None = None) -> float:
    """The weight of one chart; over all charts that there may ever be, the promise holds.

    Args:
        statistics: how many each group has; they share evenly.
        known_groups: groups of the reference images; of :class:`FalseAlarms` they share 0.9 evenly. Where the reference
            images have no groups, the first group of the stream is the known one.
        new_group: None for a known group, k for the k-th group (from 1) that the reference images do not have: it gets
            ``0.1 / (k (k + 1))``. Under :class:`RunLength` every group has the whole, since units are counted over all.
    """
    if isinstance(promise, RunLength):
        return 1 / statistics
    group = _OF_KNOWN / known_groups if new_group is None else (1 - _OF_KNOWN) / (new_group * (new_group + 1))
    return group / statistics


def log_threshold(promise: Promise, weight: float) -> float:
    """The log of the evidence at which a chart of this weight alarms."""
    if isinstance(promise, RunLength):
        return math.log(2 * promise.units / weight)
    return -math.log(promise.probability * weight)
