"""``csv:FILE`` and ``jsonl:FILE``: a table of images, labels, masks, groups and clusters."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.json_file import json_of
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import data_source
from .files import existing_folder, file_named, text_of
from .groups import COLUMN_OPTIONS, column_option, columns_of
from .mask_reading import MASK_VALUES
from .mask_sets import mask_bytes, settle_reading
from .masks import mask_source
from .objects import counted_note

_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class ManifestRow:
    """The cells of a row by column, without empty ones."""

    line: int
    cells: dict[str, str | int]


@dataclass(frozen=True)
class ManifestTable:
    """The columns of a manifest and its rows, read as they are asked for."""

    columns: tuple[str, ...]
    rows: Iterator[ManifestRow]


def csv_table(path: Path, delimiter: str | None, wanted: Sequence[str]) -> ManifestTable:
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
        raise DataError(f"{path}:{line}: the column {twice[0]!r} occurs twice")
    return ManifestTable(tuple(name for name in header if name), _csv_rows(records, header, path))


def _fit(text: str, delimiter: str, wanted: Sequence[str], path: Path) -> tuple[int, int]:
    """How many of the columns wanted, and how many at all, the header has with this delimiter."""
    try:
        _, header = next(_records(text, delimiter, path), (1, []))
    except DataError:  # quotes that do not fit this delimiter; if none fits, the one that is taken says so
        return 0, 0
    return len({*wanted} & {*header}), len(header)


def _csv_rows(records: Iterator[tuple[int, list[str]]], header: list[str], path: Path) -> Iterator[ManifestRow]:
    for line, fields in records:
        if len(fields) != len(header):
            raise DataError(
                f"{path}:{line}: {len(fields)} fields, and {len(header)} columns; "
                "put a field that contains the delimiter in quotes"
            )
        yield ManifestRow(line, {name: field for name, field in zip(header, fields, strict=True) if name and field})


def _records(text: str, delimiter: str, path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, with the line that they start in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        line = reader.line_num + 1
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}:{line}: is not valid CSV with {delimiter!r} as the delimiter: {error}") from error
        if fields is None:
            return
        if any(field.strip() for field in fields):
            yield line, [field.strip() for field in fields]


def jsonl_table(path: Path) -> ManifestTable:
    """A file in UTF-8 with a JSON object a line; the columns are the keys that occur.

    Raises:
        DataError: a line that is not a JSON object, a key twice, a value that is neither text, integer nor null.
    """
    found = list(_objects(path))
    if not found:
        raise DataError(f'{path}:1: is empty; write a line an image, e.g. {{"image": "a.png", "label": "bolt"}}')
    rows = (
        ManifestRow(line, {name: _cell(value) for name, value in one.items() if _cell(value) not in (None, "")})
        for line, one in found
    )
    return ManifestTable(tuple(dict.fromkeys(name for _, one in found for name in one)), rows)


def _objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    # not splitlines: JSON may hold the other line ends of Unicode
    for number, line in enumerate(text_of(path).split("\n"), start=1):
        if not line.strip():
            continue
        found = json_of(line, str(path), DataError, first_line=number)
        if not isinstance(found, dict):
            raise DataError(f"{path}:{number}: is not a JSON object; write one object per image and line")
        yield number, found


def _cell(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


_NEEDED = ("image", "label")
_COLUMNS = (*_NEEDED, "mask", "id")
_OPTIONS = (*_COLUMNS, *COLUMN_OPTIONS, "images", "masks", "objects", *MASK_VALUES)


@dataclass(frozen=True)
class _Manifest:
    """A file, the names of its columns by what they hold, and the folders that its paths are relative to.

    ``each``: a row is a label of an image, of which there may be several.
    """

    path: Path
    columns: Mapping[str, str]
    images: Path
    masks: Path
    each: bool


@data_source("csv", columns=True, remote="file")
def csv_file(reference: Reference, root: Path) -> DataSet:
    """``csv:FILE``, with the columns ``image``, ``label`` and, where there are such, ``mask``, ``group``, ``cluster``,
    ``id``.

    ``?image=path&label=class`` names columns that are called otherwise, ``?group=column:camera`` and
    ``?cluster=column:lot`` those of groups and clusters.
    ``?delimiter=;`` (or ``tab``) where the header leaves it open. Other options and ids as in :func:`jsonl_file`.
    ``?objects=each``: a row is a label of an image and a sample of its own, for models that answer several labels;
    the rows of an image are a cluster.

    Raises:
        DataError: a column that is not there, a row without image or label, two rows with one id, a path that leaves
            the data; with the line.
    """
    reference.only((*_OPTIONS, "delimiter"), DataError)
    path = root / Path(reference.body).expanduser()
    names = [reference.options.get(column, column) for column in _NEEDED]
    return _data(reference, root, path, csv_table(path, _delimiter(reference), names))


@data_source("jsonl", columns=True, remote="file")
def jsonl_file(reference: Reference, root: Path) -> DataSet:
    """``jsonl:FILE``, a JSON object a line, with the keys that :func:`csv_file` has as columns.

    Paths are relative to the folder of the file, or to ``?images=DIR`` and ``?masks=DIR``. Ids are the column ``id``,
    or the paths of the images below that folder. What the values of masks mean is said as for folders.

    Raises:
        DataError: as :func:`csv_file`.
    """
    reference.only(_OPTIONS, DataError)
    path = root / Path(reference.body).expanduser()
    return _data(reference, root, path, jsonl_table(path))


def _data(reference: Reference, root: Path, path: Path, table: ManifestTable) -> DataSet:
    manifest = _Manifest(
        path,
        _columns(reference, table.columns, path),
        _folder(reference, "images", path, root),
        _folder(reference, "masks", path, root),
        _each(reference),
    )
    lines: dict[str, int] = {}
    rows: list[tuple[Sample, Path | None]] = []
    for row in table.rows:
        sample, mask = _sample(row, manifest)
        if sample.id in lines:
            several = "" if manifest.each else ", and ?objects=each takes several labels of an image"
            raise DataError(
                f"{path}:{row.line}: the id {sample.id!r} is in line {lines[sample.id]} too; ids are unique (?id= "
                f"names a column of them{several})"
            )
        lines[sample.id] = row.line
        rows.append((sample, mask))
    if not rows:
        raise DataError(f"{path}: has no row below its header")
    reading, on_masks = settle_reading(reference, sorted({mask for _, mask in rows if mask is not None}), mask_bytes)
    samples = tuple(replace(sample, mask=mask_source(mask, reading)) for sample, mask in rows)
    return DataSet(samples, (*_notes(samples, manifest), *on_masks))


def _sample(row: ManifestRow, manifest: _Manifest) -> tuple[Sample, Path | None]:
    """The sample, and its mask file."""
    here = f"{manifest.path}:{row.line}"
    cells = {what: row.cells[name] for what, name in manifest.columns.items() if name in row.cells}
    for what in _NEEDED:
        if what not in cells:
            raise DataError(f"{here}: has no {what} (column {manifest.columns[what]!r})")
    for what, cell in cells.items():
        if isinstance(cell, bool) or not isinstance(cell, str | int):
            raise DataError(f"{here}: {manifest.columns[what]} is {cell!r}; give a text or a whole number")
    below, image = file_named(cells["image"], manifest.images, manifest.images, here)
    mask = file_named(cells["mask"], manifest.masks, manifest.masks, here)[1] if "mask" in cells else None
    label = cells["label"]
    group, cluster = (_text(cells.get(what)) for what in COLUMN_OPTIONS)
    name = str(cells.get("id", f"{below}#{label}" if manifest.each else below))
    if manifest.each and cluster is None:
        cluster = _text(below)
    sample = Sample(
        unicodedata.normalize("NFC", name),
        image,
        unicodedata.normalize("NFC", label) if isinstance(label, str) else label,
        mask,
        group=group,
        mask_kind="none" if mask is None else "mask",
        attributes=columns_of(row.cells, [manifest.columns.get(what) for what in _COLUMNS]),
        cluster=cluster,
    )
    return sample, mask


def _each(reference: Reference) -> bool:
    """``?objects=each``.

    Raises:
        DataError: another word; a table has no objects to choose from.
    """
    asked = reference.options.get("objects")
    if asked not in (None, "each"):
        raise DataError(f"{reference.text!r}: objects={asked}; of a table only objects=each is known")
    return asked == "each"


def _text(cell: str | int | None) -> str | None:
    return None if cell is None else unicodedata.normalize("NFC", str(cell))


def _columns(reference: Reference, known: tuple[str, ...], path: Path) -> dict[str, str]:
    """The names of the columns that are there, by what they hold.

    Raises:
        DataError: one that is needed or asked for is not.
    """
    asked = {what: reference.options[what] for what in _COLUMNS if what in reference.options}
    asked |= {what: name for what in COLUMN_OPTIONS if (name := column_option(reference, what)) is not None}
    columns = {what: asked.get(what, what) for what in (*_COLUMNS, *COLUMN_OPTIONS)}
    for what, name in columns.items():
        if name not in known and (what in asked or what in _NEEDED):
            option = f"{what}=column:{name}" if what in COLUMN_OPTIONS else f"{what}={name}"
            hint = "" if what in asked else f"; ?{what}= names the one that holds it"
            raise DataError(f"{path}:1: no column {name!r} ({option}){nearest(name, known)}{hint}")
    return {what: name for what, name in columns.items() if name in known}


def _folder(reference: Reference, what: str, path: Path, root: Path) -> Path:
    given = reference.options.get(what)
    if given is None:
        return path.parent
    return existing_folder(given, path.parent, root, what=f"{reference.text}: {what}={given}")


def _delimiter(reference: Reference) -> str | None:
    given = reference.options.get("delimiter")
    if given is None:
        return None
    mark = "\t" if given in ("tab", r"\t") else given
    if len(mark) != 1 or mark in '"\r\n ':
        raise DataError(f"{reference.text!r}: delimiter={given} is not one character; write e.g. ?delimiter=; or =tab")
    return mark


def _notes(samples: Sequence[Sample], manifest: _Manifest) -> list[str]:
    if "mask" not in manifest.columns:
        masks = ["no masks: the file has no column 'mask', and none is named by ?mask="]
    else:
        masks = counted_note([sample.id for sample in samples if sample.mask is None], "images have no mask")
    without = {
        what: [sample.id for sample in samples if getattr(sample, what) is None]
        for what in COLUMN_OPTIONS
        if what in manifest.columns
    }
    return [
        *masks,
        *(note for what, names in without.items() for note in counted_note(names, f"samples have no {what}")),
    ]
