"""What the store keeps by (key, sample): numbers, facts of images under a context, contents; and digests of files.

Every row has a checksum. One that does not match was not written so: the file is damaged, and is replaced.
"""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...language.reasons import Missing
from ..results.measured import ImageFacts
from .database import Damaged, Database
from .mixing import Words, mixed

SAMPLE_BYTES = 16
_SECONDS_A_DAY = 86_400
_NO_STEPS = -1


@dataclass(frozen=True)
class Key:
    """What a number is of, apart from the sample; the texts are for people (``modelaudit store info``)."""

    digest: bytes
    kind: str
    model: str = field(default="", compare=False)
    context: str = field(default="", compare=False)
    measure: str = field(default="", compare=False)
    data: str = field(default="", compare=False)


@dataclass(frozen=True)
class StoredNumbers:
    """Numbers of some samples, in their order.

    ``found`` [n] bool; ``values`` [n] float64, NaN where there is none; ``reasons`` by position, where the value is
    missing for one; ``steps`` [n] int64, -1 where nothing was counted.
    """

    found: NDArray[np.bool_]
    values: NDArray[np.float64]
    reasons: Mapping[int, Missing]
    steps: NDArray[np.int64]


class FileRow(NamedTuple):
    """A file as it was when its content was hashed."""

    path: bytes
    size: int
    modified: int
    changed: int
    inode: int
    digest: bytes


@dataclass
class StoreBatch:
    """What is written in one transaction."""

    cells: list[tuple[Key, list[tuple[bytes, float | None, str | None, int | None]]]] = field(default_factory=list)
    images: list[tuple[Key, bytes, ImageFacts]] = field(default_factory=list)
    blobs: list[tuple[Key, bytes, bytes]] = field(default_factory=list)
    gone: list[tuple[Key, bytes]] = field(default_factory=list)

    def number(
        self, key: Key, sample: bytes, value: float, reason: Missing | None = None, steps: int | None = None
    ) -> None:
        """One number; NaN where there is none."""
        row = (sample, None if np.isnan(value) else float(value), None if reason is None else reason.value, steps)
        if not self.cells or self.cells[-1][0] != key:
            self.cells.append((key, []))
        self.cells[-1][1].append(row)

    def image(self, key: Key, sample: bytes, facts: ImageFacts) -> None:
        """Add the facts of one image."""
        self.images.append((key, sample, facts))

    def content(self, key: Key, sample: bytes, content: bytes) -> None:
        """One content; what is already there stays."""
        self.blobs.append((key, sample, content))

    def forget(self, key: Key, sample: bytes) -> None:
        """Remove one content."""
        self.gone.append((key, sample))

    def __bool__(self) -> bool:
        return bool(self.cells or self.images or self.blobs or self.gone)

    def clear(self) -> None:
        """Begin anew, once everything is written."""
        for part in (self.cells, self.images, self.blobs, self.gone):
            part.clear()


