"""The values of a run as tables: what is in them, field by field, and their rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from ..evidence.record import ColumnRecord, DataRecord, ModelRecord, RunRecord, TableRecord, ViewRecord
from ..evidence.record_texts import shown_record
from .requirements import ENDINGS, requirements_of

Cell = str | float | int | bool | None
FieldType = Literal["string", "number", "integer", "boolean"]

#: what a field with one of these names holds, in every table
_SHARED = {
    "data": "Reference of the data set.",
    "image": "Id of the image: its path in the data set, or a code in a redacted copy.",
    "model": "Reference of the model.",
}


@dataclass(frozen=True)
class Field:
    """A field of a table. ``required``: no cell of it is empty. ``values``: all that it may hold."""

    name: str
    type: FieldType
    about: str
    required: bool = False
    values: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None


@dataclass(frozen=True)
class ExportTable:
    """A table: its fields, its rows in their order, and the fields that tell one row from another."""

    name: str
    about: str
    fields: tuple[Field, ...]
    rows: Sequence[tuple[Cell, ...]]
    key: tuple[str, ...]


def tables_of(record: RunRecord) -> tuple[ExportTable, ...]:
    """Images, per-image values, what models say of each image, and requirements, without a path of a machine."""
    shown = _Shown(shown_record(record))
    return (shown.images(), shown.values(), shown.views(), _requirements(record))


def _shared(name: str) -> Field:
    return Field(name, "string", _SHARED[name], required=True)


class _Shown:
    """The tables of a record, its models and data by their references."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._models: Mapping[str, ModelRecord] = {one.key: one for one in record.models}
        self._data: Mapping[str, DataRecord] = {one.key: one for one in record.data}

    def images(self) -> ExportTable:
        """One row an image of a data set; attributes have a field each."""
        fields = (
            _shared("data"),
            _shared("image"),
            Field("label", "string", "Its label.", required=True),
            Field("group", "string", "Its group (camera, line, exposure)."),
            Field("cluster", "string", "What it shares with other images so that they depend on each other."),
            Field("copy_of", "string", "The first image that is the same picture; itself where it is the first."),
            Field("image_sha256", "string", "sha256 of the image's file, or unusable:REASON."),
            Field("mask_sha256", "string", "sha256 of the mask's values."),
            *(Field(f"attribute:{name}", "string", f"Attribute {name} of the data.") for name in self._attributes),
        )
        return ExportTable("images", "The images.", fields, list(self._image_rows()), ("data", "image"))

    @cached_property
    def _attributes(self) -> tuple[str, ...]:
        names = (name for table in self._record.tables for sample in table.samples for name in sample.columns)
        return tuple(dict.fromkeys(names))

    def _image_rows(self) -> Iterator[tuple[Cell, ...]]:
        for table in self._record.tables:
            for one in table.samples:
                attributes = (one.columns.get(name) for name in self._attributes)
                facts = (one.label, one.group, one.cluster, one.copy_of, one.image, one.mask)
                yield (self._reference(table.data), one.id, *facts, *attributes)

    def values(self) -> ExportTable:
        """One row for each image of each measured column."""
        reasons = {reason for table in self._record.tables for one in table.columns for reason in one.missing.values()}
        fields = (
            _shared("data"),
            _shared("image"),
            _shared("model"),
            Field("measure", "string", "What was measured, under which context; see measures.", required=True),
            Field("value", "number", "The value, in the unit and range of its measure; empty where it is missing."),
            Field("missing", "string", "Why there is no value; see missing_reasons.", values=tuple(sorted(reasons))),
            Field("donor", "string", "The image that lent its background."),
            Field("steps", "integer", "How much work the image got, where not all got the same.", least=0),
        )
        rows = list(self._value_rows())
        about = "Every value of every image: what verdicts are computed from."
        return ExportTable("values", about, fields, rows, ("data", "image", "model", "measure"))

    def _value_rows(self) -> Iterator[tuple[Cell, ...]]:
        for table in self._record.tables:
            data = self._reference(table.data)
            for column in table.columns:
                model, donors = self._reference(column.model), _donors(table, column)
                for at, (sample, value) in enumerate(zip(table.samples, column.values, strict=True)):
                    donor = donors[at] if donors else None
                    missing, steps = column.missing.get(at), column.steps.get(at)
                    yield (data, sample.id, model, column.measure, value, missing, donor, steps)

    def views(self) -> ExportTable:
        """One row for each image as each model sees it."""
        fields = (
            _shared("data"),
            _shared("image"),
            _shared("model"),
            Field("object_area", "number", "The object's share of the pixels that the model sees.", least=0, most=1),
            Field("predicted", "string", "The class predicted on the original image; empty where there is none."),
        )
        about = "The images as the models see them."
        return ExportTable("views", about, fields, list(self._view_rows()), ("data", "image", "model"))

    def _view_rows(self) -> Iterator[tuple[Cell, ...]]:
        for table in self._record.tables:
            for view in table.views:
                predicted = self._predicted(table, view)
                for sample, area, name in zip(table.samples, view.areas, predicted, strict=True):
                    yield (self._reference(table.data), sample.id, self._reference(view.model), area, name)

    def _predicted(self, table: TableRecord, view: ViewRecord) -> list[str | None]:
        """The predicted classes by name: the model's own, else the label that means the class, else its number."""
        if not view.predicted:
            return [None] * len(table.samples)
        names = {index: sample.label for sample, index in zip(table.samples, view.indices, strict=True)}
        model = self._models.get(view.model)
        names |= dict(enumerate((None if model is None else model.classes) or ()))
        other = "(none of the labels)"
        return [None if one is None else other if one < 0 else names.get(one, str(one)) for one in view.predicted]

    def _reference(self, key: str) -> str:
        """Of a model or data set, by its key."""
        known: ModelRecord | DataRecord | None = self._models.get(key) or self._data.get(key)
        return key if known is None else known.reference


