"""Opens, inspects and prunes the store."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...language.errors import ResultsError
from .database import IGNORE, IGNORED, SCHEMA_VERSION, TABLES, connect, sound
from .location import FILE, FOLDER, NOTE, default_folder, network_drive, refuse_network
from .ownership import OTHER_PLACE, refuse_store_of_others
from .store import Store, today

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_BUSY_SECONDS = 10.0


@dataclass(frozen=True)
class Holding:
    """Values of one (model, context, data) and when they were used; days since 1970.

    ``images``: the most under one key. What is measured again with other masks or draws has keys of its own.
    """

    model: str
    context: str
    data: str
    images: int
    values: int
    created: int
    used: int


@dataclass(frozen=True)
class StoreContents:
    """Contents of a store: its size in bytes, and holdings in the order of their last use.

    ``aside``: damaged stores that runs have moved aside in its folder, and their bytes.
    """

    file: Path
    size: int
    holdings: tuple[Holding, ...]
    values: int
    pictures: int
    files: int
    aside: tuple[int, int]


def open_store(asked: Path | None, *, root: Path, off: bool = False) -> Store:
    """Opens the store in the folder that was asked for; by default below `root`, unless that is a network drive.

    Raises:
        ResultsError: the folder that was asked for is on a network drive, or holds somebody else's file of that name.
    """
    if off:
        return Store(None)
    if asked is not None:
        refuse_network(asked)
        refuse_store_of_others(asked, OTHER_PLACE)
        return Store(asked)
    folder = default_folder(root)
    kind = network_drive(folder)
    if kind is None:
        return Store(folder)
    note = (
        f"{NOTE}values were not stored: {folder} is on a network drive ({kind}), where a database that several "
        "processes write can be damaged; name a folder on a disk of this machine by --audit-store"
    )
    return Store(None, notes=[note])


def contents_of(folder: Path) -> StoreContents:
    """Reads the contents of the store in `folder`.

    Raises:
        ResultsError: it does not exist, or cannot be read.
    """
    with _reading(folder) as connection:
        holdings = connection.execute(
            "SELECT model, context, data, "
            "MAX(CASE kind WHEN 'shown' THEN (SELECT COUNT(*) FROM images WHERE images.key = keys.id) ELSE 0 END), "
            "SUM(CASE kind WHEN 'values' THEN (SELECT COUNT(*) FROM cells WHERE cells.key = keys.id) ELSE 0 END), "
            "MIN(created), MAX(used) FROM keys WHERE model <> '' AND data <> '' GROUP BY model, context, data "
            "ORDER BY MAX(used) DESC, model, context, data"
        )
        return StoreContents(
            folder / FILE,
            _size(folder),
            tuple(Holding(*row) for row in holdings.fetchall()),
            _count(connection, "cells JOIN keys ON keys.id = cells.key WHERE kind = 'values'"),
            _count(connection, "blobs JOIN keys ON keys.id = blobs.key WHERE kind = 'pictures'"),
            _count(connection, "files"),
            _aside(folder),
        )


def prune(folder: Path, *, older_than: int | None = None, keep_size: int | None = None) -> tuple[int, int]:
    """Remove what was not used for more than `older_than` days, then what was used longest ago until the file has at
    most `keep_size` bytes; its size before and after.

    Raises:
        ResultsError: there is no store, or another process is using it.
    """
    before = _size(folder)
    with _opened(folder) as connection:
        if older_than is not None:
            _remove(connection, today() - older_than)
        days = [day for (day,) in connection.execute("SELECT DISTINCT used FROM keys UNION SELECT used FROM files")]
        for day in sorted(days):
            if keep_size is None or _live(connection) <= keep_size:
                break
            _remove(connection, day + 1)
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return before, _size(folder)


def clear(folder: Path) -> int:
    """Removes the store and what is left of damaged ones; returns the bytes that were freed.

    Raises:
        ResultsError: it does not exist, is somebody else's, or cannot be removed.
    """
    refuse_store_of_others(folder, "give the store's folder by --store, or remove the file by hand")
    files = [path for path in folder.glob("store.*sqlite*") if path.is_file()]
    if not files:
        raise ResultsError(f"{folder} has no store; give its folder by --store")
    freed = sum(path.stat().st_size for path in files)
    try:
        for path in files:
            path.unlink()
        ignore = folder / IGNORE
        if ignore.is_file() and ignore.read_text(encoding="utf-8", errors="replace") == IGNORED:
            ignore.unlink()
    except OSError as error:
        raise ResultsError(f"{error.filename}: cannot be removed ({error.strerror}); is an audit running?") from error
    with contextlib.suppress(OSError):  # the user may keep other files there
        folder.rmdir()
    return freed


def bytes_in(folder: Path) -> int:
    """The bytes of the store and of damaged ones beside it, whatever state they are in."""
    return _size(folder) + _aside(folder)[1]


def located(folder: Path | None) -> Path:
    """The store's folder: the one given, also by its file, or the nearest ``.modelaudit`` from here upwards.

    Raises:
        ResultsError: none was given, and there is none.
    """
    if folder is not None:
        return folder.parent if folder.name == FILE and folder.is_file() else folder
    here = Path.cwd()
    for parent in (here, *here.parents):
        if (parent / FOLDER / FILE).exists():
            return parent / FOLDER
    raise ResultsError(
        f"no {FOLDER} with a store in {here} or above it: no audit has run here, or its store is elsewhere; give its "
        "folder by --store"
    )


def bytes_of(text: str) -> int:
    """``500M`` or ``1.5G`` (powers of 1024) as bytes.

    Raises:
        ResultsError: it is not a size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if match is None:
        raise ResultsError(f"--keep-size must be a size such as 500M or 1G, got {text!r}")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def days_of(text: str) -> int:
    """``30d``, ``4w`` or a plain number of days.

    Raises:
        ResultsError: it is not a time.
    """
    match = re.fullmatch(r"(\d+)\s*([dw]?)", text.strip(), re.IGNORECASE)
    if match is None:
        raise ResultsError(f"--older-than must be a time such as 30d or 4w, got {text!r}")
    return int(match[1]) * (7 if match[2].lower() == "w" else 1)


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection that changes nothing."""
    file = (folder / FILE).absolute()
    if not file.exists():
        raise ResultsError(f"{folder} has no store; give its folder by --store (pytest keeps it in {FOLDER})")
    refuse_store_of_others(folder, "give the store's folder by --store")
    try:
        uri = f"{file.as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS)) as connection:
            _refuse_versions(connection, folder / FILE)
            yield connection
    except sqlite3.Error as error:
        way_out = "is an audit running?" if sound(file) else "it is damaged: modelaudit store clear removes it"
        raise ResultsError(f"{folder / FILE}: {error}; {way_out}") from error


def _refuse_versions(connection: sqlite3.Connection, file: Path) -> None:
    """Refuses a store that this version can say nothing of.

    Raises:
        ResultsError: it is one of another version, empty or damaged.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if version > SCHEMA_VERSION:
        raise ResultsError(
            f"{file}: was written by a later version of modelaudit (layout {version}, this one knows "
            f"{SCHEMA_VERSION}); use that version, or name another folder by --store"
        )
    if not tables:
        raise ResultsError(f"{file}: is empty; the next audit begins it")
    if not tables >= TABLES:
        raise ResultsError(f"{file}: is damaged: modelaudit store clear removes it")
    if version < SCHEMA_VERSION:
        raise ResultsError(
            f"{file}: was written by an earlier version of modelaudit (layout {version}, this one knows "
            f"{SCHEMA_VERSION}); its values cannot be used: the next audit begins it anew"
        )


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a store that is there."""
    with _reading(folder):
        pass
    try:
        with contextlib.closing(connect(folder / FILE, timeout=_BUSY_SECONDS)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise ResultsError(f"{folder / FILE}: {error}; is an audit running?") from error


def _remove(connection: sqlite3.Connection, before: int) -> None:
    """Removes everything that was last used before a day."""
    connection.execute("BEGIN IMMEDIATE")
    old = "(SELECT id FROM keys WHERE used < ?)"
    for table in ("cells", "images", "blobs"):
        connection.execute(f"DELETE FROM {table} WHERE key IN {old}", (before,))
    connection.execute("DELETE FROM keys WHERE used < ?", (before,))
    connection.execute("DELETE FROM files WHERE used < ?", (before,))
    connection.execute("COMMIT")


def _live(connection: sqlite3.Connection) -> int:
    """The bytes that a vacuum would leave."""
    pages, free, size = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _count(connection: sqlite3.Connection, of: str) -> int:
    return int(connection.execute(f"SELECT COUNT(*) FROM {of}").fetchone()[0])


def _aside(folder: Path) -> tuple[int, int]:
    """How many damaged stores lie in the folder, and their bytes."""
    files = [path for path in folder.glob(f"{Path(FILE).stem}.damaged-*") if path.is_file()]
    return sum(path.suffix == ".sqlite" for path in files), sum(path.stat().st_size for path in files)


def _size(folder: Path) -> int:
    parts = (Path(f"{folder / FILE}{ending}") for ending in ("", "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())
