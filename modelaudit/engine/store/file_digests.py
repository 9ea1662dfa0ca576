"""Digests of files, each computed once as long as the file stays what it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from ...data import FilePart, Place
from ...language.regular_files import open_file
from .store import FileRow, Store

#: the coarsest clock of a file system in use (FAT counts two seconds)
_GRANULARITY_NS = 2_000_000_000
_HASHERS = 4


class _Stat(NamedTuple):
    size: int
    modified: int
    changed: int
    inode: int


class FileDigests:
    """sha256 of files, remembered by path, size, times of change and inode; of a part of a file, by those of the file.

    A file that was written just before it was hashed may be written again without any of these telling: such a digest
    is used and not remembered (git's "racy" entries).

    Args:
        now: nanoseconds since 1970, by the clock that stamps files.
    """

    def __init__(self, store: Store, *, now: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._now = now
        self.hashed = 0

    def of(self, paths: Iterable[Place]) -> dict[Place, str | None]:
        """The digest of each file as hexadecimal digits; None where it cannot be read."""
        wanted = list(dict.fromkeys(paths))
        whole = {file: _stat(file) for file in dict.fromkeys(map(_file, wanted))}
        stats = {path: whole[_file(path)] for path in wanted}
        there = [path for path in wanted if stats[path] is not None]
        known = self._store.files([_key(path) for path in there])
        found: dict[Place, str | None] = dict.fromkeys(wanted)
        changed: list[Place] = []
        for path in there:
            row = known.get(_key(path))
            if row is not None and row[1:5] == stats[path]:
                found[path] = row.digest.hex()
            else:
                changed.append(path)
        self._store.note_files(self._hash(changed, found))
        return found

    def _hash(self, paths: Sequence[Place], found: dict[Place, str | None]) -> list[FileRow]:
        """Fill in the digests of `paths`; the rows that can be trusted later."""
        if not paths:
            return []
        began = self._now()
        with ThreadPoolExecutor(_HASHERS, thread_name_prefix="hash") as workers:
            results = list(workers.map(_read, paths))
        rows = []
        for path, result in zip(paths, results, strict=True):
            if result is None:
                continue
            digest, stat = result
            self.hashed += 1
            found[path] = digest.hex()
            if stat is not None and max(stat.modified, stat.changed) + _GRANULARITY_NS < began:
                rows.append(FileRow(_key(path), *stat, digest))
        return rows


def _file(path: Place) -> Path:
    return path.path if isinstance(path, FilePart) else path


def _key(path: Place) -> bytes:
    return path.key if isinstance(path, FilePart) else os.fsencode(path)


def _read(path: Place) -> tuple[bytes, _Stat | None] | None:
    """The digest, and the file's state where it was the same before and after."""
    try:
        with open_file(_file(path)) as file:
            before = os.fstat(file.fileno())
            digest = _digest(file, path)
            after = os.fstat(file.fileno())
    except OSError:
        return None
    same = _of(before) == _of(after) == _stat(_file(path))
    return digest, _of(after) if same else None


def _digest(file: BufferedReader, path: Place) -> bytes:
    if not isinstance(path, FilePart):
        return hashlib.file_digest(file, "sha256").digest()
    file.seek(path.start)
    content = file.read(path.size)
    if len(content) < path.size:
        raise OSError(f"{path} is cut off")
    return hashlib.sha256(content).digest()


def _stat(path: Path) -> _Stat | None:
    try:
        return _of(path.stat())
    except OSError:
        return None


def _of(found: os.stat_result) -> _Stat:
    # an inode may be larger than SQLite's integers
    return _Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & (2**63 - 1))
