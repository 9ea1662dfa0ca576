"""Methods that mean nothing on a model do not decide alone, and do not stand in the way of those that do."""

from __future__ import annotations

import pytest

from modelaudit.statistics import Counts, Decision, Reason, Verdict
from modelaudit.statistics.guards import without
from modelaudit.statistics.insane import over_sane


def decision(verdict: str) -> Decision:
    reason = Reason.TOO_FEW_IMAGES if verdict == "INCONCLUSIVE" else None
    return Decision(Verdict(verdict), reason, 0.5, 0.4, 0.6, 0.95, "betting", True, Counts(10, 10, 0, 0))


def test_without_an_insane_method_nothing_changes() -> None:
    whole = decision("FAIL")
    assert over_sane(whole, None, []) == (whole, None)


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_insane_methods_alone_decide_nothing(verdict: str) -> None:
    found, objection = over_sane(decision(verdict), None, ["edges", "ramp"])
    assert objection is not None and "edges, ramp" in objection.note
    taken = without(found, [objection])
    assert (taken.verdict, taken.reason) == (Verdict.INCONCLUSIVE, Reason.ATTRIBUTION_INVALID)


@pytest.mark.parametrize("sane", ["PASS", "INCONCLUSIVE"])
def test_a_fail_by_an_insane_method_alone_is_none(sane: str) -> None:
    found, objection = over_sane(decision("FAIL"), decision(sane), ["edges"])
    assert objection is not None and objection.reason is Reason.ATTRIBUTION_INVALID
    assert without(found, [objection]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("whole", "sane"),
    [("PASS", "PASS"), ("FAIL", "FAIL"), ("INCONCLUSIVE", "PASS"), ("INCONCLUSIVE", "FAIL"), ("PASS", "INCONCLUSIVE")],
)
def test_otherwise_the_sane_ones_decide(whole: str, sane: str) -> None:
    kept = decision(sane)
    assert over_sane(decision(whole), kept, ["edges"]) == (kept, None)
