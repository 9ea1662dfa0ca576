"""What a run says of single FAILs among all that its files declare."""

from __future__ import annotations

import pytest
from pytest_plugin.runs import Line

# half of 20 images are right: FAIL of > 0.75 with p = .0139
SEVEN = """
audit = Audit(**told(Blind()), checks="off")
weak = audit.expect(accuracy > 0.75)
""" + "\n".join(f"fine_{at} = audit.expect(accuracy > 0.{at}1)" for at in range(1, 4))


def test_a_fail_among_all_declared_is_told_though_the_rest_was_not_selected(line: Line) -> None:
    line.audit(
        SEVEN.replace("checks=", 'known_bad=["model"], checks=')
        + "\ncontrol = audit.expect(accuracy > 0.99, must_fail=True)"
    )
    result = line.run("-k", "weak")
    checks = line.cases()["weak"].checks
    assert checks is not None and checks.holm is not None
    assert checks.holm.p == pytest.approx(0.0139, abs=1e-4)
    assert (checks.holm.declared, checks.holm.rejected) == (4, False)
    assert checks.holm.adjusted == pytest.approx(4 * checks.holm.p)
    assert line.cases()["weak"].verdict == "FAIL"
    result.stdout.fnmatch_lines(
        ["1 of 1 FAIL could be chance among 4 declared requirements (Holm); no verdict changes"]
    )


def test_a_fail_beyond_doubt_needs_no_line(line: Line) -> None:
    line.audit(SEVEN.replace("0.75", "0.97"))
    result = line.run()
    checks = line.cases()["weak"].checks
    assert checks is not None and checks.holm is not None and checks.holm.rejected
    result.stdout.no_fnmatch_line("*could be chance*")
