"""The requirements of a run as rows: what every export says of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal, get_args

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.record_texts import shown_record
from ..evidence.states import CaseVerdict, Standing, meant_as

#: a quick look decides nothing, whatever was measured
Ending = CaseVerdict | Literal["QUICK_LOOK", "NOT_RUN"]
ENDINGS: tuple[Ending, ...] = (*get_args(CaseVerdict), "QUICK_LOOK", "NOT_RUN")


@dataclass(frozen=True)
class Requirement:
    """A requirement and how it ended.

    ``key``: its name, or its id where two have that name. ``met``: what the verdict means for the model under test (a
    known-bad model that is caught means PASS); None in a quick look and where it was not run. ``models``: by their
    references. ``estimate``, ``lower``, ``upper``: of the left side, in the measure's own unit, the last two
    one-sided bounds at ``confidence``; None of an ERROR, and where there is none: a number that is missing is left
    out of an export, and is never 0.
    """

    key: str
    id: str
    name: str
    file: str
    line: int | None
    clause: str | None
    expectation: str
    fingerprint: str
    models: tuple[str, ...]
    data: str | None
    known_bad: bool
    importance: str
    standing: Standing
    verdict: Ending
    met: CaseVerdict | None
    reason: str | None
    estimate: float | None
    lower: float | None
    upper: float | None
    op: str
    threshold: float
    confidence: float
    rule: str | None
    method: str | None
    dose: float | None
    group: str | None
    asked: int | None
    measured: int | None
    undefined: int | None
    errored: int | None
    more_images: int | None


def requirements_of(record: RunRecord) -> tuple[Requirement, ...]:
    """Every requirement of the run, in the record's order, without a path of the machine that ran it."""
    record = shown_record(record)
    names = Counter(case.name for case in record.cases)
    references = {one.key: one.reference for one in record.models} | {one.key: one.reference for one in record.data}
    return tuple(
        _requirement(case, case.name if names[case.name] == 1 else case.id, references, record.quick_look is not None)
        for case in record.cases
    )


def _requirement(case: CaseRecord, key: str, references: dict[str, str], quick_look: bool) -> Requirement:
    decision, error = case.decision, case.verdict == "ERROR"
    counts = None if decision is None else decision.counts
    measured = None if decision is None or error else decision
    return Requirement(
        key=key,
        id=case.id,
        name=case.name,
        file=case.file,
        line=case.line,
        clause=case.clause,
        expectation=case.expectation,
        fingerprint=case.fingerprint,
        models=tuple(references.get(one, one) for one in case.models) or tuple(case.stated_models),
        data=None if case.data is None else references.get(case.data, case.data),
        known_bad=case.must_fail,
        importance=case.importance,
        standing=case.standing,
        verdict=_ending(case.verdict, quick_look),
        met=None if quick_look else meant_as(case),
        reason=case.reason,
        estimate=None if measured is None else measured.estimate,
        lower=None if measured is None else measured.lower,
        upper=None if measured is None else measured.upper,
        op=case.op,
        threshold=case.threshold,
        confidence=case.confidence,
        rule=None if measured is None else measured.rule,
        method=None if measured is None else measured.method,
        dose=None if measured is None else measured.dose,
        group=None if measured is None else measured.group,
        asked=None if counts is None else counts.asked,
        measured=None if counts is None else counts.measured,
        undefined=None if counts is None else counts.undefined,
        errored=None if counts is None else counts.errored,
        more_images=None if measured is None else measured.more_images,
    )


def _ending(verdict: CaseVerdict | None, quick_look: bool) -> Ending:
    if verdict is None:
        return "NOT_RUN"
    return "QUICK_LOOK" if quick_look and verdict != "ERROR" else verdict
