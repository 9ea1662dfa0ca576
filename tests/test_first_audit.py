"""The first audit of the README is run as it stands, in a fresh folder, on the data and the model that it names."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from docs_blocks import ROOT, of_page
from PIL import Image
from torchvision.models import resnet18

SIDE = 240
PHOTOS = 6


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newcomer's folder: photos, masks of 0 and 255, weights, and the two files of the README."""
    folder = tmp_path_factory.mktemp("newcomer")
    for number in range(PHOTOS):
        write_photo(folder / "data/line_a", number)
    (folder / "models").mkdir()
    torch.manual_seed(0)
    torch.save(resnet18(num_classes=2).state_dict(), folder / "models/line_a.pt")
    files = {block.file: block.text for block in of_page(ROOT / "README.md") if block.file}
    assert set(files) == {"audits/audit_line_a.py", "audits/line_a.audit.yaml"}
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def write_photo(data: Path, number: int) -> None:
    """A bright square on noise whose colour goes with its label, and its mask."""
    label = ("bolt", "nut")[number % 2]
    pixels = np.random.default_rng(number).integers(40, 120, (SIDE, SIDE, 3), dtype=np.uint8)
    pixels[:, :, 2] += np.uint8(number * 10)  # frames that do not resemble each other
    mask = np.zeros((SIDE, SIDE), dtype=np.uint8)
    rows, columns = slice(60 + number, 160 + number), slice(60, 160)
    pixels[rows, columns], mask[rows, columns] = (220, 60, 60) if label == "bolt" else (60, 220, 60), 255
    for kind, image in (("images", pixels), ("masks", mask)):
        path = data / kind / label / f"{number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)


def test_the_first_audit_gives_verdicts_as_it_stands(project: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    environment = {**inherited, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "audits/",
        "-p",
        "no:randomly",
        "-p",
        "no:xdist",
        "--audit-checks",
        "off",
    ]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)
    record = project / "audit-results/latest/run.json"
    assert record.exists(), done.stdout + done.stderr
    cases = {case["id"]: case for case in json.loads(record.read_text(encoding="utf-8"))["cases"]}
    assert set(cases) == {
        "audits/audit_line_a.py::right",
        "audits/audit_line_a.py::survives_other_backgrounds",
        "audits/audit_line_a.py::survives_lighting",
        "audits/audit_line_a.py::looks_at_the_part",
        "audits/line_a.audit.yaml::right",
        "audits/line_a.audit.yaml::looks_at_the_part",
    }
    wrong = {name: case["message"] for name, case in cases.items() if case["verdict"] not in ("FAIL", "INCONCLUSIVE")}
    assert not wrong, "a network with random weights passes nothing, and nothing may be an error"
    assert done.returncode == 1 and "Traceback" not in done.stdout + done.stderr
    assert (project / "audit-results/latest/report.html").exists()


def test_it_takes_ten_lines() -> None:
    (audit,) = [block for block in of_page(ROOT / "README.md") if block.file.endswith(".py")]
    assert len([line for line in audit.text.splitlines() if line.strip()]) <= 10
