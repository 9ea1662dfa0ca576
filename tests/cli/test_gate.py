"""The gate believes the record of its own run, and no exit status alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_plugin.runs import Line
from report.sample_record import record

from modelaudit.cli import gate, main
from modelaudit.cli.words import command_words
from modelaudit.evidence.results_folder import VARIABLE, Receipt, take_receipt

RIGHT = """
import os

audit = Audit(**told())
right = audit.expect(accuracy > 0.5)

def test_nobody_else_sees_what_the_gate_asked_for():
    assert "MODELAUDIT_RECEIPT" not in os.environ
"""


@pytest.fixture
def line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A folder in which child processes find the tests' models too."""
    found = Line(pytester)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(found.path), os.environ.get("PYTHONPATH", "")]))
    return found


def gated(*args: str) -> int:
    return main(["gate", "audits", "-q", "--audit-store=off", *args])


def test_a_pass_of_the_whole_ends_with_0(line: Line) -> None:
    line.audit(RIGHT, name="audits/audit_line.py")
    assert gated("-n", "1") == 0
    found = line.record()
    assert (found.overall, found.whole) == ("PASS", True)
    assert "--audit-gate" in found.command


def test_a_model_that_ends_the_process_with_0_does_not_pass(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    """Not even where an earlier run has left a PASS."""
    line.audit(RIGHT, name="audits/audit_line.py")
    line.run("audits", "-q")
    assert line.record().overall == "PASS"
    line.audit(
        """
        import os

        class Ends(Colour):
            def forward(self, images):
                os._exit(0)

        right = Audit(**told(Ends())).expect(accuracy > 0.5)
        """,
        name="audits/audit_line.py",
    )
    assert gated() == 1
    assert "pytest ended with exit status 0 and wrote no record" in capfd.readouterr().err


def test_a_rewritten_exit_status_does_not_pass(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    line.audit("wrong_one = Audit(**told(wrong())).expect(accuracy > 0.5)", name="audits/audit_line.py")
    line.write("audits/conftest.py", "import os\n\ndef pytest_unconfigure(config):\n    os._exit(0)\n")
    assert gated() == 1
    assert "the run is FAIL; pytest's exit status was 0, which the record contradicts" in capfd.readouterr().err


def test_other_exit_statuses_are_those_of_pytest(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    skipped = "import pytest\nskipped = Audit(**told()).expect(accuracy > 0.5, marks=pytest.mark.skip)\n"
    line.audit(RIGHT + skipped, name="audits/audit_line.py")
    assert gated() == 10
    assert "the run is PARTIAL: 1 of 2 declared expectations are not counted (1 skipped)" in capfd.readouterr().err
    assert gated("-k", "right") == pytest.ExitCode.USAGE_ERROR
    assert "pytest ended with exit status 4 and wrote no record" in capfd.readouterr().err


def test_an_edited_record_does_not_pass(line: Line, capfd: pytest.CaptureFixture[str]) -> None:
    line.audit("wrong_one = Audit(**told(wrong())).expect(accuracy > 0.5)", name="audits/audit_line.py")
    line.write(
        "audits/conftest.py",
        """
        import os
        from pathlib import Path

        def pytest_unconfigure(config):
            for file in Path("audit-results").glob("2*/run.json"):
                text = file.read_text()
                for old, new in (("FAIL", "PASS"), ('"failed"', '"passed"'), ('"exit_status": 1', '"exit_status": 0')):
                    text = text.replace(old, new)
                file.write_text(text)
            os._exit(0)
        """,
    )
    assert gated() == 1
    said = capfd.readouterr().err
    assert "the record contradicts itself" in said and "audits/audit_line.py::wrong_one" in said


PASS = {"id": "this", "overall": "PASS", "whole": True, "partial": False, "missing": None, "exit_status": 0}


@pytest.mark.parametrize(
    ("changed", "status", "why", "ends"),
    [
        ({}, 0, None, 0),
        ({"id": "another"}, 0, "the record is that of the run another, and this run was this", 1),
        ({"overall": "FAIL", "exit_status": 1}, 0, "the run is FAIL; pytest's exit status was 0, which", 1),
        ({"overall": "FAIL", "exit_status": 1}, 1, "the run is FAIL", 1),
        ({"overall": "INCONCLUSIVE", "exit_status": 10}, 0, "the run is INCONCLUSIVE", 10),
        ({"overall": "QUICK_LOOK", "exit_status": 10, "quick_look": 8}, 0, "the run is QUICK LOOK", 10),
        ({"overall": "PARTIAL", "exit_status": 0, "missing": "1 skipped"}, 0, "the run is PARTIAL: 1 skipped", 10),
        ({"whole": False, "missing": "1 audit file is not counted"}, 0, "1 audit file is not counted", 10),
        ({}, 1, "the audits pass, and pytest ended with exit status 1", 1),
        ({}, 3, "the audits pass, and pytest ended with exit status 3", 3),
    ],
)
def test_the_record_says_whether_the_run_passed(
    changed: dict[str, object], status: int, why: str | None, ends: int
) -> None:
    refused = gate.refusal(record().model_copy(update=PASS | changed), "this", status, command_words("en"))
    assert (refused is None) == (why is None)
    if refused is not None and why is not None:
        assert why in refused.why and refused.status == ends


def test_a_receipt_is_taken_once(tmp_path: Path) -> None:
    receipt = Receipt("this-run", str(tmp_path / "receipt"))
    environment = receipt.variable()
    assert take_receipt(environment) == receipt
    assert take_receipt(environment) is None and VARIABLE not in environment
    assert receipt.folder() is None
    receipt.write(tmp_path)
    assert receipt.folder() == tmp_path.resolve()


def test_its_help_is_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gate", "--help"]) == 0
    assert "usage: modelaudit gate [pytest arguments]" in capsys.readouterr().out
