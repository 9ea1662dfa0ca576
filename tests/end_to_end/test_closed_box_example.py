"""The closed box as an example: rendered, answered by a program that knows no modelaudit, audited as if it were run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelaudit.evidence.consistency import read_consistent_record

EXAMPLE = Path(__file__).parents[2] / "examples" / "closed_box"
NAMES = (
    "finds_the_part",
    "survives_another_line",
    "keeps_its_answer",
    "survives_lighting",
    "few_of_five_lines_flip_it",
    "looks_at_the_part",
)
#: what reads only which class is answered
OF_LABELS = NAMES[:5]


def python(folder: Path, *arguments: str, alone: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python; `alone`: isolated, so that nothing of this repository can be imported by chance."""
    environment = {"PATH": os.environ["PATH"]} if alone else dict(os.environ)
    return subprocess.run(
        [sys.executable, *(["-P"] if alone else []), *arguments],
        cwd=folder,
        env=environment | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def audited(folder: Path, file: str = "audit_box.py") -> dict[str, Any]:
    """The record of a run of one file of the example."""
    done = python(folder, "-m", "pytest", "-p", "no:cacheprovider", "-q", f"examples/closed_box/{file}")
    run = folder / "audit-results" / "latest" / "run.json"
    assert run.exists(), done.stdout + done.stderr
    read_consistent_record(run)
    found: dict[str, Any] = json.loads(run.read_text(encoding="utf-8"))
    return found


def cases(record: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in record["cases"]}


def columns(record: dict[str, Any]) -> dict[str, Any]:
    """The values of every measure, NaN where there is none."""
    (table,) = record["tables"]
    return {
        one["measure"]: np.array([np.nan if value is None else value for value in one["values"]], dtype=np.float64)
        for one in table["columns"]
    }


def rendered(folder: Path, name: str, pictures: str) -> Path:
    command = "import sys; from modelaudit.cli import main; sys.exit(main())"
    options = ("examples/closed_box/audit_box.py", "-o", name, "--format", pictures)
    done = python(folder, "-c", command, "render", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / name


def answered(folder: Path, name: str, answers: str, *options: str) -> None:
    """Run the box as its owner would: on the pictures alone, in a folder of its own."""
    handed = folder / "vendor"
    shutil.rmtree(handed, ignore_errors=True)
    shutil.copytree(folder / name / "pictures", handed / "pictures")
    for file in ("box.py", "weights.npz"):
        shutil.copy(folder / "examples" / "closed_box" / file, handed / file)
    done = python(handed, "box.py", "pictures", answers, *options, alone=True)
    assert done.returncode == 0, done.stderr
    shutil.copy(handed / answers, folder / name / answers)
    if (handed / "maps").exists():
        shutil.copytree(handed / "maps", folder / name / "maps", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example in a folder of its own, a network in its box, the audit of the same network beside it."""
    folder = tmp_path_factory.mktemp("box")
    shutil.copytree(EXAMPLE, folder / "examples" / "closed_box", ignore=shutil.ignore_patterns("*.npz", "__pycache__"))
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    done = python(folder, "examples/closed_box/make_box.py")
    assert done.returncode == 0, done.stderr
    text = (EXAMPLE / "audit_box.py").read_text(encoding="utf-8")
    named = "predictions:box/answers.csv?maps=box/maps"
    for file, model in (
        ("audit_direct.py", "demo:sound"),
        ("audit_exact.py", "predictions:exact/answers.jsonl?maps=exact/maps"),
        ("audit_labels.py", "predictions:box/labels.csv"),
        ("audit_top.py", "predictions:box/top.csv"),
    ):
        assert named in text
        (folder / "examples" / "closed_box" / file).write_text(text.replace(named, model), encoding="utf-8")
    rendered(folder, "box", "png")
    return folder


@pytest.fixture(scope="module")
def direct(root: Path) -> dict[str, Any]:
    return audited(root, "audit_direct.py")


def test_the_box_knows_nothing_of_modelaudit() -> None:
    text = (EXAMPLE / "box.py").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    assert lines and not [line for line in lines if "modelaudit" in line or "torch" in line]


def test_as_the_readme_says_the_box_passes_its_audit(root: Path, direct: dict[str, Any]) -> None:
    answered(root, "box", "answers.csv", "--maps", "maps/gradcam")
    record = audited(root)
    found, run = cases(record), cases(direct)
    assert {name: found[name]["verdict"] for name in NAMES} == dict.fromkeys(NAMES, "PASS")
    assert {name: run[name]["verdict"] for name in NAMES} == dict.fromkeys(NAMES, "PASS")
    for name in NAMES:  # a few pictures are rounded over the edge
        assert found[name]["decision"]["estimate"] == pytest.approx(run[name]["decision"]["estimate"], abs=0.02)


def test_of_exact_pictures_every_value_and_every_check_is_that_of_the_model_itself(
    root: Path, direct: dict[str, Any]
) -> None:
    rendered(root, "exact", "npy")
    answered(root, "exact", "answers.jsonl", "--maps", "maps/gradcam")
    record = audited(root, "audit_exact.py")
    found, run = columns(record), columns(direct)
    assert set(found) == set(run) and len(found) > 6
    for measure, values in run.items():
        assert np.allclose(found[measure], values, atol=1e-4, equal_nan=True), measure
    for name in NAMES:
        mine, own = cases(record)[name], cases(direct)[name]
        assert mine["verdict"] == own["verdict"]
        assert mine["decision"]["lower"] == pytest.approx(own["decision"]["lower"], abs=1e-4)
        assert mine["decision"]["upper"] == pytest.approx(own["decision"]["upper"], abs=1e-4)
        for check in ("masks", "noise", "blind"):
            assert (mine["checks"][check] is None) == (own["checks"][check] is None), (name, check)


@pytest.mark.parametrize("say", ["label", pytest.param("top", marks=pytest.mark.nightly)])
def test_labels_alone_answer_what_asks_for_labels_and_the_rest_is_named(
    root: Path, direct: dict[str, Any], say: str
) -> None:
    file = {"label": "labels", "top": "top"}[say]
    answered(root, "box", f"{file}.csv", "--say", say)
    found, run = cases(audited(root, f"audit_{file}.py")), cases(direct)
    for name in OF_LABELS:
        assert found[name]["verdict"] == run[name]["verdict"] == "PASS"
        assert found[name]["decision"]["estimate"] == pytest.approx(run[name]["decision"]["estimate"], abs=0.02)
    assert found["looks_at_the_part"]["verdict"] == "ERROR"
    assert "not applicable: gradcam needs a model that can be run, or its maps" in found["looks_at_the_part"]["message"]
