"""The rows of a manifest, each with the line it starts in: CSV with a header, or a JSON object a line."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from .files import text_of

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Row:
    """What stands in a row by column; a cell that is empty is not there."""

    line: int
    cells: dict[str, str | int]


@dataclass(frozen=True)
class Table:
    """The columns of a manifest and its rows, read as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[Row]


def csv_table(path: Path, delimiter: str | None, wanted: Sequence[str]) -> Table:
    """A CSV file in UTF-8.

    Args:
        delimiter: None: the one of comma, semicolon, tab and bar with which most of the columns `wanted` are there.

    Raises:
        DataError: no header, a column twice, a row with too many or too few fields, an open quote; with the line.
    """
    text = text_of(path)
    if delimiter is None:
        delimiter = max(_DELIMITERS, key=lambda mark: _fit(text, mark, wanted, path))
    records = _records(text, delimiter, path)
    line, header = next(records, (1, []))
    if not header:
        raise DataError(f"{path}:1: is empty; the first line names the columns, e.g. image,label,mask,group,cluster")
    twice = [name for name, count in Counter(header).items() if name and count > 1]
    if twice:
        raise DataError(f"{path}:{line}: the column {twice[0]!r} stands twice")
    return Table(tuple(name for name in header if name), _csv_rows(records, header, path))


def _fit(text: str, delimiter: str, wanted: Sequence[str], path: Path) -> tuple[int, int]:
    """How many of the columns wanted, and how many at all, the header has with this delimiter."""
    try:
        _, header = next(_records(text, delimiter, path), (1, []))
    except DataError:  # quotes that do not fit this delimiter; if none fits, the one that is taken says so
        return 0, 0
    return len({*wanted} & {*header}), len(header)


def _csv_rows(records: Iterator[tuple[int, list[str]]], header: list[str], path: Path) -> Iterator[Row]:
    for line, fields in records:
        if len(fields) != len(header):
            raise DataError(
                f"{path}:{line}: {len(fields)} fields, and {len(header)} columns; "
                "a field that holds the delimiter stands in quotes"
            )
        yield Row(line, {name: field for name, field in zip(header, fields, strict=True) if name and field})


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, with the line that they start in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}:{line}: is no CSV with {delimiter!r} between the fields: {error}") from error
        if fields is None:
            return
        if any(field.strip() for field in fields):
            yield line, [field.strip() for field in fields]


def jsonl_table(path: Path) -> Table:
    """A file in UTF-8 with a JSON object a line; the columns are the keys that occur.

    Raises:
        DataError: a line that is no JSON object, a key twice, a value that is neither text nor whole number nor null.
    """
    found = list(_objects(path))
    if not found:
        raise DataError(f'{path}:1: is empty; write a line an image, e.g. {{"image": "a.png", "label": "bolt"}}')
    rows = (
        Row(line, {name: _cell(value) for name, value in one.items() if _cell(value) not in (None, "")})
        for line, one in found
    )
    return Table(tuple(dict.fromkeys(name for _, one in found for name in one)), rows)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    # not splitlines: JSON may hold the other line ends of Unicode
    for number, line in enumerate(text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            found = json.loads(line, object_pairs_hook=_pairs)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: is no JSON: {error}") from error
        if not isinstance(found, dict):
            raise DataError(f"{path}:{number}: is no JSON object; write a line an image, in braces")
        yield number, found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise ValueError(f"the key {twice[0]!r} stands twice")
    return dict(pairs)


def _cell(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
