"""``hf:NAME_OR_PATH``: data sets of the Hugging Face Hub, or on this machine as its ``datasets`` library reads them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import DataSet, Sample
from .base import Pixels, UnusableSample, data_source
from .files import file_named, relative_id
from .groups import COLUMN_OPTIONS, column_option, columns_of
from .hugging_face_files import admit_caches, check_files, check_patterns, check_saved
from .images import Place, bytes_of
from .mask_reading import MASK_VALUES, MaskReading, asked_reading
from .mask_sets import settle_reading
from .masks import MaskFile, mask_of, mask_source

_OPTIONS = ("split", "image", "label", "mask", *COLUMN_OPTIONS, "id", "config", "revision", *MASK_VALUES)
_NAME = re.compile(r"[\w.\-]+(/[\w.\-]+)?", re.ASCII)
#: the first version that runs no code of a data set
_OLDEST = 4
_BATCH = 1000
_PLAIN = ("string", "large_string", "int", "uint", "float", "bool")


@dataclass(frozen=True, eq=False)
class Cell:
    """An image file in a table, read when called: its bytes."""

    table: Any
    column: str
    row: int
    named: str

    def __call__(self) -> bytes:
        cell = self.table[self.row][self.column]
        content = cell["bytes"] if isinstance(cell, dict) else cell
        if not isinstance(content, bytes) or not content:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, f"{self.named} has no image in the column {self.column!r}")
        return content

    @property
    def content(self) -> str | None:
        """The digest of the bytes; None where there are none."""
        try:
            return hashlib.sha256(self()).hexdigest()
        except UnusableSample:
            return None


@dataclass(frozen=True, eq=False)
class MaskCell:
    """A mask file in a table, read when called: [height, width] uint8; 1 object, 0 background, 255 ignore."""

    cell: Cell
    reading: MaskReading

    def __call__(self) -> Pixels:
        try:
            content = self.cell()
        except UnusableSample as error:
            raise UnusableSample(Missing.UNREADABLE_MASK, str(error)) from error
        return mask_of(content, Path(self.cell.named), self.reading)

    @property
    def content(self) -> str | None:
        """The digest of the bytes and what 255 means."""
        found = self.cell.content
        return None if found is None else f"{found} {self.reading.text.removeprefix('255 ')}"


@data_source("hf", columns=True, files=True)
def hugging_face(reference: Reference, root: Path) -> DataSet:
    """A data set by its name on the Hub, or a folder or file below `root`: one that ``save_to_disk`` wrote, a parquet
    file, or a folder that ``load_dataset`` reads (parquet, images in folders of their labels).

    ``?split=validation&image=image&label=label`` name the split and the columns, ``mask=``, ``group=column:``,
    ``cluster=column:`` and ``id=`` others, ``config=`` and ``revision=`` what is loaded, ``mask_255=`` what 255 means
    in a mask. Names of a ClassLabel become labels. Ids are the names of the image files where each has its own, else
    split and row. Images are decoded as all others are; code of a data set is never run. A row without bytes names a
    file below the folder of the data set, or below that of ``?root=DIR``.

    Raises:
        DataError: the library is missing, no such data set, split or column, rows without a label, or a file that the
            data set names and that is a URL or leads out of its folder.
    """
    reference.only(_OPTIONS, DataError)
    asked_reading(reference)
    table, split, local = _loaded(reference, root, _library(reference))
    images = _pictures(reference, table, _column(reference, table, "image", "image"), split, local)
    labels = _labels(reference, table, _column(reference, table, "label", "label"))
    column = reference.options.get("mask")
    masks = (
        None if column is None else _pictures(reference, table, _column(reference, table, "mask", column), split, local)
    )
    drawn, on_masks = _drawn(reference, masks or [])
    groups, clusters = (_texts(reference, table, what) or [None] * len(table) for what in COLUMN_OPTIONS)
    ids = _ids(reference, table, images, split, local)
    samples = tuple(
        Sample(
            name,
            image.source,
            label,
            mask,
            group,
            "none" if mask is None else "mask",
            attributes=cells,
            cluster=cluster,
        )
        for name, image, label, mask, group, cluster, cells in zip(
            ids, images, labels, drawn or [None] * len(table), groups, clusters, _cells(reference, table), strict=True
        )
    )
    return DataSet(samples, (*_notes(samples, column), *on_masks))


def _drawn(
    reference: Reference, masks: Sequence[_Picture]
) -> tuple[list[Place | MaskFile | MaskCell | None], list[str]]:
    """The masks of the rows, and notes on what their values mean."""
    there = [mask for mask in masks if mask.path is not None or not mask.empty]
    reading, notes = settle_reading(reference, there, _Picture.mask_bytes)
    return [mask.mask(reading) for mask in masks], notes


def _notes(samples: Sequence[Sample], column: str | None) -> Iterator[str]:
    if column is None:
        yield "no masks: ?mask= names no column"
        return
    without = sum(sample.mask is None for sample in samples)
    if without:
        yield f"{without} of {len(samples)} images have no mask"


def _library(reference: Reference) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{reference.text!r} needs the datasets library; pip install 'pytest-modelaudit[datasets]'"
        ) from error
    if int(datasets.__version__.split(".")[0]) < _OLDEST:
        raise DataError(
            f"{reference.text!r}: datasets {datasets.__version__} may run code of a data set; "
            f"pip install 'datasets>={_OLDEST}'"
        )
    return datasets


def _loaded(reference: Reference, root: Path, datasets: Any) -> tuple[Any, str, Path | None]:
    """The table, the name of its split, and its folder where it is on this machine."""
    path = root / Path(reference.body).expanduser() if reference.body else None
    local = path if path is not None and path.exists() else None
    if local is None and not _NAME.fullmatch(reference.body):
        raise DataError(f"{reference.text!r}: no folder or file {path}, and no name of a data set (owner/name)")
    try:
        if local is not None and ((local / "state.json").is_file() or (local / "dataset_dict.json").is_file()):
            check_saved(local)
            table, split = _of_split(reference, datasets.load_from_disk(str(local)))
        elif local is not None and local.is_file():
            given = {"path": _format(reference, local), "data_files": str(local)}
            table, split = _of_split(reference, datasets.load_dataset(**given, split="train"))
        else:
            admit_caches(datasets, hub=local is None)
            if local is not None:
                check_patterns(local)
                builder = datasets.load_dataset_builder(str(local), reference.options.get("config"))
                check_files(builder, local, repr(reference.text))
            table, split = _by_name(reference, datasets, str(local or reference.body))
    except DataError:
        raise
    except Exception as error:  # the library, its loaders and the network raise anything
        # of what a loader raises the library says that it was raised
        told = ": ".join(" ".join(str(one).split()) or type(one).__name__ for one in (error, error.__cause__) if one)
        place = "" if local is None else f" from {local}"
        raise DataError(f"{reference.text!r} cannot be loaded{place}: {told[:500]}") from error
    return table, split, local


def _by_name(reference: Reference, datasets: Any, name: str) -> tuple[Any, str]:
    options = {"revision": reference.options.get("revision")}
    config = reference.options.get("config")
    splits = datasets.get_dataset_split_names(name, config, **options)
    split = reference.options.get("split", splits[0] if len(splits) == 1 else None)
    if split is None or split not in splits:
        raise DataError(f"{reference.text!r} has the splits {', '.join(splits)}; write ?split={splits[-1]}")
    return datasets.load_dataset(name, config, split=split, **options), split


def _of_split(reference: Reference, found: Any) -> tuple[Any, str]:
    """The asked split of what was loaded at once."""
    asked = reference.options.get("split")
    if isinstance(found, dict):
        split = asked or (next(iter(found)) if len(found) == 1 else "")
        if split not in found:
            raise DataError(f"{reference.text!r} has the splits {', '.join(found)}; write ?split={list(found)[-1]}")
        return found[split], split
    return found, asked or str(found.split or "data")


def _format(reference: Reference, path: Path) -> str:
    if path.suffix.lower() != ".parquet":
        raise DataError(
            f"{reference.text!r}: {path.name} is not a .parquet file; name its folder, or use csv: or jsonl:"
        )
    return "parquet"


def _column(reference: Reference, table: Any, option: str, default: str) -> str:
    name = reference.options.get(option, default)
    if name not in table.column_names:
        raise DataError(
            f"{reference.text!r}: no column {name!r}; write ?{option}=COLUMN{nearest(name, table.column_names)}"
        )
    return name


def _values(table: Any, column: str) -> list[Any]:
    return list(table.select_columns([column])[column])


def _labels(reference: Reference, table: Any, column: str) -> list[str | int]:
    names = getattr(table.features[column], "names", None)
    values = _values(table, column)
    if names is not None:
        values = [names[value] if isinstance(value, int) and 0 <= value < len(names) else None for value in values]
    lost = [row for row, value in enumerate(values) if value is None or value == ""]
    if lost:
        raise DataError(
            f"{reference.text!r}: {len(lost)} of {len(values)} rows have no {column!r}, e.g. row {lost[0]}; many test "
            "splits come without labels: write another ?split="
        )
    strange = next((value for value in values if isinstance(value, bool) or not isinstance(value, str | int)), None)
    if strange is not None:
        raise DataError(f"{reference.text!r}: {column!r} holds {strange!r}; a label is a text or an index")
    return values


@dataclass(frozen=True)
class _Picture:
    """The image of a row: in its cell, or in a local file that the cell names."""

    cell: Cell
    name: str | None
    empty: bool
    #: the file, where the bytes are not in the table
    path: Path | None

    @property
    def source(self) -> Any:
        """As the image of a sample."""
        return self.path or self.cell

    def __str__(self) -> str:
        return str(self.path or self.cell.named)

    def mask_bytes(self) -> bytes:
        """The bytes of a mask.

        Raises:
            UnusableSample: there are none.
        """
        return self.cell() if self.path is None else bytes_of(self.path, Missing.UNREADABLE_MASK)

    def mask(self, reading: MaskReading) -> Place | MaskFile | MaskCell | None:
        """As a mask; None where the row has none."""
        if self.path is not None:
            return mask_source(self.path, reading)
        return None if self.empty else MaskCell(self.cell, reading)


def _pictures(reference: Reference, table: Any, column: str, split: str, local: Path | None) -> list[_Picture]:
    from datasets import Image

    feature = table.features[column]
    encoded = isinstance(feature, Image)
    structured = encoded or (isinstance(feature, dict) and {"bytes", "path"} <= feature.keys())
    if not structured and getattr(feature, "dtype", None) not in ("binary", "large_binary"):
        raise DataError(f"{reference.text!r}: {column!r} holds {feature}, and no images")
    plain = table.select_columns([column])
    plain = plain.cast_column(column, Image(decode=False)) if encoded else plain
    pictures = []
    for row, (name, empty) in enumerate(_names(plain, column, structured)):
        place = f"row {row} of {split}"
        file = _file(name, local, f"{reference.text}: {place}: {column}") if empty and name else None
        cell = Cell(plain, column, row, f"{reference.text}: {name or place}")
        pictures.append(_Picture(cell, name, empty, file))
    return pictures


def _names(plain: Any, column: str, structured: bool) -> Iterator[tuple[str | None, bool]]:
    """Of every row the name of its file, and whether its bytes are missing; the bytes themselves are not read."""
    compute: Any = import_module("pyarrow.compute")  # its functions are made when it is imported: nothing to check
    for batch in plain.with_format("arrow").iter(_BATCH):
        cells = batch[column]
        content = compute.struct_field(cells, "bytes") if structured else cells
        names = compute.struct_field(cells, "path").to_pylist() if structured else [None] * len(cells)
        yield from zip(names, compute.is_null(content).to_pylist(), strict=True)


def _texts(reference: Reference, table: Any, option: str) -> list[str | None] | None:
    """The column that ``?group=`` or ``?cluster=`` names; None where neither does."""
    column = column_option(reference, option)
    if column is None:
        return None
    if column not in table.column_names:
        raise DataError(f"{reference.text!r}: no column {column!r}{nearest(column, table.column_names)}")
    names = getattr(table.features[column], "names", None)
    values = _values(table, column)
    return [None if value is None else names[value] if names else str(value) for value in values]


def _cells(reference: Reference, table: Any) -> list[dict[str, str]]:
    """The cells of the columns with texts and numbers, by row; other columns are not read."""
    used = {reference.options.get(what, what) for what in ("image", "label")}
    used |= {reference.options[what] for what in ("mask", "id") if what in reference.options}
    plain = [
        name
        for name in table.column_names
        if name not in used and str(getattr(table.features[name], "dtype", "")).startswith(_PLAIN)
    ]
    rows: list[dict[str, Any]] = [{} for _ in range(len(table))]
    for name in plain:
        names: Any = getattr(table.features[name], "names", None)
        for row, value in zip(rows, _values(table, name), strict=True):
            known = isinstance(value, int) and names is not None and 0 <= value < len(names)
            row[name] = names[value] if known else None if names is not None else value
    return [columns_of(row, ()) for row in rows]


def _ids(reference: Reference, table: Any, pictures: Sequence[_Picture], split: str, local: Path | None) -> list[str]:
    asked = reference.options.get("id")
    if asked is not None:
        values = _values(table, _column(reference, table, "id", asked))
        if None in values:
            raise DataError(
                f"{reference.text!r}: row {values.index(None)} has no {asked!r}; ids are texts of their own"
            )
        return list(map(str, values))
    names = [_below(str(picture.path or picture.name), local) for picture in pictures if picture.name]
    return names if len(set(names)) == len(pictures) else [f"{split}/{row:08d}" for row in range(len(pictures))]


def _file(name: str, local: Path | None, named: str) -> Path | None:
    """The file that a row names; None for a relative path in a data set of the Hub, which has no folder here."""
    if local is None and not Path(name).is_absolute() and "://" not in name:
        return None
    folder = _folder(local) or Path(Path(name).anchor)
    return file_named(name, folder, folder, named)[1]


def _folder(local: Path | None) -> Path | None:
    """What the paths of files in a table are relative to."""
    return None if local is None else local if local.is_dir() else local.parent


def _below(name: str, local: Path | None) -> str:
    """The name of an image file, below the folder of the data set where it is in there."""
    path, folder = Path(name), _folder(local)
    return relative_id(path, folder) if folder is not None and path.is_relative_to(folder) else path.name
