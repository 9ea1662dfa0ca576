"""Two runs, and what belongs together in them: requirements, data, models and images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..evidence.record import CaseRecord
from .answers import ModelPair
from .joined_table import PairedImages, Side, paired_images


@dataclass(eq=False)
class TwoRuns:
    """The old run and the new one; images of two tables are paired once."""

    old: Side
    new: Side
    _paired: dict[tuple[str, str, bool], PairedImages] = field(default_factory=dict)

    @cached_property
    def cases(self) -> list[tuple[CaseRecord | None, CaseRecord | None]]:
        """See :func:`match_cases`."""
        return match_cases(self.old.record.cases, self.new.record.cases)

    @property
    def is_quick(self) -> bool:
        """Whether one of them looked at the first images alone."""
        return self.old.record.quick_look is not None or self.new.record.quick_look is not None

    def images(self, old: str, new: str, *, masks: bool = True) -> PairedImages:
        """The images of two tables, by the keys of their data; see :func:`~.joined_table.paired_images`."""
        key = (old, new, masks)
        if key not in self._paired:
            tables = self.old.values[old].table, self.new.values[new].table
            self._paired[key] = paired_images(*tables, masks=masks)
        return self._paired[key]

    def data(self) -> list[tuple[str, str]]:
        """The tables that are compared with each other: those of requirements that both runs have."""
        named = dict.fromkeys((one.data, other.data) for one, other in self.cases if one and other)
        return [
            (old, new)
            for old, new in named
            if old is not None and new is not None and old in self.old.values and new in self.new.values
        ]

    def models(self, data: tuple[str, str] | None = None) -> list[ModelPair]:
        """The models that requirements on these data name alike, each pair once; of any data where none are given.

        Known-bad models, which must be caught, are not among them.
        """
        named = dict.fromkeys(
            (one.model_names[name], other.model_names[name])
            for one, other in self.cases
            if one and other and not other.must_fail and data in (None, (one.data, other.data))
            for name in other.model_names
            if name in one.model_names
        )
        models = [{model.key: model for model in side.record.models} for side in (self.old, self.new)]
        return [
            ModelPair(models[0][one], models[1][other])
            for one, other in named
            if one in models[0] and other in models[1]
        ]


def match_cases(
    old: Sequence[CaseRecord], new: Sequence[CaseRecord]
) -> list[tuple[CaseRecord | None, CaseRecord | None]]:
    """Requirements of two runs that are the same, by id, else by name and expectation where that is unambiguous.

    Those of the new run come first, in their order; then those that only the old one has.
    """
    by_id = {case.id: case for case in old}
    ids = {case.id for case in new}
    by_name: dict[tuple[str, str], list[CaseRecord]] = {}
    for case in old:
        if case.id not in ids:
            by_name.setdefault((case.name, case.expectation), []).append(case)
    found: list[tuple[CaseRecord | None, CaseRecord | None]] = []
    for case in new:
        before = by_id.get(case.id)
        if before is None:
            candidates = by_name.get((case.name, case.expectation), [])
            before = candidates.pop() if len(candidates) == 1 else None
        found.append((before, case))
    taken = {one.id for one, _ in found if one is not None}
    return [*found, *((case, None) for case in old if case.id not in taken)]
