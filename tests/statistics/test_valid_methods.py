"""Methods that mean nothing on a model do not decide alone, and leave the decision to the others."""

from __future__ import annotations

import pytest

from modelaudit.statistics import Counts, Decision, Reason, Verdict
from modelaudit.statistics.objections import apply_objections, decide_on_valid_methods


def decision(verdict: str) -> Decision:
    reason = Reason.TOO_FEW_IMAGES if verdict == "INCONCLUSIVE" else None
    return Decision(Verdict(verdict), reason, 0.5, 0.4, 0.6, 0.95, "betting", True, Counts(10, 10, 0, 0))


def test_without_a_failed_method_nothing_changes() -> None:
    whole = decision("FAIL")
    assert decide_on_valid_methods(whole, None, []) == (whole, None)


@pytest.mark.parametrize("verdict", ["PASS", "FAIL"])
def test_methods_that_failed_their_sanity_check_decide_nothing(verdict: str) -> None:
    found, objection = decide_on_valid_methods(decision(verdict), None, ["edges", "ramp"])
    assert objection is not None and "edges, ramp" in objection.note
    taken = apply_objections(found, [objection])
    assert (taken.verdict, taken.reason) == (Verdict.INCONCLUSIVE, Reason.ATTRIBUTION_INVALID)


@pytest.mark.parametrize("valid", ["PASS", "INCONCLUSIVE"])
def test_a_fail_by_a_failed_method_alone_is_withdrawn(valid: str) -> None:
    found, objection = decide_on_valid_methods(decision("FAIL"), decision(valid), ["edges"])
    assert objection is not None and objection.reason is Reason.ATTRIBUTION_INVALID
    assert apply_objections(found, [objection]).verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("whole", "valid"),
    [("PASS", "PASS"), ("FAIL", "FAIL"), ("INCONCLUSIVE", "PASS"), ("INCONCLUSIVE", "FAIL"), ("PASS", "INCONCLUSIVE")],
)
def test_otherwise_the_valid_methods_decide(whole: str, valid: str) -> None:
    kept = decision(valid)
    assert decide_on_valid_methods(decision(whole), kept, ["edges"]) == (kept, None)
