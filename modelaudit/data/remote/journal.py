"""Which files of a copy are whole, and what they are copies of: a line a file, written when the file is in place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from .listing import Entry


@dataclass(frozen=True)
class Line:
    """A file in place: the token of its original, and its own size and time of change."""

    name: str
    token: str | None
    size: int
    mtime_ns: int


class Journal:
    """Lines by name, the last one counts; a last line that was cut off counts as none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._lines = {line.name: line for line in _read(path)}

    def holds(self, entry: Entry, file: Path) -> bool:
        """Whether `file` is a whole copy of the remote file as it is now."""
        line = self._lines.get(entry.name)
        if line is None or entry.token is None or line.token != entry.token:
            return False
        try:
            found = file.lstat()
        except OSError:
            return False
        return (found.st_size, found.st_mtime_ns) == (line.size, line.mtime_ns)

    def note(self, entry: Entry, file: Path) -> None:
        """`file` was put in its place."""
        found = file.lstat()
        line = Line(entry.name, entry.token, found.st_size, found.st_mtime_ns)
        with self._lock, self._path.open("a", encoding="utf-8") as journal:
            self._lines[entry.name] = line
            journal.write(_text(line))

    def keep(self, names: Iterable[str]) -> None:
        """Write the journal anew, with the lines of these files only."""
        wanted = set(names)
        self._lines = {name: line for name, line in self._lines.items() if name in wanted}
        fresh = self._path.with_suffix(".new")
        fresh.write_text("".join(map(_text, self._lines.values())), encoding="utf-8")
        fresh.replace(self._path)


def _text(line: Line) -> str:
    return json.dumps(asdict(line)) + "\n"


def _read(path: Path) -> Iterable[Line]:
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return
    for one in text.splitlines():
        try:
            yield Line(**json.loads(one))
        except (ValueError, TypeError):
            continue  # cut off by a kill: its file is fetched again
