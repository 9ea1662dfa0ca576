"""``modelaudit watch run``: watches the images of a folder, or those that standard input names."""

from __future__ import annotations

import argparse
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import DataError, MonitorError
from .command_help import Example, add_command
from .terminal import add_language, between, say, wrapped

if TYPE_CHECKING:
    from ..monitoring.incoming import ImageFolder, IncomingImage, Retries
    from ..monitoring.monitor import Monitor, Update
    from ..report.words import Words
    from .watch_alarms import AlarmWriter

_NOTES = """Every image is counted once, by its name and its content, whatever happens to
the process and however many share the state. The state, not what is printed,
holds what was counted. It is beside MONITOR, on a local disk; --state names
another place.

An image that cannot be read is said and counted, and tried again: by the next
call, under --follow and --stdin while it runs. With --follow an image is taken
once nobody has written to it for 2 seconds.

--stdin reads a path a line, or JSON: {"image": "a.png", "group": "camera 1",
"lot": "shift 7", "mask": "a_mask.png", "time": 1767225600}; all but "image" may
be left out.

--group-by and --lot-by take "folder" (the outermost folder below FOLDER) or a
regular expression that is searched in the path below FOLDER; its first group
counts.

--metrics writes OpenMetrics; into a file that ends in .prom, Prometheus' own
format, as the textfile collector of node_exporter reads it."""
_STATUS = (
    "0 no alarm, 1 an alarm, of now or before, that nobody has acknowledged (modelaudit watch status --acknowledge), "
    "2 a wrong call, or a state that cannot be written"
)
#: images from standard input that wait to be looked at
_WAITING = 1024
#: seconds between two writings of the metrics
_BETWEEN_METRICS = 1.0


def add(steps: Any) -> None:
    """Add the step."""
    run = add_command(
        steps,
        "run",
        "watch the images of a folder, or those that standard input names",
        Example("what is in a folder now", "modelaudit watch run monitor.json --images camera/"),
        Example(
            "as it fills, by camera, for Prometheus",
            "modelaudit watch run monitor.json --images cams/ \\\n    --follow --group-by folder --metrics watch.prom",
        ),
        Example("what a program hands over", "modelaudit watch run monitor.json --stdin --json"),
        notes=_NOTES,
        status=_STATUS,
    )
    run.add_argument("monitor", type=Path, metavar="MONITOR", help="monitor.json, as modelaudit watch fit writes it")
    source = run.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", type=Path, metavar="FOLDER", help="the images below this folder")
    source.add_argument("--stdin", action="store_true", help="the images that standard input names, until it ends")
    run.add_argument("--follow", action="store_true", help="go on as the folder fills, until the process is ended")
    run.add_argument(
        "--every",
        type=between(0.05, 86_400, "seconds"),
        default=2.0,
        metavar="S",
        help="with --follow: seconds between looks (default 2)",
    )
    run.add_argument("--group-by", metavar="RULE", help="what tells cameras or lines apart: folder, or a pattern")
    run.add_argument(
        "--lot-by", metavar="RULE", help="what tells lots apart, where lots are stated: folder, or a pattern"
    )
    run.add_argument(
        "--masks", type=Path, metavar="DIR", help="masks of the objects, under the paths that the images have in FOLDER"
    )
    run.add_argument(
        "--masked", action="store_true", help="with --stdin: every image comes with its mask; watch without the object"
    )
    run.add_argument("--close-lots", action="store_true", help="at the end take the open lots as complete")
    run.add_argument("--state", type=Path, metavar="FILE", help="the state (default: beside MONITOR)")
    run.add_argument(
        "--model", metavar="MODEL", help="the model, where naming it runs code (default: MONITOR names it)"
    )
    run.add_argument("--device", metavar="DEVICE", default="auto", help="default: cuda where there is one")
    run.add_argument("--json", action="store_true", help="a line of JSON for each image, problem and alarm")
    run.add_argument("--metrics", type=Path, metavar="FILE", help="write the status as OpenMetrics after each batch")
    run.add_argument("--alarms", type=Path, metavar="DIR", help="folder of the alarms (default: alarms beside MONITOR)")
    add_language(run, "the terminal and of the alarms' pages")
    run.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from ..language.boundary import signals_watched
    from ..monitoring.incoming import Retries
    from ..monitoring.monitor import Monitor
    from .watch_alarms import AlarmWriter, alarm_folder
    from .words import command_words

    _check(given)
    words = command_words(given.language)
    folder = alarm_folder(given.monitor, given.alarms)
    images = None if given.stdin else _folder(given, folder)
    masked = True if given.masked or given.masks is not None else None
    with (
        _stopping() as stop,
        signals_watched(),
        Monitor.load(
            given.monitor, state=given.state, model=given.model, device=given.device, masked=masked
        ) as monitor,
    ):
        _check_lots(given, monitor)
        writer = AlarmWriter(monitor.monitor, given.monitor, monitor.state, folder, words)
        watch = _Watch(monitor, writer, Retries(), words, given.json, given.metrics, stop)
        watch.begin()
        if images is None:
            watch.lines()
        else:
            watch.folder(images, given.every if given.follow else None)
        if given.close_lots:
            monitor.close_lots()
        return watch.end()


