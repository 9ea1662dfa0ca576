"""``modelaudit plan --equivalence``: images for the comparison of releases."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.statistics.equivalence import EquivalenceTarget, change_of_proportion, images_for_equivalence

AUDIT = """
model: demo:sound
data: "demo:?images=20"
expect:
  right: accuracy > 0.9
  steady: accuracy - accuracy.under(lighting(3)) < 0.2
  looks: background_dependence(gradcam) < 0.4
"""


def test_one_expectation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "accuracy > 0.9", "--equivalence", "0.05", "--discordance", "0.05"]) == 0
    n = images_for_equivalence(change_of_proportion(0.05), EquivalenceTarget(0.05))
    said = capsys.readouterr().out
    assert f"  {n}\n" in said and "5% of the images" in said


def test_all_requirements_of_a_file_share_the_error_rate(tmp_path: Path) -> None:
    file, data = tmp_path / "line.audit.yaml", tmp_path / "plan.json"
    file.write_text(AUDIT, encoding="utf-8")
    assert main(["plan", str(file), "--equivalence", "0.1", "--json", str(data)]) == 0
    found = {one["name"]: one["images"] for one in json.loads(data.read_text(encoding="utf-8"))["requirements"]}
    alone = images_for_equivalence(change_of_proportion(0.1), EquivalenceTarget(0.1, requirements=3))
    assert set(found) == {"right", "steady", "looks"}
    assert found["right"] == alone and found["steady"] > 1.8 * found["right"]
    assert main(["plan", str(file), "--equivalence", "0.1", "--cluster", "5", "--icc", "0.5", "--json", str(data)]) == 0
    clustered = json.loads(data.read_text(encoding="utf-8"))["requirements"][0]["images"]
    assert clustered == pytest.approx(1.2 * 3 * found["right"], abs=1)


def test_a_ratio_has_no_number_and_says_where_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "accuracy.under(lighting(3)) / accuracy > 0.8", "--equivalence", "0.05"]) == 1
    assert "modelaudit diff" in capsys.readouterr().out


@pytest.mark.parametrize("more", [["--margin", "0.1"], ["--guess", "0.9"]])
def test_it_has_a_margin_of_its_own(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "accuracy > 0.9", "--equivalence", "0.05", *more]) == 2
    assert "leave --margin and --guess out" in capsys.readouterr().err
