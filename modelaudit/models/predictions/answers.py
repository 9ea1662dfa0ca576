"""Reads files of answers: CSV, JSON lines, Parquet. What cannot be read in them is noted with its line, never guessed.

A table has the column ``picture``, perhaps ``sha256``, and one of: a column for each class (``good``, or
``score:good``); ``label``, perhaps with ``score``; ``top1,score1,top2,score2,…``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import numpy as np
from numpy.typing import NDArray

from ...language.errors import ModelError, first_line, nearest
from .damage import Damage

#: what every row holds: a score of every class, or the strongest labels
AnswerKind = Literal["scores", "top"]
PREFIX = "score:"
_TOP = re.compile(r"(top|score)([1-9]\d*)")
_BUFFER: Final = 1 << 20
_ROWS: Final = 4096
_LARGEST: Final = float(np.finfo(np.float32).max)
#: where a row is, and its cells
_Row = tuple[str, Sequence[Any]]
_FORMATS = "CSV (.csv), JSON lines (.jsonl) and Parquet (.parquet)"
_COLUMNS = (
    "a table of answers has the column 'picture', and a column for each class, or 'label', or top1,score1,top2,score2,…"
)
#: a cell of a score that is empty, or is a number that counts for nothing
_EMPTY = "row(s) with an empty score"
_NOT_FINITE = "score(s) that are not finite"
_TEXT = "score(s) that are not numbers"
_WRITE_NUMBERS = "write a finite number for every class"
#: a number with a decimal comma, in a file whose columns are separated by something else
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


@dataclass
class StoredAnswers:
    """The answers in a file, in its order.

    Args:
        kind: what every row holds.
        names: of kind "scores": the class of every column; None where rows are lists without names.
        width: columns a row: scores, or labels of kind "top".
        scored: whether there are scores, one a column.
        prefixed: whether the columns say that they are scores, so that they may be of classes that no label has.
        pictures: what each row says it is of.
        places: where each row is, for messages.
        digests: the sha256 of the picture's file that each row gives; "" for none.
        labels: of kind "top": the labels of each row, strongest first.
        digest: sha256 of the file.
    """

    path: Path
    kind: AnswerKind
    names: tuple[str, ...] | None
    width: int
    scored: bool
    prefixed: bool = False
    digest: str = ""
    pictures: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    _numbers: array[float] = field(default_factory=lambda: array("f"), repr=False)

    @property
    def scores(self) -> NDArray[np.float32] | None:
        """[n, width] float32, as models give them; None of labels without scores."""
        if not self.scored:
            return None
        return np.frombuffer(self._numbers, dtype=np.float32).reshape(len(self.pictures), self.width)

    def add(
        self, place: str, picture: str, digest: str, numbers: Sequence[float], labels: tuple[str, ...] = ()
    ) -> None:
        """One more row."""
        self.pictures.append(picture)
        self.places.append(place)
        self.digests.append(digest)
        self._numbers.extend(numbers)
        if self.kind == "top":
            self.labels.append(labels)


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


# --- tables ----------------------------------------------------------------------------------------------------------


def _from_csv(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        header = text.readline()
        if not header.strip():
            raise ModelError(f"{path}: {'is empty' if not header else 'line 1 is empty'}; {_COLUMNS}")
        separator = _separator(path, header)
        (columns,) = csv.reader([header], delimiter=separator)
        reader = csv.reader(text, delimiter=separator, strict=True)
        rows = ((f"line {reader.line_num + 1}", _points(cells, separator)) for cells in reader if cells)
        return _from_table(path, columns, rows, damage)
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: is not UTF-8 ({first_line(error)}); save it as CSV in UTF-8") from error
    except csv.Error as error:
        raise ModelError(
            f"{path}: cannot be read as CSV ({first_line(error)}); see whether it was cut off, and write it again"
        ) from error


def _separator(path: Path, header: str) -> str:
    """What stands between the columns: that by which the header has a column ``picture``.

    Raises:
        ModelError: none has.
    """
    for separator in (",", ";", "\t"):
        if "picture" in next(csv.reader([header], delimiter=separator), []):
            return separator
    names = re.split("[,;\t]", header.strip())
    raise ModelError(f"{path}, line 1: no column 'picture'{nearest('picture', names)}; {_COLUMNS}")


def _points(cells: list[str], separator: str) -> list[str]:
    """Numbers with a decimal comma, where columns are separated by something else, as where Excel writes them so."""
    if separator == ",":
        return cells
    return [cell.replace(",", ".") if _COMMA.fullmatch(cell) else cell for cell in cells]


def _from_parquet(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ModelError(
            f"{path}: Parquet needs pyarrow: pip install 'pytest-modelaudit[parquet]' ({first_line(error)}), or write "
            "the answers as CSV"
        ) from error
    try:
        table = pq.ParquetFile(pa.BufferReader(file.read()))
        columns = [str(name) for name in table.schema_arrow.names]
        rows = _batched(table.iter_batches(batch_size=_ROWS))
        return _from_table(path, columns, rows, damage)
    except pa.ArrowException as error:
        raise ModelError(
            f"{path}: cannot be read as Parquet ({first_line(error)}); see whether it was cut off, and write it again"
        ) from error


def _batched(batches: Iterable[Any]) -> Iterator[_Row]:
    first = 1
    for batch in batches:
        columns = [column.to_pylist() for column in batch.columns]
        for number, cells in enumerate(zip(*columns, strict=True), start=first):
            yield f"row {number}", cells
        first += batch.num_rows


@dataclass(frozen=True)
class _Layout:
    """Which columns of a table hold what."""

    kind: AnswerKind
    names: tuple[str, ...] | None
    picture: int
    digest: int | None
    scores: tuple[int, ...]
    labels: tuple[int, ...]
    prefixed: bool = False


def _layout(path: Path, columns: Sequence[str]) -> _Layout:
    """The layout of a header.

    Raises:
        ModelError: a column that is named twice, or that means nothing beside the others.
    """
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ModelError(f"{path}, line 1: the column {twice[0]!r} is there twice; keep one")
    if "picture" not in columns:
        raise ModelError(f"{path}, line 1: no column 'picture'{nearest('picture', columns)}; {_COLUMNS}")
    at = {name: number for number, name in enumerate(columns)}
    digest = at.get("sha256")
    rest = [name for name in columns if name not in ("picture", "sha256")]
    if "label" in rest:
        _refuse_others(path, rest, ("label", "score"), "label")
        scores = tuple(at[name] for name in ("score",) if name in at)
        return _Layout("top", None, at["picture"], digest, scores, (at["label"],))
    if "top1" in rest:
        count = sum(name.startswith("top") and _TOP.fullmatch(name) is not None for name in rest)
        labels = [f"top{rank}" for rank in range(1, count + 1)]
        names = [f"score{rank}" for rank in range(1, count + 1)]
        _refuse_others(path, rest, (*labels, *names), "top1")
        absent = [name for name in (*labels, *names) if name not in at]
        if [name for name in absent if name in labels] or 0 < len(absent) < count:
            raise ModelError(
                f"{path}, line 1: no column {absent[0]!r}; give every rank its label and its score, or none its score"
            )
        return _Layout(
            "top",
            None,
            at["picture"],
            digest,
            () if absent else tuple(at[name] for name in names),
            tuple(at[name] for name in labels),
        )
    if not rest:
        raise ModelError(f"{path}, line 1: no answers beside 'picture'; {_COLUMNS}")
    prefixed = [name for name in rest if name.startswith(PREFIX)]
    if prefixed:
        _refuse_others(path, rest, prefixed, prefixed[0])
    named = tuple(name.removeprefix(PREFIX) for name in rest)
    one = len(rest) == 1 and rest[0] == "score"  # the one output of a model for yes or no
    return _Layout(
        "scores", None if one else named, at["picture"], digest, tuple(at[name] for name in rest), (), bool(prefixed)
    )


def _refuse_others(path: Path, columns: Sequence[str], known: Sequence[str], beside: str) -> None:
    others = [name for name in columns if name not in known]
    if others:
        raise ModelError(
            f"{path}, line 1: the column {others[0]!r} means nothing beside {beside!r}; leave it out"
            f"{nearest(others[0], known)}"
        )


def _from_table(path: Path, columns: Sequence[str], rows: Iterable[_Row], damage: Damage) -> StoredAnswers:
    layout = _layout(path, columns)
    found = StoredAnswers(path, layout.kind, layout.names, len(layout.labels or layout.scores), bool(layout.scores))
    found.prefixed = layout.prefixed
    for place, cells in rows:
        if len(cells) != len(columns):
            damage.count(
                "row(s) with another number of cells than the header",
                f"{place}: {len(cells)} and not {len(columns)}",
                "see whether the file was cut off, or a value holds the separator",
            )
            continue
        numbers = _numbers([cells[at] for at in layout.scores], [columns[at] for at in layout.scores], place, damage)
        labels = tuple(_label(cells[at]) for at in layout.labels)
        if layout.labels and not all(labels):
            damage.count("row(s) with an empty label", place, "write the label that the box answered")
            continue
        if numbers is not None:
            of = "" if layout.digest is None else _text_of(cells[layout.digest])
            found.add(place, _text_of(cells[layout.picture]), of, numbers, labels)
    return found


def _numbers(cells: Sequence[Any], names: Sequence[str], place: str, damage: Damage) -> Sequence[float] | None:
    """The scores of a row; None where one of them counts for nothing."""
    if all(map(_counts, cells)):
        return [float(cell) for cell in cells]
    for name, cell in zip(names, cells, strict=True):
        where = f"{place}, {name!r}: {cell!r}"
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            damage.count(_EMPTY, f"{place}, {name!r}", _WRITE_NUMBERS)
        elif isinstance(cell, bool) or not _is_number(cell):
            damage.count(_TEXT, where, _WRITE_NUMBERS)
        elif not _counts(cell):
            damage.count(_NOT_FINITE, where, "look for what went wrong in the box on these pictures")
        else:
            continue
        return None
    return None


def _is_number(cell: Any) -> bool:
    """Whether a cell is a number, finite or not; Python's own ``1_000`` is none elsewhere."""
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        return False
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    except OverflowError:
        return True
    return True


