"""Digests of files, each computed once as long as the file stays what it is."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

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
    """sha256 of files, remembered by path, size, times of change and inode.

    A file that was written just before it was hashed may be written again without any of these telling: such a digest
    is used and not remembered (git's "racy" entries).

    Args:
        now: nanoseconds since 1970, by the clock that stamps files.
    """

    def __init__(self, store: Store, *, now: Callable[[], int] = time.time_ns) -> None:
        self._store = store
        self._now = now
        self.hashed = 0

    def of(self, paths: Iterable[Path]) -> dict[Path, str | None]:
        """The digest of each file as hexadecimal digits; None where it cannot be read."""
        wanted = list(dict.fromkeys(paths))
        stats = {path: _stat(path) for path in wanted}
        there = [path for path in wanted if stats[path] is not None]
        known = self._store.files([os.fsencode(path) for path in there])
        found: dict[Path, str | None] = dict.fromkeys(wanted)
        changed: list[Path] = []
        for path in there:
            row = known.get(os.fsencode(path))
            if row is not None and row[1:5] == stats[path]:
                found[path] = row.digest.hex()
            else:
                changed.append(path)
        self._store.note_files(self._hash(changed, found))
        return found

    def _hash(self, paths: Sequence[Path], found: dict[Path, str | None]) -> list[FileRow]:
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
                rows.append(FileRow(os.fsencode(path), *stat, digest))
        return rows


def _read(path: Path) -> tuple[bytes, _Stat | None] | None:
    """The digest, and the file's state where it was the same before and after."""
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            digest = hashlib.file_digest(file, "sha256").digest()
            after = os.fstat(file.fileno())
    except OSError:
        return None
    same = _of(before) == _of(after) == _stat(path)
    return digest, _of(after) if same else None


def _stat(path: Path) -> _Stat | None:
    try:
        return _of(path.stat())
    except OSError:
        return None


def _of(found: os.stat_result) -> _Stat:
    # an inode may be larger than SQLite's integers
    return _Stat(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino & (2**63 - 1))