def _check(given: argparse.Namespace) -> None:
    if given.stdin and (given.follow or given.group_by or given.lot_by or given.masks):
        raise DataError(
            "--follow, --group-by, --lot-by and --masks are about --images; lines of --stdin say it themselves"
        )
    if given.masked and not given.stdin:
        raise DataError("--masked is for --stdin; with --images give the folder of the masks: --masks DIR")


def _check_lots(given: argparse.Namespace, monitor: Monitor) -> None:
    if not given.stdin and monitor.monitor.unit.kind == "stated" and given.lot_by is None:
        raise MonitorError(
            f"{given.monitor}: its units are stated lots; say what tells them apart: --lot-by folder, or a pattern"
        )


def _folder(given: argparse.Namespace, alarms: Path) -> ImageFolder:
    from ..monitoring.incoming import ImageFolder, PathPart

    return ImageFolder(
        given.images,
        None if given.group_by is None else PathPart(given.group_by, "--group-by"),
        None if given.lot_by is None else PathPart(given.lot_by, "--lot-by"),
        given.masks,
        (alarms.resolve(),) if given.masks is None else (alarms.resolve(), given.masks.resolve()),
        given.follow,
    )


@contextmanager
def _stopping() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: the watch ends after its batch, on a second signal at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: Any) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    try:
        for number in before:
            signal.signal(number, handle)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass
