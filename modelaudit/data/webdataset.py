"""``webdataset:shards-{000..003}.tar``: samples in tar archives, read without unpacking."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.json_file import json_of
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.regular_files import open_file
from ..language.sample import DataSet, Sample
from .base import Pixels, UnusableSample, data_source
from .files import expanded
from .groups import COLUMN_OPTIONS, column_option, columns_of
from .images import FilePart
from .mask_reading import MASK_VALUES, MaskReading
from .mask_sets import mask_bytes, settle_reading
from .masks import mask_source

_BLOCK = 512
_CHUNK = 1 << 20


def members(path: Path) -> list[FilePart]:
    """The files in an archive, in order, by their names.

    Raises:
        DataError: not an uncompressed tar, cut off, damaged, or with a member that is not a plain file or has a name
            that leads out of it.
    """
    try:
        with open_file(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            found = list(_files(archive, path))
            end = archive.offset
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except DataError:
        raise
    except Exception as error:  # of damaged headers tarfile raises a dozen types
        hint = "; an archive that is compressed cannot be read by offsets: unpack it" if _is_packed(path) else ""
        raise DataError(f"{path} is not a complete tar archive: {error}{hint}") from error
    _check_end(path, end)
    return found


def _files(archive: tarfile.TarFile, path: Path) -> Iterator[FilePart]:
    for member in archive:
        name = member.name.removeprefix("./")
        if member.isdir():
            continue
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
            raise DataError(f"{path}: {member.name!r} leads out of the archive; pack it with names below one folder")
        if not member.isreg() or member.issparse():
            raise DataError(f"{path}: {member.name!r} is a link or no plain file; pack the file itself")
        yield FilePart(path, member.offset_data, member.size, name)


def _check_end(path: Path, end: int) -> None:
    """Refuses damaged archives: tarfile takes damage for the end, but a complete archive ends with zeros alone."""
    with open_file(path) as file:
        file.seek(end)
        closing = file.read(_BLOCK)
        if len(closing) < _BLOCK or any(closing):
            raise DataError(f"{path} has no end mark after its last readable file, at byte {end}: cut off or damaged")
        while chunk := file.read(_CHUNK):
            if chunk.strip(b"\0"):
                raise DataError(f"{path} goes on after its end mark at byte {end}: damaged, or several archives in one")


def _is_packed(path: Path) -> bool:
    with open_file(path) as file:
        start = file.read(6)
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))


IMAGES = ("jpg", "jpeg", "png", "webp")
MASKS = ("mask.png", "seg.png")
_FACTS = "json"
_CLASS = "cls"
#: a label or the facts of one image; what is larger is something else
_MOST_BYTES = 16 * 2**20
_NAMED = 3


@dataclass(frozen=True)
class NoImage:
    """The image of a sample that has a label or a mask, and no image."""

    where: str

    def __call__(self) -> Pixels:
        raise UnusableSample(
            Missing.UNREADABLE_IMAGE, f"{self.where} has no image; looked for {', '.join(f'.{one}' for one in IMAGES)}"
        )

    @property
    def content(self) -> str:
        return self.where


@dataclass(eq=False)
class _Row:
    """The files of one key, by their endings."""

    shard: Path
    key: str
    files: dict[str, FilePart] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.shard}: {self.key!r}"


@dataclass(frozen=True)
class _Columns:
    """The endings and fields that hold the parts of a sample."""

    image: str | None
    mask: str | None
    label: str | None
    group: str | None
    cluster: str | None


@data_source("webdataset", columns=True, remote="files")
def webdataset(reference: Reference, root: Path) -> DataSet:
    """Shards by one name, with braces for several (``{000..003}``, ``{a,b}``). A sample is the files of one key, a name
    up to the first dot, which is its id: ``.jpg``, ``.jpeg``, ``.png`` or ``.webp``, with ``.cls`` (an index or a name)
    or a field of ``.json`` (``?label=FIELD``) for a label, and ``.mask.png`` or ``.seg.png`` for a mask.

    ``?image=ENDING`` and ``?mask=ENDING`` name other files of a key, ``?group=column:FIELD`` and
    ``?cluster=column:FIELD`` fields of its ``.json``. What the values of masks mean is said as for ``folder:``. Nothing
    is unpacked: each archive is indexed once, and read by offsets.

    Raises:
        DataError: a shard that is not there, cut off, damaged or compressed; two samples with one key, two files with
            one ending; samples without labels.
    """
    reference.only(("image", "mask", "label", *COLUMN_OPTIONS, *MASK_VALUES), DataError)
    columns = _columns(reference)
    rows, stray = _rows(Path(root, Path(name).expanduser()) for name in expanded(reference.body))
    ours = [row for row in rows.values() if _is_sample(row, columns)]
    others = [row for row in rows.values() if not _is_sample(row, columns)]
    passed_over = Counter([*stray, *(f".{ending}" for row in others for ending in row.files)])
    if not ours:
        raise DataError(
            f"{reference.text!r} has no sample; looked for <key>.jpg with <key>.cls and found "
            f"{_counted(passed_over) or 'nothing'}"
        )
    masks = [mask for row in ours if (mask := _mask(row, columns)) is not None]
    reading, on_masks = settle_reading(reference, masks, mask_bytes)
    read = [_sample(row, columns, reading) for row in ours]
    _refuse_unlabelled(
        reference, [row for row, sample in zip(ours, read, strict=True) if sample is None], ours, columns
    )
    samples = tuple(sample for sample in read if sample is not None)
    return DataSet(samples, (*_remarks(samples, passed_over), *on_masks))


def _columns(reference: Reference) -> _Columns:
    image, mask = (reference.options.get(key) for key in ("image", "mask"))
    return _Columns(
        None if image is None else image.lower().lstrip("."),
        None if mask is None else mask.lower().lstrip("."),
        reference.options.get("label"),
        *(column_option(reference, what) for what in COLUMN_OPTIONS),
    )


def _sample(row: _Row, columns: _Columns, reading: MaskReading) -> Sample | None:
    """The sample of a key; None where it has no label."""
    facts = _facts(row) if columns.label or columns.group or columns.cluster else {}
    label = _label(row, facts, columns)
    if label is None:
        return None
    image, mask = _picture(row, columns), _mask(row, columns)
    return Sample(
        row.key,
        NoImage(str(row)) if image is None else image,
        label,
        mask_source(mask, reading),
        _text(row, facts, columns.group),
        "none" if mask is None else "mask",
        attributes=columns_of(facts, [columns.label]),
        cluster=_text(row, facts, columns.cluster),
    )


def _is_sample(row: _Row, columns: _Columns) -> bool:
    """Whether a key has any part of a sample; one that lacks others is reported, and not skipped."""
    has_label = _CLASS in row.files or (columns.label is not None and _FACTS in row.files)
    return has_label or _picture(row, columns) is not None or _mask(row, columns) is not None


def _rows(shards: Iterable[Path]) -> tuple[dict[str, _Row], list[str]]:
    """The rows by key, and the names that belong to no sample."""
    rows: dict[str, _Row] = {}
    stray: list[str] = []
    for shard in shards:
        for part in members(shard):
            folder, _, file = part.name.rpartition("/")
            stem, dot, ending = file.partition(".")
            if not stem or not dot:  # hidden files, and files without an ending
                stray.append(file)
                continue
            key = f"{folder}/{stem}" if folder else stem
            row = rows.setdefault(key, _Row(shard, key))
            if row.shard != shard:
                raise DataError(f"{shard}: the key {key!r} is in {row.shard} too; keys are unique over all shards")
            if ending.lower() in row.files:
                raise DataError(f"{shard}: {part.name!r} occurs twice; a key has one file of each ending")
            row.files[ending.lower()] = part
    return rows, stray


def _picture(row: _Row, columns: _Columns) -> FilePart | None:
    if columns.image is not None:
        return row.files.get(columns.image)
    return _one(row, IMAGES, "image")


def _mask(row: _Row, columns: _Columns) -> FilePart | None:
    if columns.mask is not None:
        return row.files.get(columns.mask)
    return _one(row, MASKS, "mask")


def _one(row: _Row, endings: Sequence[str], option: str) -> FilePart | None:
    found = [ending for ending in endings if ending in row.files]
    if len(found) > 1:
        raise DataError(f"{row} has {' and '.join(f'.{one}' for one in found)}; choose one: ?{option}={found[0]}")
    return row.files[found[0]] if found else None


def _label(row: _Row, facts: Mapping[str, Any], columns: _Columns) -> str | int | None:
    """The label; None where the sample has none."""
    if columns.label is not None:
        value = facts.get(columns.label)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise DataError(f"{row}: the field {columns.label!r} is {value!r}; a label is a text or an index")
        return value
    if _CLASS not in row.files:
        return None
    text = _decoded(row, _CLASS).strip()
    return int(text) if text.isascii() and text.isdigit() else text or None


def _facts(row: _Row) -> Mapping[str, Any]:
    if _FACTS not in row.files:
        return {}
    facts = json_of(_decoded(row, _FACTS), str(row.files[_FACTS]), DataError)
    if not isinstance(facts, dict):
        raise DataError(f"{row.files[_FACTS]} holds a {type(facts).__name__}; it must hold fields and values")
    return facts


def _text(row: _Row, facts: Mapping[str, Any], name: str | None) -> str | None:
    value = None if name is None else facts.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, dict | list):
        raise DataError(f"{row}: the field {name!r} is {value!r}; a group or cluster must be a text or a number")
    return str(value)


def _decoded(row: _Row, ending: str) -> str:
    part = row.files[ending]
    if part.size > _MOST_BYTES:
        raise DataError(f"{part} has {part.size} bytes; a .{ending} is read whole, up to {_MOST_BYTES}")
    try:
        return part.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{part} cannot be read: {error}") from error


def _refuse_unlabelled(
    reference: Reference, unlabelled: Sequence[_Row], every: Sequence[_Row], columns: _Columns
) -> None:
    if unlabelled:
        looked = f"the field {columns.label!r} of .json" if columns.label else ".cls (or ?label=FIELD of .json)"
        raise DataError(
            f"{reference.text!r}: {len(unlabelled)} of {len(every)} samples have no label, e.g. {unlabelled[0]}; "
            f"looked for {looked}"
        )


def _remarks(samples: Sequence[Sample], passed_over: Counter[str]) -> Iterator[str]:
    without = sum(sample.mask is None for sample in samples)
    if without:
        yield f"{without} of {len(samples)} images have no mask"
    lost = [sample.id for sample in samples if isinstance(sample.image, NoImage)]
    if lost:
        yield f"{len(lost)} samples have no image, e.g. {', '.join(lost[:_NAMED])}"
    for what in COLUMN_OPTIONS:
        known = sum(getattr(sample, what) is not None for sample in samples)
        if 0 < known < len(samples):
            yield f"{len(samples) - known} of {len(samples)} samples have no {what}"
    if passed_over:
        yield f"files that belong to no sample were skipped: {_counted(passed_over)}"


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{count} x {name}" for name, count in sorted(names.items())[:12])
