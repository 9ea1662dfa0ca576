"""The states of cases and runs: what follows from what, and that the docs say the same."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest
from report.sample_record import case, measure

from modelaudit.evidence.record import Absence, AbsentFile, CaseRecord, WaiverRecord
from modelaudit.evidence.states import (
    CASE_TABLE,
    RUN_TABLE,
    RunState,
    Standing,
    can_be_waived,
    counted_as,
    exit_status,
    is_exception,
    is_partial,
    is_whole,
    missing_text,
    run_state,
    standing_of,
    tables,
)

DOCS = Path(__file__).parents[2] / "docs" / "ci.md"
NOT_TYPED = ("skip", "xfail", "error", "removed", "interrupted")


def ended(verdict: str | None, by: str = "selection", **changed: Any) -> CaseRecord:
    if verdict is None:
        changed = {"absence": Absence(by=by, why="…"), **changed}  # type: ignore[arg-type]
    return case("a", measure(), ">", 0.9, verdict, **changed)


CAUGHT = ended("FAIL", must_fail=True, outcome="passed")


def test_the_docs_hold_the_tables_of_the_code() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for table in tables():
        assert table in text, f"docs/ci.md does not hold this table:\n{table}"


def test_every_state_has_a_row() -> None:
    states = {state.removesuffix(" of a selection").replace(" ", "_") for state, *_ in RUN_TABLE[1:]}
    assert states == set(get_args(RunState))
    assert {standing.replace(" ", "_") for _, standing, *_ in CASE_TABLE[1:]} == set(get_args(Standing))


@pytest.mark.parametrize(
    "verdicts", list(itertools.product(["PASS", "FAIL", "INCONCLUSIVE", "ERROR"], repeat=3)), ids="-".join
)
def test_the_worst_counted_case_is_the_runs(verdicts: tuple[str, ...]) -> None:
    cases = [ended(verdict) for verdict in verdicts]
    worst = next(name for name in ("ERROR", "FAIL", "INCONCLUSIVE", "PASS") if name in verdicts)
    assert run_state(cases, [], quick_look=False) == worst
    assert exit_status(cases, []) == (0 if worst == "PASS" else 1)
    assert run_state(cases, [], quick_look=True) == "QUICK_LOOK"
    assert exit_status(cases, [], quick_look=True) == (10 if worst == "PASS" else 1)


@pytest.mark.parametrize("by", NOT_TYPED)
def test_what_nobody_left_out_makes_a_run_partial(by: str) -> None:
    file = AbsentFile(file="audits/audit_b.py", by=by, why="…")  # type: ignore[arg-type]
    for cases, files in (([ended("PASS"), ended(None, by)], []), ([ended("PASS")], [file])):
        assert (run_state(cases, files, quick_look=False), exit_status(cases, files)) == ("PARTIAL", 10)
        assert is_partial(cases, files) and not is_whole(cases, files)
        assert exit_status(cases, files, allow_partial=True) == (0 if by in ("skip", "xfail") else 10)
    assert exit_status([ended("FAIL"), ended(None, by)], [file], allow_partial=True) == 1


def test_a_selection_ends_as_what_was_selected() -> None:
    cases = [ended("PASS"), ended(None)]
    assert (run_state(cases, [], quick_look=False), exit_status(cases, [])) == ("PASS", 0)
    assert not is_whole(cases, []) and not is_partial(cases, [])
    assert missing_text(cases, []) == "1 of 2 declared expectations are not counted (1 not selected)"


def test_a_run_without_a_pass_is_not_a_pass() -> None:
    assert exit_status([], []) == 10
    assert exit_status([ended(None, "skip")], [], allow_partial=True) == 10


def test_known_bad_models_alone_are_no_pass_of_the_whole() -> None:
    assert counted_as(CAUGHT) == "PASS"
    assert (run_state([CAUGHT], [], quick_look=False), exit_status([CAUGHT], [])) == ("PARTIAL", 10)
    assert "only known-bad models" in str(missing_text([CAUGHT], []))
    assert exit_status([CAUGHT, ended(None)], []) == 0  # typed: an ordinary selection
    assert exit_status([CAUGHT, ended("PASS")], []) == 0


@pytest.mark.parametrize(("verdict", "counts"), [("PASS", "FAIL"), ("INCONCLUSIVE", "FAIL"), ("ERROR", "ERROR")])
def test_a_known_bad_model_that_is_not_caught_fails(verdict: str, counts: str) -> None:
    missed = ended(verdict, must_fail=True, outcome="failed")
    assert counted_as(missed) == counts
    assert exit_status([ended("PASS"), missed], [], tolerate_inconclusive=True) == 1


def test_a_tolerated_inconclusive_is_neither_0_nor_1() -> None:
    cases = [ended("PASS"), ended("INCONCLUSIVE", outcome="warned")]
    assert exit_status(cases, [], tolerate_inconclusive=True) == 10
    assert exit_status(cases, []) == 1


def test_a_pass_whose_item_failed_is_a_fail() -> None:
    assert counted_as(ended("PASS", outcome="failed")) == "FAIL"


def excepted(verdict: str, standing: str = "advisory", **changed: Any) -> CaseRecord:
    if standing == "waived":
        start = datetime(2026, 11, 1, tzinfo=UTC)
        changed["waiver"] = WaiverRecord(owner="Tanaka", reason="spare parts", issued=start, expires=start)
    else:
        changed["importance"] = "advisory"
    return ended(verdict, standing=standing, outcome="passed" if verdict == "PASS" else "xfailed", **changed)


@pytest.mark.parametrize("verdict", ["PASS", "FAIL", "INCONCLUSIVE"])
@pytest.mark.parametrize("standing", ["advisory", "waived"])
def test_what_does_not_count_neither_fails_a_run_nor_makes_it_partial(standing: str, verdict: str) -> None:
    case = excepted(verdict, standing)
    cases = [ended("PASS"), case]
    state = "PASS" if verdict == "PASS" else "PASS_WITH_EXCEPTIONS"
    assert counted_as(case) is None and is_exception(case) == (verdict != "PASS")
    assert (run_state(cases, [], quick_look=False), exit_status(cases, [])) == (state, 0)
    assert is_whole(cases, []) and missing_text(cases, []) is None
    assert run_state([ended("FAIL"), case], [], quick_look=False) == "FAIL"
    assert run_state([*cases, ended(None, "skip")], [], quick_look=False) == "PARTIAL"


@pytest.mark.parametrize("standing", ["advisory", "waived"])
@pytest.mark.parametrize("others", [[], [CAUGHT]], ids=["alone", "beside a known-bad model"])
def test_a_run_needs_a_requirement_that_counts(standing: str, others: list[CaseRecord]) -> None:
    cases = [excepted("PASS" if standing == "advisory" else "FAIL", standing), *others]
    assert (run_state(cases, [], quick_look=False), exit_status(cases, [])) == ("PARTIAL", 10)
    assert "advisory or waived" in str(missing_text(cases, []))


def test_advice_that_could_not_be_given_counts() -> None:
    assert standing_of(ended("ERROR", importance="advisory"), waived=False) == "counted"
    assert standing_of(ended("FAIL", importance="advisory"), waived=False) == "advisory"
    assert standing_of(ended("PASS", importance="advisory"), waived=True) == "advisory"


@pytest.mark.parametrize(
    ("changed", "waived"),
    [({}, True), ({"importance": "critical"}, False), ({"must_fail": True}, False)],
    ids=["major", "critical", "known-bad"],
)
def test_what_can_be_waived(changed: dict[str, Any], waived: bool) -> None:
    case = ended("INCONCLUSIVE", **changed)
    assert can_be_waived(case) == waived
    assert standing_of(case, waived=True) == ("waived" if waived else "counted")
    assert standing_of(ended("PASS"), waived=True) == "counted"


@pytest.mark.parametrize("verdict", ["PASS", "ERROR"])
def test_a_departure_from_what_was_agreed_stands_above_all(verdict: str) -> None:
    cases = [ended(verdict)]
    assert run_state(cases, [], quick_look=True, as_agreed=False) == "NOT_AS_AGREED"
    assert exit_status(cases, [], as_agreed=False) == 1
