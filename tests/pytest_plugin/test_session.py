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
from modelaudit.evidence.states import NO_VERDICT

THREE = """
import pytest
audit = Audit(**told())
first = audit.expect(accuracy > 0.5)
second = audit.expect(accuracy > 0.4)
third = audit.expect(accuracy > 0.3)
"""


def not_whole(line: Line, *, not_run: set[str], partial: bool = False) -> None:
    """The latest run is not the whole, says so everywhere, and lists what was not run.

    Args:
        partial: whether something is missing that nobody left out by typed arguments.
    """
    record = line.record()
    assert (record.whole, record.partial) == (False, partial)
    assert record.missing is not None
    assert {case.name for case in record.cases if case.standing == "not_run"} == not_run
    assert all((case.absence is not None) == (case.outcome == "not_run") for case in record.cases)
    latest = line.path / "audit-results" / "latest"
    assert json.loads((latest / "run.json").read_text())["whole"] is False
    assert ("Partial run" if partial else "A selection") in (latest / "summary.md").read_text()
    assert "## modelaudit: Pass" not in (latest / "summary.md").read_text()
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
def test_a_selection_ends_as_what_was_selected_and_is_not_the_whole(line: Line, args: tuple[str, ...]) -> None:
    line.audit(THREE)
    result = line.run(*args)
    assert result.ret == pytest.ExitCode.OK
    not_whole(line, not_run={"second", "third"})
    assert line.record().overall == "PASS"
    result.stdout.fnmatch_lines(
        [
            "PASS of a selection: 1 PASS, 2 not run",
            "not the whole: 2 of 3 declared requirements are not counted (2 not selected)",
        ]
    )


def test_a_run_that_stops_at_the_first_failure_lists_the_rest(line: Line) -> None:
    line.audit(THREE.replace("second = audit.expect(accuracy > 0.4)", "second = audit.expect(accuracy > 0.99)"))
    assert line.run("-x").ret == pytest.ExitCode.TESTS_FAILED
    not_whole(line, not_run={"third"})
    assert line.record().overall == "INCONCLUSIVE"
    assert "stopping after 1 failures" in line.cases()["third"].message


def test_last_failed_runs_what_failed_and_is_a_selection(line: Line) -> None:
    line.audit(THREE.replace("audit.expect(accuracy > 0.3)", "audit.expect(accuracy > 0.99)"))
    assert line.run().ret == pytest.ExitCode.TESTS_FAILED
    assert line.record().whole
    result = line.run("--lf", "-v")
    assert counts(result) == {"inconclusive": 1}
    not_whole(line, not_run={"first", "second"})


def test_last_failed_does_not_vouch_for_files_that_it_passes_over(line: Line) -> None:
    line.audit("passes = Audit(**told()).expect(accuracy > 0.5)", name="audit_other.py")
    line.audit("mended = Audit(**told()).expect(accuracy > 0.99)")
    line.run()
    line.audit("mended = Audit(**told()).expect(accuracy > 0.5)")
    assert line.run("--lf").ret == pytest.ExitCode.OK
    assert {case.name for case in line.record().cases} == {"mended"}
    not_whole(line, not_run=set())
    (absent,) = line.record().absent_files
    assert (absent.file, absent.by) == ("audit_other.py", "selection") and "--lf" in absent.why


def test_a_whole_run_is_not_partial(line: Line) -> None:
    line.audit(THREE)
    assert line.run().ret == pytest.ExitCode.OK
    record = line.record()
    assert (record.overall, record.whole, record.partial, record.missing) == ("PASS", True, False, None)
    assert (record.quick_look, record.absent_files, record.exit_status) == (None, [], 0)
    assert {case.outcome for case in record.cases} == {"passed"}


def test_ctrl_c_inside_the_model_leaves_a_partial_record(line: Line) -> None:
    line.audit(
        """
        import signal

        class CtrlC(Colour):
            def forward(self, images):
                if images.shape[-1] == SIDE:
                    signal.raise_signal(signal.SIGINT)
                return super().forward(images)

        first = Audit(**told()).expect(accuracy > 0.5)
        second = Audit(**told(CtrlC())).expect(accuracy > 0.4)
        third = Audit(**told()).expect(accuracy > 0.3)
        """
    )
    result = line.run(no_reraise_ctrlc=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    not_whole(line, not_run={"second", "third"}, partial=True)
    assert line.cases()["first"].verdict == "PASS"
    assert "2 not reached" in str(line.record().missing)


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
        [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "--audit-checks=off"],
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
    not_whole(line, not_run={"second"}, partial=True)
    assert line.cases()["first"].verdict == "PASS"


def test_a_quick_look_is_marked_everywhere_and_decides_nothing(line: Line) -> None:
    line.audit(THREE)
    result = line.run("--audit-limit", "12", "--junitxml=junit.xml")
    assert result.ret == NO_VERDICT
    assert counts(result) == {"quick": 3}  # "3 quick look", and nothing passed
    result.stdout.fnmatch_lines(["audit_line.py QQQ*"])
    result.stdout.fnmatch_lines(["QUICK LOOK: 3 PASS", "quick look at 12 images: decides nothing"])
    junit = (line.path / "junit.xml").read_text()
    assert junit.count("<skipped") == 3 and "quick look at 12 images" in junit
    assert 'name="audit_verdict" value="PASS"' not in junit
    record = line.record()
    assert {case.outcome for case in record.cases} == {"quick_look"}
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
    assert "  quick look at 12 images: decides nothing" in result.stdout.str()
    assert line.record().overall == "QUICK_LOOK"


def test_latest_points_at_the_newest_run_and_older_ones_stay(line: Line) -> None:
    line.audit(THREE)
    line.run()
    first = line.record()
    line.run()
    second = line.record()
    results = line.path / "audit-results"
    assert str((results / "latest").readlink()) == second.id
    assert {path.name for path in results.iterdir()} == {".gitignore", "latest", first.id, second.id}
    assert read_record(results / first.id) == first


def test_selected_cases_that_collection_errors_kept_from_running_leave_no_record(line: Line) -> None:
    line.audit(THREE)
    line.write("test_broken.py", "1 / 0")
    assert line.run().ret == pytest.ExitCode.INTERRUPTED
    assert not (line.path / "audit-results").exists()
