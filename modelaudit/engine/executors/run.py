"""A run: cases are selected once, each group is measured once, and every case is decided from stored values."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ...language.boundary import contained, failure_text
from ...language.errors import AuditError, ResultsError
from ...language.expression import Expression, Measure, without_composites
from ...language.progress import Progress
from ...language.reasons import Missing
from ...statistics import Decision, Reason, Verdict, decide
from ..assembly import measure
from ..decision.apply_checks import checked
from ..decision.case_table import CaseTable
from ..decision.interim_analysis import sequential, with_looks
from ..gallery.selection import worst_per_image
from ..planning.feasibility import Listings, impossible
from ..planning.plan import Asked, PlanGroup, PlannedCase, plan, single_method
from ..results.checks import CheckResults
from ..results.measured import KeptImage, Measured
from ..results.settings import Settings
from ..store.store import Store

MEASURED_FOLDER = "measured"
_WORST_NAMED = 5


@dataclass(frozen=True)
class RankedImage:
    """An image and its value of the left side; None with the reason where it has none."""

    sample: str
    value: float | None
    missing: str | None = None


@dataclass(frozen=True)
class Result:
    """How one case ended. ``message`` is set for ERROR, and says what to do.

    ``names``: the models by the names that the expectation has for them. ``formula``: the left side with its composites
    written out, None where it has none.
    ``deterministic``: False where one of its models says that the same image may get other scores.
    """

    id: str
    verdict: Verdict
    reason: Reason | None
    decision: Decision | None
    message: str
    models: tuple[str, ...]
    data: str
    worst: tuple[RankedImage, ...]
    gallery: tuple[KeptImage, ...]
    checks: CheckResults | None = None
    names: Mapping[str | None, str] = field(default_factory=dict)
    formula: Expression | None = None
    deterministic: bool = True


class Run:
    """Measures and decides the selected cases of one process.

    Several processes of one run (pytest-xdist) share its folder: whoever needs a group first measures it, under a
    lock; the others wait and read what was measured. What outlives the run is in the store.
    """

    def __init__(
        self, settings: Settings, progress: Progress, store: Store | None = None, listings: Listings | None = None
    ) -> None:
        self.settings = settings
        self._progress = progress
        self._store = store or Store(None)
        self._listings = listings or Listings(settings.root)
        self._groups: dict[str, tuple[PlanGroup, PlannedCase]] = {}
        self._measured: dict[str, Measured] = {}
        self._broken: dict[str, str] = {}

    def select(self, asked: Iterable[Asked]) -> Sequence[PlanGroup]:
        """Plan all selected cases together."""
        groups = plan(asked)
        self._groups = {case.asked.id: (group, case) for group in groups for case in group.cases}
        return groups

    def result(self, case_id: str) -> Result:
        """The result of one selected case, measuring its group if nobody has."""
        group, case = self._groups[case_id]
        if group.key not in self._measured and group.key not in self._broken:
            try:
                self._measured[group.key] = self._shared(group)
            except BaseException as error:  # an error of each of the group's cases, without measuring it again
                self._broken[group.key] = failure_text(contained(error))
        if group.key in self._broken:
            return replace(_blank(case, group), message=self._broken[group.key])
        return decide_case(case, group, self._measured[group.key], limited=self.settings.limit is not None)

    def _shared(self, group: PlanGroup) -> Measured:
        folder = self.settings.folder / MEASURED_FOLDER
        file, lock = folder / f"{group.digest}.json", FileLock(folder / f"{group.digest}.lock")
        with _writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            if not file.exists():
                measured = measure(group, self.settings, self._progress, self._store, self._listings.take(group))
                self._store.close()
                with _writing(folder):
                    draft = file.with_suffix(".part")
                    draft.write_text(measured.model_dump_json(), encoding="utf-8")
                    draft.replace(file)
                return measured
            return Measured.model_validate_json(file.read_text(encoding="utf-8"))
        finally:
            lock.release()


@contextlib.contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be written ({error}); choose another --audit-results") from error


def read_measured(folder: Path) -> list[Measured]:
    """Everything that a run's processes measured, by group."""
    files = sorted((folder / MEASURED_FOLDER).glob("*.json"))
    return [Measured.model_validate_json(file.read_text(encoding="utf-8")) for file in files]


