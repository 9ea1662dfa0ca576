"""What a plant must move: the columns that a case reads, and in which direction each speaks against it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..language import registry
from ..language.expression import Expectation, Measure
from ..language.strata import Correct, Misclassified, Stratum
from ..statistics import Clustering, Column, Membership, Table, decide, singles
from .plan import ColumnAsk, PassAsk, PlannedCase, column_key, single_method, strata_of

#: a column by its model and its key
ColumnName = tuple[str, str]
_SHIFT = 0.01


class _Shifted:
    """A table with the values of one measure moved a little."""

    def __init__(self, table: Table, measure: Measure, by: float) -> None:
        self._table, self._measure, self._by = table, measure, by

    def column(self, measure: Measure) -> Column:
        found = self._table.column(measure)
        return Column(found.values + self._by, found.missing, "mean", None, None) if measure == self._measure else found

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        return self._table.members(stratum, model)

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return self._table.clusterings(measure)

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return self._table.strata_by(by)


def left_side(expectation: Expectation, table: Table, confidence: float) -> float | None:
    """The plug-in value; of several methods or doses that of the worst."""
    return decide(expectation, table, confidence=confidence, about="this_set", brief=True).estimate


def directions(expectation: Expectation, table: Table, confidence: float) -> Iterator[tuple[Measure, float]]:
    """Of every measure with one method: -1 where a worse value moves the left side against it, 1 where a better one."""
    found: dict[Measure, float] = {}
    for single in singles(expectation, table):
        before = left_side(single, table, confidence)
        for measure in dict.fromkeys(single.expression.measures()):
            by = -_SHIFT if registry.entry_of(measure.spec).declares.better == "high" else _SHIFT
            after = left_side(single, _Shifted(table, measure, by), confidence)
            if before is not None and after is not None and not found.get(measure):
                moved = after - before if expectation.wants_low else before - after
                found[measure] = 0.0 if abs(moved) < 1e-9 else -math.copysign(1.0, moved)
    yield from found.items()


def columns_read(
    case: PlannedCase, passes: Sequence[PassAsk]
) -> Iterator[tuple[ColumnName, tuple[PassAsk, ColumnAsk]]]:
    """The columns that a case reads, those that its strata are judged by too."""
    known = {(ask.model, column.key): (ask, column) for ask in passes for column in ask.columns}
    for measure in case.asked.expectation.expression.measures():
        model = case.models[measure.model]
        keys = [column_key(spec, measure.context) for spec, _ in single_method(measure.spec)]
        if any(isinstance(part, Correct | Misclassified) for part in strata_of(measure.stratum)):
            keys.append("accuracy")
        for key in keys:
            yield (model, key), known[model, key]
