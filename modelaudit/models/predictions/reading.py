"""Reads files of answers. What cannot be read in them is counted with its line, never guessed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final

from ...language.errors import ModelError
from .answers import StoredAnswers
from .damage import Damage
from .json_answers import from_json_lines
from .table_answers import from_csv, from_parquet

_BUFFER: Final = 1 << 20
_FORMATS = "CSV (.csv), JSON lines (.jsonl) and Parquet (.parquet)"
_READERS: dict[str, Callable[[Path, io.BufferedReader, Damage], StoredAnswers]] = {
    ".csv": from_csv,
    ".jsonl": from_json_lines,
    ".parquet": from_parquet,
}


def read_answers(path: Path, damage: Damage) -> StoredAnswers:
    """The answers of a file; rows that cannot be read are noted in `damage` and left out.

    Raises:
        ModelError: the file cannot be read at all, or its columns hold no answers.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ModelError(f"{path}: answers are read from {_FORMATS}")
    try:
        with path.open("rb") as file:
            hashed = _Hashed(file)
            found = read(path, io.BufferedReader(hashed, _BUFFER), damage)
            found.digest = hashed.digest()
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror or error}); modelaudit render AUDIT -o FOLDER writes the "
            "pictures and their manifest; run the box on FOLDER/pictures, and write what it answers into this file"
        ) from error
    return found


class _Hashed(io.RawIOBase):
    """A file that is read once, from its beginning to its end, and its digest taken on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._digest = file, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        self._digest.update(content)
        buffer[: len(content)] = content
        return len(content)

    def digest(self) -> str:
        """sha256 of all of it."""
        while content := self._file.read(_BUFFER):
            self._digest.update(content)
        return self._digest.hexdigest()
