"""Which models a run is about, and their names: known-bad models are tools of the audit, and never among them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..evidence.record import CaseRecord, ModelRecord, RunRecord
from .naming import short_reference
from .order import worst_first
from .words import Words


@dataclass(frozen=True)
class TestedModel:
    """A model under test and the positions of its requirements.

    ``model`` is None if it was not loaded; ``stated`` is then what the audit calls it, empty in older records.
    """

    model: ModelRecord | None
    cases: tuple[int, ...]
    stated: str = ""


def tested_models(record: RunRecord) -> tuple[TestedModel, ...]:
    """The models under test, in the order of the requirements, each requirement with one of them.

    A comparison ("no worse than the current model") counts for the model that it names first. What ended before its
    model was loaded counts for the model that other requirements load by the same name, else for one of that name.
    """
    known = {model.key: model for model in record.models}
    cases = [(position, case) for position, case in enumerate(record.cases) if not case.must_fail]
    keys = {
        position: case.models[0]
        for position, case in cases
        if case.models and (case.models[0] in known or not _stated(case))
    }
    found: dict[tuple[str, str], list[int]] = {}
    for position, case in cases:
        key = keys.get(position) or _key_nearby(case, cases, keys)
        found.setdefault((key, "" if key else _stated(case)), []).append(position)
    return tuple(TestedModel(known.get(key), tuple(positions), stated) for (key, stated), positions in found.items())


def worst_models(record: RunRecord, models: Sequence[TestedModel]) -> list[TestedModel]:
    """In the order of their worst requirement."""
    order = {position: at for at, position in enumerate(worst_first(record.cases))}
    return sorted(models, key=lambda model: min(order[position] for position in model.cases))


def model_title(tested: TestedModel, words: Words) -> str:
    """What the parties call it, else its reference in short."""
    model = tested.model
    named = [] if model is None else [name for name in model.names if name not in ("model", model.reference)]
    if named:
        return ", ".join(named)
    reference = tested.stated if model is None else model.reference
    return short_reference(reference, words) if reference else words._("no_model_was_loaded")


def accuracy_as_photographed(record: RunRecord, tested: TestedModel, words: Words, data: str | None = None) -> str:
    """The share of right answers on the images as they are, on one data set or all; empty where it was not measured."""
    values = [
        value
        for table in record.tables
        if data in (None, table.data)
        for column in table.columns
        if column.measure == "accuracy" and tested.model is not None and column.model == tested.model.key
        for value in column.values
        if value is not None
    ]
    return words.quantity(sum(values) / len(values), "percent", 1) if values else ""


def known_bad_keys(record: RunRecord) -> frozenset[str]:
    """The models that must be caught, by key: those declared so, and those whose only requirement is to be caught."""
    declared = {case.model_names[name] for case in record.cases for name in case.known_bad if name in case.model_names}
    caught = {key for case in record.cases if case.must_fail for key in case.models}
    tested = {key for case in record.cases if not case.must_fail for key in case.models}
    return frozenset(declared | (caught - tested))


def _stated(case: CaseRecord) -> str:
    return case.stated_models[0] if case.stated_models else ""


def _key_nearby(case: CaseRecord, cases: Sequence[tuple[int, CaseRecord]], keys: dict[int, str]) -> str:
    """The model that others loaded by the name that this one states: in its own file, else anywhere."""
    alike = [(keys[at], other.file) for at, other in cases if at in keys and _stated(other) == _stated(case)]
    candidates = {key for key, file in alike if file == case.file} or {key for key, _ in alike}
    return candidates.pop() if len(candidates) == 1 else ""
