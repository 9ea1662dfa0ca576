"""The monitor at work: images are scored, gathered into units, and followed by the charts of their groups."""

from __future__ import annotations

import hashlib
import io
import math
import os
import time as clock
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..data import UnusableSample
from ..data.images import bytes_of
from ..language.errors import MonitorError
from ..language.reasons import Missing
from ..language.sample import Sample
from .chart import Chart
from .group_state import ChartRules, GroupState, ReachedThreshold, odds
from .incoming import SETTLED_SECONDS, FileStamp, plain_id
from .lots import ClosedLot, LotFrame, close, gather, takes_names
from .model_opening import monitored_model
from .monitor_file import STATISTICS, UNGROUPED, MonitorFile, read_monitor
from .scorer import FrameScores, Scorer, frame
from .state import MonitorState, RecentImage, StateChange, StoredAlarm
from .status import AlarmStatus, MonitorStatus, status_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: images of one transaction
BATCH = 64
#: more groups than a plant has lines: a pattern found something else in every image
MOST_GROUPS = 1000


@dataclass(frozen=True, eq=False)
class NewImage:
    """An image of the line.

    Args:
        image: a path, the bytes of an image file, an RGB array [H, W, 3] of uint8, or an image of Pillow.
        group: camera or line, where there are several.
        lot: what it was taken in, where the monitor's units are stated lots; of folders the path says it.
        mask: a path or an array [H, W] (1 object, 0 background, 255 ignore), for a monitor of masked surroundings.
        id: its name; with the same content it is counted once. Without one a path is its own name, and what has no path
            is counted every time.
        time: seconds since 1970; without it that of the file, else now.
    """

    image: Any
    group: str | None = None
    lot: str | None = None
    mask: Any = None
    id: str | None = None
    time: float | None = None


@dataclass(frozen=True)
class Update:
    """What one image did.

    Args:
        counted: False where it was counted before, or could not be used.
        problem: why it could not be used; it may be given again.
        late: its lot was complete already, so it adds nothing to the evidence.
        unit: the number of its lot in the group, or of the image where each is a unit of its own.
        scores: by statistic; a larger one is further from the reference images.
        evidence: of the group's charts after this image, as "n to 1"; an open lot adds nothing yet.
        alarms: the charts that alarmed at this image.
    """

    id: str
    group: str
    counted: bool
    problem: str | None = None
    late: bool = False
    unit: int | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    predicted: str | None = None
    confidence: float | None = None
    evidence: Mapping[str, float] = field(default_factory=dict)
    alarms: tuple[AlarmStatus, ...] = ()

    @property
    def alarm(self) -> AlarmStatus | None:
        """The first of the alarms, if there is one."""
        return self.alarms[0] if self.alarms else None


@dataclass(frozen=True, eq=False)
class _Read:
    """An image before it is scored: by what it is recognised, and the sample, or why it has none."""

    id: str
    group: str
    lot: str
    time: float
    path: str | None
    mask: str | None
    content: bytes | None
    stamp: bytes | None
    settled: bool
    sample: Sample | None
    problem: str | None = None


@dataclass(frozen=True, eq=False)
class _Scored:
    """The scores of an image and its small picture, which is made before the transaction: others wait for that."""

    scores: FrameScores
    picture: bytes | None


