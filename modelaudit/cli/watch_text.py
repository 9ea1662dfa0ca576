"""Where a watch stands, in the words of the terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.alarm_changes import subject_of
from .terminal import table, wrapped

if TYPE_CHECKING:
    from ..monitoring.monitor_file import AuditedClaim, MonitorFile, PromiseRecord
    from ..monitoring.status import AlarmStatus, ChartStatus, GroupStatus, MonitorStatus
    from ..report.words import Words

#: evidence beyond this is so large that its digits say nothing
_MOST = 1_000_000


def head_lines(monitor: MonitorFile, words: Words) -> Iterator[str]:
    """What is watched, what it is compared with, and what is promised."""
    names = {"model": monitor.model.reference, "data": monitor.reference.data}
    if monitor.reference.what == "normal":
        yield from wrapped(words._("watch_head_normal", **names), indent=2, first="")
    else:
        yield from wrapped(words._("watch_head_audited", **names), indent=2, first="")
    yield from wrapped(_calibrated(monitor, words), indent=4, first="  ")
    yield from wrapped(promise_text(monitor.promise, words), indent=4, first="  ")


def _calibrated(monitor: MonitorFile, words: Words) -> str:
    """How many units it is compared with, and what a unit is."""
    n, kind = words.count(monitor.reference.calibrated), monitor.unit.kind
    if monitor.unit.size is not None:
        size = f"{monitor.unit.size:g}"
        many = "watch_calibrated_frames" if kind == "frames" else "watch_calibrated_minutes"
        return words._(many, n=n, size=size)
    return words._("watch_calibrated", n=n, unit=words.named("watch_unit", kind))


def promise_text(promise: PromiseRecord, words: Words) -> str:
    """What is promised of false alarms, over all groups and statistics together."""
    if promise.kind == "false_alarms":
        return words._("watch_promise_false_alarms", share=f"{100 * promise.value:g}%")
    return words._("watch_promise_run_length", n=words.count(round(promise.value)))


def status_lines(status: MonitorStatus, file: Path, words: Words, *, told: Collection[int] = ()) -> Iterator[str]:
    """Counts, charts and alarms.

    Args:
        file: of the monitor, as commands name it.
        told: numbers of alarms that were shown already.
    """
    yield words._("watch_counted", images=words.ngettext("count_images", status.images))
    if status.unreadable:
        unreadable = words.ngettext("count_images", status.unreadable)
        yield from wrapped(words._("watch_unreadable", images=unreadable), indent=4, first="  ")
        for id, reason in status.named_unreadable[:3]:
            yield from wrapped(words._("watch_problem", id=id, reason=reason), indent=6, first="    ")
    for group in status.groups:
        yield from _notes(group, words)
    if status.charts:
        yield ""
        yield from _charts(status, words)
    yield ""
    yield from _alarms(status, file, told, words)


def claim_lines(claims: Sequence[AuditedClaim], words: Words) -> Iterator[str]:
    """The audited requirements of which a watch cannot tell whether they still hold, and what measuring them takes."""
    unknown = [one for one in claims if one.needs]
    if not unknown:
        return
    heading = words._("watch_unknown", n=words.count(len(unknown)), total=words.count(len(claims)))
    yield from wrapped(heading, indent=2, first="")
    for one in unknown:
        name = one.node_id.rpartition("::")[2]
        needs = words.named("watch_needs", "_".join(sorted(one.needs)))
        yield from wrapped(words._("watch_claim", name=name, needs=needs), indent=4, first="  - ")


def alarm_lines(alarm: AlarmStatus, folder: Path | None, masked: bool, words: Words) -> Iterator[str]:
    """An alarm that has just come."""
    text = words._("watch_alarm", number=alarm.number, what=_what(alarm.statistic, alarm.group, masked, words))
    rest = words._("watch_alarm_at", unit=words.count(alarm.unit), evidence=odds_text(alarm.evidence, words))
    yield from wrapped(words.in_a_row((text, rest)), indent=2, first="")
    where = words._("watch_alarm_unwritten") if folder is None else str(folder)
    yield from wrapped(where, indent=4, first="  ")


def odds_text(value: float, words: Words) -> str:
    """Evidence as "n to 1", in as few digits as tell."""
    if value >= _MOST:
        return words._("alarm_odds_over", n=words.count(_MOST))
    return words._("alarm_odds", n=words.quantity(value, "number", 1) if value < 10 else words.count(int(value)))


def _charts(status: MonitorStatus, words: Words) -> list[str]:
    names = ("what", "units", "evidence", "threshold", "since")
    heading = [words.named("watch_column", name) for name in names]
    return table(heading, [_row(one, status, words) for one in status.charts])


def _row(chart: ChartStatus, status: MonitorStatus, words: Words) -> tuple[str, ...]:
    return (
        _what(chart.statistic, chart.group, status.masked, words),
        words.count(chart.units),
        odds_text(chart.evidence, words),
        odds_text(chart.threshold, words),
        words.count(chart.change_at) if chart.alarmed else "-",
    )


def _alarms(status: MonitorStatus, file: Path, told: Collection[int], words: Words) -> Iterator[str]:
    if not status.alarms:
        yield words._("watch_no_alarm")
        return
    for one in (one for one in status.alarms if one.number not in told):
        yield from alarm_lines(one, None if one.folder is None else Path(one.folder), status.masked, words)
        if one.acknowledged_by is not None and one.acknowledged_at is not None:
            when = words.moment(one.acknowledged_at.isoformat())
            text = words._("watch_acknowledged", who=one.acknowledged_by, when=when, because=one.because or "-")
            yield from wrapped(text, indent=4, first="  ")
    if status.open_alarms:
        yield from wrapped(
            words._("watch_to_acknowledge", monitor=file, number=status.open_alarms[0].number), indent=2, first=""
        )
    if status.alarms_once:
        yield from wrapped(words._("watch_alarms_once"), indent=2, first="")


def _notes(group: GroupStatus, words: Words) -> Iterator[str]:
    """What must be known of a group to read its evidence."""
    name = group.group or words._("watch_ungrouped")
    notes = []
    if group.compared_with == "own_beginning":
        notes.append(words._("watch_own_beginning"))
    if group.open_images:
        notes.append(words._("watch_open_lot", images=words.ngettext("count_images", group.open_images)))
    if group.late:
        notes.append(words._("watch_late", images=words.ngettext("count_images", group.late)))
    if group.clock_jumps:
        notes.append(words.ngettext("watch_clock_jumps", group.clock_jumps))
    for note in notes:
        yield from wrapped(words._("watch_of_group", group=name, note=note), indent=4, first="  ")


def _what(statistic: str, group: str, masked: bool, words: Words) -> str:
    name = words.named("alarm_statistic", subject_of(statistic, masked=masked))
    return words._("watch_statistic_of", statistic=name, group=group) if group else name
