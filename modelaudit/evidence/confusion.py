"""Confusion tables: what a model calls the original images of each label, with counts, shares and bounds.

They are made of the tables of the record alone, without torch or registry, so that they can be made again from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Measure
from ..language.reasons import Missing
from ..statistics import Clustering, Column
from ..statistics.clusters import clusterings_of
from .matrix_cells import bounds_of
from .record import (
    CaseRecord,
    ConfusionCell,
    ConfusionColumn,
    ConfusionRecord,
    ConfusionRow,
    ModelRecord,
    TableRecord,
    ViewRecord,
)
from .recorded import RecordedSpec

#: labels of a table that shows every cell; of more labels the most confused pairs are shown
MOST_LABELS = 12
#: columns of classes that no label means, each by itself; the rest of them is one column
MOST_OTHERS = 4
MOST_PAIRS = 12
_NONE = -1
_SHARE = Measure(RecordedSpec("share", ("share",)))


def confusions(
    tables: Sequence[TableRecord],
    classes: Mapping[str, Sequence[str] | None],
    confidence: float,
    left_out: Collection[tuple[str | None, str]] = frozenset(),
) -> list[ConfusionRecord]:
    """The confusion table of every model on every data set of which it saw the originals.

    Args:
        classes: the names of each model's classes.
        left_out: data and models of which none is wanted.
    """
    return [
        _Confusion(table, view, classes.get(view.model), confidence).record()
        for table in tables
        for view in table.views
        if any(one is not None for one in view.predicted) and (table.data, view.model) not in left_out
    ]


def confusions_of(
    tables: Sequence[TableRecord], cases: Sequence[CaseRecord], models: Sequence[ModelRecord]
) -> list[ConfusionRecord]:
    """The confusion tables that follow from the tables of a run."""
    classes = {model.key: model.classes for model in models}
    return confusions(tables, classes, usual_confidence(cases), models_to_catch(cases))


def models_to_catch(cases: Sequence[CaseRecord]) -> set[tuple[str | None, str]]:
    """The models, with their data, whose only expectation is that they fail."""
    named = {
        must: {(one.data, key) for one in cases if one.must_fail is must for key in one.models}
        for must in (True, False)
    }
    return named[True] - named[False]


def usual_confidence(cases: Sequence[CaseRecord]) -> float:
    """The confidence that most cases are stated at."""
    stated = Counter(case.confidence for case in cases)
    return stated.most_common(1)[0][0] if stated else 0.95


@dataclass(frozen=True)
class _Confusion:
    """One model on one table."""

    table: TableRecord
    view: ViewRecord
    classes: Sequence[str] | None
    confidence: float

    @cached_property
    def labels(self) -> dict[str, int]:
        """The class of every label, in the order of the labels."""
        found = zip(self.table.samples, self.view.indices, strict=True)
        return dict(sorted({sample.label: index for sample, index in found}.items()))

    @cached_property
    def predicted(self) -> NDArray[np.float64]:
        """[n] the class predicted on each image, NaN if nothing was predicted."""
        return np.array([np.nan if one is None else one for one in self.view.predicted], dtype=np.float64)

    @cached_property
    def rows_of(self) -> dict[str, NDArray[np.intp]]:
        """The images of each label."""
        named = np.array([sample.label for sample in self.table.samples], dtype=object)
        return {label: np.flatnonzero(named == label) for label in self.labels}

    @cached_property
    def shared(self) -> tuple[Clustering, ...]:
        """What the images share."""
        return clusterings_of(self.table.samples, ())

    def record(self) -> ConfusionRecord:
        """All cells, or the most confused pairs of many labels."""
        pairs = len(self.labels) > MOST_LABELS
        columns, cells, left_out = self._pairs() if pairs else self._all()
        shown = {cell.label for cell in cells}
        return ConfusionRecord(
            data=self.table.data,
            model=self.view.model,
            confidence=self.confidence,
            pairs=pairs,
            rows=[self._row(label) for label in self.labels if label in shown],
            columns=columns,
            cells=cells,
            pairs_left_out=left_out,
        )

    def _row(self, label: str) -> ConfusionRow:
        missing = int(np.isnan(self.predicted[self.rows_of[label]]).sum())
        return ConfusionRow(label=label, n=len(self.rows_of[label]) - missing, missing=missing)

    def _all(self) -> tuple[list[ConfusionColumn], list[ConfusionCell], int]:
        groups = self._groups()
        columns = [self._column(group) for group in groups]
        cells = [self._cell(label, number, group) for label in self.labels for number, group in enumerate(groups)]
        return columns, cells, 0

    def _groups(self) -> list[list[int]]:
        """The classes of each column: those of the labels, the most frequent others, the rest of them, and none."""
        own = list(dict.fromkeys(self.labels.values()))
        seen = Counter(int(one) for one in self.predicted[~np.isnan(self.predicted)])
        none = seen.pop(_NONE, 0)
        others = sorted((one for one in seen if one not in own), key=lambda one: (-seen[one], one))
        single, rest = others[:MOST_OTHERS], others[MOST_OTHERS:]
        if len(rest) == 1:
            single, rest = others, []
        return [*([one] for one in own + single), *([rest] if rest else []), *([[_NONE]] if none else [])]

    def _pairs(self) -> tuple[list[ConfusionColumn], list[ConfusionCell], int]:
        """The pairs of a label and another class that occur most often, of one frequency those of the larger share."""
        found: Counter[tuple[str, int]] = Counter()
        for label, rows in self.rows_of.items():
            there = self.predicted[rows]
            found.update((label, int(one)) for one in there[~np.isnan(there)] if one != self.labels[label])
        order = sorted(found, key=lambda pair: (-found[pair], len(self.rows_of[pair[0]]), pair))
        chosen = order[:MOST_PAIRS]
        numbers = {one: number for number, one in enumerate(dict.fromkeys(one for _, one in chosen))}
        cells = [self._cell(label, numbers[one], [one]) for label, one in chosen]
        return [self._column([one]) for one in numbers], cells, len(order) - len(chosen)

    def _column(self, group: Sequence[int]) -> ConfusionColumn:
        if len(group) > 1:
            return ConfusionColumn(kind="others", classes=len(group))
        if group[0] == _NONE:
            return ConfusionColumn(kind="none")
        return ConfusionColumn(kind="class", name=" / ".join(self._names(group[0])))

    def _names(self, index: int) -> Iterator[str]:
        """The labels that mean a class; of a class that none means its own name."""
        own = [label for label, one in self.labels.items() if one == index]
        if own:
            yield from own
        elif self.classes is not None and index < len(self.classes):
            yield self.classes[index]
        else:
            yield str(index)

    def _cell(self, label: str, number: int, group: Sequence[int]) -> ConfusionCell:
        """One cell; missing predictions stand at the worst and at the best end of its bounds."""
        rows = self.rows_of[label]
        values = np.isin(self.predicted[rows], group).astype(np.float64)
        gone = np.isnan(self.predicted[rows])
        values[gone] = np.nan
        missing = {int(at): Missing.UNREADABLE_IMAGE for at in np.flatnonzero(gone)}
        shared = tuple(Clustering(one.name, one.codes[rows]) for one in self.shared)
        column = Column(values, missing, "proportion", 0.0, 1.0)
        lower, upper, clusters = bounds_of(column, shared, _SHARE, self.confidence)
        known = len(rows) - len(missing)
        count = int(np.nansum(values))
        return ConfusionCell(
            label=label,
            column=number,
            n=count,
            share=count / known if known else None,
            lower=lower,
            upper=upper,
            right=list(group) == [self.labels[label]],
            clusters=clusters,
        )
