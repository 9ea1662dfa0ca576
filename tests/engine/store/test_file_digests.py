"""A file is hashed once as long as it stays what it is, and never believed to be what it was."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.store import Store

LATER = 10_000_000_000


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Clock:
    """A clock that is some time ahead of the last write to any of the files."""

    def __init__(self, files: list[Path], ahead: int) -> None:
        self.files, self.ahead = files, ahead

    def __call__(self) -> int:
        stats = [file.stat() for file in self.files if file.exists()]
        return max(max(stat.st_mtime_ns, stat.st_ctime_ns) for stat in stats) + self.ahead


def digests(folder: Path, files: list[Path], ahead: int = LATER) -> FileDigests:
    return FileDigests(Store(folder / "store"), now=Clock(files, ahead))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    found = [tmp_path / f"{at}.png" for at in range(5)]
    for at, file in enumerate(found):
        file.write_bytes(b"content %d" % at)
    return found


def test_files_are_hashed_once_for_all_runs(tmp_path: Path, files: list[Path]) -> None:
    expected = {file: sha(file.read_bytes()) for file in files}
    first = digests(tmp_path, files)
    assert first.of(files) == expected and first.hashed == 5
    assert first.of(files) == expected and first.hashed == 5
    again = digests(tmp_path, files)
    assert again.of(files) == expected and again.hashed == 0


@pytest.mark.parametrize("ahead", [0, 5_000_000, 1_000_000_000])
def test_a_file_that_was_just_written_is_hashed_again(tmp_path: Path, files: list[Path], ahead: int) -> None:
    digests(tmp_path, files, ahead).of(files)
    again = digests(tmp_path, files, ahead)
    again.of(files)
    assert again.hashed == 5


def test_a_write_in_the_same_tick_of_the_clock_is_seen(tmp_path: Path, files: list[Path]) -> None:
    """Same size, same times, same inode: only the age of the entry tells that it cannot be trusted."""
    file = files[0]
    digests(tmp_path, files, ahead=1).of([file])
    stat = file.stat()
    with file.open("r+b") as opened:
        opened.write(b"CONTENT 0")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests(tmp_path, files).of([file]) == {file: sha(b"CONTENT 0")}


@pytest.mark.parametrize("how", ["in place", "replaced", "times kept"])
def test_another_content_of_the_same_size_is_seen(tmp_path: Path, files: list[Path], how: str) -> None:
    file, stat = files[2], files[2].stat()
    digests(tmp_path, files).of(files)
    if how == "replaced":
        other = tmp_path / "other"
        other.write_bytes(b"CONTENT 2")
        os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        other.replace(file)
    else:
        file.write_bytes(b"CONTENT 2")
        if how == "times kept":
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = digests(tmp_path, files)
    assert again.of(files)[file] == sha(b"CONTENT 2") and again.hashed == 1


def test_a_file_that_cannot_be_read_has_no_digest_and_costs_no_other_file(tmp_path: Path, files: list[Path]) -> None:
    missing, folder = tmp_path / "missing.png", tmp_path / "folder.png"
    folder.mkdir()
    found = digests(tmp_path, files).of([missing, *files, folder])
    assert found[missing] is None and found[folder] is None
    assert all(found[file] == sha(file.read_bytes()) for file in files)
    missing.write_bytes(b"here")
    assert digests(tmp_path, files).of([missing]) == {missing: sha(b"here")}


def test_names_that_are_no_utf8_are_no_trouble(tmp_path: Path, files: list[Path]) -> None:
    try:
        file = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
        file.write_bytes(b"strange")
    except OSError:
        pytest.skip("this file system wants UTF-8")
    assert digests(tmp_path, files).of([file]) == {file: sha(b"strange")}
    again = digests(tmp_path, files)
    assert again.of([file]) == {file: sha(b"strange")} and again.hashed == 0


def test_without_a_store_files_are_hashed_every_time(files: list[Path]) -> None:
    plain = FileDigests(Store(None))
    assert plain.of(files) == plain.of(files) and plain.hashed == 10
