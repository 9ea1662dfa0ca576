"""``modelaudit store``: what is there, and what goes."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.engine.results.measured import ImageFacts
from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.store import FileRow, Key, Store, StoreBatch, today


def key(name: str, kind: str = "values") -> Key:
    return Key(name.encode().ljust(16), kind, "net", f"context {name}", "accuracy", "photos")


def sample(at: int) -> bytes:
    return b"%016d" % at


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store with values that were used 0, 10 and 40 days ago, half a megabyte each."""
    place = tmp_path / "project" / ".modelaudit"
    for name, age in (("new", 0), ("older", 10), ("oldest", 40)):
        store, batch = Store(place), StoreBatch()
        for at in range(500):
            batch.number(key(name), sample(at), at / 3)
            batch.number(key(f"{name} shown", "shown"), sample(at), 0.5)
            batch.content(key(f"{name} logits", "logits"), sample(at), bytes(1000))
        assert store.commit(batch)
        store.close()
        with sqlite3.connect(place / FILE) as connection:
            connection.execute(
                "UPDATE keys SET used = ?, created = ? WHERE measure = 'accuracy' AND context LIKE ?",
                (today() - age, today() - 60, f"context {name}%"),
            )
        connection.close()
    monkeypatch.chdir(place.parent)
    return place


def left(folder: Path) -> list[str]:
    store = Store(folder)
    return [name for name in ("new", "older", "oldest") if store.all_cells(key(name))]


