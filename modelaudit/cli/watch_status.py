"""``modelaudit watch status``: where a watch stands, and that somebody has taken note of an alarm."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import MonitorError
from .command_help import Example, add_command
from .terminal import add_language, at_least, say, wrapped

if TYPE_CHECKING:
    from ..monitoring.status import MonitorStatus

_NOTES = """An alarm stays one until somebody has taken note of it by name:
--acknowledge 1 --by "M. Sato" --because "new lamp over belt 2". That changes
the exit status alone. Where the monitor promises how probable a false alarm
ever is, a chart that has alarmed says no more: fit the monitor anew.

Records of alarms that could not be written are written now."""
_STATUS = "0 no alarm, 1 an alarm that nobody has acknowledged, 2 a wrong call or a file that cannot be read"


def add(steps: Any) -> None:
    """Add the step."""
    status = add_command(
        steps,
        "status",
        "the evidence so far, alarms, and what the watch cannot tell",
        Example("where the watch stands", "modelaudit watch status monitor.json"),
        Example(
            "somebody has taken note of alarm 1",
            'modelaudit watch status monitor.json --acknowledge 1 --by "M. Sato" \\\n    --because "new lamp"',
        ),
        notes=_NOTES,
        status=_STATUS,
    )
    status.add_argument("monitor", type=Path, metavar="MONITOR", help="monitor.json, as modelaudit watch fit writes it")
    status.add_argument("--state", type=Path, metavar="FILE", help="the state (default: beside MONITOR)")
    status.add_argument("--acknowledge", type=at_least(1, "an alarm"), metavar="N", help="take note of alarm N")
    status.add_argument("--by", metavar="NAME", help="who takes note")
    status.add_argument("--because", metavar="TEXT", help="what was found, or done")
    status.add_argument("--json", action="store_true", help="one JSON object")
    status.add_argument("--metrics", type=Path, metavar="FILE", help="write the status as OpenMetrics")
    status.add_argument(
        "--alarms", type=Path, metavar="DIR", help="folder of the alarms (default: alarms beside MONITOR)"
    )
    add_language(status, "the terminal and of the alarms' pages")
    status.set_defaults(run=_status)


def _status(given: argparse.Namespace) -> int:
    from ..monitoring.group_state import ChartRules
    from ..monitoring.metrics import write_metrics
    from ..monitoring.monitor import groups_in, state_file
    from ..monitoring.monitor_file import read_monitor
    from ..monitoring.state import MonitorState
    from ..monitoring.status import status_of
    from .watch_alarms import AlarmWriter, alarm_folder
    from .watch_text import claim_lines, head_lines, status_lines
    from .words import command_words

    if (given.acknowledge is None) != (given.by is None):
        raise MonitorError('--acknowledge N takes --by NAME: who has taken note of it, e.g. --by "M. Sato"')
    words = command_words(given.language)
    monitor = read_monitor(given.monitor)
    file = state_file(given.monitor, given.state)
    if not file.is_file():
        raise MonitorError(f"{file}: no image has been watched yet; begin with modelaudit watch run {given.monitor}")
    state = MonitorState(file, monitor.digest)
    try:
        writer = AlarmWriter(monitor, given.monitor, state, alarm_folder(given.monitor, given.alarms), words)
        for _, _, problem in writer.write():
            if problem is not None:
                say(*wrapped(problem), file=sys.stderr)
        if given.acknowledge is not None:
            _acknowledge(state, given)
        with state.reading() as tables:
            status = status_of(ChartRules(monitor, state.masked), groups_in(tables), tables)
    finally:
        state.close()
    if given.metrics is not None:
        write_metrics(status, given.metrics)
    if given.json:
        print(json.dumps(_plain(status), indent=1))
    else:
        say(*head_lines(monitor, words), "", *status_lines(status, given.monitor, words))
        unknown = [*claim_lines(monitor.claims, words)]
        say(*(["", *unknown] if unknown else []))
    return 1 if status.open_alarms else 0


def _acknowledge(state: Any, given: argparse.Namespace) -> None:
    with state.change() as change:
        known = {one.number: one for one in change.alarms()}
        alarm = known.get(given.acknowledge)
        if alarm is None:
            numbers = ", ".join(map(str, known)) or "none"
            raise MonitorError(f"--acknowledge {given.acknowledge}: there is no such alarm; there are: {numbers}")
        if not change.acknowledge(given.acknowledge, given.by, given.because, time.time()):
            raise MonitorError(f"alarm {given.acknowledge}: {alarm.acknowledged_by} has taken note of it already")


def _plain(status: MonitorStatus) -> dict[str, Any]:
    """The status as plain data, with evidence and threshold as odds."""
    content = {name: value for name, value in asdict(status).items() if name != "promise"}
    for shown, one in zip(content["alarms"], status.alarms, strict=True):
        shown["evidence"] = one.evidence
    for shown, chart in zip(content["charts"], status.charts, strict=True):
        shown |= {"evidence": chart.evidence, "threshold": chart.threshold}
    return {**dict(_dated(content)), "promise": status.promise.model_dump(), "images": status.images}


def _dated(content: Any) -> Any:
    if isinstance(content, dict):
        return {name: _dated(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_dated(value) for value in content]
    return content.isoformat() if isinstance(content, datetime) else content
