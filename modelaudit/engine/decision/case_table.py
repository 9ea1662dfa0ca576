"""Measured columns as the decision reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...language import registry
from ...language.errors import AuditError
from ...language.expression import Measure
from ...language.strata import ColumnIs, ColumnNumber, Correct, Misclassified, Stratum, strata_of
from ...language.text_column import column_of_attribute
from ...language.without_object import left_out
from ...measures.base import MeasureDeclaration
from ...statistics import Clustering, Column, Membership
from ...statistics.values import unpaired_rows
from ..planning.plan import PlannedCase, column_key, original_context, single_method
from ..results.measured import Measured, MeasuredColumn, MeasuredModel, MeasuredSample
from ..results.strata import Facts, Known, divided_by, known_of, membership

#: images that a message names
_NAMED = 5


class NotMeasured(AuditError):
    """A column that a case needs could not be measured; the message is the failure's own."""


class CaseTable:
    """The columns and strata of one case."""

    def __init__(self, case: PlannedCase, measured: Measured) -> None:
        self._case = case
        self._measured = measured
        self._columns = {(column.model, column.key): column for column in measured.columns}
        self._models = {model.key: model for model in measured.models}
        self._left_out = left_out(case.asked.expectation.expression, tuple(case.asked.case.audit.without_object))

    @cached_property
    def applicable(self) -> NDArray[np.bool_] | None:
        """[n] bool: the samples that the case is about; None where none leave it."""
        if self._declared is None or self.unpaired is None:
            return self._declared if self.unpaired is None else ~self.unpaired
        return self._declared & ~self.unpaired

    @cached_property
    def _declared(self) -> NDArray[np.bool_] | None:
        """[n] bool: those that are not declared to have no object; None where no label is that would leave the case."""
        if not self._left_out:
            return None
        return ~self._measured.texts("label").among(self._left_out)

    @cached_property
    def unpaired(self) -> NDArray[np.bool_] | None:
        """[n] bool: those that a baseline lacks, as it was declared that it may; None where there are none."""
        leaves = self._case.asked.expectation.expression.measures() if self._case.recorded else ()
        keys = {key for leaf in leaves for key in self.key(leaf)}
        missing = [self._columns[key].missing for key in keys if key in self._columns]
        return unpaired_rows(missing, len(self._measured.samples))

    @cached_property
    def _known(self) -> Known:
        return known_of(self._measured)

    def column(self, measure: Measure) -> Column:
        """The column of a measure with one method.

        Raises:
            NotMeasured: with the message of what went wrong.
        """
        model = self._case.models[measure.model]
        data = self._data(model, column_key(measure.spec, measure.context))
        found = column_of(data, registry.entry_of(measure.spec).declares, self.applicable)
        return replace(found, unpaired=self.unpaired)

    def key(self, measure: Measure) -> set[tuple[str, str]]:
        """The columns that a measure reads, one a method, as (model, key)."""
        model = self._case.models[measure.model]
        return {(model, column_key(spec, measure.context)) for spec, _ in single_method(measure.spec)}

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """The samples of a stratum, judged by that model of the case."""
        key = self._case.models[model]
        facts = self._model(key)
        correct = self._columns.get((key, "accuracy"))
        labels, data = self._measured.texts("label"), self._measured.data
        known = Facts(
            labels,
            facts.index_array(),
            None if correct is None else correct.values,
            facts.area_array(),
            facts.classes,
            frozenset(labels.distinct() if data is None else data.labels),
            self._measured.texts("group"),
            {
                part.name: column_of_attribute(self._measured.samples, part.name)
                for part in strata_of(stratum)
                if isinstance(part, ColumnIs | ColumnNumber)
            },
            self._known,
        )
        return Membership(*membership(stratum, known))

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """Clusters of the data, donors under the measure's context, and copies of one picture, where there are any."""
        context = original_context() if measure.context is None else measure.context
        return self._measured.clusterings(self._case.models[measure.model], str(context))

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        """One stratum a label, a group, or a text of a column (:func:`~modelaudit.engine.results.divided.divided_by`).

        Raises:
            ExpressionError: the samples are not divided by that, or into too many parts.
        """
        return divided_by(by, self._measured)

    def check(self) -> None:
        """Raise NotMeasured for the first failure that this case meets."""
        failures = self._measured.failures
        if "data" in failures:
            raise NotMeasured(*failures["data"].split("\n"))
        for leaf in self._case.asked.expectation.expression.measures():
            model = self._case.models[leaf.model]
            columns = [column_key(spec, leaf.context) for spec, _ in single_method(leaf.spec)]
            if any(isinstance(part, Correct | Misclassified) for part in strata_of(leaf.stratum)):
                columns.append("accuracy")
            for key in (f"model:{model}", *(f"{model}|{column}" for column in columns)):
                if key in failures:
                    raise NotMeasured(*failures[key].split("\n"))
        self._require_empty_masks()

    def _require_empty_masks(self) -> None:
        """Raise NotMeasured where a mask of an image declared to have no object holds one."""
        if self._declared is None:
            return
        for model in dict.fromkeys(self._case.models.values()):
            areas = self._models[model].area_array() if model in self._models else np.empty(0)
            known = ~np.isnan(areas)
            found = np.flatnonzero(known & ~self._declared) if known.size else np.empty(0, dtype=np.int64)
            if found.size:
                raise NotMeasured(_with_object([self._measured.samples[at] for at in found.tolist()]))

    def _data(self, model: str, key: str) -> MeasuredColumn:
        try:
            return self._columns[model, key]
        except KeyError:
            raise NotMeasured(f"'{key}' of {model.removeprefix('model:')} was not measured") from None

    def _model(self, key: str) -> MeasuredModel:
        return self._models[key]


def column_of(
    data: MeasuredColumn, declares: MeasureDeclaration, applicable: NDArray[np.bool_] | None = None
) -> Column:
    """A column as the decision reads it."""
    return Column(data.values, data.missing, declares.scale, declares.low, declares.high, applicable)


def _with_object(samples: Sequence[MeasuredSample]) -> str:
    """What is said of images that are declared to have no object, and whose masks hold one."""
    named = ", ".join(sample.id for sample in samples[:_NAMED])
    more = f" and {len(samples) - _NAMED} more" if len(samples) > _NAMED else ""
    masks = "the mask of {} holds" if len(samples) == 1 else "the masks of {} hold"
    return (
        f"without_object={sorted({sample.label for sample in samples})}: {masks.format(named + more)} an object; empty "
        "the mask, mend the label, or take the label out of without_object"
    )