class Monitor:
    """Watches a line: what new images say against the images that a monitor was fitted to.

    Its state is in a file beside it, which survives restarts and kills and which several processes may share: each
    image is counted once. ``modelaudit watch status`` writes the records and the pages of its alarms.

    >>> with Monitor.load("monitor.json") as monitor:  # doctest: +SKIP
    ...     update = monitor.update(Path("camera/0001.png"), group="camera 1")
    ...     update.evidence["surroundings"]
    0.93
    """

    def __init__(self, monitor: MonitorFile, scorer: Scorer, state: MonitorState) -> None:
        self.monitor = monitor
        self.state = state
        self._rules = ChartRules(monitor, state.masked)
        self._scorer = scorer
        # one attribute, so that threads never see the groups of one revision and the number of another
        self._latest: tuple[int, dict[str, GroupState]] = (-1, {})
        scorer.__enter__()

    @classmethod
    def load(
        cls,
        file: str | os.PathLike[str],
        *,
        state: str | os.PathLike[str] | None = None,
        model: Any = None,
        device: str = "auto",
        masked: bool | None = None,
    ) -> Monitor:
        """Load a monitor, its model and its state.

        Args:
            file: ``monitor.json``, as ``modelaudit watch fit`` writes it.
            state: the file of the state, on a local disk; by default beside `file`.
            model: by default the one that `file` names. A Python factory or a TorchScript archive must be named here:
                loading it runs code.
            masked: watch the surroundings without the object: every image then comes with its mask. By default as the
                state was begun; a new state watches whole images.

        Raises:
            MonitorError: the file or the state cannot be read, or do not belong together.
            ModelError: the model cannot be opened, or is another one.
        """
        path = Path(file)
        monitor = read_monitor(path)
        opened = MonitorState(state_file(path, state), monitor.digest, masked)
        try:
            loaded, device = monitored_model(monitor, model, device)
            return cls(monitor, Scorer(monitor, loaded, device), opened)
        except BaseException:
            opened.close()
            raise

    def update(
        self,
        image: Any,
        *,
        group: str | None = None,
        lot: str | None = None,
        mask: Any = None,
        id: str | None = None,
        time: float | None = None,
    ) -> Update:
        """Watch one image; the arguments are those of :class:`NewImage`.

        Raises:
            MonitorError: the state cannot be written; the image is not counted then.
        """
        return self.update_many([NewImage(image, group, lot, mask, id, time)])[0]

    def update_many(self, images: Iterable[NewImage]) -> list[Update]:
        """Watch images, in their order; 64 at a time are scored together and counted in one transaction.

        Raises:
            MonitorError: as :meth:`update`; of the images the first whole 64s may be counted.
        """
        waiting, updates = [*images], []
        while waiting:
            updates += self._batch(waiting[:BATCH])
            waiting = waiting[BATCH:]
        return updates

    def close_lots(self) -> list[AlarmStatus]:
        """Take every open lot as complete, as at the end of a shift; the alarms that follow."""
        with self.state.change() as change:
            groups, alarms = self._current(change), []
            for name, group in groups.items():
                if group.lot is not None:
                    groups[name], raised = self._close(change, group)
                    alarms += raised
            revision = self._write(change, groups, list(groups))
        self._latest = revision, groups
        return alarms

    def status(self) -> MonitorStatus:
        """Where the watch stands, with what other processes have counted."""
        with self.state.reading() as tables:
            return status_of(self._rules, groups_in(tables), tables)

    def close(self) -> None:
        """Let go of the model and of the state."""
        self._scorer.__exit__(None, None, None)
        self.state.close()

    def __enter__(self) -> Monitor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _batch(self, images: Sequence[NewImage]) -> list[Update]:
        read = [self._read(one) for one in images]
        with self.state.reading() as tables:
            known = {at for at, one in enumerate(read) if one.content is not None and tables.has_seen(one.content)}
        wanted = {at: one.sample for at, one in enumerate(read) if at not in known and one.sample is not None}
        found = self._scorer.score([*wanted.values()], masked=self.state.masked) if wanted else []
        scores = dict(zip(wanted, (self._scored(one) for one in found), strict=True))
        with self.state.change() as change:
            groups, changed = self._current(change), set()
            updates = []
            for at, one in enumerate(read):
                updates.append(self._update(change, groups, one, scores.get(at)))
                if updates[-1].counted:
                    changed.add(one.group)
            revision = self._write(change, groups, changed)
        self._latest = revision, groups
        return updates

    def _read(self, new: NewImage) -> _Read:
        """Read an image file, or take what was handed over."""
        path = Path(new.image) if isinstance(new.image, str | os.PathLike) else None
        id = plain_id(new.id or "" if path is None else new.id or str(path))
        group, lot = storable(new.group or UNGROUPED), self._lot_of(new, id, path)
        stamp = None if path is None else FileStamp.of(path)
        began, problem, key = clock.time(), None, None
        image: Any = new.image
        mask = Path(new.mask) if isinstance(new.mask, str | os.PathLike) else new.mask
        if path is not None:
            try:
                image = bytes_of(path, Missing.UNREADABLE_IMAGE)
            except UnusableSample as error:
                problem = str(error)
            if problem is None and stamp != FileStamp.of(path):
                problem = f"{path} is being written"
        if new.id is not None or path is not None:
            key = None if problem is not None else content_key(id, _bytes_of(image))
        when = new.time if new.time is not None else began if stamp is None else stamp.modified / 1e9
        return _Read(
            id,
            group,
            lot,
            when,
            None if path is None else storable(str(path.absolute())),
            storable(str(mask.absolute())) if isinstance(mask, Path) else None,
            key,
            None if stamp is None else stamp_key(id, stamp),
            stamp is not None and began - max(stamp.modified, stamp.changed) / 1e9 > SETTLED_SECONDS,
            None if problem is not None else frame(image, mask, id=id),
            problem,
        )

    def _lot_of(self, new: NewImage, id: str, path: Path | None) -> str:
        rule = self.monitor.unit
        if not takes_names(rule):
            return ""
        if new.lot is not None:
            return storable(new.lot)
        if rule.kind == "folder" and (path is not None or "/" in id):
            return str(PurePosixPath(PurePath(id).as_posix()).parent)
        raise MonitorError(
            f"image {id!r}: units of this monitor are {'folders' if rule.kind == 'folder' else 'stated lots'}, and "
            "nothing says which one it is of; give lot=..."
        )

    def _current(self, change: StateChange) -> dict[str, GroupState]:
        """The groups as they are in the state; read only where another process has written it."""
        revision, groups = self._latest
        return dict(groups) if change.revision == revision else groups_in(change)

    def _write(self, change: StateChange, groups: Mapping[str, GroupState], names: Iterable[str]) -> int:
        for name in names:
            change.write_group(name, groups[name].to_json())
            for statistic, chart in groups[name].charts.items():
                change.write_chart(name, statistic, chart.to_json())
        return change.advance()

    def _update(
        self, change: StateChange, groups: dict[str, GroupState], one: _Read, found: _Scored | str | None
    ) -> Update:
        """What one image does to the state, inside of the transaction."""
        if one.content is not None and change.has_seen(one.content):
            if one.stamp is not None:  # written anew with the same content, or read too soon after it was written
                change.note_seen([one.stamp])
            return Update(one.id, one.group, False)
        problem = one.problem if one.problem is not None else found if isinstance(found, str) else None
        if problem is not None or not isinstance(found, _Scored):
            change.note_unreadable(one.id, problem or "", clock.time())
            return Update(one.id, one.group, False, problem)
        change.forget_unreadable([one.id])
        change.note_seen([key for key in (one.content, one.stamp if one.settled else None) if key is not None])
        group = groups.get(one.group)
        if group is None:
            if len(groups) >= MOST_GROUPS:
                raise MonitorError(
                    f"image {one.id!r}: its group {one.group!r} is one of more than {MOST_GROUPS}; groups are cameras "
                    "or lines: check the rule that finds them"
                )
            group = self._rules.begin(one.group, groups)
        late = takes_names(self.monitor.unit) and change.lot_is_closed(group.name, one.lot)
        group = replace(group, frames=group.frames + 1, late=group.late + late, last_time=one.time)
        groups[group.name] = group
        if late:
            return self._counted(one, found.scores, group, None, late=True)
        gathered = gather(
            self.monitor.unit,
            self.monitor.seed,
            group.lot,
            group.last_lot,
            LotFrame(group.name, one.lot, one.time, dict(found.scores.scores.items())),
        )
        group = replace(
            group,
            lot=gathered.lot,
            last_lot=gathered.number,
            clock_jumps=group.clock_jumps + gathered.clock_jumped,
        )
        alarms: list[AlarmStatus] = []
        recent = self._recent(one, found, group, gathered.number)
        for unit in gathered.closed:
            if unit.number == gathered.number:  # the image is part of the unit, and belongs to its alarm
                change.note_recent(group.name, [recent])
            group, raised = self._follow(change, group, unit)
            alarms += raised
        if gathered.lot is not None:
            change.note_recent(group.name, [recent])
        groups[group.name] = group
        return self._counted(one, found.scores, group, gathered.number, alarms=tuple(alarms))

    def _close(self, change: StateChange, group: GroupState) -> tuple[GroupState, list[AlarmStatus]]:
        assert group.lot is not None
        return self._follow(change, replace(group, lot=None), close(self.monitor.unit, group.lot))

    def _follow(self, change: StateChange, group: GroupState, unit: ClosedLot) -> tuple[GroupState, list[AlarmStatus]]:
        if takes_names(self.monitor.unit):
            change.note_closed_lot(group.name, unit.name)
        group, reached = self._rules.follow(group, unit)
        return group, [self._raise(change, group, one) for one in reached]

    def _raise(self, change: StateChange, group: GroupState, reached: ReachedThreshold) -> AlarmStatus:
        """Keep an alarm, with all that its record is made of, until the record is written."""
        threshold = self._rules.log_threshold(group)
        charts = {name: group.charts[name] for name in STATISTICS} | {reached.statistic: reached.chart}
        content = {
            "units": reached.chart.units,
            "started": reached.chart.started,
            "log_evidence": reached.chart.log_evidence,
            "log_threshold": threshold,
            "compared_with": self._rules.compared_with(group.name),
            "masked": self._rules.masked,
            "charts": {name: [one.units, one.log_evidence] for name, one in charts.items()},
        }
        created = clock.time()
        number = change.add_alarm(
            group.name, reached.statistic, reached.unit, created, content, change.recent(group.name)
        )
        return AlarmStatus.of(
            StoredAlarm(number, group.name, reached.statistic, reached.unit, created, content, None, None, None, None)
        )

    def _scored(self, found: FrameScores | UnusableSample) -> _Scored | str:
        """Scores that the charts can follow, else why there are none."""
        if isinstance(found, UnusableSample):
            return str(found)
        wrong = [name for name, score in found.scores.items() if not math.isfinite(score)]
        if wrong or not math.isfinite(found.confidence):
            return f"the model gives no finite numbers on it (of the {', '.join(wrong) or 'confidence'})"
        return _Scored(found, _jpeg(found.thumbnail) if self.monitor.pictures else None)

    def _recent(self, one: _Read, scored: _Scored, group: GroupState, unit: int) -> RecentImage:
        found = scored.scores
        return RecentImage(
            group.frames,
            unit,
            one.id or f"image {group.frames}",
            one.path,
            one.mask,
            one.time,
            {name: float(score) for name, score in found.scores.items()},
            found.predicted,
            float(found.confidence),
            {name: float(value) for name, value in found.columns.items() if math.isfinite(value)},
            scored.picture,
        )

    def _counted(
        self,
        one: _Read,
        found: FrameScores,
        group: GroupState,
        unit: int | None,
        *,
        late: bool = False,
        alarms: tuple[AlarmStatus, ...] = (),
    ) -> Update:
        return Update(
            one.id or f"image {group.frames}",
            group.name,
            True,
            None,
            late,
            unit,
            dict(found.scores.items()),
            found.predicted,
            found.confidence,
            {name: odds(chart.log_evidence) for name, chart in group.charts.items()},
            alarms,
        )


