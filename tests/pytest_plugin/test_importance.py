"""Critical, major and advisory requirements: what each does to the run."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import HEADER, Line, counts

from modelaudit.evidence.consistency import contradictions

TWO = """
passes = Audit(**told()).expect(accuracy > 0.5, importance="critical")
advice = Audit(**told(wrong())).expect(accuracy > 0.5, importance="advisory")
"""


def test_advice_that_is_not_met_is_shown_and_fails_nothing(line: Line) -> None:
    line.audit(TWO)
    result = line.run("--junitxml=junit.xml")
    assert result.ret == 0
    assert counts(result) == {"passed": 1, "xfailed": 1}
    record, cases = line.record(), line.cases()
    assert (record.overall, record.whole, record.partial) == ("PASS_WITH_EXCEPTIONS", True, False)
    advice = cases["advice"]
    assert (advice.verdict, advice.standing, advice.outcome) == ("FAIL", "advisory", "xfailed")
    assert cases["passes"].importance == "critical" and cases["passes"].standing == "counted"
    assert contradictions(record) == []
    result.stdout.fnmatch_lines(["*PASS WITH EXCEPTIONS*1 advice not met*"])
    (skipped,) = line.pytester.path.joinpath("junit.xml").read_text().split("<skipped")[1:]
    assert 'type="pytest.xfail"' in skipped and "advice" in skipped


def test_a_gate_takes_a_pass_with_exceptions(line: Line) -> None:
    line.write("audits/audit_line.py", HEADER + TWO)
    line.checks = None
    assert line.run("audits", "--audit-gate").ret == 0


def test_advice_that_cannot_be_measured_is_an_error_of_the_run(line: Line) -> None:
    line.audit(TWO.replace("wrong()", '"missing.py:build"'))
    result = line.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert line.record().overall == "ERROR" and line.cases()["advice"].standing == "counted"


def test_advice_alone_is_no_pass(line: Line) -> None:
    line.audit('advice = Audit(**told()).expect(accuracy > 0.5, importance="advisory")')
    result = line.run()
    assert result.ret == 10 and line.record().overall == "PARTIAL"
    result.stdout.fnmatch_lines(["*every requirement is advisory or waived*"])


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('importance="severe"', "importance='severe'; known: advisory, critical, major"),
        ('importance="advisory", must_fail=True', "a known-bad model shows that the audit can fail"),
    ],
)
def test_an_importance_that_means_nothing_is_refused(line: Line, said: str, complaint: str) -> None:
    line.audit(f"wrongly = Audit(**told()).expect(accuracy > 0.5, {said})")
    result = line.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([f"*{complaint}*"])
