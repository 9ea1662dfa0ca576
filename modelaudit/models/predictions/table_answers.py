"""Answers in a table: CSV or Parquet.

A table has the column ``picture``, perhaps ``sha256``, and one of: a column for each class (``good``, or
``score:good``); ``label``, perhaps with ``score``; ``top1,score1,top2,score2,…``.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ...language.errors import ModelError, first_line, nearest
from .answers import AnswerKind, StoredAnswers, label_of, numbers_of, text_of
from .damage import Damage

PREFIX = "score:"
_TOP = re.compile(r"(top|score)([1-9]\d*)")
_ROWS: Final = 4096
#: where a row is, and its cells
_Row = tuple[str, Sequence[Any]]
_COLUMNS = (
    "a table of answers has the column 'picture', and a column for each class, or 'label', or top1,score1,top2,score2,…"
)
#: a number with a decimal comma, in a file whose columns are separated by something else
_COMMA = re.compile(r"[-+]?\d*,\d+([eE][-+]?\d+)?")


def from_csv(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
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


def from_parquet(path: Path, file: io.BufferedReader, damage: Damage) -> StoredAnswers:
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
            found.refused.extend(map(text_of, cells[layout.picture : layout.picture + 1]))
            continue
        picture = text_of(cells[layout.picture])
        numbers = numbers_of([cells[at] for at in layout.scores], [columns[at] for at in layout.scores], place, damage)
        labels = tuple(label_of(cells[at]) for at in layout.labels)
        if layout.labels and not all(labels):
            damage.count("row(s) with an empty label", place, "write the label that the box answered")
            found.refused.append(picture)
        elif numbers is None:
            found.refused.append(picture)
        else:
            of = "" if layout.digest is None else text_of(cells[layout.digest])
            found.add(place, picture, of, numbers, labels)
    return found
