"""Decisions as the record keeps them, and Holm (1979) over those of a run."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

from ..engine.results.checks import CheckResults, Holm
from ..statistics import Decision
from .record import CaseRecord, DecisionRecord


def decision_record(decision: Decision) -> DecisionRecord:
    """A decision as the record keeps it."""
    return DecisionRecord.model_validate(dataclasses.asdict(decision))


def with_holm(cases: Sequence[CaseRecord]) -> list[CaseRecord]:
    """Adds the adjusted error rate to every FAIL that has one. No verdict changes.

    The family is what the files declare, whether or not it was selected and run: leaving some out by `-k` is not a
    reason to believe the rest more. Two kinds do not belong to it: known-bad models, which must fail and accuse
    nobody, and expectations about this very set, which are decided without chance. A member that did not fail (or was
    not run) has a larger p than every FAIL, so that only their number counts: with the k-th smallest p of the FAILs,
    ``adjusted = max over j <= k of (declared - j + 1) p_j``, at most 1. ``rejected`` compares with 1 - the case's own
    confidence.
    """
    declared = sum(_counts(case) for case in cases)
    failed = {case.id: p for case in cases if _counts(case) and (p := _p(case)) is not None}
    found: dict[str, Holm] = {}
    adjusted = 0.0
    for rank, (name, p) in enumerate(sorted(failed.items(), key=lambda item: item[1])):
        adjusted = max(adjusted, min(1.0, (declared - rank) * p))
        found[name] = Holm(p=p, adjusted=adjusted, declared=declared, rejected=False)
    return [_noted(case, found[case.id]) if case.id in found else case for case in cases]


def without_holm(cases: Iterable[CaseRecord]) -> list[CaseRecord]:
    """The cases as they were before :func:`with_holm`."""
    return [
        case
        if case.checks is None
        else case.model_copy(update={"checks": case.checks.model_copy(update={"holm": None})})
        for case in cases
    ]


def _counts(case: CaseRecord) -> bool:
    return not case.must_fail and case.about == "process"


def _p(case: CaseRecord) -> float | None:
    return case.decision.p if case.verdict == "FAIL" and case.decision is not None else None


def _noted(case: CaseRecord, holm: Holm) -> CaseRecord:
    # 1 - 0.95 is a little more or less than 0.05
    rejected = holm.adjusted <= (1 - case.confidence) * (1 + 1e-9)
    checks = CheckResults() if case.checks is None else case.checks
    checks = checks.model_copy(update={"holm": holm.model_copy(update={"rejected": rejected})})
    return case.model_copy(update={"checks": checks})
