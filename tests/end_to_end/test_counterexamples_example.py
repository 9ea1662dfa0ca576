"""The example of counterexamples, as its README says: what is found, kept and tried first, in Python and in YAML."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from modelaudit import parse_context
from modelaudit.contexts import DonorPatch
from modelaudit.counterexamples.stored_case import read_case
from modelaudit.evidence.consistency import read_consistent_record
from modelaudit.evidence.record import RunRecord
from modelaudit.language.yaml_file import load_audit_file

EXAMPLE = Path(__file__).parents[2] / "examples" / "counterexamples"
VERDICTS = {
    "is_accurate[shortcut]": "PASS",
    "is_accurate[sound]": "PASS",
    "keeps_its_answer[shortcut]": "FAIL",
    "keeps_its_answer[sound]": "PASS",
}


def run(folder: Path, file: str, *options: str) -> tuple[RunRecord, str]:
    """The record of a run of one of the example's files, and what was printed; at a desk, not in CI."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", *options, file]
    others = {name: value for name, value in os.environ.items() if name != "CI"}
    done = subprocess.run(
        command, cwd=folder, env=others | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300
    )
    file = folder / "audit-results" / "latest" / "run.json"
    assert file.exists(), done.stdout + done.stderr
    return read_consistent_record(file), done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for file in EXAMPLE.glob("*counterexamples*"):
        shutil.copy(file, tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


def test_what_is_found_is_kept_and_tried_first_in_the_next_run(folder: Path) -> None:
    first, printed = run(folder, "audit_counterexamples.py")
    assert {case.name: case.verdict for case in first.cases} == VERDICTS
    (shortcut,) = [one for one in first.searches if one.model.endswith("shortcut")]
    assert shortcut.flipped == shortcut.images == 38
    (failed,) = [one for one in first.absent_files if one.by != "selection"]
    assert failed.why == "failed: test_the_shortcut_model_stays_right[washer/0003]"
    shown = re.search(r"context=donor_patch\((.*)\),", printed)
    assert shown is not None
    found = parse_context(f"donor_patch({shown[1]})")
    assert isinstance(found, DonorPatch) and found.height >= 0.8 and found.width >= 0.8 and 0.2 < found.dose < 1
    kept = sorted(folder.glob("counterexamples/*.json"))
    assert kept and not first.replays
    smallest = min((one for one in first.counterexamples if one.model.endswith("shortcut")), key=lambda one: one.size)
    assert smallest.context in {read_case(file).change.context for file in kept}
    second, _ = run(folder, "audit_counterexamples.py", "-k", "not test_")
    assert {one.state for one in second.replays} == {"still_fails"}
    assert len(second.replays) == len(kept)


def test_the_expectations_in_yaml_are_those_in_python() -> None:
    stated = runpy.run_path(str(EXAMPLE / "audit_counterexamples.py"))
    found = {one.name: one.case for one in load_audit_file(EXAMPLE / "counterexamples.audit.yaml", allow_code=False)}
    assert set(found) == {"is_accurate", "keeps_its_answer"}
    for name, case in found.items():
        assert case.variants() and [one.long_form() for _, one in case.variants()] == [
            one.long_form() for _, one in stated[name].variants()
        ]
        assert (case.audit.model, case.audit.data) == (stated[name].audit.model, stated[name].audit.data)
