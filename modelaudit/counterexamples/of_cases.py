"""Which searches, counterexamples and replays of a record belong to which of its cases."""

from __future__ import annotations

from ..engine.results.counterexamples import Counterexample, ReplayFacts, SearchFacts
from ..evidence.record import CaseRecord, RunRecord
from ..evidence.recorded import column_key, expectation_of


def places_of(case: CaseRecord) -> set[tuple[str, str]]:
    """The model and the column of everything that a case reads."""
    leaves = expectation_of(case).expression.measures()
    return {(case.model_names.get(leaf.model or "", ""), column_key(leaf)) for leaf in leaves}


def counterexamples_of(record: RunRecord, case: CaseRecord) -> list[Counterexample]:
    """The counterexamples of a case, the smallest first: of its models, its columns and its images."""
    table = next((one for one in record.tables if one.data == case.data), None)
    if table is None or case.decision is None or not record.counterexamples:
        return []
    places = places_of(case)
    contents = {sample.id: (sample.image, sample.mask) for sample in table.samples}
    own = [
        one
        for one in record.counterexamples
        if (one.model, one.column) in places
        and one.sample in contents
        and (record.redacted or contents[one.sample] == (one.image, one.mask))
    ]
    return sorted(own, key=lambda one: (one.size, one.sample, one.context, one.model))


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