class Store:
    """Numbers and contents that outlive a run.

    Args:
        folder: of the file; None: nothing is found and nothing kept.
    """

    def __init__(self, folder: Path | None, *, notes: Iterable[str] = ()) -> None:
        self.notes = list(notes)
        self.folder = folder
        self._database = None if folder is None else Database(folder, self._say)
        self._used: dict[bytes, None] = {}
        self._files_used: dict[bytes, None] = {}

    @property
    def active(self) -> bool:
        """Whether anything can be found or kept."""
        return self._database is not None and self._database.usable

    def close(self) -> None:
        """Note what was used today, and let go of the file."""
        if self._database is not None:
            if self._used or self._files_used:
                self._database.write(self._touch)
            self._database.close()

    def cells(self, keys: Sequence[Key], samples: Sequence[bytes | None]) -> list[StoredNumbers]:
        """The numbers of `samples` under each of the keys; None stands for a sample that cannot be known."""
        missing = [_no_cells(len(samples)) for _ in keys]
        if self._database is None or not keys:
            return missing

        def question(connection: sqlite3.Connection) -> list[StoredNumbers]:
            _ask(connection, samples)
            return [self._cells(connection, key, samples) for key in keys]

        return self._database.ask(question, missing)

    def images(self, key: Key, samples: Sequence[bytes | None]) -> list[ImageFacts | None]:
        """The facts of images under the key of a pass."""
        missing: list[ImageFacts | None] = [None] * len(samples)
        if self._database is None:
            return missing

        def question(connection: sqlite3.Connection) -> list[ImageFacts | None]:
            number, found = self._number(connection, key), list(missing)
            if number is not None:
                _ask(connection, samples)
                query = (
                    f"SELECT asked.at, {', '.join(ImageFacts._fields)}, checksum FROM asked JOIN images "
                    "ON images.key = ? AND images.sample = asked.sample"
                )
                rows = connection.execute(query, (number,)).fetchall()
                facts = _verified_images(key, [samples[row[0]] or b"" for row in rows], [row[1:] for row in rows])
                for row, one in zip(rows, facts, strict=True):
                    found[row[0]] = one
            return found

        return self._database.ask(question, missing)

    def contents(self, key: Key, samples: Sequence[bytes | None]) -> list[bytes | None]:
        """The contents of `samples` under a key."""
        missing: list[bytes | None] = [None] * len(samples)
        if self._database is None:
            return missing

        def question(connection: sqlite3.Connection) -> list[bytes | None]:
            number = self._number(connection, key)
            found: list[bytes | None] = [None] * len(samples)
            if number is None:
                return found
            _ask(connection, samples)
            query = (
                "SELECT asked.at, blobs.checksum, blobs.content FROM asked JOIN blobs "
                "ON blobs.key = ? AND blobs.sample = asked.sample"
            )
            for at, checksum, content in connection.execute(query, (number,)):
                if checksum != _checksum_of(content, key, samples[at]):
                    raise Damaged("a stored content is not what was written")
                found[at] = content
            return found

        return self._database.ask(question, missing)

    def all_cells(self, key: Key) -> dict[bytes, float]:
        """Every number under a key, by sample."""
        if self._database is None:
            return {}

        def question(connection: sqlite3.Connection) -> dict[bytes, float]:
            number = self._number(connection, key)
            if number is None:
                return {}
            query = "SELECT sample, value, reason, steps, checksum FROM cells WHERE key = ?"
            rows = connection.execute(query, (number,)).fetchall()
            samples, values, _, _ = _verified(key, [row[0] for row in rows], rows)
            return dict(zip(samples, values.tolist(), strict=True))

        return self._database.ask(question, {})

    def commit(self, batch: StoreBatch) -> bool:
        """Write all of a batch, or nothing of it; whether it is written."""
        if self._database is None or not batch:
            return False
        return self._database.write(lambda connection: _write(connection, batch))

    def drop(self, keys: Iterable[Key]) -> None:
        """Forget the contents under these keys, and give their pages back."""
        chosen = [key.digest for key in keys]
        if self._database is None or not chosen:
            return

        def change(connection: sqlite3.Connection) -> None:
            for digest in chosen:
                found = connection.execute("SELECT id FROM keys WHERE digest = ?", (digest,)).fetchone()
                if found is not None:
                    connection.execute("DELETE FROM blobs WHERE key = ?", found)
                    connection.execute("DELETE FROM keys WHERE id = ?", found)

        if self._database.write(change):
            self._database.ask(lambda connection: list(connection.execute("PRAGMA incremental_vacuum")), [])

    def files(self, paths: Sequence[bytes]) -> dict[bytes, FileRow]:
        """What is known of files, by path."""
        if self._database is None:
            return {}

        def question(connection: sqlite3.Connection) -> dict[bytes, FileRow]:
            _ask(connection, paths)
            query = (
                "SELECT path, size, modified, changed, inode, digest, used FROM asked JOIN files "
                "ON files.path = asked.sample"
            )
            rows, day = connection.execute(query).fetchall(), today()
            self._files_used.update((row[0], None) for row in rows if row[6] != day)
            return {row[0]: FileRow(*row[:6]) for row in rows}

        return self._database.ask(question, {})

    def note_files(self, rows: Sequence[FileRow]) -> None:
        """Keep the digests of files."""
        if self._database is None or not rows:
            return
        noted = [(*row, today()) for row in rows]
        query = "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)"
        self._database.write(lambda connection: (connection.executemany(query, noted), None)[1])

    def _cells(self, connection: sqlite3.Connection, key: Key, samples: Sequence[bytes | None]) -> StoredNumbers:
        found = _no_cells(len(samples))
        number = self._number(connection, key)
        if number is None:
            return found
        query = (
            "SELECT asked.at, cells.value, cells.reason, cells.steps, cells.checksum FROM asked JOIN cells "
            "ON cells.key = ? AND cells.sample = asked.sample"
        )
        rows = connection.execute(query, (number,)).fetchall()
        if not rows:
            return found
        at = np.array([row[0] for row in rows], dtype=np.intp)
        _, values, reasons, steps = _verified(key, [samples[one] or b"" for one in at.tolist()], rows)
        found.found[at], found.values[at], found.steps[at] = True, values, steps
        given = {int(at[row]): _reason(reason) for row, reason in enumerate(reasons) if reason is not None}
        return StoredNumbers(found.found, found.values, given, found.steps)

    def _number(self, connection: sqlite3.Connection, key: Key) -> int | None:
        found = connection.execute("SELECT id, used FROM keys WHERE digest = ?", (key.digest,)).fetchone()
        if found is None:
            return None
        if found[1] != today():
            self._used[key.digest] = None
        return int(found[0])

    def _touch(self, connection: sqlite3.Connection) -> None:
        day = today()
        connection.executemany("UPDATE keys SET used = ? WHERE digest = ?", [(day, digest) for digest in self._used])
        connection.executemany("UPDATE files SET used = ? WHERE path = ?", [(day, path) for path in self._files_used])

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)


