"""A closed box from YAML alone: render, let a network answer in place of the box, audit; and what a user is told."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from torchvision.transforms.v2.functional import pil_to_tensor

from modelaudit.cli import main
from modelaudit.models import open_model

AUDIT = """
model: predictions:box/answers.csv
data: demo:?images=24
checks: off
expect:
  right: accuracy > 0.01
  keeps: flip_rate.under(swap_background(other_class)) < 0.99
  sure: confidence.under(swap_background(other_class)) > 0.001
  looks: background_dependence(occlusion) < 0.99
"""


def answer(root: Path) -> tuple[str, ...]:
    """Writes the label that the demo's network gives to every picture; its classes."""
    model = open_model("demo:sound", root=root)
    assert model.classes is not None
    rows = []
    for file in sorted((root / "box" / "pictures").rglob("*.png")):
        with Image.open(file) as image, torch.no_grad():
            logits = model.pixel_model.eval()(pil_to_tensor(image)[None].float() / 255)
        rows.append([file.name, model.classes[int(logits.argmax())]])
    with (root / "box" / "answers.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([["picture", "label"], *rows])
    return model.classes


def test_a_box_is_rendered_answered_and_audited(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeini("[pytest]\n")
    folder = pytester.mkdir("audits")
    (folder / "box.audit.yaml").write_text(AUDIT, encoding="utf-8")

    first = pytester.runpytest_inprocess("audits", "--audit-store", "off")
    first.assert_outcomes(errors=4)
    first.stdout.fnmatch_lines(["*manifest.jsonl: cannot be read*; modelaudit render AUDIT -o FOLDER*"])

    (folder / "box.audit.yaml").write_text(AUDIT + "preprocessing: {resize: 64}\n", encoding="utf-8")
    assert main(["render", "audits/box.audit.yaml", "-o", "box"]) == 0
    answer(pytester.path)
    found = pytester.runpytest_inprocess("audits", "--audit-store", "off")
    found.assert_outcomes(passed=2, errors=2)
    found.stdout.fnmatch_lines(["*not applicable: confidence needs the probabilities of the labels, *"])
    found.stdout.fnmatch_lines(["*not applicable: occlusion needs a model that can be run, or its maps beside*"])

    runs = [path for path in pytester.path.glob("audit-results/*/run.json") if path.parent.name != "latest"]
    run = max(runs, key=lambda path: path.stat().st_mtime_ns)
    record = json.loads(run.read_text(encoding="utf-8"))
    inputs = {one["path"]: one["role"] for one in record["provenance"]["files"]}
    assert inputs["box/answers.csv"] == inputs["box/manifest.jsonl"] == "answers"
    panels = [panel for case in record["cases"] for row in case["gallery"] for panel in row["panels"]]
    assert panels and all(panel["prediction"] and panel["probability"] is None for panel in panels)
    page = (run.parent / "report.html").read_text(encoding="utf-8")
    assert "labels alone, of 48 rendered pictures" in page
