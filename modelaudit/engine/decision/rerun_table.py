"""Measured columns with something else about them, as the decision reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...language import registry
from ...language.expression import Measure
from ...language.strata import Stratum
from ...statistics import Clustering, Column, Membership
from ..planning.plan import PlannedCase, column_key
from ..planning.reruns import under_hard_edge, under_seam
from ..results.interventions import Intervention
from ..results.measured import RerunData
from .case_table import CaseTable, NotMeasured, column_of


class RerunTable:
    """The columns of a case under a variant, over its images; what a variant cannot change is the audit's own.

    Args:
        data: what was measured of the variant; None for the audit itself over the same images.
        positions: of the images in the audit.
        other: what is read in the place of a measure.
    """

    def __init__(
        self,
        case: PlannedCase,
        table: CaseTable,
        data: RerunData | None,
        positions: Sequence[int],
        other: Callable[[Measure], Measure] = lambda measure: measure,
    ) -> None:
        self._case, self._table, self._other = case, table, other
        self._at = np.asarray(positions, dtype=np.intp)
        self._columns = {} if data is None else {(one.model, one.key): one for one in data.columns}
        self._failures = {} if data is None else data.failures

    def column(self, measure: Measure) -> Column:
        """The column of a measure with one method.

        Raises:
            NotMeasured: the variant's, or the audit's own.
        """
        asked, applicable = self._other(measure), self.applicable
        key = (self._case.models[asked.model], column_key(asked.spec, asked.context))
        if "|".join(key) in self._failures:
            raise NotMeasured(*self._failures["|".join(key)].split("\n"))
        if key in self._columns:
            return column_of(self._columns[key], registry.entry_of(asked.spec).declares, applicable)
        whole = self._table.column(asked)
        numbers = {int(at): number for number, at in enumerate(self._at)}
        missing = {numbers[at]: reason for at, reason in whole.missing.items() if at in numbers}
        return replace(whole, values=whole.values[self._at], missing=missing, applicable=applicable)

    @property
    def applicable(self) -> NDArray[np.bool_] | None:
        """[n] bool: the images that the case is about, as in the audit itself."""
        return None if self._table.applicable is None else self._table.applicable[self._at]

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """Strata are those of the audit itself."""
        found = self._table.members(stratum, model)
        return Membership(found.inside[self._at], found.unknown[self._at])

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """As in the audit itself."""
        return tuple(replace(one, codes=one.codes[self._at]) for one in self._table.clusterings(measure))

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        """As in the audit itself."""
        return self._table.strata_by(by)


def reading_of(variant: Intervention) -> Callable[[Measure], Measure]:
    """What is read in the place of a measure under a variant."""
    others = {Intervention.SEAM: under_seam, Intervention.BLIND: under_hard_edge}
    return others.get(variant, lambda measure: measure)
