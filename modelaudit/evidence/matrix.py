"""What fails where: a measure by class and context, and the classes of which more images are wanted.

A matrix is made of columns that were measured anyhow. Of a model it is that of ``accuracy`` where this was measured
under two contexts at least (the original images are one), else one of every measure that was.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..engine.plan import column_key, single_method
from ..language.errors import AuditError
from ..language.expression import Expectation, Measure
from ..language.parser import parse, parse_expression
from ..language.strata import Label
from .build import node_of
from .cells import Cells, Scale, cell_of
from .record import (
    ByClass,
    CaseRecord,
    ColumnRecord,
    MatrixContext,
    MatrixRecord,
    MeasureNode,
    TableRecord,
)
from .shopping import Limit, Want, shopping, wants

MOST_LABELS, MOST_CONTEXTS, MOST_MATRICES = 50, 12, 4


@dataclass(frozen=True)
class _Column:
    """A column of the record that is told apart into measure and context."""

    record: ColumnRecord
    measure: Measure
    node: MeasureNode


def by_class(tables: Sequence[TableRecord], cases: Sequence[CaseRecord], stopped: frozenset[str]) -> ByClass | None:
    """The matrices of a run and its shopping list; None where there is but one label or one context.

    Args:
        stopped: the data of audits that may stop early.
    """
    confidence = _usual_confidence(cases)
    limits = limits_of(cases)
    matrices: list[MatrixRecord] = []
    found: list[Want] = []
    left_out = 0
    for table in tables:
        if len({sample.label for sample in table.samples}) < 2:
            continue
        for columns in _families(table):
            if len(matrices) == MOST_MATRICES:
                left_out += 1
                continue
            matrix, more = _matrix(table, columns, limits, confidence)
            matrices.append(matrix.model_copy(update={"stopped": table.data in stopped}))
            found += more
    if not matrices:
        return None
    wanted, wanted_left_out = shopping(found)
    return ByClass(matrices=matrices, wanted=wanted, matrices_left_out=left_out, wanted_left_out=wanted_left_out)


def limits_of(cases: Sequence[CaseRecord]) -> dict[tuple[str, str, str], list[Limit]]:
    """The thresholds that expectations set, by (data, model, column).

    Only those of one measure, or of the worst class: a difference or a ratio sets none for a cell. Controls that must
    fail, expectations about this very set, and strata other than a class do not speak of a class at large.
    """
    found: dict[tuple[str, str, str], list[Limit]] = {}
    for case in cases:
        if not _sets_limits(case) or case.data is None or len(case.models) != 1:
            continue
        for expectation in _read(case):
            for key, label in _cells_of(expectation):
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


def _read(case: CaseRecord) -> Iterator[Expectation]:
    """The expectation; none where it names what only the process that ran it had registered."""
    try:
        yield parse(case.expectation)
    except AuditError:
        return


def _cells_of(expectation: Expectation) -> Iterator[tuple[str, str | None]]:
    """The columns that an expectation reads, and the label that it is about; None for any."""
    for measure in expectation.expression.measures():
        if isinstance(measure.stratum, Label) and isinstance(measure.stratum.label, str):
            label = measure.stratum.label
        elif measure.stratum is None:
            label = None
        else:
            continue
        for spec, _ in single_method(measure.spec):
            yield column_key(spec, measure.context), label


def _usual_confidence(cases: Sequence[CaseRecord]) -> float:
    stated = Counter(case.confidence for case in cases)
    return stated.most_common(1)[0][0] if stated else 0.95


def _families(table: TableRecord) -> Iterator[list[_Column]]:
    """The columns of every matrix of a table: one measure of one model each, the original first."""
    by_model: dict[str, dict[str, list[_Column]]] = {}
    for record in table.columns:
        column = _column(record)
        if column is not None:
            by_model.setdefault(record.model, {}).setdefault(column.node.text, []).append(column)
    for measures in by_model.values():
        several = {text: columns for text, columns in measures.items() if len(columns) > 1}
        chosen = {"accuracy": several["accuracy"]} if "accuracy" in several else several
        for columns in chosen.values():
            yield sorted(columns, key=lambda column: column.measure.context is not None)


def _column(record: ColumnRecord) -> _Column | None:
    """None for a column whose text names what only the process that measured it had registered."""
    try:
        measure = parse_expression(record.measure)
    except AuditError:
        return None
    if not isinstance(measure, Measure):
        return None
    return _Column(record, measure, _node(replace(measure, context=None)))


def _node(measure: Measure) -> MeasureNode:
    node = node_of(measure)
    assert isinstance(node, MeasureNode)
    return node


def _matrix(
    table: TableRecord,
    columns: Sequence[_Column],
    limits: Mapping[tuple[str, str, str], Sequence[Limit]],
    confidence: float,
) -> tuple[MatrixRecord, list[Want]]:
    first = columns[0]
    scale = Scale(replace(first.measure, context=None), confidence)
    cells = Cells.of(table, [(column.record, column.measure) for column in columns])
    badness = _badness(cells, scale)
    shown = _worst_contexts(cells, low_is_better=scale.better == "low")
    order = np.lexsort((np.arange(len(badness)), -badness))
    worst, fewest = order[:MOST_LABELS], np.argsort(cells.sizes, kind="stable")[:MOST_LABELS]
    contexts = [
        MatrixContext(key=columns[at].record.measure, contexts=_node(columns[at].measure).contexts) for at in shown
    ]
    found = {
        int(at): [cell_of(cells, int(at), context, scale, number) for number, context in enumerate(shown)]
        for at in dict.fromkeys([*worst.tolist(), *fewest.tolist()])
    }
    record = MatrixRecord(
        data=table.data,
        model=first.record.model,
        measure=first.node,
        low=scale.low,
        high=scale.high,
        confidence=confidence,
        contexts=contexts,
        cells=[cell for at in worst.tolist() for cell in found[at]],
        labels_left_out=len(cells.labels) - len(worst),
        contexts_left_out=len(columns) - len(shown),
    )
    asked = [limits.get((table.data, first.record.model, context.key), ()) for context in contexts]
    return record, [want for row in found.values() for want in wants(record, row, asked, scale)]


def _badness(cells: Cells, scale: Scale) -> NDArray[np.float64]:
    """[labels]: how bad the worst cell of each is at least, by Hoeffding's bound, so that a class of one image that is
    wrong does not come before one of a hundred of which half are."""
    allowance = np.zeros_like(cells.means)
    if scale.span is not None:
        rate = math.log(1 / (1 - scale.confidence)) / 2
        allowance = scale.span * np.sqrt(rate / np.maximum(cells.known, 1))
    bad = (cells.means if scale.better == "low" else -cells.means) - allowance
    return np.asarray(np.max(np.where(cells.known > 0, bad, -np.inf), axis=1), dtype=np.float64)


def _worst_contexts(cells: Cells, *, low_is_better: bool) -> list[int]:
    """The first column and the worst of the others, in the order of the table."""
    totals = np.where(cells.known > 0, cells.means * cells.known, 0.0).sum(axis=0)
    known = cells.known.sum(axis=0)
    means = np.where(known > 0, totals / np.maximum(known, 1), np.nan)
    bad = np.where(np.isnan(means), -np.inf, means if low_is_better else -means)
    others = sorted(range(1, len(bad)), key=lambda at: (-bad[at], at))[: MOST_CONTEXTS - 1]
    return [0, *sorted(others)]
