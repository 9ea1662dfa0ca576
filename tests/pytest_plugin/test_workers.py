"""Under pytest-xdist a run is one run: one id, one record, the same values, and nothing is measured twice.

Three sessions on one project answer all questions: in one process, with two workers, and with a worker that reads the
store of the first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_plugin.runs import HEADER, counts_of

from modelaudit.evidence.consistency import contradictions
from modelaudit.evidence.record import CaseRecord, RunRecord, read_record

pytest.importorskip("xdist")

AUDITS = {
    "audit_line.py": """
        import pytest
        right = Audit(**told(Counting(Path(__file__).with_name("counted"))))
        passes = right.expect(accuracy > 0.5)
        in_noise = right.expect(confidence.under(gaussian_noise(3)) > 0.5)
        maps = right.expect(background_dependence("saliency", "input_x_gradient").under(gaussian_noise(3)) < 0.5)
        swapped = right.expect(flip_rate.under(swap_background("random")) < 0.9)
        too_few = right.expect(accuracy > 0.99)
        fails = Audit(**told(wrong())).expect(accuracy > 0.5)
        control = Audit(**told(Blind())).expect(accuracy > 0.8, must_fail=True)
        skipped = right.expect(accuracy > 0.3, marks=pytest.mark.skip(reason="not today"))
        errs = Audit(**told("missing.py:build")).expect(accuracy > 0.5)
        hidden = right.expect(accuracy > 0.6)
        unwanted = right.expect(accuracy > 0.7)
    """,
    "audit_raising.py": """
        class Ends(Colour):
            def __init__(self, raised):
                super().__init__()
                self.raised = raised

            def forward(self, images):
                if images.shape[-1] == SIDE:
                    raise self.raised("mine")
                return super().forward(images)

        exits = Audit(**told(Ends(SystemExit))).expect(accuracy > 0.5)
        interrupts = Audit(**told(Ends(KeyboardInterrupt))).expect(accuracy > 0.5)
        sound = Audit(**told()).expect(accuracy > 0.5)
    """,
    "audit_copies.py": """
        from dataclasses import replace
        many = [replace(one, id=f"{one.id}-{copy}") for one in samples(2) for copy in range(150)]
        copied = Audit(**told(data=many)).expect(accuracy > 0.95)
    """,
    "audit_in_function.py": "audit = Audit(**told())\ndef test_right():\n    audit.expect(accuracy < 0.1)\n",
    "audit_ignored.py": "ignored = Audit(**told()).expect(accuracy > 0.5)\n",
    "audit_skipped.py": "import pytest\npytest.skip('no data', allow_module_level=True)\n",
    "tiles_audit.py": "misnamed = Audit(**told()).expect(accuracy > 0.5)\n",
}
CONFTEST = """
pytest_plugins = ["bystander"]
collect_ignore = ["audit_ignored.py"]