class _Watch:
    """The loop: images in, what they did out.

    Args:
        metrics: the file of the metrics.
        stop: set when the process is to end.
    """

    monitor: Monitor
    writer: AlarmWriter
    retries: Retries
    words: Words
    as_json: bool
    metrics: Path | None
    stop: threading.Event
    _lines: int = 0
    _wrong_lines: int = 0
    _measured: float = 0.0
    _said: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Say what is watched, and write alarms that could not be written before."""
        from .watch_text import head_lines

        if not self.as_json:
            say(*head_lines(self.monitor.monitor, self.words), file=sys.stderr)
            if (images := self.monitor.status().images) > 0:
                goes_on = self.words._("watch_goes_on", images=self.words.ngettext("count_images", images))
                say(*wrapped(goes_on, indent=4, first="  "), file=sys.stderr)
        self._alarms()
        self._metrics()

    def folder(self, images: ImageFolder, every: float | None) -> None:
        """Watch a folder: once, or every so many seconds until the process is ended."""
        from ..monitoring.monitor import stamp_key

        while True:
            began = time.monotonic()
            with self.monitor.state.reading() as tables:
                found = images.scan(lambda id, stamp: tables.has_seen(stamp_key(id, stamp)))
            self.retries.keep({one.id for one in found})
            for _ in self._batches([one for one in found if self.retries.due(one)]):
                pass
            if self.writer.pending:
                self._alarms()
            self._metrics()
            if every is None or self.stop.is_set():
                return
            # a folder of a hundred thousand images takes a while to look through
            if self.stop.wait(max(every, time.monotonic() - began)):
                return

    def lines(self) -> None:
        """Watch the images that standard input names, and those that could not be read once more at the end."""
        lines: queue.Queue[str | OSError | None] = queue.Queue(_WAITING)
        threading.Thread(target=_read_lines, args=(lines,), daemon=True).start()
        failed: dict[str, IncomingImage] = {}
        ended = False
        while not ended and not self.stop.is_set():
            waiting, ended = self._waiting(lines)
            again = [one for one in failed.values() if self.retries.due(one)]
            named = {one.id for one in again} - {one.id for one in waiting}
            tried = {one.id: one for one in (*again, *waiting)}
            for update in self._batches([*(one for one in again if one.id in named), *waiting]):
                failed.pop(update.id, None)
                if update.problem is not None:
                    failed[update.id] = tried[update.id]
        for _ in self._batches([*failed.values()]):
            pass

    def end(self) -> int:
        """Say where the watch stands; the exit status."""
        from .watch_text import status_lines

        self._alarms()
        self._metrics()
        status = self.monitor.status()
        if not self.as_json:
            if self._wrong_lines:
                say(self.words.ngettext("watch_wrong_lines", self._wrong_lines), file=sys.stderr)
            say(*status_lines(status, self.writer.file, self.words, told=self.writer.told))
        return 1 if status.open_alarms else 0

    def _waiting(self, lines: queue.Queue[str | OSError | None]) -> tuple[list[IncomingImage], bool]:
        """The images of the lines that are there, at most a batch, and whether the input has ended."""
        from ..monitoring.monitor import BATCH

        found: list[IncomingImage] = []
        deadline = time.monotonic() + 0.2
        while len(found) < BATCH:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                return found, False
            if isinstance(line, OSError):
                raise MonitorError(f"standard input: cannot be read ({line.strerror or line})") from line
            if line is None:
                return found, True
            if (image := self._of_line(line)) is not None:
                found.append(image)
            if lines.empty():
                return found, False
        return found, False

    def _of_line(self, line: str) -> IncomingImage | None:
        from ..monitoring.incoming import line_image

        self._lines += 1
        try:
            image = line_image(line, self._lines)
            if image is not None and image.lot is None and self.monitor.monitor.unit.kind == "stated":
                raise MonitorError(f'line {self._lines}: units of this monitor are stated lots; give "lot"')
        except MonitorError as error:
            self._wrong_lines += 1
            self._problem(f"line {self._lines}", str(error))
            return None
        return image

    def _batches(self, images: Sequence[IncomingImage]) -> Iterator[Update]:
        """Watch images, a batch at a time; stops between batches."""
        from ..monitoring.monitor import BATCH

        for start in range(0, len(images), BATCH):
            if self.stop.is_set():
                return
            yield from self._batch(images[start : start + BATCH])

    def _batch(self, images: Sequence[IncomingImage]) -> list[Update]:
        from ..monitoring.monitor import NewImage

        given = (NewImage(one.path, one.group, one.lot, one.mask, one.id, one.time) for one in images)
        updates = self.monitor.update_many(given)
        for image, update in zip(images, updates, strict=True):
            if update.problem is None:
                self.retries.forget([image.id])
            elif self.retries.note(image):
                self._problem(update.id, update.problem)
        if self.as_json:
            self._print([_image(one) for one in updates if one.counted])
        if any(one.alarms for one in updates):
            self._alarms()
        self._metrics(at_once=False)
        return updates

    def _problem(self, id: str, reason: str) -> None:
        if self.as_json:
            self._print([{"problem": reason, "image": id}])
        else:
            say(*wrapped(self.words._("watch_problem", id=id, reason=reason)), file=sys.stderr)

    def _alarms(self) -> None:
        """Write the records of alarms that have none yet, and say which came now."""
        from .watch_text import alarm_lines

        for alarm, folder, problem in self.writer.write():
            if problem is not None:
                self._once(problem)
            if folder is None and alarm.number in self.writer.told:
                continue
            self.writer.told.add(alarm.number)
            if self.as_json:
                self._print([_alarm(alarm, folder)])
            else:
                say(*alarm_lines(alarm, folder, self.monitor.state.masked, self.words))

    def _metrics(self, *, at_once: bool = True) -> None:
        """A file that cannot be written is said once, and does not end the watch."""
        from ..monitoring.metrics import write_metrics

        if self.metrics is not None and (at_once or time.monotonic() - self._measured > _BETWEEN_METRICS):
            self._measured = time.monotonic()
            try:
                write_metrics(self.monitor.status(), self.metrics)
            except MonitorError as error:
                self._once(str(error))

    def _once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            say(*wrapped(text), file=sys.stderr)

    def _print(self, lines: Sequence[dict[str, Any]]) -> None:
        for line in lines:
            print(json.dumps(line, allow_nan=False))
        sys.stdout.flush()


def _read_lines(lines: queue.Queue[str | OSError | None]) -> None:
    """Hand over the lines of standard input, then None; names of files need not be UTF-8."""
    try:
        for line in sys.stdin.buffer:
            lines.put(os.fsdecode(line))
    except OSError as error:
        lines.put(error)
    lines.put(None)


def _image(update: Update) -> dict[str, Any]:
    return {
        "image": update.id,
        "group": update.group,
        "unit": update.unit,
        "late": update.late,
        "predicted": update.predicted,
        "confidence": update.confidence,
        "scores": dict(update.scores),
        "evidence": dict(update.evidence),
        "alarms": [one.number for one in update.alarms],
    }


def _alarm(alarm: Any, folder: Path | None) -> dict[str, Any]:
    return {
        "alarm": alarm.number,
        "group": alarm.group,
        "statistic": alarm.statistic,
        "unit": alarm.unit,
        "at": alarm.created.isoformat(),
        "evidence": alarm.evidence,
        "folder": None if folder is None else str(folder),
    }
