"""What pytest made of a case, and what the whole run comes to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import pytest

from ..evidence.record import CaseRecord

Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed", "warned"]
Overall = Literal["PASS", "FAIL", "INCONCLUSIVE", "ERROR", "PARTIAL", "QUICK_LOOK"]


def outcome_of(report: pytest.TestReport, record: CaseRecord) -> Outcome | None:
    """The outcome that one phase settles; None for a setup after which the item still runs."""
    if hasattr(report, "wasxfail"):
        return "xpassed" if report.passed else "xfailed"
    if report.when == "setup":
        return "error" if report.failed else "skipped" if report.skipped else None
    if report.when != "call":
        return None
    if report.skipped:
        return "skipped"
    if report.failed:
        return "failed"
    return "warned" if record.verdict == "INCONCLUSIVE" and not record.must_fail else "passed"


def overall(cases: Iterable[CaseRecord], *, partial: bool, quick_look: bool) -> Overall:
    """What the run comes to: the worst case by ERROR > FAIL > INCONCLUSIVE > PASS, and never more than was run.

    A negative control counts as PASS when it is caught (verdict FAIL) and as FAIL when it is not.
    """
    if quick_look:
        return "QUICK_LOOK"
    found = {_effective(case) for case in cases}
    for verdict in ("ERROR", "FAIL", "INCONCLUSIVE"):
        if verdict in found:
            return verdict
    if partial:
        return "PARTIAL"
    return "PASS" if "PASS" in found else "ERROR"


def _effective(case: CaseRecord) -> str:
    if case.must_fail and case.verdict in ("PASS", "INCONCLUSIVE", "FAIL"):
        return "PASS" if case.verdict == "FAIL" else "FAIL"
    return case.verdict