def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if item.name != "hidden"]
"""


@dataclass(frozen=True)
class Session:
    """What one session printed, the record that it wrote, and how many images its models saw."""

    status: int
    lines: tuple[str, ...]
    record: RunRecord
    images: int
    junit: str

    @property
    def cases(self) -> dict[str, CaseRecord]:
        return {case.name: case for case in self.record.cases}


@dataclass(frozen=True)
class Sessions:
    """The three sessions, in the order in which they ran."""

    alone: Session
    together: Session
    stored: Session


def session(folder: Path, *options: str) -> Session:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder), *sys.path]),
        "OMP_NUM_THREADS": "1",  # values are equal to the bit at one thread count
    }
    command = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider", "--audit-checks=off"]
    done = subprocess.run(
        [*command, "--junitxml=junit.xml", *options], cwd=folder, env=environment, capture_output=True, text=True
    )
    counted, results = folder / "counted", folder / "audit-results"
    images = sum(int(text.split()[1]) for text in counted.read_text().splitlines()) if counted.exists() else 0
    counted.unlink(missing_ok=True)
    assert (results / "latest").exists(), done.stdout + done.stderr
    return Session(
        done.returncode,
        tuple(done.stdout.splitlines()),
        read_record(results / "latest"),
        images,
        (folder / "junit.xml").read_text(encoding="utf-8"),
    )


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Sessions:
    folder = tmp_path_factory.mktemp("workers")
    shutil.copy(Path(__file__).with_name("line.py"), folder / "line.py")
    for name, text in AUDITS.items():
        (folder / name).write_text(HEADER + textwrap.dedent(text), encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (folder / "bystander.py").write_text("def pytest_report_header(): return 'here'\n", encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\naddopts = --strict-markers\n", encoding="utf-8")
    whole = ("--deselect=audit_line.py::unwanted",)
    alone = session(folder, *whole, "--audit-store=kept")
    together = session(folder, *whole, "--audit-store=off", "-n", "2", "--dist=load")
    stored = session(folder, "audit_line.py", "-k", "passes or in_noise", "--audit-store=kept", "-n", "1")
    results = [path.name for path in (folder / "audit-results").iterdir()]
    runs = [one.record.id for one in (alone, together, stored)]
    assert sorted(results) == sorted([".gitignore", "latest", *runs])
    return Sessions(alone, together, stored)


def stable(record: RunRecord) -> list[dict[str, object]]:
    return [{key: value for key, value in case.model_dump().items() if key != "duration_s"} for case in record.cases]


def test_two_workers_find_the_same_values_and_measure_nothing_twice(sessions: Sessions) -> None:
    alone, together = sessions.alone.record, sessions.together.record
    assert stable(together) == stable(alone)
    assert together.tables == alone.tables
    assert together.models == alone.models
    for name in ("forward", "backward", "values"):  # with a store some images are decoded less often
        assert getattr(together.passes, name) == getattr(alone.passes, name)
    assert sessions.together.images == sessions.alone.images > 0


def test_two_workers_end_with_the_same_outcomes(sessions: Sessions) -> None:
    alone, together = sessions.alone, sessions.together
    assert together.status == alone.status == pytest.ExitCode.TESTS_FAILED
    expected = {"passed": 7, "failed": 1, "inconclusive": 2, "skipped": 2, "errors": 4}
    assert counts_of(together.lines) == expected
    assert counts_of(alone.lines) == expected | {"deselected": 1}  # with workers pytest does not count them
    assert all(text in together.junit for text in ('type="FAIL"', 'type="INCONCLUSIVE"'))
    assert [str(one) for one in contradictions(together.record)] == []


def test_the_table_at_the_end_is_the_same_with_two_workers(sessions: Sessions) -> None:
    one, two = (
        session.lines[session.lines.index(next(line for line in session.lines if line.startswith("verdict "))) :]
        for session in (sessions.alone, sessions.together)
    )
    assert one[: one.index("")] == two[: two.index("")]
    assert sum(line.startswith(("ERROR ", "FAIL ")) for line in one[: one.index("")]) == 4


def test_what_is_missing_is_the_same_with_two_workers(sessions: Sessions) -> None:
    alone, together = sessions.alone.record, sessions.together.record
    for name in ("overall", "whole", "partial", "missing", "absent_files"):
        assert getattr(together, name) == getattr(alone, name)
    assert (together.overall, together.whole, together.partial) == ("ERROR", False, True)
    assert {file.file for file in together.absent_files} >= {"audit_ignored.py", "audit_skipped.py"}
    listed = [
        [text for text in one.lines if text.startswith(("partial", "  audit_", "warning: tiles_audit.py looks like"))]
        for one in (sessions.alone, sessions.together)
    ]
    assert listed[0] == listed[1] and len(listed[0]) > 4
    absences = {name: case.absence.by for name, case in sessions.together.cases.items() if case.absence is not None}
    assert absences == {"hidden": "removed", "unwanted": "selection", "skipped": "skip"}


def test_what_a_model_raises_in_a_worker_is_an_error_of_its_case(sessions: Sessions) -> None:
    cases = sessions.together.cases
    assert {name: cases[name].verdict for name in ("exits", "interrupts", "sound")} == {
        "exits": "ERROR",
        "interrupts": "ERROR",
        "sound": "PASS",
    }
    assert "mine" in cases["exits"].message and "mine" in cases["interrupts"].message


def test_a_worker_reports_expectations_inside_functions(sessions: Sessions) -> None:
    assert any("expect() was called inside a function" in text for text in sessions.together.lines)
    assert "audit_in_function.py" in {file.file for file in sessions.together.record.absent_files}


def test_copies_of_a_picture_are_found_with_workers(sessions: Sessions) -> None:
    case = sessions.together.cases["copied"]
    assert (case.verdict, case.reason) == ("INCONCLUSIVE", "too_few_clusters")
    assert any("There are 2 different pictures among 300 images" in text for text in sessions.together.lines)


def test_workers_report_the_files_that_they_read(sessions: Sessions) -> None:
    alone, together = sessions.alone.record.provenance, sessions.together.record.provenance
    assert {one.path: one for one in together.files} == {one.path: one for one in alone.files}
    assert {"audit_line.py", "conftest.py", "bystander.py", "pytest.ini"} <= {one.path for one in together.files}
    assert (together.plugins, together.options) == (alone.plugins, alone.options)


def test_a_worker_reads_the_store_of_another_session_and_a_selection_that_passes_exits_with_0(
    sessions: Sessions,
) -> None:
    stored = sessions.stored
    assert stored.status == pytest.ExitCode.OK, stored.lines
    assert stored.images == 0 and (stored.record.passes.decoded, stored.record.passes.forward) == (0, 0)
    for name in ("passes", "in_noise"):
        assert stored.cases[name].decision == sessions.alone.cases[name].decision
    assert stored.record.overall == "PASS" and not stored.record.whole and not stored.record.partial
