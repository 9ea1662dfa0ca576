"""Keeps a copy of remote files on this machine's disk up to date, file by file.

fsspec opens, lists and reads the files. Its caches (``filecache``, ``simplecache``, as of fsspec 2026.9) cannot
keep what this copy promises, so that the copying is our own:

- sources walk folders: the caches keep files under digests or flat names, not in their tree;
- a file that changes is fetched again: ``ukey`` takes files over HTTP for unchanging, ``simplecache`` never asks;
- a download that was cut off goes on where it stopped: the caches begin anew, and show no progress;
- several processes share a copy: the table of ``filecache`` is written without a lock (fsspec issue 639);
- a file that is gone from the original goes from the copy.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from ...language.errors import DataError
from ...language.progress import Advance, fetching, say
from .limits import TooMuchError
from .listing import RemoteFile, run_in_threads
from .urls import RemoteFolder, is_gone, one_line


@dataclass(frozen=True)
class JournalEntry:
    """A file in place: the token of its original, and its own size and time of change."""

    name: str
    token: str | None
    size: int
    mtime_ns: int


class Journal:
    """The entries of a copy's journal by name; the last one counts, and a line that was cut off is ignored."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._lines = {written.name: written for written in _read_journal(path)}

    def holds(self, entry: RemoteFile, file: Path) -> bool:
        """Whether `file` is a whole copy of the remote file as it is now."""
        written = self._lines.get(entry.name)
        if written is None or entry.token is None or written.token != entry.token:
            return False
        try:
            found = file.lstat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (written.size, written.mtime_ns)

    def note(self, entry: RemoteFile, file: Path) -> None:
        """Records that `file` was put in its place."""
        found = file.lstat()
        written = JournalEntry(entry.name, entry.token, found.st_size, found.st_mtime_ns)
        with self._lock, self._path.open("a", encoding="utf-8") as journal:
            self._lines[entry.name] = written
            journal.write(_text(written))

    def keep(self, names: Iterable[str]) -> None:
        """Rewrites the journal with the entries of these files only."""
        wanted = set(names)
        self._lines = {name: written for name, written in self._lines.items() if name in wanted}
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(map(_text, self._lines.values())), encoding="utf-8")
        fresh.replace(self._path)


def _text(written: JournalEntry) -> str:
    return json.dumps(asdict(written)) + "\n"


def _read_journal(path: Path) -> Iterable[JournalEntry]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return
    for one in text.splitlines():
        try:
            yield JournalEntry(**json.loads(one))
        except (ValueError, TypeError):
            continue  # cut off by a kill: its file is fetched again


ATTEMPTS = 3
_PAUSE = 0.5
_BLOCK = 8 * 2**20


