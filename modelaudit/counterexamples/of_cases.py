"""Which searches, counterexamples and replays of a record belong to which of its cases."""

from __future__ import annotations

from ..engine.results.counterexamples import Counterexample, ReplayFacts, SearchFacts
from ..evidence.record import CaseRecord, RunRecord, TableRecord
from ..evidence.recorded import RecordTable, Values, column_key, expectation_of
from ..language.strata import Correct


def places_of(case: CaseRecord) -> set[tuple[str, str]]:
    """The model and the column of everything that a case reads."""
    leaves = expectation_of(case).expression.measures()
    return {(case.model_names.get(leaf.model or "", ""), column_key(leaf)) for leaf in leaves}


def counterexamples_of(record: RunRecord, case: CaseRecord) -> list[Counterexample]:
    """The counterexamples of a case, the smallest first: of its models, its columns and its images."""
    table = next((one for one in record.tables if one.data == case.data), None)
    if table is None or case.decision is None or not record.counterexamples:
        return []
    places = _images_of(record, case, table)
    contents = {sample.id: (sample.image, sample.mask) for sample in table.samples}
    own = [
        one
        for one in record.counterexamples
        if one.sample in contents
        and one.sample in places.get((one.model, one.column), ())
        and (record.redacted or contents[one.sample] == (one.image, one.mask))
    ]
    return sorted(own, key=lambda one: (one.size, one.sample, one.context, one.model))


def _images_of(record: RunRecord, case: CaseRecord, table: TableRecord) -> dict[tuple[str, str], set[str]]:
    """The images that a case is about, by the model and the column that it reads: a search runs over all of them."""
    every = {sample.id for sample in table.samples}
    recorded = RecordTable(case, Values(table, {model.key: model.classes for model in record.models}))
    found: dict[tuple[str, str], set[str]] = {}
    for leaf in expectation_of(case).expression.measures():
        own = every
        if leaf.stratum is not None and not isinstance(leaf.stratum, Correct):  # nothing else is searched
            rows = recorded.members(leaf.stratum, leaf.model).inside
            own = {sample.id for sample, inside in zip(table.samples, rows.tolist(), strict=True) if inside}
        found.setdefault((case.model_names.get(leaf.model or "", ""), column_key(leaf)), set()).update(own)
    return found


def searches_of(record: RunRecord, case: CaseRecord) -> list[SearchFacts]:
    """The searches that a case reads."""
    places = places_of(case) if record.searches else set()
    return [one for one in record.searches if (one.model, one.column) in places]


def replays_of(record: RunRecord, case: CaseRecord) -> list[ReplayFacts]:
    """What became of the stored counterexamples of a case; one that could not be tried names no model."""
    places = places_of(case) if record.replays else set()
    columns = {column for _, column in places}
    return [
        one for one in record.replays if (one.model, one.column) in places or (not one.model and one.column in columns)
    ]