def state_file(monitor: Path, given: str | os.PathLike[str] | None = None) -> Path:
    """Where the state of a monitor is: where `given` says, else beside its file."""
    return monitor.with_name(f"{monitor.stem}.state.sqlite") if given is None else Path(given)


def groups_in(tables: StateChange) -> dict[str, GroupState]:
    """The groups of a state, with their charts."""
    charts: dict[str, dict[str, Chart]] = {}
    for (group, statistic), content in tables.charts().items():
        charts.setdefault(group, {})[statistic] = Chart.from_json(content)
    return {name: GroupState.from_json(name, content, charts[name]) for name, content in tables.groups().items()}


def stamp_key(id: str, stamp: FileStamp) -> bytes:
    """What a file that was not read again is recognised by: its name, size, times of change and inode."""
    return hashlib.blake2b(f"stamp\0{id}\0{tuple(stamp)}".encode(), digest_size=16).digest()


def content_key(id: str, content: bytes) -> bytes:
    """What an image is recognised by: its name and its content.

    Not by the content alone: a camera that hangs sends the same picture again and again, and that must be seen.
    """
    return hashlib.blake2b(f"image\0{id}\0".encode() + hashlib.sha256(content).digest(), digest_size=16).digest()


def storable(text: str) -> str:
    """A text as UTF-8 has it; bytes of a file name that are no text are spelled out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _bytes_of(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    pixels = np.ascontiguousarray(image)
    return f"{pixels.dtype} {pixels.shape}\0".encode() + pixels.tobytes()


def _jpeg(thumbnail: NDArray[np.uint8]) -> bytes:
    written = io.BytesIO()
    Image.fromarray(thumbnail).save(written, "JPEG", quality=80)
    return written.getvalue()