class LocalCopy:
    """The copy of one remote folder, or of some files in it.

    ``tree`` holds the files under their names; one gets its name when all of it has come, so that a killed run
    leaves no partial file there. What has arrived is kept: the next run fetches the rest.

    Args:
        folder: of this copy alone.
        quiet: no progress is shown.
    """

    def __init__(self, remote: RemoteFolder, folder: Path, *, quiet: bool) -> None:
        self.remote = remote
        self.tree = folder / "tree"
        self._folder = folder
        self._partial = folder / "partial"
        self._quiet = quiet
        self._stopped = threading.Event()

    def sync(self, entries: Sequence[RemoteFile], *, prune: bool = True) -> None:
        """Fetch what is new or changed, and with `prune` remove whatever else is there.

        Raises:
            DataError: a file did not come whole in three attempts, or the copy cannot be written.
        """
        try:
            with self._locked():
                self._sync(entries, prune)
        except OSError as error:
            raise DataError(f"{self.remote.url} cannot be copied to {self._folder}: {one_line(error)}") from error

    def _sync(self, entries: Sequence[RemoteFile], prune: bool) -> None:
        self._partial.mkdir(exist_ok=True)
        self.tree.mkdir(exist_ok=True)
        journal = Journal(self._folder / "journal.jsonl")
        if prune:
            self._remove_others({entry.name for entry in entries})
        missing = [entry for entry in entries if not journal.holds(entry, self.tree / entry.name)]
        if missing:
            self._fetch(missing, journal)
        if prune:
            journal.keep(entry.name for entry in entries)
            for left in self._partial.iterdir():
                left.unlink()

    def _fetch(self, missing: Sequence[RemoteFile], journal: Journal) -> None:
        size = sum(entry.size or 0 for entry in missing)
        for entry in missing:
            self.remote.allowance.check_stated(self._named(entry), entry.size)
        self.remote.allowance.check_sum(self.remote.url, size)
        with fetching(self.remote.url, len(missing), size, quiet=self._quiet) as advance:

            def on(count: int) -> None:
                if self._stopped.is_set():
                    raise InterruptedError("another file could not be fetched, or the run was interrupted")
                advance(count)

            def one(entry: RemoteFile) -> None:
                part = self._download(entry, on)
                target = self.tree / entry.name
                target.parent.mkdir(parents=True, exist_ok=True)
                part.replace(target)
                journal.note(entry, target)

            run_in_threads(self.remote, one, missing, stop=self._stopped.set)

    def _download(self, entry: RemoteFile, advance: Advance) -> Path:
        """The whole file under a name of its own; a partial download is resumed.

        Raises:
            DataError: it did not come.
        """
        part = self._partial / hashlib.sha256(f"{entry.name}\0{entry.token}".encode()).hexdigest()[:32]
        problem: Exception = EOFError()
        named, so_far = self._named(entry), 0

        def count(arrived: int) -> None:
            nonlocal so_far
            so_far += arrived
            self.remote.allowance.take(named, arrived, so_far, entry.size)
            advance(arrived)

        for attempt in range(ATTEMPTS):
            try:
                so_far = 0
                self._bytes(entry, part, count)
                return part
            except TooMuchError:
                if entry.token is None or entry.size is None:
                    part.unlink(missing_ok=True)
                raise
            except OSError as error:
                if error.filename == str(part):
                    raise
                problem = error
            except Exception as error:  # every protocol raises its own
                problem = error
            if self._stopped.is_set():
                break
            if is_gone(problem):
                raise DataError(f"{self._named(entry)} was removed while the data were read; run again") from problem
            if attempt + 1 < ATTEMPTS:
                time.sleep(_PAUSE * 2**attempt)
        raise DataError(
            f"{self._named(entry)} could not be fetched ({one_line(problem)}), in {ATTEMPTS} attempts; what has "
            "arrived is kept: run again to resume"
        ) from problem

    def _bytes(self, entry: RemoteFile, part: Path, advance: Advance) -> None:
        if not self._resume(entry, part, advance):
            self.remote.fs.get_file(self.remote.path_of(entry.name), str(part), callback=_callback(advance))
        found = part.stat().st_size
        if entry.size is not None and found != entry.size:
            if found > entry.size or entry.token is None:
                part.unlink()
            raise EOFError(f"{found} of {entry.size} bytes arrived")

    def _resume(self, entry: RemoteFile, part: Path, advance: Advance) -> bool:
        """Whether the rest of a file that was begun could be read; only where it is sure to be the same file."""
        begun = part.stat().st_size if part.exists() else 0
        if not begun or entry.token is None or entry.size is None:
            return False
        if begun < entry.size:
            try:
                with self.remote.fs.open(self.remote.path_of(entry.name), "rb") as source, part.open("ab") as target:
                    source.seek(begun)
                    while block := source.read(_BLOCK):
                        target.write(block)
                        advance(len(block))
            except Exception:  # a server that reads from the beginning only, or another break: from the beginning then
                part.unlink()
                return False
        return True

    def _remove_others(self, names: set[str]) -> None:
        for folder, _, files in os.walk(self.tree, topdown=False):
            for file in files:
                path = Path(folder, file)
                if path.relative_to(self.tree).as_posix() not in names:
                    path.unlink()
            if Path(folder) != self.tree:
                with contextlib.suppress(OSError):  # not empty
                    Path(folder).rmdir()

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process writes a copy; the others wait, and find it whole."""
        self._folder.mkdir(parents=True, exist_ok=True)
        ignore = self._folder.parent / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
        (self._folder / "url.txt").write_text(self.remote.url + "\n", encoding="utf-8")
        lock = FileLock(self._folder / "lock")
        try:
            lock.acquire(timeout=1)
        except Timeout:
            if not self._quiet:
                say(f"{self.remote.url} is being fetched by another process")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def _named(self, entry: RemoteFile) -> str:
        return f"{self.remote.url}: {entry.name!r}"


def _callback(advance: Advance) -> object:
    from fsspec.callbacks import Callback

    class _Counting(Callback):
        def relative_update(self, inc: int = 1) -> None:
            advance(inc)

        def absolute_update(self, value: int) -> None:
            """Not counted: some file systems report a file's end in both ways."""

    return _Counting()  # type: ignore[no-untyped-call]
