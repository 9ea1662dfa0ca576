"""Writes the records and pages of alarms: each stays in the state until that is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.boundary import described
from ..language.errors import AuditError

if TYPE_CHECKING:
    from ..monitoring.monitor_file import MonitorFile
    from ..monitoring.state import MonitorState, StoredAlarm
    from ..monitoring.status import AlarmStatus
    from ..report.words import Words

_BUSY_SECONDS = 60.0


def alarm_folder(monitor: Path, given: Path | None) -> Path:
    """The folder of the alarms of a monitor: where `given` says, else beside its file."""
    return monitor.parent / "alarms" if given is None else given


@dataclass
class AlarmWriter:
    """Writes alarms that have no record yet, those of other processes too.

    Args:
        file: of the monitor, as the records name it.
        folder: gets a folder for each alarm.
        told: numbers of alarms that were shown, so that one whose record cannot be written is shown once.
        pending: whether there are alarms without a record.
    """

    monitor: MonitorFile
    file: Path
    state: MonitorState
    folder: Path
    words: Words
    told: set[int] = field(default_factory=set)
    pending: bool = False

    def write(self) -> Iterator[tuple[AlarmStatus, Path | None, str | None]]:
        """Of each alarm without a record: the alarm, and the folder of its record, or why there is none."""
        from filelock import FileLock, Timeout

        from ..monitoring.status import AlarmStatus

        self.pending = False
        with suppress(Timeout), FileLock(f"{self.state.file}.alarms.lock", timeout=_BUSY_SECONDS):
            with self.state.reading() as tables:
                waiting = [one for one in tables.alarms() if one.folder is None]
            for alarm in waiting:
                try:
                    folder = self._written(alarm)
                except Exception as error:  # whatever it is, the alarm stays and the watch goes on
                    self.pending = True
                    problem = str(error) if isinstance(error, AuditError) else described(error)
                    yield AlarmStatus.of(alarm), None, problem
                else:
                    yield AlarmStatus.of(alarm), folder, None

    def _written(self, alarm: StoredAlarm) -> Path:
        from ..monitoring.alarm import write_alarm
        from ..report.alarm import write_alarm_page

        with self.state.reading() as tables:
            images = tables.alarm_images(alarm.number)
        folder = write_alarm(self.monitor, alarm, images, self.folder, monitor_file=str(self.file))
        write_alarm_page(folder, language=self.words.language)
        with self.state.change() as change:
            change.note_written(alarm.number, folder.absolute())
        return folder