def discard_measured(folder: Path) -> None:
    """Remove the exchange files once the record holds what they hold."""
    exchange = folder / MEASURED_FOLDER
    if exchange.exists():
        for file in exchange.iterdir():
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # a lock that another process still holds keeps its folder
            exchange.rmdir()


def decide_case(case: PlannedCase, group: PlanGroup, measured: Measured, *, limited: bool) -> Result:
    """The verdict of one case from stored values alone.

    A quick look is a sample even where the whole set would have been the acceptance (``about="this_set"``).
    """
    asked = case.asked
    blank = _blank(case, group)
    table = CaseTable(case, measured)
    blank = replace(blank, names=case.models)
    try:
        table.check()
        written = without_composites(asked.expectation.expression, table.strata_by)
        blank = replace(blank, formula=None if written == asked.expectation.expression else written)
        about = "process" if limited else asked.case.audit.about
        decision = decide(
            asked.expectation,
            table,
            confidence=asked.case.confidence,
            about=about,
            bounds=asked.case.audit.bounds,
            claim=asked.case.audit.claim,
            sequential=sequential(measured),
        )
        decision = decision if limited else _with_feasibility(decision, case, measured)
    except AuditError as error:
        return replace(blank, message=str(error))
    if decision.counts.asked > 0 and decision.counts.measured == 0 and decision.counts.errored == decision.counts.asked:
        return replace(blank, decision=decision, message=_nothing(decision.counts.by_reason, measured))
    found = checked(case, table, measured, decision, about, group.passes)
    decision = found.decision
    return replace(
        blank,
        checks=with_looks(found.checks, measured),
        verdict=decision.verdict,
        reason=decision.reason,
        decision=decision,
        worst=_worst(case, table, measured),
        gallery=tuple(measured.galleries.get(asked.id, ())),
        deterministic=all(model.deterministic for model in measured.models if model.key in blank.models),
    )


def _blank(case: PlannedCase, group: PlanGroup) -> Result:
    models = tuple(dict.fromkeys(case.models.values()))
    return Result(case.asked.id, Verdict.ERROR, None, None, "", models, group.key, (), ())


def _with_feasibility(decision: Decision, case: PlannedCase, measured: Measured) -> Decision:
    """The decision; where so few images could not pass whatever they showed, it says so."""
    if decision.reason is not Reason.TOO_FEW_IMAGES:
        return decision
    infeasible = impossible(case, measured.samples)
    if infeasible is None:
        return decision
    return replace(decision, note="; ".join(text for text in (decision.note, f"it {infeasible}") if text))


def _nothing(by_reason: Mapping[str, int], measured: Measured) -> str:
    """Why not one image could be measured, and what to do."""
    parts = [f"{count} x {reason} ({Missing(reason).advice})" for reason, count in by_reason.items()]
    text = f"not one of {len(measured.samples)} images could be measured: {'; '.join(parts)}"
    unusable = measured.data.unusable if measured.data else {}
    return text + (f". First: {next(iter(unusable.values()))[1]}" if unusable else "")


def _worst(case: PlannedCase, table: CaseTable, measured: Measured) -> tuple[RankedImage, ...]:
    """The images that speak most against the expectation; those without a value first, since they count so."""
    expectation = case.asked.expectation
    missing: dict[int, Missing] = {}
    inside = np.ones(len(measured.samples), dtype=bool)

    def leaf(one: Measure) -> NDArray[np.float64]:
        if one.stratum is not None:
            members = table.members(one.stratum, one.model)
            inside[:] &= members.inside | members.unknown
        columns = [table.column(replace(one, spec=spec)) for spec, _ in single_method(one.spec)]
        for column in columns:
            missing.update(column.missing)
        stacked = np.stack([column.values for column in columns])
        worse = np.fmax if expectation.wants_low else np.fmin
        return np.asarray(worse.reduce(stacked, axis=0))

    values = np.broadcast_to(worst_per_image(expectation, leaf), inside.shape)
    ids = [sample.id for sample in measured.samples]
    absent = [RankedImage(ids[at], None, missing[at].value) for at in sorted(missing) if inside[at]]
    there = inside & ~np.isnan(values)
    there[list(missing)] = False
    known = np.flatnonzero(there)
    sign = -1.0 if expectation.wants_low else 1.0
    first = known[np.lexsort((measured.orders()[known], sign * values[known]))[:_WORST_NAMED]]
    ranked = [RankedImage(ids[at], float(values[at])) for at in first.tolist()]
    return (*absent[:_WORST_NAMED], *ranked)
