"""What fails where: a measure by class and context, and the classes that need more images.

A matrix is made of columns that were measured anyhow. Of a model it is that of ``accuracy`` where this was measured
under two contexts at least (the original images are one), else one of every measure that was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..engine.planning.plan import original_context
from ..engine.results.strata import may_hold
from ..language.errors import AuditError
from ..language.expression import Measure
from ..language.parser import parse_expression
from .build import node_of
from .confusion import confusions_of, models_to_catch, usual_confidence
from .matrix_cells import Cells, Scale, cell_of
from .record import (
    ByClass,
    CaseRecord,
    ColumnRecord,
    ContextNode,
    MatrixContext,
    MatrixRecord,
    MeasureNode,
    ModelRecord,
    TableRecord,
    WantedImages,
)
from .wanted_images import Limit, beyond_photographs, limits_of, list_wanted_images, wanted_images

MOST_LABELS, MOST_CONTEXTS, MOST_MATRICES = 50, 12, 4


@dataclass(frozen=True)
class _Column:
    """A column of the record, taken apart: its measure without context, and its context (as text, and by its parts)."""

    record: ColumnRecord
    measure: Measure
    context: str
    contexts: list[ContextNode]

    @property
    def original(self) -> bool:
        """Whether it is of the original images."""
        return not self.contexts


def by_class(
    tables: Sequence[TableRecord],
    cases: Sequence[CaseRecord],
    stopped: frozenset[str],
    models: Sequence[ModelRecord] = (),
) -> ByClass | None:
    """The matrices of a run, its confusion tables, and the images that it needs; None if there is nothing to show.

    Models that known-bad models alone are about have neither. No images are asked for where the audit may stop
    early (it had more and did not look), or is about this very set.

    Args:
        stopped: the data of audits that may stop early.
    """
    confidence, limits, controls = usual_confidence(cases), limits_of(cases), models_to_catch(cases)
    closed = beyond_photographs(cases) - {key for key, found in limits.items() if any(one.undecided for one in found)}
    agreed = {case.data for case in cases} - {case.data for case in cases if case.about == "process"}
    matrices: list[MatrixRecord] = []
    found: list[WantedImages] = []
    families, unread = _families(tables, controls)
    for table, columns in families[:MOST_MATRICES]:
        matrix, more = _matrix(table, columns, limits, confidence)
        matrices.append(matrix.model_copy(update={"stopped": table.data in stopped}))
        if table.data not in stopped | agreed:
            found += [want for want in more if (want.data, want.model, _key(matrix, want)) not in closed]
    confused = confusions_of(tables, cases, models)
    if not matrices and not confused:
        return None
    wanted, wanted_left_out = list_wanted_images(found)
    return ByClass(
        matrices=matrices,
        wanted=wanted,
        confusions=[one.model_copy(update={"stopped": one.data in stopped}) for one in confused],
        matrices_left_out=len(families) - len(matrices),
        wanted_left_out=wanted_left_out,
        unread=unread,
    )


def _key(matrix: MatrixRecord, want: WantedImages) -> str:
    return matrix.contexts[want.cell.context].key


def _families(
    tables: Sequence[TableRecord], controls: set[tuple[str | None, str]]
) -> tuple[list[tuple[TableRecord, list[_Column]]], list[str]]:
    """The columns of every matrix, one measure of one model each, the original first; and those of unknown measures."""
    found: list[tuple[TableRecord, list[_Column]]] = []
    unread: list[str] = []
    for table in tables:
        if len({sample.label for sample in table.samples}) < 2:
            continue
        by_model: dict[str, dict[str, list[_Column]]] = {}
        for record in table.columns:
            if (table.data, record.model) in controls:
                continue
            if (column := _column(record)) is None:
                unread.append(record.measure)
            elif not column.measure.spec.label_names or column.measure.stratum is not None:
                by_model.setdefault(record.model, {}).setdefault(str(column.measure), []).append(column)
        found += [(table, columns) for measures in by_model.values() for columns in _chosen(measures)]
    return found, list(dict.fromkeys(unread))


def _chosen(measures: Mapping[str, list[_Column]]) -> Iterator[list[_Column]]:
    several = {text: columns for text, columns in measures.items() if len(columns) > 1}
    for columns in [several["accuracy"]] if "accuracy" in several else several.values():
        yield sorted(columns, key=lambda column: not column.original)


def _column(record: ColumnRecord) -> _Column | None:
    """A column taken apart. A context that only the process that measured it had registered is known by its text alone;
    None for such a measure, of which not even the range is known."""
    try:
        measure = parse_expression(record.measure)
        assert isinstance(measure, Measure)
        context = original_context() if measure.context is None else measure.context
        return _Column(record, replace(measure, context=None), str(context), _node(measure).contexts)
    except AuditError:
        text, under, rest = record.measure.partition(".under(")
    if not under:
        return None
    context_text = rest.removesuffix(")")
    try:
        measure = parse_expression(text)
    except AuditError:
        return None
    assert isinstance(measure, Measure)
    return _Column(
        record, measure, context_text, [ContextNode(name=context_text, family="", arguments={}, text=context_text)]
    )


def _node(measure: Measure) -> MeasureNode:
    node = node_of(measure)
    assert isinstance(node, MeasureNode)
    return node


def _matrix(
    table: TableRecord,
    columns: Sequence[_Column],
    limits: Mapping[tuple[str, str, str], Sequence[Limit]],
    confidence: float,
) -> tuple[MatrixRecord, list[WantedImages]]:
    first = columns[0]
    scale = Scale(first.measure, confidence)
    cells = Cells.of(*_of_its_images(table, first.measure, [(column.record, column.context) for column in columns]))
    badness = _badness(cells, scale)
    shown = _worst_contexts(cells, low_is_better=scale.better == "low")
    order = np.lexsort((np.arange(len(badness)), -badness))
    worst, fewest = order[:MOST_LABELS], np.argsort(cells.sizes, kind="stable")[:MOST_LABELS]
    contexts = [MatrixContext(key=columns[at].record.measure, contexts=columns[at].contexts) for at in shown]
    found = {
        int(at): [cell_of(cells, int(at), context, scale, number) for number, context in enumerate(shown)]
        for at in dict.fromkeys([*worst.tolist(), *fewest.tolist()])
    }
    record = MatrixRecord(
        data=table.data,
        model=first.record.model,
        measure=_node(first.measure),
        low=scale.low,
        high=scale.high,
        confidence=confidence,
        contexts=contexts,
        cells=[cell for at in worst.tolist() for cell in found[at]],
        labels_left_out=len(cells.labels) - len(worst),
        contexts_left_out=len(columns) - len(shown),
    )
    asked = [limits.get((table.data, first.record.model, context.key), ()) for context in contexts]
    return record, [want for row in found.values() for want in wanted_images(record, row, asked, scale)]


def _of_its_images(
    table: TableRecord, measure: Measure, columns: Sequence[tuple[ColumnRecord, str]]
) -> tuple[TableRecord, Sequence[tuple[ColumnRecord, str]]]:
    """The table and its columns without the labels that a measure which names labels is not defined over."""
    if not measure.spec.label_names or measure.stratum is None:
        return table, columns
    inside = may_hold(measure.stratum, [sample.label for sample in table.samples])
    kept = np.flatnonzero(inside).tolist()
    number = {at: row for row, at in enumerate(kept)}

    def cut(column: ColumnRecord) -> ColumnRecord:
        missing = {number[at]: reason for at, reason in column.missing.items() if at in number}
        return column.model_copy(update={"values": [column.values[at] for at in kept], "missing": missing})

    donors = {key: [ids[at] for at in kept] for key, ids in table.donors.items()}
    its_own = table.model_copy(update={"samples": [table.samples[at] for at in kept], "donors": donors})
    return its_own, [(cut(column), context) for column, context in columns]


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