def _counts(cell: Any) -> bool:
    """Whether a cell is a number that a float32 can hold."""
    try:
        return _is_number(cell) and abs(float(cell)) <= _LARGEST
    except OverflowError:
        return False


def _label(cell: Any) -> str:
    """A label as it is, spaces and all: which one it is is decided elsewhere. A whole number is its text."""
    if isinstance(cell, bool) or cell is None:
        return ""
    return cell if isinstance(cell, str) else str(cell)


def _text_of(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)


# --- JSON lines ------------------------------------------------------------------------------------------------------

_FORMS = '{"picture": …, "scores": {"good": 0.9, …}}, {"picture": …, "label": "good"} or {"picture": …, "top": […]}'


class _Twice(ValueError):
    """A key that an object holds twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise _Twice(f"{twice!r} is there twice")
    return found


def _from_json_lines(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
    found: StoredAnswers | None = None
    for number, line in enumerate(file, start=1):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line.removeprefix(b"\xef\xbb\xbf"), object_pairs_hook=_once)
        except _Twice as error:
            damage.count("row(s) with a key that is there twice", f"{place}: {error}", "write each once")
            continue
        except (ValueError, RecursionError) as error:
            damage.count(
                "line(s) that are not JSON", f"{place}: {first_line(error)}", "see whether the file was cut off"
            )
            continue
        read = _json_row(row)
        if isinstance(read, str):
            damage.count("row(s) that hold no answer", f"{place}: {read}", f"write {_FORMS}")
            continue
        if found is None:
            found = StoredAnswers(path, read.kind, read.names, len(read.labels or read.cells), bool(read.cells))
        if not _alike(found, read, place, damage):
            continue
        cells = read.cells
        names = read.names or tuple(map(str, range(len(cells))))
        if read.names is not None and found.names is not None:
            order = {name: at for at, name in enumerate(read.names)}
            cells, names = tuple(cells[order[name]] for name in found.names), found.names
        strange = [cell for cell in cells if cell is not None and isinstance(cell, str | list | dict)]
        if strange:
            damage.count(_TEXT, f"{place}: {strange[0]!r}", _WRITE_NUMBERS)
            continue
        numbers = _numbers(cells, names, place, damage)
        if numbers is not None:
            found.add(place, read.picture, read.digest, numbers, read.labels)
    if found is None:
        damage.refuse()
        raise ModelError(f"{path}: is empty; write one object a line: {_FORMS}")
    return found


@dataclass(frozen=True)
class _JsonRow:
    kind: AnswerKind
    picture: str
    digest: str
    names: tuple[str, ...] | None
    labels: tuple[str, ...]
    cells: tuple[Any, ...]


def _json_row(row: Any) -> _JsonRow | str:
    """An object as a row, or what is wrong with it."""
    if not isinstance(row, dict) or "picture" not in row:
        return "no object with 'picture'"
    kinds = [key for key in ("scores", "label", "top") if key in row]
    if len(kinds) != 1:
        return "neither scores, label nor top" if not kinds else f"both {kinds[0]} and {kinds[1]}"
    known = {"picture", "sha256", kinds[0], *(("score",) if kinds[0] == "label" else ())}
    others = [key for key in row if key not in known]
    if others:
        return f"{others[0]!r} means nothing here"
    picture, digest, held = _text_of(row["picture"]), _text_of(row.get("sha256")), row[kinds[0]]
    if kinds[0] == "scores":
        if isinstance(held, dict) and held:
            return _JsonRow("scores", picture, digest, tuple(held), (), tuple(held.values()))
        if isinstance(held, list) and held:
            return _JsonRow("scores", picture, digest, None, (), tuple(held))
        return "scores must be an object or a list that is not empty"
    if kinds[0] == "label":
        label, cells = _label(held), (row["score"],) if "score" in row else ()
        return _JsonRow("top", picture, digest, None, (label,), cells) if label else "an empty label"
    return _json_top(picture, digest, held)


def _json_top(picture: str, digest: str, held: Any) -> _JsonRow | str:
    if not isinstance(held, list) or not held:
        return 'top must be a list such as [["good", 0.9], ["scratch", 0.1]]'
    pairs = [one if isinstance(one, list) else [one] for one in held]
    widths = {len(pair) for pair in pairs}
    labels = tuple(_label(pair[0]) if pair else "" for pair in pairs)
    if not all(labels) or widths not in ({1}, {2}):
        return 'top must be a list such as [["good", 0.9], ["scratch", 0.1]]'
    return _JsonRow("top", picture, digest, None, labels, tuple(pair[1] for pair in pairs if len(pair) == 2))


def _alike(found: StoredAnswers, read: _JsonRow, place: str, damage: Damage) -> bool:
    """Whether a row is of the kind of those before it."""
    width = len(read.labels or read.cells)
    if read.kind == "scores" and found.kind == "scores" and read.names is not None and found.names is not None:
        absent, more = set(found.names) - set(read.names), set(read.names) - set(found.names)
        if absent:
            damage.count("row(s) without a class that others have", f"{place}: {min(absent)!r}", _WRITE_NUMBERS)
        elif more:
            damage.count("row(s) with a class that others have not", f"{place}: {min(more)!r}", _WRITE_NUMBERS)
        return not absent and not more
    same = (read.kind, width, read.names is None, bool(read.cells))
    if same == (found.kind, found.width, found.names is None, found.scored):
        return True
    damage.count(
        "row(s) of another kind than the first",
        f"{place}: {_kind_text(read.kind, width, bool(read.cells))} after "
        f"{_kind_text(found.kind, found.width, found.scored)}",
        "write all rows alike",
    )
    return False


def _kind_text(kind: AnswerKind, width: int, scored: bool) -> str:
    if kind == "scores":
        return f"{width} scores"
    return f"{width} label(s) {'with' if scored else 'without'} scores"


_READERS: dict[str, Callable[[Path, io.BufferedReader, Damage], StoredAnswers]] = {
    ".csv": _from_csv,
    ".jsonl": _from_json_lines,
    ".parquet": _from_parquet,
}
