"""Tells a store of this package from any other file, by reading alone.

A store is begun anew where its layout is an old one, moved aside where it is damaged, and removed by ``modelaudit store
clear``: none of this may ever happen to what somebody else keeps under the same name.
"""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from ...language.errors import ResultsError
from .location import FILE

#: the way out of a run
OTHER_PLACE = "name another folder by --audit-store, or --audit-store off"
#: says in the head of a SQLite file whose it is; "maud"
APPLICATION_ID = 0x6D617564
_SQLITE = b"SQLite format 3\0"
#: where the head of a file holds the application's number
_APPLICATION = slice(68, 72)
_HEAD_BYTES = 100
#: stores of layout 2 had no such number: they are known by this table
_KEYS_BEFORE = ("id", "digest", "kind", "model", "context", "measure", "data", "created", "used")


class NotAStore(sqlite3.Error):
    """The file is somebody else's."""


def refuse_others(file: Path) -> None:
    """Refuse a file that this package did not write; one that is missing or empty may become a store.

    Raises:
        NotAStore: it is somebody else's, or cannot be told from that.
        OSError: it cannot be read.
    """
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except FileNotFoundError:
        return
    if not head or head[_APPLICATION] == APPLICATION_ID.to_bytes(4, "big"):
        return
    if not head.startswith(_SQLITE):
        raise NotAStore("is not a database, so it was left as it is")
    # a connection to a database in WAL mode leaves files beside it, unless it may take the file for unchangeable
    log = Path(f"{file}-wal")
    written = log.exists() and log.stat().st_size > 0
    uri = f"{file.absolute().as_uri()}?mode=ro{'' if written else '&immutable=1'}"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=5)) as connection:
            refuse_tables_of_others(connection)
    except NotAStore:
        raise
    except sqlite3.Error as error:
        raise NotAStore(f"is not known to be a store ({error}), so it was left as it is") from error


def refuse_store_of_others(folder: Path, way_out: str) -> None:
    """Refuse a folder in which somebody else's file has the store's name.

    Raises:
        ResultsError: it has; ends with `way_out`.
    """
    try:
        refuse_others(folder / FILE)
    except NotAStore as error:
        raise ResultsError(f"{folder / FILE}: {error}; {way_out}") from error
    except OSError:  # whoever uses the file says so
        return


def refuse_tables_of_others(connection: sqlite3.Connection) -> None:
    """The same of an opened database.

    Raises:
        NotAStore: it is somebody else's.
    """
    application, layout = (
        int(connection.execute(f"PRAGMA {name}").fetchone()[0]) for name in ("application_id", "user_version")
    )
    if application == APPLICATION_ID:
        return
    tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    columns = tuple(row[1] for row in connection.execute("PRAGMA table_info(keys)"))
    begun = not application and not layout and not tables
    if not begun and (application or layout != 2 or columns != _KEYS_BEFORE):
        raise NotAStore("is a database of something else, so it was left as it is")
