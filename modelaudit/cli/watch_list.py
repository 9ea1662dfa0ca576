"""``modelaudit watch list``: the list of an alarm anew, with the images that have come since."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..language.errors import MonitorError
from .command_help import Example, add_command
from .terminal import add_language, at_least, say

_NOTES = """An alarm often comes after a few images, and an audit of a few decides little.
This writes audit_next.csv of the alarm anew: up to 200 images, drawn at random
from those since the change that are still known (the latest 512 of the group),
with copies of them. A list in which somebody has filled in labels stays."""


def add(steps: Any) -> None:
    """Add the step."""
    step = add_command(
        steps,
        "list",
        "take later images into the list that an alarm wrote for the next audit",
        Example("the list of alarm 1", "modelaudit watch list monitor.json 1"),
        notes=_NOTES,
        status="0 written, 2 a wrong call, an alarm without a record, or a list that has labels",
    )
    step.add_argument("monitor", type=Path, metavar="MONITOR", help="monitor.json, as modelaudit watch fit writes it")
    step.add_argument("alarm", type=at_least(1, "an alarm"), metavar="N", help="number of the alarm")
    step.add_argument("--state", type=Path, metavar="FILE", help="the state (default: beside MONITOR)")
    add_language(step, "the terminal and of the alarm's page")
    step.set_defaults(run=_list)


def _list(given: argparse.Namespace) -> int:
    from ..monitoring.alarm import renew_list
    from ..monitoring.monitor import state_file
    from ..monitoring.monitor_file import read_monitor
    from ..monitoring.state import MonitorState
    from ..report.alarm import write_alarm_page
    from .words import command_words

    words = command_words(given.language)
    monitor, file = read_monitor(given.monitor), state_file(given.monitor, given.state)
    if not file.is_file():
        raise MonitorError(f"{file}: no image has been watched yet; begin with modelaudit watch run {given.monitor}")
    state = MonitorState(file, monitor.digest)
    try:
        with state.reading() as tables:
            alarms = {one.number: one for one in tables.alarms()}
            alarm = alarms.get(given.alarm)
            images = [] if alarm is None else tables.recent(alarm.group)
    finally:
        state.close()
    if alarm is None:
        numbers = ", ".join(map(str, alarms)) or "none"
        raise MonitorError(f"alarm {given.alarm}: there is no such alarm; there are: {numbers}")
    if alarm.folder is None:
        raise MonitorError(f"alarm {given.alarm}: has no record yet; modelaudit watch status {given.monitor} writes it")
    folder = Path(alarm.folder)
    record = renew_list(monitor, images, folder)
    write_alarm_page(folder, language=given.language)
    listed = record.audit_next
    if listed is not None:
        say(words.ngettext("watch_listed", listed.images, file=str(folder / listed.file)))
    return 0
