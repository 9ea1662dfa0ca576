"""The thresholds that expectations set for the cells of a matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ..engine.planning.plan import column_key, single_method
from ..language.errors import AuditError
from ..language.parser import parse
from ..language.strata import Label
from .record import CaseRecord, MeasureNode


@dataclass(frozen=True)
class Limit:
    """The threshold of an expectation, and the label that it is about; None for any."""

    op: Literal["<", "<=", ">", ">="]
    threshold: float
    label: str | None = None


def limits_of(cases: Sequence[CaseRecord]) -> dict[tuple[str, str, str], list[Limit]]:
    """The thresholds that expectations set, by (data, model, column).

    Only those of one measure, or of the worst class: a difference or a ratio sets none for a cell. Controls that must
    fail, expectations about this very set, and strata other than a class do not speak of a class at large.
    """
    found: dict[tuple[str, str, str], list[Limit]] = {}
    for case in cases:
        if not _sets_limits(case) or case.data is None or len(case.models) != 1:
            continue
        for key, label in _cells_of(case):
            limit = Limit(case.op, case.threshold, label)
            known = found.setdefault((case.data, case.models[0], key), [])
            if limit not in known:
                known.append(limit)
    return found


def _sets_limits(case: CaseRecord) -> bool:
    if case.must_fail or case.about != "process":
        return False
    left = case.left
    if left.kind == "composite":
        return left.name == "worst_group_accuracy" and left.arguments.get("by", "label") == "label"
    return left.kind == "measure"


def _cells_of(case: CaseRecord) -> Iterator[tuple[str, str | None]]:
    """The columns that an expectation reads, and the label that it is about; None for any."""
    try:
        expectation = parse(case.expectation)
    except AuditError:
        # it names what only the process that ran it had registered; a plain measure is a column by its own text
        left = case.left
        if isinstance(left, MeasureNode) and left.stratum is None and left.model is None and not left.doses:
            yield left.text, None
        return
    for measure in expectation.expression.measures():
        if measure.stratum is None:
            label = None
        elif isinstance(measure.stratum, Label) and isinstance(measure.stratum.label, str):
            label = measure.stratum.label
        else:
            continue
        for spec, _ in single_method(measure.spec):
            yield column_key(spec, measure.context), label
