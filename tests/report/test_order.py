"""Requirements are shown the worst first."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import case, decision, measure

from modelaudit.evidence.record import CaseRecord
from modelaudit.report.order import distance_to_limit, worst_first


def _case(
    name: str, verdict: str | None, *bounds: float, op: str = "<", limit: float = 0.4, **changed: Any
) -> CaseRecord:
    if bounds:
        lower, estimate, upper = bounds
        changed["decision"] = decision(str(verdict), estimate, lower, upper)
    return case(name, measure(), op, limit, verdict, **changed)


def _names(cases: list[CaseRecord]) -> list[str]:
    return [cases[position].name for position in worst_first(cases)]


def test_a_fail_comes_before_an_error_an_undecided_one_and_a_pass() -> None:
    cases = [
        _case("not_run", None),
        _case("pass", "PASS", 0.1, 0.2, 0.3),
        _case("open", "INCONCLUSIVE", 0.3, 0.4, 0.5),
        _case("error", "ERROR"),
        _case("expected", "FAIL", 0.5, 0.6, 0.7, standing="xfail", outcome="xfailed"),
        _case("fail", "FAIL", 0.5, 0.6, 0.7),
        _case("missed", "PASS", 0.1, 0.2, 0.3, must_fail=True, outcome="failed"),
        _case("caught", "FAIL", 0.5, 0.6, 0.7, must_fail=True, outcome="passed"),
    ]
    assert _names(cases) == ["fail", "error", "open", "pass", "expected", "not_run", "missed", "caught"]


def test_a_pass_whose_item_failed_all_the_same_stands_with_the_failures() -> None:
    cases = [_case("open", "INCONCLUSIVE", 0.3, 0.4, 0.5), _case("strict", "PASS", 0.1, 0.2, 0.3, outcome="failed")]
    assert _names(cases) == ["strict", "open"]


def test_of_two_failures_the_one_further_beyond_its_limit_comes_first_whatever_its_unit() -> None:
    near = _case("near", "FAIL", 0.41, 0.5, 0.59)
    far = _case("far", "FAIL", 0.60, 0.62, 0.64, op=">", limit=0.9)
    assert _names([near, far]) == ["far", "near"]


def test_an_undecided_one_that_is_nearer_to_a_fail_comes_first() -> None:
    over, under = _case("over", "INCONCLUSIVE", 0.35, 0.42, 0.5), _case("under", "INCONCLUSIVE", 0.3, 0.38, 0.45)
    assert _names([under, over]) == ["over", "under"]


def test_one_that_was_met_narrowly_comes_before_one_that_was_met_by_far() -> None:
    far, near = _case("far", "PASS", 0.01, 0.02, 0.03), _case("near", "PASS", 0.3, 0.35, 0.39)
    assert _names([far, near]) == ["near", "far"]


def test_the_worst_method_counts() -> None:
    parts = [
        decision("PASS", 0.2, 0.1, 0.3, method="gradcam"),
        decision("FAIL", 0.6, 0.5, 0.7, method="integrated_gradients"),
    ]
    several = case("several", measure(), "<", 0.4, "FAIL", decision=decision("FAIL", 0.2, 0.1, 0.3, parts=parts))
    assert distance_to_limit(several)[0] == pytest.approx(2.0)


def test_without_an_interval_the_value_itself_is_compared() -> None:
    one, other = _case("less", "FAIL", 0.5, 0.5, 0.5), _case("more", "FAIL", 0.6, 0.6, 0.6)
    assert _names([one, other]) == ["more", "less"]


def test_without_a_value_it_stands_last_of_its_verdict() -> None:
    empty = case("empty", measure(), "<", 0.4, "INCONCLUSIVE", decision=decision("INCONCLUSIVE", None, None, None))
    assert _names([empty, _case("open", "INCONCLUSIVE", 0.3, 0.38, 0.5)]) == ["open", "empty"]


_BOUNDS = st.tuples(*[st.floats(0, 1)] * 3).map(sorted)


@given(_BOUNDS, st.floats(0.01, 0.99), st.sampled_from(["<", ">"]))
def test_the_distance_says_on_which_side_of_the_limit_the_interval_lies(
    bounds: list[float], limit: float, op: str
) -> None:
    lower, estimate, upper = bounds
    relative, beyond = distance_to_limit(_case("any", "PASS", lower, estimate, upper, op=op, limit=limit))
    wrong, right = (lower > limit, upper < limit) if op == "<" else (upper < limit, lower > limit)
    assert (beyond > 0) == (estimate > limit if op == "<" else estimate < limit)
    if wrong:
        assert relative > 1 - 1e-9
    elif right:
        assert relative < -1 + 1e-9
    else:
        assert -1 - 1e-9 <= relative <= 1 + 1e-9 or estimate == limit


@given(st.lists(st.sampled_from(["PASS", "FAIL", "INCONCLUSIVE", "ERROR", None]), max_size=12))
def test_every_case_stands_once_and_equals_keep_the_order_of_their_declaration(verdicts: list[str | None]) -> None:
    cases = [_case(f"c{n}", verdict) for n, verdict in enumerate(verdicts)]
    order = worst_first(cases)
    assert sorted(order) == list(range(len(cases)))
    for earlier, later in itertools.pairwise(order):
        assert verdicts[earlier] != verdicts[later] or earlier < later
