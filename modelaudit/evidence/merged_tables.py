"""What the runs of several shards measured, together: tables, data sets, models and sanity checks, each once.

Two runs that measured the same column agree where they ran alike. On another kind of machine numbers are rounded
otherwise: such a run keeps a table of its own, and every verdict follows from what its own run measured. What differs
by more than rounding is refused.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..engine.planning.plan import group_digest
from ..engine.results.checks import Sanity
from ..language.errors import ResultsError
from .record import CaseRecord, ColumnRecord, DataRecord, ModelRecord, RunRecord, SampleRecord, TableRecord, ViewRecord

#: two numbers that differ by no more are the same number
_SAME = 1e-6
#: two numbers of one image that differ by no more were rounded otherwise
_ROUNDED = 1e-3
#: of the images of a column so many may differ by more: an answer at the border that rounding tips over
_TIPPED = 0.01
#: what a model is; the rest depends on what was asked of it
_OF_MODEL = (
    "reference",
    "architecture",
    "parameters",
    "outputs",
    "classes",
    "preprocessing",
    "fingerprint",
    "precision",
    "scores",
)
_OF_SAMPLE = ("id", "label", "group", "cluster", "copy_of", "image", "mask")


@dataclass(frozen=True)
class Shard:
    """A run to be merged. ``name``: what it is called in messages, as it was given."""

    name: str
    record: RunRecord


@dataclass
class Together:
    """What all runs measured. ``moved``: the data key of each case whose run keeps a table of its own."""

    models: list[ModelRecord] = field(default_factory=list)
    data: list[DataRecord] = field(default_factory=list)
    tables: list[TableRecord] = field(default_factory=list)
    sanity: list[Sanity] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)

    def of_case(self, case: CaseRecord) -> CaseRecord:
        """The case, its data named as here."""
        return case.model_copy(update={"data": self.moved.get(case.id, case.data)})


def measured_together(runs: Sequence[Shard]) -> Together:
    """Everything that the runs measured.

    Args:
        runs: in the order of their first cases.

    Raises:
        ResultsError: the same model or data is another one in two runs, or they measured different numbers.
    """
    found = Together(models=_models(runs), sanity=_sanity(runs))
    owners: dict[str, str] = {}
    for run in runs:
        records = {data.key: data for data in run.record.data}
        for table in run.record.tables:
            data = records[table.data]
            at = next((at for at, one in enumerate(found.tables) if one.data == table.data), None)
            if at is None:
                owners[table.data] = run.name
                found.tables.append(table)
                found.data.append(data)
                continue
            owner = owners[table.data]
            _refuse_other_data(found.data[at], data, found.tables[at], table, (owner, run.name))
            why = _apart(found.tables[at], table, (owner, run.name))
            if why is None:
                found.tables[at] = _united(found.tables[at], table)
                found.data[at] = _united_data(found.data[at], data)
            else:
                _keep_apart(found, run, table, data, why)
    return _as_a_run_has_them(found)


def _as_a_run_has_them(found: Together) -> Together:
    """In the order of a single run, whose reports list and cut by it."""
    order = {table.data: at for at, table in enumerate(sorted(found.tables, key=lambda one: group_digest(one.data)))}
    found.tables = sorted((_ordered(table) for table in found.tables), key=lambda one: order[one.data])
    found.data = sorted(found.data, key=lambda one: order.get(one.key, len(order)))
    models = _places(view.model for table in found.tables for view in table.views)
    found.models = sorted(found.models, key=lambda one: models.get(one.key, len(models)))
    return found


def _keep_apart(found: Together, run: Shard, table: TableRecord, data: DataRecord, why: str) -> None:
    key = f"{table.data} (run {run.record.id})"
    found.tables.append(table.model_copy(update={"data": key}))
    found.data.append(data.model_copy(update={"key": key}))
    found.notes.append(f"{key.removeprefix('data:')} has a table of its own: {why}")
    found.moved |= {case.id: key for case in run.record.cases if case.data == table.data}


def _models(runs: Sequence[Shard]) -> list[ModelRecord]:
    found: dict[str, tuple[str, ModelRecord]] = {}
    for run in runs:
        for model in run.record.models:
            if model.key not in found:
                found[model.key] = run.name, model
                continue
            name, known = found[model.key]
            _refuse_other(model.key, _OF_MODEL, (known, model), (name, run.name))
            if known.spatial_layer is not None and model.spatial_layer is not None:
                _refuse_other(model.key, ("spatial_layer",), (known, model), (name, run.name))
            changes = {
                "spatial_layer": known.spatial_layer or model.spatial_layer,
                "crop": known.crop or model.crop,
                "notes": _once(known.notes, model.notes),
            }
            found[model.key] = name, known.model_copy(update=changes)
    return [model for _, model in found.values()]


def _refuse_other(
    key: str, fields: Iterable[str], records: tuple[object, object], names: tuple[str, str], what: str = ""
) -> None:
    for name in fields:
        one, two = (getattr(record, name) for record in records)
        if one != two:
            raise ResultsError(
                f"{key}: its {what}{name} is {_said(two)} in {names[1]}, and {_said(one)} in {names[0]}; runs of "
                "different models or data are not one run"
            )


def _refuse_other_data(
    known: DataRecord, data: DataRecord, table: TableRecord, other: TableRecord, names: tuple[str, str]
) -> None:
    _refuse_other(data.key, ("reference", "available"), (known, data), names)
    _refuse_other(data.key, ("available", "labels"), (table, other), names)
    stopped_elsewhere = table.available is not None and len(table.samples) != len(other.samples)
    if not stopped_elsewhere:
        _refuse_other(data.key, ("images", "fingerprint", "without_object"), (known, data), names)
    for one, two in zip(table.samples, other.samples, strict=False):
        _refuse_other(data.key, _OF_SAMPLE, (one, two), names, f"image {one.id!r}: ")


def _apart(table: TableRecord, other: TableRecord, names: tuple[str, str]) -> str | None:
    """Why two tables of the same data cannot be merged; None if they can."""
    if len(table.samples) != len(other.samples):
        return f"its audit stopped after {len(other.samples)} images, and that of {names[0]} after {len(table.samples)}"
    known = {(one.model, one.measure): one for one in table.columns}
    why = None
    for two in other.columns:
        one = known.get((two.model, two.measure))
        if one is not None and not _same_column(one, two):
            _refuse_other_values(one, two, table, names)
            why = why or f"{two.measure} of {two.model} is rounded otherwise than in {names[0]}"
    views = {one.model: one for one in table.views}
    for view in other.views:
        if view.model in views and not _same_view(views[view.model], view, table.data, names):
            why = why or f"answers of {view.model} differ from those in {names[0]}"
    if any(table.donors.get(key, donors) != donors for key, donors in other.donors.items()):
        why = why or f"other images lent their backgrounds than in {names[0]}"
    return why


def _same_column(one: ColumnRecord, two: ColumnRecord) -> bool:
    facts = ("scale", "missing", "low", "high", "steps", "long_form")
    return all(getattr(one, name) == getattr(two, name) for name in facts) and all(
        _near(a, b, _SAME) for a, b in zip(one.values, two.values, strict=True)
    )


def _refuse_other_values(one: ColumnRecord, two: ColumnRecord, table: TableRecord, names: tuple[str, str]) -> None:
    far = [at for at, (a, b) in enumerate(zip(one.values, two.values, strict=True)) if not _near(a, b, _ROUNDED)]
    if len(far) > max(1, _TIPPED * len(one.values)):
        at = far[0]
        raise ResultsError(
            f"{table.data}: {two.measure} of {two.model} was measured twice, and differs on {len(far)} of "
            f"{len(one.values)} images: on {table.samples[at].id} it is {two.values[at]} in {names[1]}, and "
            f"{one.values[at]} in {names[0]}; run all shards on one kind of machine, with the same libraries"
        )


def _same_view(one: ViewRecord, two: ViewRecord, data: str, names: tuple[str, str]) -> bool:
    _refuse_other(data, ("indices",), (one, two), names, f"labels for {one.model}: ")
    areas = all(a is None or b is None or _near(a, b, _SAME) for a, b in zip(one.areas, two.areas, strict=True))
    return areas and (not one.predicted or not two.predicted or one.predicted == two.predicted)


def _near(one: float | None, two: float | None, by: float) -> bool:
    if one is None or two is None:
        return one is two
    return math.isclose(one, two, rel_tol=by, abs_tol=by if by > _SAME else 1e-9)


def _united(table: TableRecord, other: TableRecord) -> TableRecord:
    """One table of what both hold."""
    samples = [_united_sample(one, two) for one, two in zip(table.samples, other.samples, strict=True)]
    columns = {(one.model, one.measure): one for one in (*other.columns, *table.columns)}
    order = dict.fromkeys((one.model, one.measure) for one in (*table.columns, *other.columns))
    views = {one.model: one for one in table.views}
    for view in other.views:
        views[view.model] = _united_view(views[view.model], view) if view.model in views else view
    return table.model_copy(
        update={
            "samples": samples,
            "columns": [columns[key] for key in order],
            "donors": {**table.donors, **other.donors},
            "donor_contents": {**table.donor_contents, **other.donor_contents},
            "pictures": {**table.pictures, **other.pictures},
            "views": list(views.values()),
        }
    )


def _united_sample(one: SampleRecord, two: SampleRecord) -> SampleRecord:
    area = two.object_area if one.object_area is None else one.object_area
    return one.model_copy(update={"object_area": area, "columns": {**one.columns, **two.columns}})


def _united_view(one: ViewRecord, two: ViewRecord) -> ViewRecord:
    areas = [b if a is None else a for a, b in zip(one.areas, two.areas, strict=True)]
    seen = one if one.predicted else two
    return one.model_copy(update={"areas": areas, "predicted": seen.predicted, "class_order": seen.class_order})


def _united_data(one: DataRecord, two: DataRecord) -> DataRecord:
    unusable = {(unusable.sample): unusable for unusable in (*two.unusable, *one.unusable)}
    changes = {"notes": _once(one.notes, two.notes), "unusable": [unusable[name] for name in sorted(unusable)]}
    return one.model_copy(update=changes)


def _ordered(table: TableRecord) -> TableRecord:
    """Columns as one run has them: by model, and of each model the original images first."""
    models = _places(one.model for one in table.columns)
    contexts = {"": 0, **{name: at + 1 for name, at in _places(_context(one) for one in table.columns).items() if name}}
    columns = sorted(table.columns, key=lambda one: (models[one.model], contexts[_context(one)]))
    return table.model_copy(update={"columns": columns})


def _places(names: Iterable[str]) -> dict[str, int]:
    return {name: at for at, name in enumerate(dict.fromkeys(names))}


def _context(column: ColumnRecord) -> str:
    return column.measure.partition(".under(")[2]


def _sanity(runs: Sequence[Shard]) -> list[Sanity]:
    """Every check as often as the run has it that has it most often: one run has it once for each data set."""
    found: dict[str, Sanity] = {}
    most: Counter[str] = Counter()
    for run in runs:
        texts = {one.model_dump_json(): one for one in run.record.sanity}
        found = {**texts, **found}
        most |= Counter(one.model_dump_json() for one in run.record.sanity)
    return list(_repeated(found, most))


def _repeated(found: Mapping[str, Sanity], most: Counter[str]) -> Iterator[Sanity]:
    for text, count in most.items():
        yield from [found[text]] * count


def _once(one: Sequence[str], two: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*one, *two]))


def _said(value: object) -> str:
    return "not known" if value is None else repr(value) if isinstance(value, str) else str(value)
