"""What is not as agreed, by kind; and what 1,000 parts cost at the rates that were measured."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report.sample_record import case, decision, measure, record

from modelaudit.acceptance.agreement import AgreementTerms
from modelaudit.acceptance.compliance import DeclaredExpectation, agreement_record, unmet_terms

TERMS = AgreementTerms.model_validate(
    {
        "title": "a",
        "parties": {"vendor": {"name": "b"}, "customer": {"name": "c"}},
        "system": {"name": "d"},
        "clauses": {"4.1": {"expectations": ["right"]}, "4.2": {"expectations": ["audits/audit_b.py::holds"]}},
        "decision": {"confidence": 0.95, "images": 100, "inconclusive": "fail"},
        "signs": ["customer"],
        "costs": {"missed_defect": 400, "false_alarm": 3, "currency": "EUR", "defect_share": 2},
    }
)
RIGHT = DeclaredExpectation("right", "audits/audit_a.py", 0.95, "process", images=100)
HOLDS = DeclaredExpectation("holds[new]", "audits/audit_b.py", 0.99, "process", images=None)


def kinds(*declared: DeclaredExpectation, **how: object) -> list[tuple[object, ...]]:
    found = unmet_terms(TERMS, declared, **how)  # type: ignore[arg-type]
    return [(one.kind, one.expectation, one.clause, one.agreed, one.found) for one in found]


def test_what_is_as_agreed_is_not_named() -> None:
    assert kinds(RIGHT, HOLDS, inconclusive="fail") == []
    assert kinds(RIGHT, HOLDS) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"confidence": 0.9}, ("lower_confidence", "right", "4.1", 0.95, 0.9)),
        ({"about": "this_set"}, ("this_set_alone", "right", "4.1", 0.95, None)),
        ({"images": 99}, ("fewer_images", "right", "4.1", 100, 99)),
    ],
)
def test_an_expectation_that_differs_is_named(changed: dict[str, object], said: tuple[object, ...]) -> None:
    assert kinds(replace(RIGHT, **changed), HOLDS) == [said]  # type: ignore[arg-type]
    known_bad = replace(RIGHT, must_fail=True, **changed)  # type: ignore[arg-type]
    assert kinds(known_bad, HOLDS) == []


def test_clauses_and_expectations_belong_together() -> None:
    assert kinds(RIGHT) == [("clause_without_expectation", "audits/audit_b.py::holds", "4.2", None, None)]
    assert kinds(RIGHT, complete=False) == []
    elsewhere = replace(HOLDS, file="audits/audit_c.py")
    assert ("expectation_without_clause", "holds[new]", None, None, None) in kinds(RIGHT, HOLDS, elsewhere)
    assert kinds(RIGHT, HOLDS, replace(elsewhere, must_fail=True)) == []
    assert kinds(RIGHT, HOLDS, inconclusive="warn") == [("counts_inconclusive", None, None, "fail", "warn")]


def test_the_record_says_what_a_run_keeps_to_and_what_mistakes_cost() -> None:
    missed = measure("miss_rate", stratum="~label(free)", text="miss_rate(good=free).where(~label(free))")
    alarms = measure("false_alarm_rate", stratum="label(free)", text="false_alarm_rate(good=free).where(label(free))")
    run = record(
        cases=[
            case("right", missed, "<", 0.1, "PASS", decision=decision("PASS", 0.05, 0.01, 0.09), models=["model:a"]),
            case("alarm", alarms, "<", 0.1, "PASS", decision=decision("PASS", 0.02, 0.01, 0.04), models=["model:a"]),
        ]
    )
    found = agreement_record(TERMS, run)
    assert [party.signs for party in found.parties] == [False, True]
    assert ("expectation_without_clause", "alarm") in [(one.kind, one.expectation) for one in found.unmet]
    assert found.costs is not None
    (cost,) = found.costs.expected
    # of 1,000 parts 20 are defective: 1 is missed, and 19.6 of 980 are false alarms
    assert cost.expected == pytest.approx(1 * 400 + 19.6 * 3)
    assert (cost.low, cost.high) == (pytest.approx(0.2 * 400 + 9.8 * 3), pytest.approx(1.8 * 400 + 39.2 * 3))
    narrow = missed.model_copy(update={"stratum": "~label(free) & label(scratch)"})
    other = run.model_copy(update={"cases": [run.cases[0].model_copy(update={"left": narrow}), run.cases[1]]})
    assert agreement_record(TERMS, other).costs == found.costs.model_copy(update={"expected": []})
