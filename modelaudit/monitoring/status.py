"""Where a watch stands: its charts, its alarms, and what it cannot know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from .alarm_record import ComparedWith
from .group_state import ChartRules, GroupState, odds
from .monitor_file import STATISTICS, MonitorFile, PromiseRecord
from .state import StateChange, StoredAlarm

#: images that could not be read and are named; of the others only the number is known
MOST_NAMED = 20


@dataclass(frozen=True)
class ChartStatus:
    """The evidence of one statistic in one group.

    Args:
        units: that it has followed.
        log_evidence: natural logarithm, as `log_threshold`.
        change_at: the first unit that looks changed, if there is a change.
        alarmed: it has alarmed; under a promise of false alarms it says no more until the monitor is fitted anew.
    """

    group: str
    statistic: str
    units: int
    log_evidence: float
    log_threshold: float
    change_at: int
    alarmed: bool

    @property
    def evidence(self) -> float:
        """As "n to 1"."""
        return odds(self.log_evidence)

    @property
    def threshold(self) -> float:
        """The evidence at which it alarms."""
        return odds(self.log_threshold)


@dataclass(frozen=True)
class GroupStatus:
    """The images of one group.

    Args:
        images: that were counted; `late`: of these, of a lot that was complete already, which add nothing.
        lots: complete ones; `open_images`: of the lot that is not complete.
        last: the time of the latest image; None before the first.
        clock_jumps: how often its clock was set back by more than a lot.
    """

    group: str
    compared_with: ComparedWith
    images: int
    late: int
    lots: int
    open_images: int
    last: datetime | None
    clock_jumps: int


@dataclass(frozen=True)
class AlarmStatus:
    """An alarm.

    Args:
        number: by which it is acknowledged.
        unit: of the group, at which it came.
        folder: of its record; None as long as that could not be written.
        acknowledged_by: None as long as nobody has taken note of it.
    """

    number: int
    group: str
    statistic: str
    unit: int
    created: datetime
    log_evidence: float
    folder: str | None
    acknowledged_by: str | None
    acknowledged_at: datetime | None
    because: str | None

    @property
    def evidence(self) -> float:
        """At the time of the alarm, as "n to 1"."""
        return odds(self.log_evidence)

    @classmethod
    def of(cls, stored: StoredAlarm) -> AlarmStatus:
        """That of an alarm in the state."""
        noted = None if stored.acknowledged_at is None else moment(stored.acknowledged_at)
        return cls(
            stored.number,
            stored.group,
            stored.statistic,
            stored.unit,
            moment(stored.created),
            stored.content["log_evidence"],
            stored.folder,
            stored.acknowledged_by,
            noted,
            stored.because,
        )


@dataclass(frozen=True)
class MonitorStatus:
    """Where a watch stands.

    Args:
        monitor: its digest.
        masked: the surroundings are watched without the object.
        alarms_once: each chart alarms once, until the monitor is fitted anew.
        unreadable: images that were found and could not be read so far.
        named_unreadable: the latest of these, and why.
    """

    monitor: str
    promise: PromiseRecord
    masked: bool
    alarms_once: bool
    groups: tuple[GroupStatus, ...]
    charts: tuple[ChartStatus, ...]
    alarms: tuple[AlarmStatus, ...]
    unreadable: int
    named_unreadable: tuple[tuple[str, str], ...]

    @property
    def images(self) -> int:
        """That were counted."""
        return sum(one.images for one in self.groups)

    @property
    def open_alarms(self) -> tuple[AlarmStatus, ...]:
        """Those that nobody has acknowledged."""
        return tuple(one for one in self.alarms if one.acknowledged_by is None)


def status_of(rules: ChartRules, groups: Mapping[str, GroupState], tables: StateChange) -> MonitorStatus:
    """The status that follows from the state."""
    monitor: MonitorFile = rules.monitor
    ordered = [groups[name] for name in sorted(groups)]
    return MonitorStatus(
        monitor.digest,
        monitor.promise,
        rules.masked,
        rules.alarms_once,
        tuple(_group(rules, one) for one in ordered),
        tuple(_chart(rules, group, name) for group in ordered for name in STATISTICS),
        tuple(AlarmStatus.of(one) for one in tables.alarms()),
        tables.unreadable_count(),
        tuple(tables.unreadable(MOST_NAMED)),
    )


def moment(seconds: float) -> datetime:
    """A time of the state; what no calendar has becomes the nearest that it has."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return datetime.max.replace(tzinfo=UTC) if seconds > 0 else datetime.min.replace(tzinfo=UTC)


def _group(rules: ChartRules, group: GroupState) -> GroupStatus:
    return GroupStatus(
        group.name,
        rules.compared_with(group.name),
        group.frames,
        group.late,
        group.last_lot - (group.lot is not None),
        0 if group.lot is None else group.lot.frames,
        moment(group.last_time) if group.frames else None,
        group.clock_jumps,
    )


def _chart(rules: ChartRules, group: GroupState, statistic: str) -> ChartStatus:
    chart = group.charts[statistic]
    return ChartStatus(
        group.name,
        statistic,
        chart.units,
        chart.log_evidence,
        rules.log_threshold(group),
        chart.started + 1,
        statistic in group.alarmed,
    )
