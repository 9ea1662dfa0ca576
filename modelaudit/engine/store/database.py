"""The file behind the store: one SQLite database in WAL mode, and what happens when it cannot be used.

A store is a convenience: whatever is wrong with it costs stored values, never a run and never a wrong number.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from filelock import FileLock, Timeout

from .location import FILE, NOTE
from .ownership import APPLICATION_ID, NotAStore, refuse_others, refuse_tables_of_others

SCHEMA_VERSION = 2
#: keeps the store out of git
IGNORE, IGNORED = ".gitignore", "*\n"
_BUSY_SECONDS = 60.0
_MOVING_SECONDS = 30.0
_Answer = TypeVar("_Answer")

# numbers have no declared type: SQLite would keep whole numbers of a REAL column as integers, and lose -0.0
_SCHEMA = """
CREATE TABLE keys(
    id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, kind TEXT NOT NULL, model TEXT NOT NULL,
    context TEXT NOT NULL, measure TEXT NOT NULL, data TEXT NOT NULL, created INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE TABLE cells(
    key INTEGER NOT NULL, sample BLOB NOT NULL, value, reason TEXT, steps INTEGER, checksum INTEGER NOT NULL,
    PRIMARY KEY(key, sample)) WITHOUT ROWID;
CREATE TABLE images(
    key INTEGER NOT NULL, sample BLOB NOT NULL, height INTEGER NOT NULL, width INTEGER NOT NULL, area, kept,
    changed INTEGER NOT NULL, impossible INTEGER NOT NULL, without_mask INTEGER NOT NULL, cropped INTEGER NOT NULL,
    absent TEXT, checksum INTEGER NOT NULL, PRIMARY KEY(key, sample)) WITHOUT ROWID;
CREATE TABLE blobs(
    id INTEGER PRIMARY KEY, key INTEGER NOT NULL, sample BLOB NOT NULL, checksum INTEGER NOT NULL,
    content BLOB NOT NULL, UNIQUE(key, sample));
CREATE TABLE files(
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,
    inode INTEGER NOT NULL, digest BLOB NOT NULL, used INTEGER NOT NULL) WITHOUT ROWID;
"""
TABLES = frozenset({"keys", "cells", "images", "blobs", "files"})
#: result codes of SQLite that mean: the disk or the rights are the trouble, not what the file holds
_UNUSABLE = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_AUTH,
    }
)


class Damaged(Exception):
    """What the database gave back is not what was written."""


class Database:
    """One connection, shared by the threads of a process.

    Args:
        folder: holds the file; made when first needed, with a ``.gitignore`` of its own.
        say: called once with what is wrong, when something is.
    """

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        self.file = folder / FILE
        self._say = say
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._inode: int | None = None
        self._usable = True

    @property
    def usable(self) -> bool:
        """False once the run goes on without a store."""
        return self._usable

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None

    def ask(self, question: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer) -> _Answer:
        """The answer of a reading function; `otherwise` where the store cannot be used, or had to be replaced."""
        return self._guarded(question, otherwise)

    def write(self, change: Callable[[sqlite3.Connection], None]) -> bool:
        """Apply a writing function in one transaction; whether it is done."""

        def transaction(connection: sqlite3.Connection) -> bool:
            with _transaction(connection):
                change(connection)
            return True

        done = self._guarded(transaction, False)
        return done or (self._usable and self._guarded(transaction, False))  # the file may have been replaced

    def _guarded(self, work: Callable[[sqlite3.Connection], _Answer], otherwise: _Answer) -> _Answer:
        with self._lock:
            if not self._usable:
                return otherwise
            try:
                return work(self._opened())
            except (sqlite3.Error, Damaged) as error:
                self._recover(error)
            except OSError as error:
                self._give_up(str(error))
            return otherwise

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            refuse_others(self.file)
            self.file.parent.mkdir(parents=True, exist_ok=True)
            if not any(self.file.parent.iterdir()):  # in a folder of the user it would hide the user's own files
                (self.file.parent / IGNORE).write_text(IGNORED, encoding="utf-8")
            self._connection = connect(self.file)
            self._inode = self.file.stat().st_ino
        return self._connection

    def _recover(self, error: sqlite3.Error | Damaged) -> None:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
        self.close()
        of_the_disk = code == sqlite3.SQLITE_IOERR and sound(self.file)
        if isinstance(error, NewerStore | NotAStore) or code in _UNUSABLE or of_the_disk:
            self._give_up(str(error))
        else:
            self._replace(error)

    def _replace(self, error: Exception) -> None:
        """Move a damaged file aside; the next question opens a new one."""
        try:
            with FileLock(f"{self.file}.lock", timeout=_MOVING_SECONDS):
                here = self.file.stat().st_ino if self.file.exists() else None
                if here != self._inode and (here is None or sound(self.file)):
                    return  # another process has replaced it
                aside = self.file.with_name(f"{self.file.stem}.damaged-{time.strftime('%Y%m%d-%H%M%S')}.sqlite")
                for ending in ("", "-wal", "-shm"):
                    part = Path(f"{self.file}{ending}")
                    if part.exists():
                        part.replace(f"{aside}{ending}")
        except (OSError, Timeout) as trouble:
            self._give_up(f"damaged ({error}), and it cannot be moved aside ({trouble}); delete it")
            return
        self._say(f"{NOTE}{self.file} was damaged ({error}); it was moved to {aside.name}, and a new one begun")

    def _give_up(self, reason: str) -> None:
        self._usable = False
        self.close()
        self._say(f"{NOTE}values were not stored in {self.file} ({reason}); the next run computes them again")


class NewerStore(sqlite3.Error):
    """The file was written by a later version of the package."""


def connect(file: Path, *, timeout: float = _BUSY_SECONDS) -> sqlite3.Connection:
    """A connection to the store's file, which is made where there is none.

    Raises:
        NewerStore: of a later version.
        sqlite3.Error: it cannot be opened, or is not a database.
    """
    connection = sqlite3.connect(file, timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA temp_store=MEMORY")
        connection.execute("PRAGMA cache_size=-65536")
        if _version(connection) != SCHEMA_VERSION:
            with _transaction(connection):
                _prepare(connection)
        connection.execute("CREATE TEMP TABLE asked(at INTEGER PRIMARY KEY, sample NOT NULL)")
    except BaseException:
        connection.close()
        raise
    return connection


def sound(file: Path) -> bool:
    """Whether SQLite finds nothing wrong with the file, and its tables are there."""
    try:
        with contextlib.closing(
            sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=5)
        ) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
            checked = connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok"
            return bool(checked) and tables >= TABLES
    except (sqlite3.Error, ValueError):
        return False


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables; those of an older version go, since everything in them can be computed again.

    Raises:
        NewerStore: of a later version.
        NotAStore: somebody else's, which came since the file was looked at.
    """
    refuse_tables_of_others(connection)
    found = _version(connection)
    if found > SCHEMA_VERSION:
        raise NewerStore(f"was written by a later version (layout {found}, this one knows {SCHEMA_VERSION})")
    if found == SCHEMA_VERSION:  # another process was quicker
        return
    for (name,) in connection.execute(
        "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite_%'"
    ).fetchall():
        connection.execute(f'DROP TABLE "{name}"')
    for statement in _SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
