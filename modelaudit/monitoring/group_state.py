"""The charts of one group, and what a complete unit does to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .alarm_record import ComparedWith
from .bins import Bins
from .chart import Chart, follow, new_chart, restarted, tie_break
from .lots import ClosedLot, OpenLot
from .monitor_file import STATISTICS, UNGROUPED, MonitorFile, PromiseRecord, StatisticRecord
from .promises import FalseAlarms, Promise, RunLength, chart_weight, log_threshold

#: beyond this log, evidence is given as 1e300
_MOST = math.log(1e300)


def odds(log_evidence: float) -> float:
    """Evidence as "n to 1"; what is over 1e300 is given as 1e300."""
    return math.exp(min(log_evidence, _MOST))


def promise_of(record: PromiseRecord) -> Promise:
    """The promise that a monitor's file states."""
    return FalseAlarms(record.value) if record.kind == "false_alarms" else RunLength(math.ceil(record.value))


@dataclass(frozen=True)
class ReachedThreshold:
    """A chart that has alarmed.

    Args:
        unit: of the group, at which it did.
        chart: as it was then.
    """

    group: str
    statistic: str
    unit: int
    chart: Chart
    log_threshold: float


@dataclass(frozen=True)
class GroupState:
    """One group: its open lot and its charts.

    Args:
        place: None of a group that the reference images have, k of the k-th other one, from 1.
        frames: images that were counted.
        late: of these, images of a lot that was complete already, which add nothing.
        last_lot: the number of its latest lot.
        last_time: of its latest image, in seconds since 1970.
        clock_jumps: how often its clock was set back by more than a lot.
        charts: by statistic.
    """

    name: str
    place: int | None
    charts: Mapping[str, Chart]
    frames: int = 0
    late: int = 0
    last_lot: int = 0
    last_time: float = 0.0
    clock_jumps: int = 0
    lot: OpenLot | None = None
    alarmed: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """Plain data, all but the charts."""
        lot = None if self.lot is None else self.lot.to_json()
        content = {**vars(self), "lot": lot, "alarmed": sorted(self.alarmed)}
        return {name: value for name, value in content.items() if name not in ("name", "charts")}

    @classmethod
    def from_json(cls, name: str, stored: Mapping[str, Any], charts: Mapping[str, Chart]) -> GroupState:
        """What :meth:`to_json` wrote, with the charts."""
        lot = None if stored["lot"] is None else OpenLot.from_json(stored["lot"])
        return cls(name=name, charts=charts, **{**stored, "lot": lot, "alarmed": frozenset(stored["alarmed"])})


class ChartRules:
    """How the charts of a monitor begin, go on and alarm.

    Args:
        masked: the surroundings are watched without the object.

    Raises:
        MonitorError: `masked`, and the monitor was fitted to images without masks.
    """

    def __init__(self, monitor: MonitorFile, masked: bool) -> None:
        self.monitor = monitor
        self.masked = masked
        self._records: dict[str, StatisticRecord] = {
            name: monitor.statistic(name, masked=masked) for name in STATISTICS
        }
        self._bins: dict[str, Bins] = {name: Bins(tuple(one.edges)) for name, one in self._records.items()}
        self._promise = promise_of(monitor.promise)

    @property
    def pooled(self) -> bool:
        """Whether the reference images have no groups, so that each group is compared with all of them."""
        return set(self.monitor.reference.groups) <= {UNGROUPED}

    @property
    def alarms_once(self) -> bool:
        """Whether an alarm is the last one of its chart, until the monitor is fitted anew."""
        return isinstance(self._promise, FalseAlarms)

    def begin(self, name: str, others: Mapping[str, GroupState]) -> GroupState:
        """A group before its first unit.

        Args:
            others: the groups so far.
        """
        known = not others if self.pooled else name in self.monitor.reference.groups
        place = None if known else 1 + sum(one.place is not None for one in others.values())
        return GroupState(name, place, {one: new_chart(self._counts(one, name)) for one in STATISTICS})

    def compared_with(self, group: str) -> ComparedWith:
        """What the images of a group are compared with."""
        if not self.pooled and group not in self.monitor.reference.groups:
            return "own_beginning"
        return "normal_images" if self.monitor.reference.what == "normal" else "audited_images"

    def log_threshold(self, group: GroupState) -> float:
        """The log of the evidence at which a chart of the group alarms."""
        known = 1 if self.pooled else len(self.monitor.reference.groups)
        return log_threshold(self._promise, chart_weight(self._promise, len(STATISTICS), known, group.place))

    def follow(self, group: GroupState, unit: ClosedLot) -> tuple[GroupState, tuple[ReachedThreshold, ...]]:
        """The group after one more unit, and the charts that alarm at it.

        Under a promise of false alarms a chart alarms once; under one of a run length it begins anew after each alarm.
        """
        charts, alarmed, reached = dict(group.charts), set(group.alarmed), []
        threshold = self.log_threshold(group)
        for name, score in unit.scores.items():
            before = charts[name]
            draw = tie_break(self.monitor.seed, group.name, name, before.units + 1)
            chart = follow(before, self._bins[name].index(score), draw, self._promise)
            if chart.log_evidence >= threshold and not (self.alarms_once and name in alarmed):
                reached.append(ReachedThreshold(group.name, name, chart.units, chart, threshold))
                alarmed.add(name)
                chart = chart if self.alarms_once else restarted(chart)
            charts[name] = chart
        return replace(group, charts=charts, alarmed=frozenset(alarmed)), tuple(reached)

    def _counts(self, statistic: str, group: str) -> ArrayLike:
        found = self._records[statistic].counts.get(UNGROUPED if self.pooled else group)
        return np.zeros(self._bins[statistic].count, dtype=np.int64) if found is None else found
