"""Beside other pytest plugins a run has the same cases, verdicts and exit status."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line, counts

AUDIT = """
audit = Audit(**told())
right = audit.expect(accuracy > 0.5)
too_few = audit.expect(accuracy > 0.99)
also_right = audit.expect(accuracy > 0.4)
"""


def ends(line: Line) -> dict[str, tuple[str | None, str]]:
    return {name: (case.verdict, case.outcome) for name, case in sorted(line.cases().items())}


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


def test_a_timeout_is_an_error_and_the_rest_goes_on(line: Line) -> None:
    pytest.importorskip("pytest_timeout")
    line.audit(
        """
        import time

        class Slow(Colour):
            def forward(self, images):
                if images.shape[-1] == SIDE:
                    time.sleep(60)
                return super().forward(images)

        slow = Audit(**told(Slow())).expect(accuracy > 0.5)
        right = Audit(**told()).expect(accuracy > 0.5)
        """
    )
    result = line.run("--timeout=2", "--timeout-method=signal")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    cases = line.cases()
    assert (cases["slow"].verdict, cases["right"].verdict) == ("ERROR", "PASS")
    assert line.record().overall == "ERROR"
