"""Runs that did not measure everything say so, whatever stopped them, and never say that the whole passed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from pytest_plugin.runs import Line, counts

from modelaudit.evidence.record import read_record

THREE = """
import pytest
audit = Audit(**told())
first = audit.expect(accuracy > 0.5)
second = audit.expect(accuracy > 0.4)
third = audit.expect(accuracy > 0.3)
"""


def partial(line: Line, *, not_run: set[str]) -> None:
    """The latest run is partial everywhere, lists what was not run, and does not pass."""
    record = line.record()
    assert record.partial
    assert record.overall != "PASS"
    assert {case.name for case in record.cases if case.verdict == "NOT_RUN"} == not_run
    assert all((case.verdict == "NOT_RUN") == (case.outcome == "not_run") for case in record.cases)
    latest = line.path / "audit-results" / "latest"
    assert json.loads((latest / "run.json").read_text())["partial"] is True
    assert "artial" in (latest / "summary.md").read_text()
    assert (latest / "report.html").is_file()
    assert not (latest / "measured").exists()


@pytest.mark.parametrize(
    "args",
    [
        ("-k", "first"),
        ("audit_line.py::first",),
        ("--deselect=audit_line.py::second", "--deselect=audit_line.py::third"),
    ],
    ids=" ".join,
)
def test_a_selection_is_partial_and_does_not_pass(line: Line, args: tuple[str, ...]) -> None:
    line.audit(THREE)
    result = line.run(*args)
    assert result.ret == pytest.ExitCode.OK
    partial(line, not_run={"second", "third"})
    assert line.record().overall == "PARTIAL"
    result.stdout.fnmatch_lines(["PARTIAL: 2 NOT_RUN, 1 PASS", "partial: 2 of 3 declared expectations were not run*"])


def test_a_run_that_stops_at_the_first_failure_is_partial(line: Line) -> None:
    line.audit(THREE.replace("second = audit.expect(accuracy > 0.4)", "second = audit.expect(accuracy > 0.99)"))
    assert line.run("-x").ret == pytest.ExitCode.TESTS_FAILED
    partial(line, not_run={"third"})
    assert line.record().overall == "INCONCLUSIVE"


def test_last_failed_runs_what_failed_and_is_partial(line: Line) -> None:
    line.audit(THREE.replace("audit.expect(accuracy > 0.3)", "audit.expect(accuracy > 0.99)"))
    assert line.run().ret == pytest.ExitCode.TESTS_FAILED
    assert not line.record().partial
    result = line.run("--lf", "-v")
    assert counts(result) == {"inconclusive": 1}
    partial(line, not_run={"first", "second"})


def test_last_failed_does_not_vouch_for_files_that_it_passes_over(line: Line) -> None:
    line.audit("passes = Audit(**told()).expect(accuracy > 0.5)", name="audit_other.py")
    line.audit("mended = Audit(**told()).expect(accuracy > 0.99)")
    line.run()
    line.audit("mended = Audit(**told()).expect(accuracy > 0.5)")
    assert line.run("--lf").ret == pytest.ExitCode.OK
    assert {case.name for case in line.record().cases} == {"mended"}
    partial(line, not_run=set())


def test_a_whole_run_is_not_partial(line: Line) -> None:
    line.audit(THREE)
    assert line.run().ret == pytest.ExitCode.OK
    record = line.record()
    assert (record.overall, record.partial, record.partial_because, record.quick_look) == ("PASS", False, None, None)
    assert {case.outcome for case in record.cases} == {"passed"}


def test_ctrl_c_inside_the_model_leaves_a_partial_record(line: Line) -> None:
    line.audit(
        """
        first = Audit(**told()).expect(accuracy > 0.5)
        second = Audit(**told(Interrupted(1))).expect(accuracy > 0.4)
        third = Audit(**told()).expect(accuracy > 0.3)
        """
    )
    result = line.run(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    partial(line, not_run={"second", "third"})
    assert line.cases()["first"].verdict == "PASS"
    assert "interrupted" in str(line.record().partial_because)


def test_a_signal_in_the_middle_leaves_a_partial_record(line: Line) -> None:
    line.audit(
        """
        import time

        class Slow(Colour):
            def forward(self, images):
                if images.shape[-1] == SIDE:
                    Path("here").touch()
                    time.sleep(240)
                return super().forward(images)

        first = Audit(**told()).expect(accuracy > 0.5)
        second = Audit(**told(Slow())).expect(accuracy > 0.4)
        """
    )
    environment = os.environ | {"PYTHONPATH": str(line.path), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--audit-checks=off"],
        cwd=line.path,
        env=environment,
        stdout=subprocess.PIPE,
    )
    try:
        patience = time.monotonic() + 240
        while not (line.path / "here").exists() and process.poll() is None and time.monotonic() < patience:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=240)
    finally:
        process.kill()
    assert process.returncode == pytest.ExitCode.INTERRUPTED, output.decode()
    partial(line, not_run={"second"})
    assert line.cases()["first"].verdict == "PASS"


def test_a_quick_look_is_marked_everywhere_and_decides_nothing(line: Line) -> None:
    line.audit(THREE)
    result = line.run("--audit-limit", "12")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["QUICK_LOOK: 3 PASS", "quick look at 12 images: decides nothing"])
    record = line.record()
    assert (record.overall, record.quick_look) == ("QUICK_LOOK", 12)
    assert (record.data[0].images, record.data[0].available, len(record.tables[0].samples)) == (12, 20, 12)
    latest = line.path / "audit-results" / "latest"
    whole = {name: (latest / name).read_text() for name in ("report.html", "summary.md")}
    assert all("uick look" in text for text in whole.values())
    line.run()
    assert not any("uick look at" in (latest / name).read_text() for name in whole)


def test_a_failed_quick_look_says_that_it_decides_nothing(line: Line) -> None:
    line.audit("fails = Audit(**told(wrong())).expect(accuracy > 0.5)")
    result = line.run("--audit-limit", "12")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "quick look (--audit-limit 12): decides nothing" in result.stdout.str()
    assert line.record().overall == "QUICK_LOOK"


def test_latest_points_at_the_newest_run_and_older_ones_stay(line: Line) -> None:
    line.audit(THREE)
    line.run()
    first = line.record()
    line.run()
    second = line.record()
    results = line.path / "audit-results"
    assert str((results / "latest").readlink()) == second.id
    assert {path.name for path in results.iterdir()} == {first.id, second.id, "latest"}
    assert read_record(results / first.id) == first


def test_selected_cases_that_collection_errors_kept_from_running_leave_no_record(line: Line) -> None:
    line.audit(THREE)
    line.write("test_broken.py", "1 / 0")
    assert line.run().ret == pytest.ExitCode.INTERRUPTED
    assert not (line.path / "audit-results").exists()
