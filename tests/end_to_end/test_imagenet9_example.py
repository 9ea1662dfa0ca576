"""The example audit of ImageNet-9: skipped without data, run on a small tree in the layout of the download."""

from __future__ import annotations

from pathlib import Path

import pytest
from end_to_end.small_imagenet9 import written
from pytest_plugin.runs import Line, counts

EXAMPLE = Path(__file__).parents[2] / "examples" / "imagenet9" / "audit_imagenet9.py"
MODEL = '"torchvision:resnet50@IMAGENET1K_V1"'


@pytest.fixture
def line(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Line:
    """A folder of audits with the example in it, its model replaced by the classifier of known answers."""
    monkeypatch.delenv("IMAGENET9_ROOT", raising=False)
    text = EXAMPLE.read_text(encoding="utf-8")
    assert text.count(MODEL) == 1
    text = text.replace(MODEL, "Classifier").replace("import os\n", CLASSIFIER, 1)
    found = Line(pytester)
    found.write("examples/imagenet9/audit_imagenet9.py", text)
    return found


CLASSIFIER = """import os

from end_to_end.small_imagenet9 import Classifier
"""


def test_without_the_data_it_is_skipped_with_the_reason(line: Line) -> None:
    result = line.run("examples", "-rs")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["SKIPPED*IMAGENET9_ROOT does not say where ImageNet-9 is"])


def test_it_is_not_part_of_what_the_first_command_runs(line: Line) -> None:
    line.audit("sound = Audit(**told()).expect(accuracy > 0)", name="audits/audit_line.py")
    result = line.run("audits")
    assert (result.ret, counts(result)) == (pytest.ExitCode.OK, {"passed": 1})
    assert set(line.cases()) == {"sound"} and line.record().overall == "PASS"


def test_with_the_data_it_is_collected_without_loading_anything(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGENET9_ROOT", "nowhere")
    result = line.run("examples", "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*audit_imagenet9.py::background_gap"])


def test_with_the_data_it_measures_gap_and_adversarial_backgrounds(
    line: Line, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The classifier reads colours, so its photometry is left out; by hand in :mod:`end_to_end.test_imagenet9`."""
    monkeypatch.setenv("IMAGENET9_ROOT", str(written(tmp_path / "bg_challenge")))
    file = line.path / "examples" / "imagenet9" / "audit_imagenet9.py"
    text = file.read_text(encoding="utf-8")
    photometry = "Preprocessing(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))"
    assert text.count(photometry) == 1
    file.write_text(text.replace(photometry, "Preprocessing()"), encoding="utf-8")
    line.run("examples")
    estimates = {name: case.decision.estimate for name, case in line.cases().items() if case.decision is not None}
    assert estimates == {
        "right_on_the_originals": pytest.approx(17 / 18),
        "right_before_its_own_class": pytest.approx(17 / 18),
        "background_gap": pytest.approx(8 / 18),
        "few_flip_before_some_of_fifty_backgrounds": pytest.approx(9 / 17),
    }
