"""The inspection line as an example: the release gate of two models, in Python and in YAML, as its README says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modelaudit.advice.money import mistake_costs
from modelaudit.evidence.consistency import read_consistent_record

EXAMPLE = Path(__file__).parents[2] / "examples" / "inspection"


def python(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def audited(folder: Path, file: str, *options: str) -> dict[str, Any]:
    """The cases of a run of one of the example's files, by name."""
    command = ["-m", "pytest", "-p", "no:cacheprovider", "-q", "--audit-checks=off", *options]
    done = python(folder, *command, f"examples/inspection/{file}")
    run = folder / "audit-results" / "latest" / "run.json"
    assert run.exists(), done.stdout + done.stderr
    read_consistent_record(run)
    return {case["name"]: case for case in json.loads(run.read_text(encoding="utf-8"))["cases"]}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in a folder of its own, its photos drawn."""
    folder = tmp_path_factory.mktemp("line")
    shutil.copytree(EXAMPLE, folder / "examples" / "inspection", ignore=shutil.ignore_patterns("photos", "__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = python(folder, "examples/inspection/make_line.py")
    assert done.returncode == 0, done.stderr
    return folder


#: what the gate says, as README.md tells it
VERDICTS = {
    "misses_few[current]": "PASS",
    "misses_few[candidate]": "PASS",
    "few_false_alarms[current]": "PASS",
    "few_false_alarms[candidate]": "PASS",
    "scratches_are_not_called_stains[current]": "PASS",
    "scratches_are_not_called_stains[candidate]": "PASS",
    "no_worse": "PASS",
    "no_worse_under_new_light": "PASS",
    "no_worse_in_another_place": "FAIL",
}


def test_the_gate_holds_the_candidate_back_where_it_looks_at_the_place(root: Path) -> None:
    cases = audited(root, "audit_inspection.py")
    assert {name: case["verdict"] for name, case in cases.items()} == VERDICTS
    missed = cases["misses_few[current]"]["decision"]
    assert (missed["counts"]["asked"], missed["rule"]) == (500, "clopper_pearson")
    assert cases["few_false_alarms[current]"]["decision"]["counts"]["asked"] == 150


def test_the_report_says_what_mistakes_cost(root: Path) -> None:
    """After the gate in Python: 2 in 500 of 1,000 defective discs are missed, 1 in 150 of 49,000 good ones rejected."""
    record = read_consistent_record(root / "audit-results" / "latest" / "run.json")
    (candidate,) = (model for model in record.models if model.reference.endswith(":candidate"))
    plain, *changed = [one for one in mistake_costs(record, risk=0.05) if one.model == candidate.key]
    assert plain.amount.expected == pytest.approx(1000 * 2 / 500 * 40_000 + 49_000 / 150 * 300)
    assert max(one.amount.expected for one in changed) == pytest.approx(1000 * 91 / 500 * 40_000)
    report = (root / "audit-results" / "latest" / "report.html").read_text(encoding="utf-8")
    assert "258,000 JPY" in report
    assert "7,280,000" in report


def test_the_gate_in_yaml_is_the_gate_in_python(root: Path) -> None:
    cases = audited(root, "inspection.audit.yaml", "--audit-allow-code")
    assert {name: case["verdict"] for name, case in cases.items()} == VERDICTS
