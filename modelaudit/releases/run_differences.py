"""What is not the same in two runs: models, data, versions, settings and machines, and how a requirement is stated."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from ..engine.results.pairing import Pairing
from ..evidence.record import (
    CaseRecord,
    DataRecord,
    ModelRecord,
    Node,
    RunRecord,
    TableRecord,
)
from ..evidence.recorded import RecordTable, Values, column_key, expression_of
from ..language.expression import Expectation
from ..language.spec import number_text
from ..language.text_layout import cut
from ..statistics.expansion import single_expectations, written_out
from .comparison_record import RunDifference

Kind = Literal["model", "data", "version", "option", "definition", "machine"]
#: characters of a value
_LONGEST = 300
#: of a model, in the order in which they are listed
_MODEL = ("reference", "fingerprint", "architecture", "parameters", "outputs", "classes", "preprocessing")
_RUNNING = ("precision", "scores")
_DATA = ("reference", "fingerprint", "images", "available", "labels", "groups", "clusters", "mask_kinds")
_DATA_OPTIONS = ("seed", "object_kept", "pools", "label_classes", "without_object")
_STATED = ("op", "threshold", "confidence", "about", "bounds", "claim", "without_object", "importance", "must_fail")
_SAID = ("clause", "says")
#: of a measure: other versions of this package may record them or not
_DECLARED = {"percent", "better", "specs", "under"}


def differences_of_runs(
    old: RunRecord,
    new: RunRecord,
    models: Iterable[tuple[ModelRecord, ModelRecord]],
    data: Iterable[tuple[DataRecord, DataRecord]],
) -> list[RunDifference]:
    """Everything in two runs that is not the same, besides what single requirements state.

    Args:
        models: those that are compared with each other; ``data`` likewise.
    """
    found: list[RunDifference] = []
    for before, after in models:
        where = ", ".join(after.names) or after.reference
        found += _fields("model", where, before, after, _MODEL)
        found += _fields("option", where, before, after, _RUNNING)
    for one, other in data:
        found += _fields("data", other.reference, one, other, _DATA)
        found += _fields("option", other.reference, one, other, _DATA_OPTIONS)
    return [*found, *_of_provenance(old, new)]


def _of_provenance(old: RunRecord, new: RunRecord) -> Iterator[RunDifference]:
    before, after = old.provenance, new.provenance
    yield from _mapping("version", "", before.versions, after.versions)
    plugins = ({one.name: one.version for one in side.plugins} for side in (before, after))
    yield from _mapping("version", "", *plugins)
    yield from _mapping("option", "", before.options, after.options)
    yield from _fields("option", "", before, after, ("seed",))
    yield from _fields("option", "", old, new, ("quick_look", "checks", "inconclusive"))
    yield from _fields("machine", "", before, after, ("platform", "device", "device_name", "threads", "micro_batch"))


def differences_of_cases(old: CaseRecord, new: CaseRecord) -> list[RunDifference]:
    """What two runs state differently in one requirement, without that it is another quantity."""
    return list(_fields("definition", new.name, old, new, (*_STATED, *_SAID, "name")))


def differences_of_quantity(
    old: CaseRecord, new: CaseRecord, values: tuple[Values | None, Values | None]
) -> list[RunDifference]:
    """Why the left sides of two requirements are not the same quantity; empty where they are.

    Texts and arguments must be equal, and, where both records have them, the long forms of the columns that are read,
    which hold the versions of definitions.
    """
    if _quantity(old.left) != _quantity(new.left):
        texts = [case.expectation for case in (old, new)]
        if texts[0] == texts[1]:  # the same text, and other arguments behind it
            texts = [json.dumps(_quantity(case.left), sort_keys=True, default=str) for case in (old, new)]
        return [_difference("definition", "left", new.name, *texts)]
    before, after = (_long_forms(case, read) for case, read in zip((old, new), values, strict=True))
    return [
        _difference("definition", "long_form", key, before[key], after[key])
        for key in before
        if key in after and before[key] != after[key]
    ]


def donors_that_moved(old: TableRecord, new: TableRecord, pairing: Pairing) -> Iterator[RunDifference]:
    """Contexts under which common images have their backgrounds from other images than before."""
    renamed = {old.samples[at].id: new.samples[to].id for at, to in pairing.renamed}
    contexts = {key.partition("|")[2]: donors for key, donors in old.donors.items()}
    for key, after in new.donors.items():
        context = key.partition("|")[2]
        before = contexts.pop(context, None)
        if before is None:
            continue
        moved = sum(renamed.get(before[at] or "", before[at]) != after[to] for at, to in pairing.pairs)
        if moved:
            yield _difference("data", "donors", context, "0", str(moved))


def _long_forms(case: CaseRecord, values: Values | None) -> Mapping[str, str]:
    """The long forms of the columns that a case reads, by their names."""
    if values is None:
        return {}
    expression = expression_of(case.left if case.formula is None else case.formula)
    singles = single_expectations(Expectation(expression, ">", 0.0), RecordTable(case, values))
    read = {column_key(one) for single in singles for one in written_out(single).expression.measures()}
    return {
        column.measure: column.long_form
        for column in values.table.columns
        if column.long_form is not None and column.model in case.models and column.measure in read
    }


def _quantity(node: Node) -> object:
    """What a left side measures: its tree, without what follows from the declarations of its measures."""
    return _without_declared(node.model_dump(mode="json"))


def _without_declared(part: object) -> object:
    if isinstance(part, dict):
        return {name: _without_declared(value) for name, value in part.items() if name not in _DECLARED}
    return [_without_declared(one) for one in part] if isinstance(part, list) else part


def _fields(kind: Kind, where: str, old: object, new: object, names: Iterable[str]) -> Iterator[RunDifference]:
    for name in names:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield _difference(kind, name, where, _text(before), _text(after))


def _mapping(kind: Kind, where: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[RunDifference]:
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield _difference(kind, name, where, old.get(name), new.get(name))


def _difference(kind: Kind, code: str, where: str, old: str | None, new: str | None) -> RunDifference:
    shown = (None if text is None else cut(text, _LONGEST) for text in (old, new))
    return RunDifference(kind=kind, code=code, where=where, old=next(shown), new=next(shown))


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float):
        return number_text(value)
    if hasattr(value, "model_dump"):
        value = value.model_dump(mode="json", exclude_defaults=True)
    return str(value) if isinstance(value, int) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
