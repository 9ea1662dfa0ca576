"""Beside other pytest plugins a run has the same cases, verdicts and exit status."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest
from pytest_plugin.runs import Line, counts

#: a case of each verdict, one of them known-bad and not caught
EACH = """
class Raises(Colour):
    def forward(self, images):
        if images.shape[-1] == SIDE:
            raise ValueError("no such layer")
        return super().forward(images)

audit = Audit(**told())
passes = audit.expect(accuracy > 0.5)
fails = audit.expect(accuracy < 0.5)
undecided = audit.expect(accuracy > 0.99)
not_caught = Audit(**told(Colour(2.0))).expect(accuracy > 0.5, must_fail=True)
errs = Audit(**told(Raises())).expect(accuracy > 0.5)
"""
VERDICTS = {"passes": "PASS", "fails": "FAIL", "undecided": "INCONCLUSIVE", "not_caught": "PASS", "errs": "ERROR"}

AUDIT = """
audit = Audit(**told())
right = audit.expect(accuracy > 0.5)
too_few = audit.expect(accuracy > 0.99)
also_right = audit.expect(accuracy > 0.4)
"""


def ends(line: Line) -> dict[str, tuple[str | None, str]]:
    return {name: (case.verdict, case.outcome) for name, case in sorted(line.cases().items())}


def verdicts(line: Line) -> dict[str, str | None]:
    return {name: case.verdict for name, case in line.cases().items()}


def test_a_fail_is_an_assertion_and_an_error_is_not(line: Line) -> None:
    """Reports such as allure tell a failed product from a broken test by the type of the exception."""
    line.audit(EACH)
    line.write(
        "conftest.py",
        """
        import json, pathlib
        import pytest

        RAISED = {}

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_makereport(item, call):
            report = yield
            if call.excinfo is not None:
                asserts = isinstance(call.excinfo.value, (AssertionError, pytest.fail.Exception))
                RAISED[item.name] = [call.when, asserts, call.excinfo.exconly().splitlines()[0]]
            return report

        def pytest_sessionfinish():
            pathlib.Path("raised.json").write_text(json.dumps(RAISED))
        """,
    )
    line.run()
    assert json.loads((line.path / "raised.json").read_text()) == {
        "fails": ["call", True, "AuditFailed: FAIL: fails"],
        "undecided": ["call", True, "AuditFailed: INCONCLUSIVE(too_few_images): undecided"],
        "not_caught": ["call", True, "AuditFailed: PASS: not_caught [known-bad model: NOT caught]"],
        "errs": ["setup", False, "AuditErrored: ERROR: errs"],
    }


#: runs a case again from inside `pytest_runtest_makereport`, as pytest-retry does, and reports each failure
RETRIES = """
import pytest

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if call.when != "call" or call.excinfo is None:
        return report
    parent = pytest.Class.from_parent(item.session, name="Other")
    for attempt in range(2):
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=parent), "teardown")
        report.outcome = "retried"
        item.ihook.pytest_runtest_logreport(report=report)
        item._initrequest()
        pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_setup(item=item), "setup")
        again = pytest.CallInfo.from_call(lambda: item.ihook.pytest_runtest_call(item=item), "call")
        new = pytest.TestReport.from_item_and_call(item, again)
        report.outcome, report.longrepr = new.outcome, new.longrepr
    return report

def pytest_report_teststatus(report):
    return ("retried", "R", "RETRY") if report.outcome == "retried" else None
