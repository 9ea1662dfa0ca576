"""The answers of two models on the images that two runs have in common: newly wrong, recovered, by class, by group."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..evidence.record import ModelRecord, SampleRecord, TableRecord
from ..evidence.recorded import RecordedSpec, Values
from ..language.expression import Arithmetic, Measure
from ..language.strata import Stratum
from ..statistics import Clustering, Column, Membership
from ..statistics.clusters import clusterings_of
from .change import OrientedChange, PairedChange, Terms, settle
from .comparison_record import AnswerComparison, ChangedAnswer, Outcome, PartComparison
from .joined_table import PairedImages, Rows

_ACCURACY = "accuracy"
_UNDER, _END = "accuracy.under(", ")"
ORIGINAL = "original"
_OLD, _NEW = (Measure(RecordedSpec(_ACCURACY, (_ACCURACY,)), None, side) for side in ("old", "new"))
_CHANGE = Arithmetic("-", _NEW, _OLD)


@dataclass(frozen=True)
class ModelPair:
    """A model of the old run and the one of the new run that it is compared with."""

    old: ModelRecord
    new: ModelRecord


def compare_answers(
    images: PairedImages, values: tuple[Values, Values], models: Sequence[ModelPair], margin: float, confidence: float
) -> list[AnswerComparison]:
    """Compare the answers of pairs of models under every context under which both runs have their accuracy."""
    found = []
    for pair in models:
        sides = [
            {context_of(column.measure) for column in table.columns if column.model == model.key} - {""}
            for table, model in ((images.old, pair.old), (images.new, pair.new))
        ]
        contexts = sorted(sides[0] & sides[1], key=lambda one: (one != ORIGINAL, one))
        for context in contexts:
            answers = _Answers(images, values, pair, context)
            if answers.known.any():
                found.append(answers.comparison(margin, confidence))
    return found


def context_of(column: str) -> str:
    """The context of an accuracy column, "original" on the originals, "" of any other column.

    >>> context_of("accuracy.under(blur(3))"), context_of("accuracy"), context_of("flips")
    ('blur(3)', 'original', '')
    """
    if column == _ACCURACY:
        return ORIGINAL
    return column[len(_UNDER) : -1] if column.startswith(_UNDER) and column.endswith(_END) else ""


@dataclass(frozen=True, eq=False)
class _Answers:
    """Of one pair of models under one context, on the common images of two tables."""

    images: PairedImages
    values: tuple[Values, Values]
    pair: ModelPair
    context: str

    @cached_property
    def columns(self) -> tuple[Column, Column]:
        """Whether each common image is answered rightly, before and after; NaN where that is not known."""
        key = _ACCURACY if self.context == ORIGINAL else f"{_UNDER}{self.context}{_END}"
        sides = zip(self.values, (self.pair.old.key, self.pair.new.key), self.images.rows, strict=True)
        old, new = (_at(values.column(model, key), rows) for values, model, rows in sides)
        return old, new

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """[n] bool: of the common images those that both models answered."""
        return ~np.isnan(self.columns[0].values) & ~np.isnan(self.columns[1].values)

    @cached_property
    def samples(self) -> list[tuple[SampleRecord, SampleRecord]]:
        """The common images, as each record has them."""
        rows = zip(*(side.tolist() for side in self.images.rows), strict=True)
        return [(self.images.old.samples[one], self.images.new.samples[other]) for one, other in rows]

    def comparison(self, margin: float, confidence: float) -> AnswerComparison:
        lost, won = self._changed(1.0, 0.0), self._changed(0.0, 1.0)
        return AnswerComparison(
            data=self.images.new.data,
            model_old=self.pair.old.key,
            model_new=self.pair.new.key,
            context=None if self.context == ORIGINAL else self.context,
            images=int(self.known.sum()),
            newly_wrong=self._answers(lost),
            recovered=self._answers(won),
            by_class=self._by(lambda sample: sample.label, margin, confidence),
            by_group=self._by(lambda sample: sample.group, margin, confidence),
        )

    def _changed(self, old: float, new: float) -> list[int]:
        before, after = (column.values for column in self.columns)
        return np.flatnonzero((before == old) & (after == new)).tolist()

    def _answers(self, rows: Sequence[int]) -> list[ChangedAnswer]:
        often = Counter(self.samples[at][1].label for at in rows)
        order = sorted(rows, key=lambda at: (-often[self.samples[at][1].label], self.samples[at][1].id))
        old, new = (self._predicted(side) for side in (0, 1))
        return [
            ChangedAnswer(
                id=self.samples[at][1].id,
                id_old=self.samples[at][0].id,
                label=self.samples[at][1].label,
                group=self.samples[at][1].group,
                predicted_old=old(at),
                predicted_new=new(at),
            )
            for at in order
        ]

    def _predicted(self, side: int) -> Callable[[int], str | None]:
        """What one of the models answered on the original of a common image, where its record says so."""
        table = (self.images.old, self.images.new)[side]
        model = (self.pair.old, self.pair.new)[side]
        rows = self.images.rows[side]
        names = _names(table, model)
        view = next((one for one in table.views if one.model == model.key), None)
        if self.context != ORIGINAL or view is None or not view.predicted:
            return lambda at: None
        predicted = view.predicted
        return lambda at: names(predicted[rows[at]])

    def _by(self, name: Callable[[SampleRecord], str | None], margin: float, confidence: float) -> list[PartComparison]:
        """Every part that images of a name form, with Holm over all of them; none where there is only one."""
        members: dict[str, list[int]] = defaultdict(list)
        for at, (_, sample) in enumerate(self.samples):
            part = name(sample)
            if part is not None:
                members[part].append(at)
        if len(members) < 2:
            return []
        parts = [_Part(part, self._change(rows), rows) for part, rows in sorted(members.items())]
        settled = settle([OrientedChange(part.change) for part in parts], margin, confidence)
        return [self._part(part, confidence, one.outcome) for part, one in zip(parts, settled, strict=True)]

    def _part(self, part: _Part, confidence: float, outcome: Outcome) -> PartComparison:
        (found,) = part.change.parts(confidence)
        before, after = (column.values[part.rows] for column in self.columns)
        known = self.known[part.rows]
        return PartComparison(
            name=part.name,
            images=len(part.rows),
            old=float(before[known].mean()) if known.any() else None,
            new=float(after[known].mean()) if known.any() else None,
            lower=found.lower,
            upper=found.upper,
            newly_wrong=int(((before == 1) & (after == 0)).sum()),
            recovered=int(((before == 0) & (after == 1)).sum()),
            outcome=outcome,
        )

    def _change(self, rows: Sequence[int]) -> PairedChange:
        chosen = np.array(rows, dtype=np.int64)
        shared = [
            one
            for table, side, model in (
                (self.images.old, self.images.rows[0], self.pair.old.key),
                (self.images.new, self.images.rows[1], self.pair.new.key),
            )
            for one in _shared(table, side[chosen], f"{model}|{self.context}")
        ]
        old, new = (_at(column, chosen) for column in self.columns)
        return PairedChange(_CHANGE, _PartTable(old, new, tuple(shared)), Terms())


@dataclass(frozen=True, eq=False)
class _Part:
    name: str
    change: PairedChange
    rows: list[int]


@dataclass(frozen=True, eq=False)
class _PartTable:
    """The answers of both models on the images of one class or group."""

    old: Column
    new: Column
    shared: tuple[Clustering, ...]

    def column(self, measure: Measure) -> Column:
        return self.old if measure.model == "old" else self.new

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        raise NotImplementedError("the parts of a comparison are read without strata")

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return self.shared

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return ()


def _at(column: Column, rows: Rows) -> Column:
    return replace(
        column,
        values=column.values[rows],
        missing={at: column.missing[row] for at, row in enumerate(rows.tolist()) if row in column.missing},
    )


def _shared(table: TableRecord, rows: Rows, shown: str) -> Iterator[Clustering]:
    """What the images of some rows share in a table, the donors of their backgrounds included."""
    for one in clusterings_of(table.samples, table.donors.get(shown, ())):
        yield Clustering(one.name, one.codes[rows])


def _names(table: TableRecord, model: ModelRecord) -> Callable[[int | None], str | None]:
    """The name of a predicted class: of the label that means it, else the model's own, else its number."""
    view = next((one for one in table.views if one.model == model.key), None)
    indices = [] if view is None else view.indices
    labels = {index: sample.label for index, sample in zip(indices, table.samples, strict=False)}

    def name(index: int | None) -> str | None:
        if index is None or index < 0:
            return None
        if index in labels:
            return labels[index]
        return model.classes[index] if model.classes and index < len(model.classes) else str(index)

    return name
