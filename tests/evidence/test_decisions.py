"""Single FAILs among many expectations: Holm is shown beside them and changes no verdict."""

from __future__ import annotations

from typing import Any

import pytest
from report.sample_record import record
from scipy.stats import false_discovery_control

from modelaudit.engine.results.checks import CheckResults, NoiseCheck
from modelaudit.evidence.decisions import with_holm
from modelaudit.evidence.record import CaseRecord


def case(name: str, p: float | None, **changes: Any) -> CaseRecord:
    """A FAIL with that p; without one a case that did not fail."""
    base = next(one for one in record().cases if one.verdict == "FAIL" and one.decision is not None)
    assert base.decision is not None
    update: dict[str, Any] = {"id": name, "must_fail": False, "about": "process", "checks": None}
    update |= {"verdict": "PASS" if p is None else "FAIL", "decision": base.decision.model_copy(update={"p": p})}
    return base.model_copy(update=update | changes)


def found(*cases: CaseRecord) -> dict[str, tuple[float, int, bool] | None]:
    after = with_holm(cases)
    assert [one.verdict for one in after] == [one.verdict for one in cases]
    holms = {one.id: one.checks.holm if one.checks else None for one in after}
    return {name: None if one is None else (one.adjusted, one.declared, one.rejected) for name, one in holms.items()}


def test_adjusted_values_are_those_of_the_definition() -> None:
    p = {"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}
    result = found(*(case(name, value) for name, value in p.items()))
    # Holm (1979) by hand: 4 x .005, 3 x .01, 2 x .03, max(2 x .03, .04)
    assert {name: one and one[0] for name, one in result.items()} == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert {name for name, one in result.items() if one and one[2]} == {"d", "a"}


def test_one_that_passed_or_was_not_run_counts_as_declared() -> None:
    result = found(case("a", 0.02), case("b", None), case("c", None, verdict=None, decision=None))
    assert result == {"a": (pytest.approx(0.06), 3, False), "b": None, "c": None}


def test_known_bad_models_and_whole_sets_are_not_in_the_family() -> None:
    result = found(case("a", 0.02), case("control", 1e-9, must_fail=True), case("set", None, about="this_set"))
    assert result == {"a": (0.02, 1, True), "control": None, "set": None}


def test_a_fail_that_a_check_took_away_bears_none() -> None:
    assert found(case("a", 0.02), case("b", 0.01, verdict="INCONCLUSIVE"))["b"] is None


def test_each_is_compared_with_its_own_confidence() -> None:
    result = found(case("a", 0.008, confidence=0.99), case("b", 0.02, confidence=0.95))
    assert [one and one[2] for one in result.values()] == [False, True]


def test_what_else_was_checked_stays() -> None:
    noise = NoiseCheck(images=5, floor=0.01, distance=0.1, passed=True)
    (after,) = with_holm([case("a", 0.02, checks=CheckResults(noise=noise))])
    assert after.checks is not None and after.checks.noise == noise and after.checks.holm is not None


def test_it_asks_no_less_than_benjamini_hochberg() -> None:
    p = [0.001, 0.004, 0.012, 0.02, 0.021, 0.049]
    result = found(*(case(str(at), value) for at, value in enumerate(p)))
    assert all(one and one[0] >= least for one, least in zip(result.values(), false_discovery_control(p), strict=True))