"""


def test_a_case_that_is_run_again_within_its_report_is_the_same_case(line: Line) -> None:
    line.audit(EACH)
    line.run()
    alone = ends(line)
    line.write("conftest.py", RETRIES)
    result = line.run("-v")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 1, "failed": 2, "inconclusive": 1, "errors": 1, "retried": 6}
    assert ends(line) == alone and verdicts(line) == VERDICTS
    assert str(result.stdout).count("INCONCLUSIVE(too_few_images): undecided") == 1  # its paragraph


def test_reruns_count_a_case_once(line: Line) -> None:
    pytest.importorskip("pytest_rerunfailures")
    line.audit(AUDIT)
    assert line.run().ret == pytest.ExitCode.TESTS_FAILED
    alone = ends(line)
    result = line.run("--reruns=2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert counts(result) == {"passed": 2, "inconclusive": 1, "rerun": 2}
    assert ends(line) == alone
    assert line.record().overall == "INCONCLUSIVE"


def test_reruns_of_each_verdict_are_no_new_cases(line: Line) -> None:
    pytest.importorskip("pytest_rerunfailures")
    line.audit(EACH)
    line.run()
    alone = ends(line)
    line.run("--reruns=2", "--junitxml=junit.xml")
    assert ends(line) == alone and verdicts(line) == VERDICTS
    entries = list(ElementTree.parse(line.path / "junit.xml").iter("testcase"))
    found = {entry.attrib["name"]: [part.tag for part in entry if part.tag != "properties"] for entry in entries}
    assert len(entries) == len(line.record().cases) == 5
    ended = {"passes": [], "fails": ["failure"], "undecided": ["failure"], "not_caught": ["failure"], "errs": ["error"]}
    assert found == ended


def test_a_flaky_mark_reruns_one_case_and_adds_none(line: Line) -> None:
    pytest.importorskip("pytest_rerunfailures")
    line.audit(
        """
        import pytest

        audit = Audit(**told())
        undecided = audit.expect(accuracy > 0.99, marks=[pytest.mark.flaky(reruns=3)])
        right = audit.expect(accuracy > 0.5)
        """
    )
    result = line.run()
    assert counts(result) == {"inconclusive": 1, "passed": 1, "rerun": 3}
    assert {name: case.verdict for name, case in line.cases().items()} == {"undecided": "INCONCLUSIVE", "right": "PASS"}
    result.stdout.fnmatch_lines(["INCONCLUSIVE: 1 INCONCLUSIVE, 1 PASS"])


def test_any_order_has_the_same_end(line: Line) -> None:
    pytest.importorskip("pytest_randomly")
    line.audit(AUDIT)
    line.run()
    alone = ends(line)
    for seed in (1, 2, 3):  # not by Line.run, which keeps the order of the files
        result = line.pytester.runpytest_inprocess("--audit-store=off", "--audit-checks=off", f"--randomly-seed={seed}")
        result.stdout.fnmatch_lines([f"Using --randomly-seed={seed}"])
        assert result.ret == pytest.ExitCode.TESTS_FAILED
        assert ends(line) == alone and line.record().whole


#: a model that stops at the images after the first ones, until a file says that it may go on
SLOW = """
import pathlib, time
import pytest

class Slow(Counting):
    def forward(self, images):
        made = super().forward(images)
        if images.shape[-1] == SIDE and not pathlib.Path("quick").exists():
            passes = len(pathlib.Path("passes").read_text().splitlines())
            time.sleep(30 if passes > 6 else 0)
        return made

