"""The state of a watch: one SQLite file that survives kills, and that several processes may write.

Everything that a batch of images changes is written in one transaction: the images that were counted, the charts, the
open lots, the latest images, and alarms with all that their record is made of. A process that is killed leaves the
state before the batch or after it, and the images that it had not counted are counted by the next one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ..language.errors import MonitorError

#: images of a group that are kept for its next alarm
RECENT = 512
_LAYOUT = 1
#: "mawt" in the header of the file
_APPLICATION = 0x6D617774
_BUSY_SECONDS = 60.0
_SCHEMA = """
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE seen(key BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE groups(name TEXT PRIMARY KEY, content TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE charts(name TEXT NOT NULL, statistic TEXT NOT NULL, content TEXT NOT NULL,
    PRIMARY KEY(name, statistic)) WITHOUT ROWID;
CREATE TABLE lots(name TEXT NOT NULL, lot TEXT NOT NULL, PRIMARY KEY(name, lot)) WITHOUT ROWID;
CREATE TABLE recent(name TEXT NOT NULL, place INTEGER NOT NULL, frame INTEGER NOT NULL, content TEXT NOT NULL,
    picture BLOB, PRIMARY KEY(name, place));
CREATE TABLE unreadable(id TEXT PRIMARY KEY, reason TEXT NOT NULL, tries INTEGER NOT NULL, last REAL NOT NULL);
CREATE TABLE alarms(number INTEGER PRIMARY KEY, name TEXT NOT NULL, statistic TEXT NOT NULL, unit INTEGER NOT NULL,
    created REAL NOT NULL, content TEXT NOT NULL, folder TEXT,
    acknowledged_by TEXT, acknowledged_at REAL, because TEXT);
CREATE TABLE alarm_images(alarm INTEGER NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, picture BLOB,
    PRIMARY KEY(alarm, place));
"""


@dataclass(frozen=True)
class RecentImage:
    """One of the latest images of a group.

    Args:
        frame: its number among the images of the group, from 1; `unit` that of its lot.
        path: where it was read from; None where it was handed over.
        time: seconds since 1970.
        columns: the named columns of its appearance.
        picture: a small JPEG; None where the monitor keeps no pictures.
    """

    frame: int
    unit: int
    id: str
    path: str | None
    mask: str | None
    time: float
    scores: dict[str, float]
    predicted: str
    confidence: float
    columns: dict[str, float]
    picture: bytes | None

    def _content(self) -> str:
        return _dumped({name: value for name, value in vars(self).items() if name != "picture"})

    @classmethod
    def _of(cls, content: str, picture: bytes | None) -> RecentImage:
        return cls(**json.loads(content), picture=picture)


@dataclass(frozen=True)
class StoredAlarm:
    """An alarm as the state keeps it.

    Args:
        content: what its record is made of, as plain data.
        folder: where its record was written; None before that.
        acknowledged_by: who has taken note of it; None as long as nobody has.
    """

    number: int
    group: str
    statistic: str
    unit: int
    created: float
    content: dict[str, Any]
    folder: str | None
    acknowledged_by: str | None
    acknowledged_at: float | None
    because: str | None

    @classmethod
    def _of(cls, row: tuple[Any, ...]) -> StoredAlarm:
        number, group, statistic, unit, created, content, *rest = row
        return cls(number, group, statistic, unit, created, json.loads(content), *rest)


_ALARM = "number, name, statistic, unit, created, content, folder, acknowledged_by, acknowledged_at, because"


class StateChange:
    """The tables inside of one transaction, or of one consistent reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @property
    def revision(self) -> int:
        """Grows with every change that a process made."""
        return int(self.fact("revision") or 0)

    def advance(self) -> int:
        """Note that something is changed; the new revision."""
        revision = self.revision + 1
        self.note_fact("revision", str(revision))
        return revision

    def fact(self, name: str) -> str | None:
        """What is noted under a name."""
        row = self._connection.execute("SELECT value FROM facts WHERE name=?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def note_fact(self, name: str, value: str) -> None:
        """Note something under a name."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES(?, ?)", (name, value))

    def has_seen(self, key: bytes) -> bool:
        """Whether an image was counted."""
        return self._connection.execute("SELECT 1 FROM seen WHERE key=?", (key,)).fetchone() is not None

    def note_seen(self, keys: Iterable[bytes]) -> None:
        """Note images, or what they are recognised by, as counted."""
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES(?)", ((key,) for key in keys))

    def groups(self) -> dict[str, dict[str, Any]]:
        """The content of each group."""
        return {name: json.loads(content) for name, content in self._connection.execute("SELECT * FROM groups")}

    def write_group(self, name: str, content: dict[str, Any]) -> None:
        """Write the content of a group."""
        self._connection.execute("INSERT OR REPLACE INTO groups VALUES(?, ?)", (name, _dumped(content)))

    def charts(self) -> dict[tuple[str, str], dict[str, Any]]:
        """The content of each chart by group and statistic."""
        rows = self._connection.execute("SELECT name, statistic, content FROM charts")
        return {(name, statistic): json.loads(content) for name, statistic, content in rows}

    def write_chart(self, group: str, statistic: str, content: dict[str, Any]) -> None:
        """Write the content of a chart."""
        self._connection.execute("INSERT OR REPLACE INTO charts VALUES(?, ?, ?)", (group, statistic, _dumped(content)))

    def lot_is_closed(self, group: str, lot: str) -> bool:
        """Whether a named lot was closed."""
        row = self._connection.execute("SELECT 1 FROM lots WHERE name=? AND lot=?", (group, lot)).fetchone()
        return row is not None

    def note_closed_lot(self, group: str, lot: str) -> None:
        """Note a named lot as closed."""
        self._connection.execute("INSERT OR IGNORE INTO lots VALUES(?, ?)", (group, lot))

    def note_recent(self, group: str, images: Sequence[RecentImage]) -> None:
        """Keep images in the place of the oldest of their group."""
        self._connection.executemany(
            "INSERT OR REPLACE INTO recent VALUES(?, ?, ?, ?, ?)",
            ((group, one.frame % RECENT, one.frame, one._content(), one.picture) for one in images[-RECENT:]),
        )

    def recent(self, group: str) -> list[RecentImage]:
        """The latest images of a group, the oldest first."""
        rows = self._connection.execute("SELECT content, picture FROM recent WHERE name=? ORDER BY frame", (group,))
        return [RecentImage._of(*row) for row in rows]

    def note_unreadable(self, id: str, reason: str, when: float) -> None:
        """Note that an image could not be read."""
        self._connection.execute(
            "INSERT INTO unreadable VALUES(?, ?, 1, ?) ON CONFLICT(id) DO UPDATE SET "
            "reason=excluded.reason, tries=tries + 1, last=excluded.last",
            (id, reason, when),
        )

    def forget_unreadable(self, ids: Iterable[str]) -> None:
        """Forget images that could be read after all."""
        self._connection.executemany("DELETE FROM unreadable WHERE id=?", ((id,) for id in ids))

    def unreadable(self, most: int) -> list[tuple[str, str]]:
        """The id of images that could not be read, the latest first, and why."""
        rows = self._connection.execute("SELECT id, reason FROM unreadable ORDER BY last DESC LIMIT ?", (most,))
        return [(id, reason) for id, reason in rows]

    def unreadable_count(self) -> int:
        """How many images could not be read."""
        return int(self._connection.execute("SELECT count(*) FROM unreadable").fetchone()[0])

    def add_alarm(
        self,
        group: str,
        statistic: str,
        unit: int,
        created: float,
        content: dict[str, Any],
        images: Sequence[RecentImage],
    ) -> int:
        """Keep an alarm whose record is still to be written; its number."""
        number = self._connection.execute(
            "INSERT INTO alarms(name, statistic, unit, created, content) VALUES(?, ?, ?, ?, ?)",
            (group, statistic, unit, created, _dumped(content)),
        ).lastrowid
        self._connection.executemany(
            "INSERT INTO alarm_images VALUES(?, ?, ?, ?)",
            ((number, place, one._content(), one.picture) for place, one in enumerate(images)),
        )
        return int(number or 0)

    def alarms(self) -> list[StoredAlarm]:
        """All alarms, the first one first."""
        rows = self._connection.execute(f"SELECT {_ALARM} FROM alarms ORDER BY number")
        return [StoredAlarm._of(row) for row in rows]

    def alarm_images(self, number: int) -> list[RecentImage]:
        """The latest images of the group at the time of an alarm, the oldest first."""
        rows = self._connection.execute(
            "SELECT content, picture FROM alarm_images WHERE alarm=? ORDER BY place", (number,)
        )
        return [RecentImage._of(*row) for row in rows]

    def note_written(self, number: int, folder: Path) -> None:
        """Note where the record of an alarm was written; its images need no longer be kept here."""
        self._connection.execute("UPDATE alarms SET folder=? WHERE number=?", (str(folder), number))
        self._connection.execute("DELETE FROM alarm_images WHERE alarm=?", (number,))

    def acknowledge(self, number: int, by: str, because: str | None, when: float) -> bool:
        """Note who has taken note of an alarm; False where somebody had before."""
        found = self._connection.execute(
            "UPDATE alarms SET acknowledged_by=?, acknowledged_at=?, because=? "
            "WHERE number=? AND acknowledged_by IS NULL",
            (by, when, because, number),
        )
        return found.rowcount == 1


class MonitorState:
    """The file that holds the state of one monitor; threads share it.

    Args:
        file: made where there is none. It must be on a local disk: SQLite in WAL mode does not work on network drives.
        monitor: the digest of the monitor that it belongs to.
        masked: whether the surroundings are watched without the object; None as it was begun, at first with it.

    Raises:
        MonitorError: it belongs to another monitor or was begun with other
            surroundings, is damaged, of a later version, or cannot be written.
    """

    def __init__(self, file: Path, monitor: str, masked: bool | None = None) -> None:
        self.file = file
        self._lock = threading.RLock()
        with self._told():
            self._connection = self._opened()
        try:
            with self.change() as change:
                self.masked = self._begun(change, monitor, masked)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def change(self) -> Iterator[StateChange]:
        """One transaction: written as a whole at the end of the ``with`` block, or not at all where that raises.

        Raises:
            MonitorError: it cannot be written, e.g. since the disk is full; nothing of it is.
        """
        with self._lock, self._told():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield StateChange(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # the first error is the one that tells
                    if self._connection.in_transaction:
                        self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def reading(self) -> Iterator[StateChange]:
        """The tables as they are at one moment.

        Raises:
            MonitorError: they cannot be read.
        """
        with self._lock, self._told():
            self._connection.execute("BEGIN")
            try:
                yield StateChange(self._connection)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _opened(self) -> sqlite3.Connection:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        # two processes that begin at once would be told that the file is locked: WAL is not waited for
        with FileLock(f"{self.file}.lock", timeout=_BUSY_SECONDS):
            connection = sqlite3.connect(
                self.file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        layout, application = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("user_version", "application_id")
        )
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and application != _APPLICATION:
            raise MonitorError(f"{self.file}: holds something else than the state of a monitor; give another --state")
        if layout > _LAYOUT:
            raise MonitorError(
                f"{self.file}: was written by a later version (layout {layout}, this one knows {_LAYOUT}); update "
                "modelaudit, or give another --state"
            )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA journal_size_limit=4194304")
        if not tables:
            statements = "".join(f"{one};\n" for one in _SCHEMA.split(";") if one.strip())
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{statements}PRAGMA application_id={_APPLICATION};\n"
                f"PRAGMA user_version={_LAYOUT};\nCOMMIT;"
            )

    def _begun(self, change: StateChange, monitor: str, masked: bool | None) -> bool:
        """Begin a new state, or check that this one was begun so; whether the surroundings are masked."""
        begun_for = change.fact("monitor")
        if begun_for is None:
            for name, value in {"monitor": monitor, "masked": str(bool(masked)), "begun": f"{time.time():.0f}"}.items():
                change.note_fact(name, value)
            return bool(masked)
        if begun_for != monitor:
            raise MonitorError(
                f"{self.file}: is the state of another monitor ({begun_for[:12]} instead of {monitor[:12]}): this one "
                "was fitted anew; move the file away to begin anew, or give another --state"
            )
        begun_masked = change.fact("masked") == "True"
        if masked is not None and masked != begun_masked:
            was = "without the object" if begun_masked else "with the object"
            raise MonitorError(
                f"{self.file}: was begun with surroundings {was}, and evidence of both cannot be added up; go on with "
                "that, or give another --state"
            )
        return begun_masked

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns what SQLite and the system raise into errors that say what to do."""
        try:
            yield
        except sqlite3.Error as error:
            raise MonitorError(f"{self.file}: {_way_out(error)}") from error
        except Timeout as error:
            raise MonitorError(f"{self.file}: another process has been opening it for {_BUSY_SECONDS:g} s") from error
        except OSError as error:
            raise MonitorError(f"{self.file}: {error.strerror or error}; give another --state") from error


def _way_out(error: sqlite3.Error) -> str:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full; images of this batch are not counted: free some space and start the watch again"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"another process has held it for {_BUSY_SECONDS:g} s; end that one, or wait"
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return (
            f"is damaged ({error}); restore it from a backup, or move it away: the monitor then begins anew, without "
            "its evidence so far"
        )
    return f"cannot be written ({error}); check its rights and the disk, or give another --state"


def _dumped(content: dict[str, Any]) -> str:
    return json.dumps(content, separators=(",", ":"))