def _donors(table: TableRecord, column: ColumnRecord) -> Sequence[str | None]:
    """Who lent each image of a column its background; empty where nobody did."""
    for place, donors in table.donors.items():
        context = place.removeprefix(f"{column.model}|")
        if context != place and column.measure.endswith(f".under({context})"):
            return donors
    return ()


def _requirements(record: RunRecord) -> ExportTable:
    """One row a requirement: its estimate, bounds, verdict and reason."""
    rows = [tuple(_cell(getattr(one, field.name)) for field in _REQUIREMENT) for one in requirements_of(record)]
    return ExportTable("requirements", "The requirements and their verdicts.", _REQUIREMENT, rows, ("id",))


def _cell(value: Cell | tuple[str, ...]) -> Cell:
    return ", ".join(value) if isinstance(value, tuple) else value


_REQUIREMENT = (
    Field("id", "string", "Node id of the requirement in pytest.", required=True),
    Field("name", "string", "Its name.", required=True),
    Field("clause", "string", "The clause of a contract that it stands for."),
    Field("expectation", "string", "What is required, in canonical form.", required=True),
    Field("fingerprint", "string", "sha256 of the requirement with every default.", required=True),
    Field("models", "string", "The models that it is about."),
    Field("data", "string", _SHARED["data"]),
    Field("known_bad", "boolean", "A known-bad model, which must be caught: FAIL is as required.", required=True),
    Field("importance", "string", "Critical, major or advisory.", required=True),
    Field("standing", "string", "Whether the verdict counts for the run.", required=True),
    Field("verdict", "string", "How it ended.", required=True, values=ENDINGS),
    Field("reason", "string", "Why it is undecided, or an error."),
    Field("estimate", "number", "The left side as measured; empty of an ERROR and where nothing was measured."),
    Field("lower", "number", "One-sided lower bound of the left side."),
    Field("upper", "number", "One-sided upper bound of the left side."),
    Field("op", "string", "How the left side compares with the threshold.", required=True),
    Field("threshold", "number", "What the left side is compared with.", required=True),
    Field("confidence", "number", "Level of each bound.", required=True, least=0, most=1),
    Field("rule", "string", "The rule of the bounds."),
    Field("method", "string", "The attribution method whose value is shown, of several."),
    Field("dose", "number", "The dose whose value is shown, of a series."),
    Field("group", "string", "The group whose value is shown, of several."),
    Field("asked", "integer", "Images asked for.", least=0),
    Field("measured", "integer", "Images with a value.", least=0),
    Field("undefined", "integer", "Images of which the measure has no value.", least=0),
    Field("errored", "integer", "Images that could not be read or run.", least=0),
    Field("more_images", "integer", "How many more images would be likely to decide it.", least=0),
)
