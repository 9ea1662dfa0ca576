"""The states of cases and runs: what follows from what, and that the docs say the same."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any, get_args

import pytest
from report.sample_record import case, measure

from modelaudit.evidence.record import Absence, AbsentFile, CaseRecord
from modelaudit.evidence.states import (
    CASE_TABLE,
    RUN_TABLE,
    RunState,
    Standing,
    counted_as,
    exit_status,
    is_partial,
    is_whole,
    missing_text,
    run_state,
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