def today() -> int:
    """Days since 1970, UTC."""
    return int(time.time()) // _SECONDS_A_DAY


def _ask(connection: sqlite3.Connection, samples: Sequence[bytes | None]) -> None:
    connection.execute("DELETE FROM asked")
    asked = [(at, sample) for at, sample in enumerate(samples) if sample is not None]
    connection.executemany("INSERT INTO asked VALUES (?, ?)", asked)


def _write(connection: sqlite3.Connection, batch: StoreBatch) -> None:
    numbers: dict[bytes, int] = {}

    def number(key: Key) -> int:
        if key.digest not in numbers:
            day = today()
            row = (key.digest, key.kind, key.model, key.context, key.measure, key.data, day, day)
            connection.execute(
                "INSERT OR IGNORE INTO keys(digest, kind, model, context, measure, data, created, used) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
            found = connection.execute("SELECT id FROM keys WHERE digest = ?", (key.digest,)).fetchone()
            numbers[key.digest] = int(found[0])
        return numbers[key.digest]

    for key, rows in batch.cells:
        checksums = _checksums(key, [row[0] for row in rows], *_numbers(rows))
        connection.executemany(
            "INSERT OR IGNORE INTO cells VALUES (?, ?, ?, ?, ?, ?)",
            [(number(key), *row, checksum) for row, checksum in zip(rows, checksums.tolist(), strict=True)],
        )
    places = ", ".join("?" * (len(ImageFacts._fields) + 3))
    for key, named in _by_key(batch.images).items():
        facts = [one for _, one in named]
        checksums = _checksums(key, [sample for sample, _ in named], *_columns_of(facts))
        connection.executemany(
            f"INSERT OR IGNORE INTO images VALUES ({places})",
            [
                (number(key), sample, *_plain(one), checksum)
                for (sample, one), checksum in zip(named, checksums.tolist(), strict=True)
            ],
        )
    for key, sample, content in batch.blobs:
        connection.execute(
            "INSERT OR IGNORE INTO blobs(key, sample, checksum, content) VALUES (?, ?, ?, ?)",
            (number(key), sample, _checksum_of(content, key, sample), content),
        )
    for key, sample in batch.gone:
        connection.execute("DELETE FROM blobs WHERE key = ? AND sample = ?", (number(key), sample))


def _no_cells(count: int) -> StoredNumbers:
    return StoredNumbers(
        np.zeros(count, dtype=bool),
        np.full(count, np.nan),
        {},
        np.full(count, _NO_STEPS, dtype=np.int64),
    )


def _verified(
    key: Key, samples: list[bytes], rows: Sequence[tuple[Any, ...]]
) -> tuple[list[bytes], NDArray[np.float64], list[str | None], NDArray[np.int64]]:
    """Rows (…, value, reason, steps, checksum) as columns.

    Raises:
        Damaged: a row is not what was written.
    """
    try:
        plain = [(sample, *row[-4:-1]) for sample, row in zip(samples, rows, strict=True)]
        _require(key, samples, [row[-1] for row in rows], *_numbers(plain))
    except (TypeError, ValueError, OverflowError) as error:  # a value of another type than any that was written
        raise Damaged(f"a stored number is not what was written ({error})") from error
    return samples, _values(plain), [row[2] for row in plain], _steps(plain)


def _verified_images(key: Key, samples: list[bytes], rows: Sequence[tuple[Any, ...]]) -> list[ImageFacts]:
    """Rows (facts of an image, checksum) as facts.

    Raises:
        Damaged: a row is not what was written.
    """
    try:
        facts = [_facts(row[:-1]) for row in rows]
        _require(key, samples, [row[-1] for row in rows], *_columns_of(facts))
    except (TypeError, ValueError, OverflowError) as error:
        raise Damaged(f"stored facts of an image are not what was written ({error})") from error
    return facts


def _facts(row: Sequence[Any]) -> ImageFacts:
    height, width, area, kept, *flags, absent = row
    shares = (np.nan if area is None else float(area), np.nan if kept is None else float(kept))
    changed, impossible, without_mask, cropped = (bool(flag) for flag in flags)
    why = None if absent is None else _reason(absent)
    return ImageFacts(height, width, *shares, changed, impossible, without_mask, cropped, why)


def _plain(facts: ImageFacts) -> tuple[Any, ...]:
    """Facts as SQLite keeps them: NaN as NULL, which is what it would make of it."""
    *numbers, absent = facts
    known = [None if isinstance(one, float) and np.isnan(one) else one for one in numbers]
    return (*known, None if absent is None else absent.value)


def _by_key(rows: Iterable[tuple[Key, bytes, ImageFacts]]) -> dict[Key, list[tuple[bytes, ImageFacts]]]:
    found: dict[Key, list[tuple[bytes, ImageFacts]]] = {}
    for key, sample, facts in rows:
        found.setdefault(key, []).append((sample, facts))
    return found


def _require(key: Key, samples: Sequence[bytes], checksums: Sequence[int], *columns: Words) -> None:
    if not bool((_checksums(key, samples, *columns) == np.array(checksums, dtype=np.int64)).all()):
        raise Damaged("a stored row is not what was written")


def _checksums(key: Key, samples: Sequence[bytes], *columns: Words) -> NDArray[np.int64]:
    """[n]: a hash over the key, the sample's key and the columns [n] of each row, the first column innermost."""
    if any(len(sample) != SAMPLE_BYTES for sample in samples):
        raise ValueError(f"a sample's key has {SAMPLE_BYTES} bytes")
    names: Words = np.frombuffer(b"".join(samples), dtype="<u8").reshape(-1, 2).astype(np.uint64)
    total: Words = np.zeros(len(samples), dtype=np.uint64)
    for column in (*columns, names[:, 1], names[:, 0]):
        total = mixed(column ^ total)
    total = mixed(total ^ np.uint64(int.from_bytes(key.digest[:8], "little")))
    return (total >> np.uint64(1)).astype(np.int64)


def _numbers(rows: Sequence[tuple[Any, ...]]) -> tuple[Words, Words, Words]:
    """Reasons, steps and values of rows (sample, value, reason, steps) as words."""
    reasons = np.array([_word(row[2]) for row in rows], dtype=np.uint64)
    return reasons, _steps(rows).view(np.uint64), _values(rows).view(np.uint64)


def _columns_of(facts: Sequence[ImageFacts]) -> tuple[Words, ...]:
    """The columns of facts as words."""
    whole = [(one.height, one.width, one.changed, one.impossible, one.without_mask, one.cropped) for one in facts]
    flags = np.array(whole, dtype=np.uint64).reshape(-1, 6)
    shares = np.array([(one.area, one.kept) for one in facts], dtype=np.float64).reshape(-1, 2)
    shares[np.isnan(shares)] = np.nan  # the one NaN that numpy writes
    absent = np.array([_word(None if one.absent is None else one.absent.value) for one in facts], dtype=np.uint64)
    return (absent, *flags.T, *np.ascontiguousarray(shares.T).view(np.uint64))


def _word(text: str | None) -> int:
    return 0 if text is None else 1 + zlib.crc32(text.encode())


def _values(rows: Sequence[tuple[Any, ...]]) -> NDArray[np.float64]:
    """A missing value is the one NaN that numpy writes, whatever NaN it was."""
    return np.array([np.nan if row[1] is None else row[1] for row in rows], dtype=np.float64)


def _steps(rows: Sequence[tuple[Any, ...]]) -> NDArray[np.int64]:
    return np.array([_NO_STEPS if row[3] is None else row[3] for row in rows], dtype=np.int64)


def _checksum_of(content: bytes, key: Key, sample: bytes | None) -> int:
    return zlib.crc32(content, zlib.crc32(sample or b"", zlib.crc32(key.digest)))


def _reason(text: str) -> Missing:
    try:
        return Missing(text)
    except ValueError as error:
        raise Damaged(f"a stored reason is {text!r}") from error
