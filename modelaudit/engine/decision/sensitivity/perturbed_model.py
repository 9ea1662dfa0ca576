"""Copies of a model to which evidence from the background was added, as tables of the values that they would have.

The background of each image speaks for one class c (its label's; after a swap the donor's): ``z' = z + w e_c``. The map
of class c gains ``w r`` spread evenly over the background, r the positive evidence that a logit of the model is worth;
the maps of other classes gain nothing. A copy answers c or what the model answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ....language import registry
from ....language.errors import AuditError
from ....language.expression import Expectation, Measure, expanded
from ....language.reasons import Missing
from ....statistics.linear import normal_form
from ...checks.sensitivity.answers import NO_CLASS, Answer, EvidenceCurve
from ...checks.sensitivity.collect import SensitivityCollector
from ...checks.sensitivity.evidence import FRACTIONS
from ...planning.plan import ColumnAsk, MapAsk, PlannedCase, column_key, single_method
from ...planning.reruns import reads_where
from ...results.measured import Measured, MeasuredColumn, RerunData
from ..case_table import CaseTable
from ..rerun_table import RerunTable

Array = NDArray[np.float64]
#: fewer images than this say nothing about a limit
LEAST_IMAGES = 10


class NoCopy(AuditError):
    """What a limit catches cannot be said; the message stands in the record."""


@dataclass(frozen=True)
class _Column:
    """A column of a copy: the model's own values, and those on the map of the class that the background speaks for."""

    own: MeasuredColumn
    ask: MapAsk
    curves: Sequence[EvidenceCurve]
    ratio: float


