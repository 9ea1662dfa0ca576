"""Compares the requirements of two runs: what their left sides changed by, and what that comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..evidence.leaves import unit_of
from ..evidence.record import CaseRecord, TableRecord
from ..evidence.recorded import RecordTable
from ..language.errors import AuditError
from .change import (
    OrientedChange,
    PairedChange,
    Settled,
    SideChange,
    Terms,
    UnpairedChange,
    images_to_settle,
    settle,
    worst_part,
)
from .comparison_record import Outcome, RequirementComparison, RequirementNote, RunDifference, SideValue
from .joined_table import JoinedTable, PairedImages, Rows, change_of
from .run_differences import differences_of_cases, differences_of_quantity
from .two_runs import TwoRuns

#: of requirements that count for their run, so that they are decided together
_COUNTED = ("counted", "waived")
_FIRST: tuple[Outcome, ...] = ("worse", "not_comparable", "cannot_tell", "better", "equivalent")


def compare_requirements(
    runs: TwoRuns, margin: float, confidence: float, *, brief: bool
) -> list[RequirementComparison]:
    """Every requirement of the new run in its order, then those that were removed; see :func:`~.comparison.compare`."""
    return _Comparing(runs, margin, confidence, brief).requirements()


@dataclass(frozen=True, eq=False)
class _Matched:
    """A requirement of both runs; ``change`` is None where it cannot be compared, and ``unlike`` or a note says why."""

    old: CaseRecord
    new: CaseRecord
    change: SideChange | None
    notes: tuple[RequirementNote, ...] = ()
    stated: tuple[RunDifference, ...] = ()
    unlike: tuple[RunDifference, ...] = ()

    @property
    def is_same(self) -> bool:
        """Whether there is nothing to test: a model is not worse than itself, however few the images are."""
        return "same_model" in self.notes

    @property
    def asked(self) -> OrientedChange | None:
        return None if self.change is None else OrientedChange(self.change, self.new.op in (">", ">="))


@dataclass(frozen=True, eq=False)
class _Comparing:
    runs: TwoRuns
    margin: float
    confidence: float
    brief: bool

    def requirements(self) -> list[RequirementComparison]:
        matched = [self._matched(one, other) for one, other in self.runs.cases if one and other]
        settled = self._settled(matched)
        compared = iter([self._compared(one, settled.get(at)) for at, one in enumerate(matched)])
        return [
            next(compared) if one and other else _on_one_side(one, other, self.margin, self.confidence)
            for one, other in self.runs.cases
        ]

    def _settled(self, matched: Sequence[_Matched]) -> dict[int, Settled]:
        """By position. Requirements that do not count for their run are a family of their own."""
        found: dict[int, Settled] = {}
        for counts in (True, False):
            family = [
                (at, one.asked)
                for at, one in enumerate(matched)
                if one.asked is not None and (one.new.standing in _COUNTED) is counts and not one.is_same
            ]
            outcomes = settle([asked for _, asked in family], self.margin, self.confidence)
            found.update(zip((at for at, _ in family), outcomes, strict=True))
        same = Settled("equivalent", self.confidence, self.confidence)
        return found | {at: same for at, one in enumerate(matched) if one.is_same}

    def _matched(self, old: CaseRecord, new: CaseRecord) -> _Matched:
        stated = tuple(differences_of_cases(old, new))
        if old.must_fail or new.must_fail:
            return _Matched(old, new, None, ("known_bad",), stated)
        unmeasured: list[RequirementNote] = []
        if old.decision is None:
            unmeasured.append("not_measured_old")
        if new.decision is None:
            unmeasured.append("not_measured_new")
        if unmeasured:
            return _Matched(old, new, None, tuple(unmeasured), stated)
        try:
            tables = self.runs.old.values_of(old), self.runs.new.values_of(new)
            unlike = differences_of_quantity(old, new, tables)
            if unlike:
                return _Matched(old, new, None, (), stated, tuple(unlike))
            change, notes = self._change(old, new)
            change.parts(self.confidence)
        except AuditError as error:
            unreadable = RunDifference(kind="definition", code="unreadable", where=new.name, old=None, new=str(error))
            return _Matched(old, new, None, ("not_in_record",), stated, (unreadable,))
        if change.paired and self._has_same_values(old, new):
            notes = (*notes, "same_model")
        return _Matched(old, new, change, notes, stated)

    def _has_same_values(self, old: CaseRecord, new: CaseRecord) -> bool:
        """Whether the same models have the same values on all images, of which both runs have the same ones."""
        images = self.runs.images(old.data or "", new.data or "", masks=old.needs_masks or new.needs_masks)
        if not images.all_common or set(old.model_names) != set(new.model_names):
            return False
        prints = self.runs.old.record.fingerprints, self.runs.new.record.fingerprints
        for name, key in old.model_names.items():
            known = prints[0].get(key), prints[1].get(new.model_names[name])
            if None in known or known[0] != known[1]:
                return False
            columns = (
                _values(images.old, key, images.rows[0]),
                _values(images.new, new.model_names[name], images.rows[1]),
            )
            common = columns[0].keys() & columns[1].keys()
            if not common or any(columns[0][one] != columns[1][one] for one in common):
                return False
        return bool(old.model_names)

    def _change(self, old: CaseRecord, new: CaseRecord) -> tuple[SideChange, tuple[RequirementNote, ...]]:
        images = self.runs.images(old.data or "", new.data or "", masks=old.needs_masks or new.needs_masks)
        sides = [
            (side.expression(case), RecordTable(case, side.values_of(case)))
            for side, case in ((self.runs.old, old), (self.runs.new, new))
        ]
        terms, notes = _terms(old, new, images, whole=not self.runs.is_quick)
        if images.enough or terms.about == "this_set":
            expression = change_of(*(expression for expression, _ in sides))
            table = JoinedTable(sides[0][1], sides[1][1], images.rows)
            return PairedChange(expression, table, terms), notes
        missing: RequirementNote = "few_common" if images.pairing.pairs else "no_common"
        old_side, new_side = (
            (expression, table, replace(terms, sequential=available))
            for (expression, table), available in zip(sides, (images.old.available, images.new.available), strict=True)
        )
        return UnpairedChange(old_side, new_side), (missing, *notes)

    def _compared(self, one: _Matched, settled: Settled | None) -> RequirementComparison:
        blank = _requirement(one.new, self.margin, self.confidence).model_copy(
            update={
                "old": _side(one.old),
                "new": _side(one.new),
                "differences": [*one.unlike, *one.stated],
                "notes": list(one.notes),
                "outcome": None if "known_bad" in one.notes else "not_comparable",
            }
        )
        if one.change is None or settled is None:
            return blank
        better = one.new.op in (">", ">=")
        shown, at_difference, at_equivalence = (
            worst_part(one.change, level, higher_is_better=better)
            for level in (self.confidence, settled.difference, settled.equivalence)
        )
        notes = list(one.notes)
        if settled.within_margin:
            notes.append("within_margin")
        if settled.no_worse and settled.outcome == "cannot_tell":
            notes.append("no_worse")
        if one.is_same:
            shown = at_difference = at_equivalence = replace(shown, estimate=0.0, lower=0.0, upper=0.0, guaranteed=True)
        elif shown.lower is None and shown.upper is None:
            notes.append("no_bounds")
        more = None
        if settled.outcome == "cannot_tell" and not self.brief:
            more = images_to_settle(one.change, self.margin, settled.difference, settled.equivalence)
        return blank.model_copy(
            update={
                "outcome": settled.outcome,
                "change": shown.estimate,
                "lower": shown.lower,
                "upper": shown.upper,
                "lower_diff": at_difference.lower,
                "upper_diff": at_difference.upper,
                "lower_equivalence": at_equivalence.lower,
                "upper_equivalence": at_equivalence.upper,
                "paired": one.change.paired,
                "images": shown.counts.asked,
                "without_value": shown.counts.asked - shown.counts.measured,
                "clusters": one.change.clusters(),
                "rule": shown.rule,
                "guaranteed": shown.guaranteed,
                "more_images": more,
                "parts": len(one.change.parts(self.confidence)),
                "method": shown.method,
                "dose": shown.dose,
                "notes": notes,
            }
        )


def _values(table: TableRecord, model: str, rows: Rows) -> dict[str, list[float | None]]:
    """The values of a model on some images, by the names of its columns."""
    return {one.measure: [one.values[at] for at in rows.tolist()] for one in table.columns if one.model == model}


def overall(requirements: Sequence[RequirementComparison]) -> Outcome:
    """What a whole comparison comes to; see :class:`~modelaudit.releases.comparison_record.ComparisonRecord`."""
    found = {one.outcome_in_all for one in requirements if one.counts}
    return next((one for one in _FIRST if one in found), "not_comparable")


def _terms(
    old: CaseRecord, new: CaseRecord, images: PairedImages, *, whole: bool
) -> tuple[Terms, tuple[RequirementNote, ...]]:
    """By which terms a change is bounded: the stricter ones where the two runs differ."""
    notes: list[RequirementNote] = []
    exact = old.about == new.about == "this_set" and whole
    if exact:
        notes.append("whole_set" if images.all_common else "set_changed")
    available = [one.available for one in (images.old, images.new) if one.available is not None]
    if available and not (exact and images.all_common):
        notes.append("stopped_early")
    return Terms(
        about="this_set" if exact and images.all_common else "process",
        bounds="guaranteed" if "guaranteed" in (old.bounds, new.bounds) else "approximate",
        claim=new.claim if old.claim == new.claim else None,
        sequential=max(available, default=None),
    ), tuple(notes)


def _on_one_side(
    old: CaseRecord | None, new: CaseRecord | None, margin: float, confidence: float
) -> RequirementComparison:
    case = new or old
    assert case is not None
    return _requirement(case, margin, confidence).model_copy(
        update={
            "change_of": "added" if old is None else "removed",
            "old": None if old is None else _side(old),
            "new": None if new is None else _side(new),
            "notes": ["known_bad"] if case.must_fail else [],
        }
    )


def _requirement(case: CaseRecord, margin: float, confidence: float) -> RequirementComparison:
    """A requirement as the new run states it, without a comparison."""
    return RequirementComparison(
        name=case.name,
        id=case.id,
        clause=case.clause,
        says=case.says,
        expectation=case.expectation,
        unit=unit_of(case.left),
        higher_is_better=case.op in (">", ">="),
        left=case.left,
        op=case.op,
        threshold=case.threshold,
        standing=case.standing,
        outcome=None,
        old=None,
        new=None,
        margin=margin,
        confidence=confidence,
    )


def _side(case: CaseRecord) -> SideValue:
    decision = case.decision
    return SideValue(
        verdict=case.verdict,
        reason=case.reason,
        estimate=None if decision is None else decision.estimate,
        lower=None if decision is None else decision.lower,
        upper=None if decision is None else decision.upper,
        images=0 if decision is None else decision.counts.asked,
    )