def test_info_tells_where_how_much_and_of_what(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["store", "info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder / FILE}: ") and lines[0].endswith("MiB")
    assert lines[1] == "1,500 values, 0 pictures, digests of 0 files"
    assert lines[2].startswith("net under context new on photos: 0 images, 500 values (since ")
    assert "context oldest" in lines[-1] + lines[-2]


def test_info_finds_the_store_from_folders_below(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.parent / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(folder.parent / "deep" / "down")
    assert main(["store", "info"]) == 0


@pytest.mark.parametrize(
    ("age", "expected"),
    [("30d", ["new", "older"]), ("1w", ["new"]), ("10", ["new", "older"]), ("90d", ["new", "older", "oldest"])],
)
def test_prune_removes_what_was_not_used_for_so_long(folder: Path, age: str, expected: list[str]) -> None:
    before = (folder / FILE).stat().st_size
    assert main(["store", "prune", "--older-than", age]) == 0
    assert left(folder) == expected
    assert ((folder / FILE).stat().st_size < 0.9 * before) == (len(expected) < 3)


def test_prune_to_a_size_removes_the_oldest_first(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    size = (folder / FILE).stat().st_size
    assert main(["store", "prune", "--keep-size", f"{size * 3 // 4 // 1024}K"]) == 0
    assert left(folder) == ["new", "older"]
    assert (folder / FILE).stat().st_size <= size * 3 // 4
    assert "before" in capsys.readouterr().out
    assert main(["store", "prune", "--keep-size", "0"]) == 0
    assert left(folder) == []


def test_what_is_read_counts_as_used(folder: Path) -> None:
    row = FileRow(b"photo.png", 5, 0, 0, 0, b"d" * 32)
    store = Store(folder)
    store.note_files([row])
    store.close()
    with sqlite3.connect(folder / FILE) as connection:
        connection.execute("UPDATE files SET used = used - 40")
    connection.close()
    store = Store(folder)
    assert store.files([b"photo.png"]) == {b"photo.png": row}
    assert store.cells([key("oldest")], [sample(0)])[0].found.all()
    store.close()
    assert main(["store", "prune", "--older-than", "5d"]) == 0
    assert left(folder) == ["new", "oldest"]
    assert Store(folder).files([b"photo.png"]) == {b"photo.png": row}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["prune"], "--older-than 30d, --keep-size 1G"),
        (["prune", "--keep-size", "much"], "must be a size such as 500M or 1G"),
        (["prune", "--older-than", "long"], "must be a time such as 30d or 4w"),
        (["info", "--store", "nowhere"], "nowhere has no store"),
        (["clear", "--store", "nowhere", "--yes"], "nowhere has no store"),
        (["clear"], "give --yes"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    folder: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # no terminal
    assert main(["store", *arguments]) == 2
    assert says in capsys.readouterr().err
    assert left(folder) == ["new", "older", "oldest"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "gone"), [("y", True), ("yes", True), ("n", False), ("", False)])
def test_clear_asks_first(folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str, gone: bool) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(f"{answer}\n"))
    assert main(["store", "clear"]) == 0
    assert folder.exists() != gone


def test_clear_removes_nothing_but_the_store(folder: Path) -> None:
    (folder / "store.damaged-20260101-000000.sqlite").write_bytes(b"old")
    (folder / "notes.txt").write_text("mine")
    (folder / ".gitignore").write_text("*.png\n")
    assert main(["store", "clear", "--yes"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "notes.txt"]


def odd(folder: Path, state: str) -> None:
    """Turn the store into one that cannot be read as it is."""
    file = folder / FILE
    if state in ("garbage", "empty", "foreign"):
        for part in folder.glob(f"{FILE}*"):
            part.unlink()
        file.write_bytes(b"no database" * 500 if state == "garbage" else b"")
    if state == "damaged":
        whole = file.read_bytes()
        file.write_bytes(whole[:100] + bytes(len(whole) - 100))
    if state in ("later", "earlier", "foreign"):
        with sqlite3.connect(file) as connection:
            version = f"PRAGMA user_version={9 if state == 'later' else 1}"
            connection.execute("CREATE TABLE theirs(a)" if state == "foreign" else version)
        connection.close()


STATES = {
    "later": "was written by a later version of modelaudit (layout 9, this one knows 2); use that version",
    "earlier": "was written by an earlier version of modelaudit (layout 1, this one knows 2)",
    "foreign": "is a database of something else, so it was left as it is; give the store's folder by --store",
    "empty": "is empty; the next audit begins it",
    "garbage": "is not a database, so it was left as it is; give the store's folder by --store",
    "damaged": "it is damaged: modelaudit store clear removes it",
}


@pytest.mark.parametrize("command", [["info"], ["prune", "--older-than", "1d"]], ids=["info", "prune"])
@pytest.mark.parametrize("state", STATES)
def test_an_odd_store_is_called_what_it_is_and_left_as_it_is(
    folder: Path, state: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    odd(folder, state)
    before = (folder / FILE).read_bytes()
    assert main(["store", *command]) == 2
    assert STATES[state] in capsys.readouterr().err
    assert (folder / FILE).read_bytes() == before


@pytest.mark.parametrize("state", ["garbage", "foreign"])
def test_what_is_no_store_is_not_cleared(folder: Path, state: str, capsys: pytest.CaptureFixture[str]) -> None:
    odd(folder, state)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["store", "clear", "--yes"]) == 2
    assert "by --store, or remove the file by hand" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_info_counts_an_image_once_and_only_what_belongs_to_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, batch = Store(folder), StoreBatch()
    facts = ImageFacts(9, 9, 0.5, 1.0, True, False, False, False, None)
    for variant in ("", " moved"):  # a second key, as of moved masks
        for at in range(20):
            shown = Key(f"facts{variant}".encode().ljust(16), "shown", "one", "blur", "", "photos")
            batch.image(shown, sample(at), facts)
    batch.content(Key(b"sane".ljust(16), "sanity", "one", "", "saliency", ""), sample(0), b"0")
    assert store.commit(batch)
    store.close()
    assert main(["store", "info"]) == 0
    (line,) = [text for text in capsys.readouterr().out.splitlines() if text.startswith("one under")]
    assert line.startswith("one under blur on photos: 20 images, ")


def test_the_store_is_found_by_its_file_and_by_the_configuration_of_pytest(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["store", "info", "--store", str(folder / FILE)]) == 0
    elsewhere = folder.parents[1] / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    (elsewhere / "pytest.ini").write_text(f"[pytest]\naudit_store = ../project/{folder.name}\n")
    assert main(["store", "info"]) == 0
    assert str(folder / FILE) in capsys.readouterr().out.splitlines()[0]
    (elsewhere / "pytest.ini").write_text("[pytest]\naudit_store = off\n")
    assert main(["store", "info"]) == 2
    assert "audit_store = off, so nothing is kept" in capsys.readouterr().err


def test_damaged_stores_beside_it_are_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "store.damaged-20260101-000000.sqlite").write_bytes(bytes(2048))
    assert main(["store", "info"]) == 0
    assert "1 damaged, moved aside by a run: 2 KiB" in capsys.readouterr().out
