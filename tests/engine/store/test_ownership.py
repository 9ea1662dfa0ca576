"""Files of others under the store's name: refused, and left byte for byte as they are."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from engine.store.test_store import KEY, NAMES, filled

from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.store import Store, StoreBatch
from modelaudit.engine.store.upkeep import open_store
from modelaudit.language.errors import ResultsError

OWN_TABLES = "CREATE TABLE keys(a); CREATE TABLE cells(a); CREATE TABLE images(a); CREATE TABLE blobs(a);"
#: what others keep, as SQL
DATABASES = {
    "tables": "CREATE TABLE measurements(part, width); INSERT INTO measurements VALUES ('nut', 7.5);",
    "WAL": "PRAGMA journal_mode=WAL; CREATE TABLE measurements(part); INSERT INTO measurements VALUES ('nut');",
    "only a view": "CREATE VIEW seven AS SELECT 7;",
    "no table, a version": "PRAGMA user_version=1;",
    "no table, an application": "PRAGMA application_id=1; VACUUM;",
    "our names for other tables": f"{OWN_TABLES} PRAGMA user_version=2;",
    "our layout's number": "CREATE TABLE measurements(part, width); PRAGMA user_version=2;",
}
SAYS = "is a database of something else, so it was left as it is"


def others(folder: Path, kind: str) -> str:
    """Makes the file of somebody else; how it is refused."""
    if kind == "text":
        (folder / FILE).write_bytes(b"no database\n" * 400)
        return "is not a database, so it was left as it is"
    if kind == "garbage after the head":
        (folder / FILE).write_bytes(b"SQLite format 3\0" + b"\7" * 5000)
        return "is not known to be a store (file is not a database), so it was left as it is"
    with closing(sqlite3.connect(folder / FILE)) as connection:
        connection.executescript(DATABASES[kind])
    return SAYS


def held(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", [*DATABASES, "text", "garbage after the head"])
@pytest.mark.parametrize("writable", [True, False], ids=["writable", "read-only"])
def test_a_file_of_others_is_refused_and_left_as_it_is(tmp_path: Path, kind: str, writable: bool) -> None:
    says = others(tmp_path, kind)
    if not writable:
        (tmp_path / FILE).chmod(0o444)
    before = held(tmp_path)
    with pytest.raises(ResultsError) as refused:
        open_store(tmp_path, root=tmp_path)
    assert str(refused.value).startswith(f"{tmp_path / FILE}: {says}; name another folder by --audit-store")
    store, batch = Store(tmp_path), StoreBatch()  # as by default, where no folder was asked for
    batch.number(KEY, NAMES[0], 1.0)
    assert not store.commit(batch) and not store.cells([KEY], NAMES[:1])[0].found.any()
    store.close()
    assert store.notes == [
        f"store: values were not stored in {tmp_path / FILE} ({says}); the next run computes them again"
    ]
    assert held(tmp_path) == before


def test_a_file_of_others_that_comes_while_a_run_begins_keeps_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others(tmp_path, "tables")
    monkeypatch.setattr("modelaudit.engine.store.database.refuse_others", lambda file: None)
    store = Store(tmp_path)
    assert not store.cells([KEY], NAMES[:1])[0].found.any() and SAYS in store.notes[0]
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        assert connection.execute("SELECT * FROM measurements").fetchall() == [("nut", 7.5)]


def test_a_store_of_before_there_was_a_number_is_used(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA application_id=0")
    store = open_store(tmp_path, root=tmp_path)
    assert store.cells([KEY], NAMES[:100])[0].found.all() and store.notes == []


def test_a_file_that_was_never_written_becomes_a_store(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # as one that was killed before it made its tables
    assert filled(tmp_path).notes == []


def test_a_folder_of_the_user_gets_no_gitignore(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("")
    filled(tmp_path).close()
    assert not (tmp_path / ".gitignore").exists()
    filled(tmp_path / "new").close()
    assert (tmp_path / "new" / ".gitignore").read_text(encoding="utf-8") == "*\n"
