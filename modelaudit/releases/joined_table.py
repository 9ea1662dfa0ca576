"""The images of two records, paired by what they hold, and one table of the values that both have of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from ..engine.results.pairing import ImageContent, Pairing, pair
from ..evidence.record import CaseRecord, RunRecord, SampleRecord, TableRecord
from ..evidence.recorded import RecordTable, Values, expression_of
from ..language.errors import ResultsError
from ..language.expression import Arithmetic, Expression, Measure
from ..language.strata import Stratum
from ..statistics import Clustering, Column, ColumnTable, Membership

#: of fewer common images the two sides are compared as if they had none in common
LEAST_COMMON = 10
#: nor of a smaller share of the side that has fewer images
LEAST_COMMON_SHARE = 0.5

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Side:
    """One run: its record, its tables by their data, and the values in them."""

    record: RunRecord

    @cached_property
    def values(self) -> Mapping[str, Values]:
        """Of each table, by the key of its data."""
        classes = {model.key: model.classes for model in self.record.models}
        return {table.data: Values(table, classes) for table in self.record.tables}

    def values_of(self, case: CaseRecord) -> Values:
        """The table of a case.

        Raises:
            ResultsError: the record has none.
        """
        if case.data is None or case.data not in self.values:
            raise ResultsError(f"{case.id}: the record has no table of {case.data!r}")
        return self.values[case.data]

    def expression(self, case: CaseRecord) -> Expression:
        """The left side of a case, its composites written out."""
        return expression_of(case.left if case.formula is None else case.formula)


@dataclass(frozen=True)
class PairedImages:
    """How the images of two tables belong together; ``by_id``: one of them does not record what its images hold."""

    pairing: Pairing
    old: TableRecord
    new: TableRecord
    by_id: bool

    @property
    def rows(self) -> tuple[Rows, Rows]:
        """[n], [n]: the positions of the common images in the two tables."""
        pairs = np.array(self.pairing.pairs, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    @property
    def all_common(self) -> bool:
        """Whether both tables are of the same images."""
        return len(self.pairing.pairs) == len(self.old.samples) == len(self.new.samples)

    @property
    def enough(self) -> bool:
        """Whether so many images are common that the two sides are compared on them alone."""
        common, fewer = len(self.pairing.pairs), min(len(self.old.samples), len(self.new.samples))
        return common >= LEAST_COMMON and common >= LEAST_COMMON_SHARE * fewer


def paired_images(old: TableRecord, new: TableRecord, *, masks: bool = True) -> PairedImages:
    """Pair the images of two tables.

    Args:
        masks: an image whose mask has changed is another one; without it only image and label count.
    """
    by_id = not all(_known(one, masks) for one in (*old.samples, *new.samples))
    return PairedImages(
        pair(*(_contents(table.samples, by_id=by_id, masks=masks) for table in (old, new))), old, new, by_id
    )


def _known(sample: SampleRecord, masks: bool) -> bool:
    return sample.image is not None and (sample.mask is not None or not masks)


def _contents(samples: Sequence[SampleRecord], *, by_id: bool, masks: bool) -> list[ImageContent]:
    if by_id:
        return [ImageContent(one.id, one.id, "", one.label) for one in samples]
    return [ImageContent(one.id, one.image or "", one.mask or "" if masks else "", one.label) for one in samples]


class JoinedTable:
    """The columns of two tables on their common images; measures say by the name of their model whose they are.

    Whatever makes images depend on each other on one of the sides does so here: clusters, copies of one picture, and
    the donors of backgrounds on either side.
    """

    def __init__(self, old: ColumnTable, new: ColumnTable, rows: tuple[Rows, Rows]) -> None:
        self._sides = {"old": (old, rows[0]), "new": (new, rows[1])}

    def column(self, measure: Measure) -> Column:
        """The column of a measure of one of the sides, on the common images."""
        (table, rows), own = self._of(measure.model)
        column = table.column(replace(measure, model=own))
        return Column(
            column.values[rows],
            {at: column.missing[row] for at, row in enumerate(rows.tolist()) if row in column.missing},
            column.scale,
            column.low,
            column.high,
            None if column.applicable is None else column.applicable[rows],
        )

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        """The common images in a stratum, judged by the model of one of the sides."""
        (table, rows), own = self._of(model)
        found = table.members(stratum, own)
        return Membership(found.inside[rows], found.unknown[rows])

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        """What the common images share on the side of the measure."""
        (table, rows), own = self._of(measure.model)
        return tuple(Clustering(one.name, one.codes[rows]) for one in table.clusterings(replace(measure, model=own)))

    def strata_by(self, by: str) -> NoReturn:
        """Composites are written out in records.

        Raises:
            ResultsError: always.
        """
        raise ResultsError(f"the records do not say what '{by}' divides the images into")

    def _of(self, model: str | None) -> tuple[tuple[ColumnTable, Rows], str | None]:
        side, _, own = (model or "").partition(":")
        return self._sides[side], own or None


def change_of(old: Expression, new: Expression) -> Expression:
    """``new - old`` over a :class:`JoinedTable`."""
    return Arithmetic("-", of_side(new, "new"), of_side(old, "old"))


def of_side(expression: Expression, side: str) -> Expression:
    """An expression whose measures are of the models of one side ("old" or "new")."""
    return expression._refined(lambda measure: replace(measure, model=f"{side}:{measure.model or ''}"))


def joined(old: tuple[CaseRecord, Values], new: tuple[CaseRecord, Values], rows: tuple[Rows, Rows]) -> JoinedTable:
    """The joined table of a requirement that both runs state."""
    return JoinedTable(RecordTable(*old), RecordTable(*new), rows)