class PerturbedModel:
    """One model of a case with evidence from the background added to it.

    Raises:
        NoCopy: no limit on where maps are, or something that it needs could not be measured.
    """

    def __init__(self, case: PlannedCase, measured: Measured, found: SensitivityCollector) -> None:
        self._case, self._found = case, found
        self.expectation = case.asked.expectation
        signs = dict(directions(self.expectation))
        self.model = self._chosen(signs)
        #: whether every measure of its maps speaks against the limit where evidence is added
        self.against = all(sign < 0 for leaf, sign in signs.items() if case.models[leaf.model] == self.model)
        self._table = CaseTable(case, measured)
        own = {(one.model, one.key): one for one in measured.columns}
        keys = dict(self._keys(signs))
        self.positions = self._kept(list(keys), measured)
        self._columns = {
            key: _Column(own[self.model, key], ask, self._curves_of(key), self.ratio_of(ask))
            for key, ask in keys.items()
        }
        if all(np.isinf(one.gap) for column in self._columns.values() for one in column.curves):
            raise NoCopy("no background of these images speaks for a class that the map explains")

    def ratio_of(self, ask: MapAsk) -> float:
        """r: the median over originals of the positive evidence of a map over its logit.

        Raises:
            NoCopy: no original has a map with positive evidence of a positive logit.
        """
        values = np.array(list(self._found.ratios[self.model, ask].values()))
        known = values[np.isfinite(values) & (values > 0)]
        if not known.size:
            raise NoCopy("no map of an original has positive evidence for a positive logit")
        return float(np.median(known))

    @property
    def ratios(self) -> Mapping[str, float]:
        """r by method."""
        return {column.ask.text: column.ratio for column in self._columns.values()}

    @cached_property
    def answers(self) -> Sequence[Answer]:
        """Of the images that have another class's image to swap with."""
        found = [self._found.answers[self.model][at] for at in self.positions]
        return [one for one in found if one.donor != NO_CLASS]

    def share(self, strength: float) -> float:
        """s(w): of how many images the answer changes when another class's background speaks in place of the own."""
        changed = [
            one.with_evidence(strength, swapped=False) != one.with_evidence(strength, swapped=True)
            for one in self.answers
        ]
        return float(np.mean(changed))

    @property
    def decisive(self) -> float:
        """The strength from which on the background decides every answer that it can."""
        gaps = [gap for one in self.answers for gap in (one.gap_label, one.gap_donor) if math.isfinite(gap)]
        return max([*gaps, 1e-6]) * (1 + 1e-9)

    def flips(self) -> tuple[float, int] | None:
        """The model's own answers that change under the swap, and on how many images; None where not measured."""
        swapped, answers = self._found.swapped[self.model], self._found.answers[self.model]
        both = [answers[at].own != swapped[at] for at in swapped if at in answers and swapped[at] != NO_CLASS]
        return (float(np.mean(both)), len(both)) if both else None

    def at(self, strength: float) -> RerunTable:
        """The case's values for a copy of this strength, in logits; 0 is the model itself."""
        return self._table_of(lambda column: self._values(column, strength))

    def alone(self) -> RerunTable:
        """The case's values where every map is that of the background's evidence alone."""
        return self._table_of(lambda column: np.array([one.values[-1] for one in column.curves]))

    def _table_of(self, values_of: Callable[[_Column], Array]) -> RerunTable:
        columns = [self._column(key, column, values_of(column)) for key, column in self._columns.items()]
        data = RerunData.model_construct(variant="copy", positions=self.positions, columns=columns, failures={})
        return RerunTable(self._case, self._table, data, self.positions)

    def _column(self, key: str, column: _Column, values: Array) -> MeasuredColumn:
        own = {row: column.own.missing.get(at) for row, at in enumerate(self.positions)}
        missing: dict[int, Missing] = {}
        for row, reason in own.items():
            if reason is not None and reason is not Missing.ZERO_ATTRIBUTION:
                missing[row] = reason
        for row in np.flatnonzero(np.isnan(values)).tolist():
            missing.setdefault(row, own[row] or Missing.ZERO_ATTRIBUTION)
        known = values.copy()
        known[list(missing)] = np.nan
        return MeasuredColumn.model_construct(
            model=self.model, key=key, scale=column.own.scale, values=known, missing=missing, steps={}
        )

    def _values(self, column: _Column, strength: float) -> Array:
        """Interpolate linearly between the shares of evidence that were read."""
        own = column.own.values[self.positions]
        if not strength:
            return own
        added = strength * column.ratio
        found = own.copy()
        for row, one in enumerate(column.curves):
            if strength > one.gap:
                found[row] = np.interp(added / (added + one.mass), FRACTIONS, one.values)
        return found

    def _chosen(self, signs: Mapping[Measure, float]) -> str:
        """The first model of the case whose maps speak against it where evidence is added."""
        against = [self._case.models[leaf.model] for leaf, sign in signs.items() if sign < 0]
        if not signs or not against:
            raise NoCopy("evidence on the background would not speak against this limit")
        return against[0]

    def _keys(self, signs: Mapping[Measure, float]) -> Sequence[tuple[str, MapAsk]]:
        """The columns of the model's maps, with the map that each reads."""
        found: dict[str, MapAsk] = {}
        for leaf in signs:
            if self._case.models[leaf.model] == self.model:
                for spec, method in single_method(leaf.spec):
                    assert method is not None
                    found[column_key(spec, leaf.context)] = MapAsk(method, getattr(spec, "target", "prediction"))
        return list(found.items())

    def _kept(self, keys: Sequence[str], measured: Measured) -> list[int]:
        failed = self._found.failed
        for name in (self.model, *(f"{self.model}|{key}" for key in keys)):
            if name in failed:
                raise NoCopy(failed[name])
        answers = self._found.answers[self.model]
        curves = [self._found.curves[self.model, key] for key in keys]
        kept = [
            at
            for at in self._found.positions
            if at < len(measured.samples) and at in answers and all(at in one for one in curves)
        ]
        if sum(answers[at].donor != NO_CLASS for at in kept) < LEAST_IMAGES:
            raise NoCopy(f"fewer than {LEAST_IMAGES} images have an image of another class beside them")
        return kept

    def _curves_of(self, key: str) -> Sequence[EvidenceCurve]:
        found = self._found.curves[self.model, key]
        return [found[at] for at in self.positions]


def directions(expectation: Expectation) -> Mapping[Measure, float]:
    """The direction of every measure of where a map is: -1 where evidence on the background speaks against the limit.

    1 where it speaks for it. In an expression that is not linear every measure counts as speaking against it.
    """
    form = normal_form(expanded(expectation.expression))
    found: dict[Measure, float] = {}
    for leaf in expectation.expression.measures():
        if not _says_where(leaf):
            continue
        worse = -1.0 if registry.entry_of(leaf.spec).declares.better == "high" else 1.0
        terms = None if form is None or not form.plain else form.numerator.terms
        coefficient = 1.0 if terms is None else terms.get(leaf, 0.0)
        if terms is None:
            found[leaf] = -1.0
        elif coefficient:
            rises = worse * coefficient > 0
            found[leaf] = -1.0 if rises == expectation.wants_low else 1.0
    return found


def _says_where(leaf: Measure) -> bool:
    return any(
        method is not None and reads_where(ColumnAsk("", spec, MapAsk(method, "prediction")))
        for spec, method in single_method(leaf.spec)
    )