audit = Audit(**told(Slow("passes")))
"""


@pytest.mark.parametrize(
    ("options", "marks", "ini"),
    [
        (("--timeout=1",), "", ""),
        ((), "marks=[pytest.mark.timeout(1)]", ""),
        ((), "", "[pytest]\ntimeout = 1\n"),
    ],
    ids=["option", "mark", "ini"],
)
def test_a_timeout_is_one_line(line: Line, options: tuple[str, ...], marks: str, ini: str) -> None:
    pytest.importorskip("pytest_timeout")
    line.audit(SLOW + f"slow = audit.expect(accuracy > 0.5, {marks})\n")
    if ini:
        line.write("pytest.ini", ini)
    result = line.run(*options, "--audit-micro-batch=2")
    case = line.cases()["slow"]
    assert (case.verdict, case.outcome) == ("ERROR", "error")
    assert re.fullmatch(
        r"Timeout \(?>1.0s\)?( from pytest-timeout)?: measuring was not finished; nothing is kept "
        r"\(--audit-store=off\); allow more time, or measure fewer images",
        case.message,
    )
    folder = line.path / "audit-results" / "latest"
    for name in ("run.json", "report.html", "summary.md"):
        assert "_multicall" not in (folder / name).read_text(encoding="utf-8"), name
    assert "_multicall" not in str(result.stdout)
    result.stdout.fnmatch_lines(["ERROR: slow", "  accuracy > 0.5", "  Timeout *"])


def test_the_run_after_a_timeout_continues(line: Line) -> None:
    pytest.importorskip("pytest_timeout")
    line.store = "kept"
    line.audit(SLOW + "slow = audit.expect(accuracy > 0.5)\nalso = audit.expect(accuracy > 0.4)\n")
    line.run("--timeout=3", "--audit-micro-batch=2", "-k", "slow")
    assert "values measured so far are kept in the store" in line.cases()["slow"].message
    before = (line.path / "passes").read_text()
    line.write("quick", "")
    assert line.run("--audit-micro-batch=2").ret == pytest.ExitCode.OK
    rest = sum(int(text.split()[1]) for text in (line.path / "passes").read_text()[len(before) :].splitlines())
    assert {name: case.verdict for name, case in line.cases().items()} == {"slow": "PASS", "also": "PASS"}
    decision = line.cases()["slow"].decision
    assert decision is not None and decision.counts.measured == 20 and rest < 20 + 8  # with those of the check


def test_a_case_on_the_same_data_goes_on_after_a_timeout(line: Line) -> None:
    pytest.importorskip("pytest_timeout")
    marks = "marks=[pytest.mark.timeout(1)]"
    body = f"slow = audit.expect(accuracy > 0.5, {marks})\nalso = audit.expect(accuracy > 0.4)\n"
    line.audit(SLOW + body)
    line.write(
        "conftest.py",
        """
        import pathlib

        def pytest_runtest_logfinish(nodeid):
            pathlib.Path("quick").touch()
        """,
    )
    line.run("--audit-micro-batch=2")
    assert {name: case.verdict for name, case in line.cases().items()} == {"slow": "ERROR", "also": "PASS"}
    decision = line.cases()["also"].decision
    assert decision is not None and decision.counts.measured == 20 and decision.estimate == 1


def test_a_rerun_after_a_timeout_takes_the_measuring_up_again(line: Line) -> None:
    pytest.importorskip("pytest_timeout")
    pytest.importorskip("pytest_rerunfailures")
    line.audit(SLOW + "slow = audit.expect(accuracy > 0.5)\n")
    line.write(
        "conftest.py",
        """
        import pathlib

        def pytest_runtest_logreport(report):
            if report.outcome == "rerun":
                pathlib.Path("quick").touch()
        """,
    )
    result = line.run("--timeout=4", "--reruns=1", "--audit-micro-batch=2")
    assert counts(result) == {"passed": 1, "rerun": 1} and result.ret == pytest.ExitCode.OK
    case = line.cases()["slow"]
    assert (case.verdict, case.message) == ("PASS", "")


def test_what_a_hook_raises_before_a_case_is_one_line(line: Line) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)\n")
    line.write(
        "conftest.py", "def pytest_runtest_setup(item):\n    secret = 'local value'\n    raise OSError('no room')\n"
    )
    line.run("--showlocals")
    case = line.cases()["right"]
    assert case.verdict == "ERROR"
    assert re.fullmatch(r"OSError: no room \(.*conftest\.py:3\)", case.message)


def test_a_timeout_is_an_error_and_the_rest_goes_on(line: Line) -> None:
    pytest.importorskip("pytest_timeout")
    line.audit(
        """
        import time
        import pytest

        class Slow(Colour):
            def forward(self, images):
                if images.shape[-1] == SIDE:
                    time.sleep(60)
                return super().forward(images)

        slow = Audit(**told(Slow())).expect(accuracy > 0.5)
        right = Audit(**told()).expect(accuracy > 0.5, marks=[pytest.mark.timeout(60)])
        """
    )
    result = line.run("--timeout=1", "--timeout-method=signal")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert (cases["slow"].verdict, cases["right"].verdict) == ("ERROR", "PASS")
    assert line.record().overall == "ERROR"
