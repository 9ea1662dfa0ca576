"""``modelaudit plan`` without a run: expectations and files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.cli.plan import classes_of
from modelaudit.language import ExpressionError, parse
from modelaudit.statistics.assumptions import Assumptions, from_assumptions
from modelaudit.statistics.sample_size import PowerTarget

DROP = "accuracy - accuracy.under(swap_background(other_class)) < 0.05"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(*args: str) -> dict[str, object]:
    assert main(["plan", *args, "--json", "plan.json"]) in (0, 1)
    return dict(json.loads(Path("plan.json").read_text(encoding="utf-8")))


def test_an_expectation_is_planned_by_guesses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", DROP, "--guess", "0.02", "--discordance", "0.06"]) == 0
    (size,) = from_assumptions(parse(DROP), PowerTarget(0.03), Assumptions(discordance=0.06))
    said = capsys.readouterr().out
    assert f"0.02  {size.images:>6}" in said and "tango" in said
    assert f"{size.images} images are enough for all" in said
    assert "forward and 0 backward passes" in said and "masks, noise" in said
    assert "unknown without a run" in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_same_as_data() -> None:
    found = planned(DROP, "--margin", "0.03", "--classes", "bolt=3,nut=1")
    (one,) = found["expectations"]  # type: ignore[misc]
    assert one["expectation"] == DROP and one["parts"][0]["supposed"] == pytest.approx(0.02)
    images = one["images"]
    assert found["images_in_all"] == {"bolt": -(-3 * images // 4), "nut": -(-images // 4)}
    assert found["seconds"] is None


def test_what_is_guessed_changes_the_number() -> None:
    text = "background_dependence(gradcam) < 0.4"
    numbers = [
        planned(text, "--margin", "0.05", *more)["expectations"][0]["images"]  # type: ignore[index]
        for more in ((), ("--sd", "0.3"), ("--power", "0.95"), ("--confidence", "0.99"), ("--cluster", "10"))
    ]
    assert all(more > numbers[0] for more in numbers[1:])


def test_every_expectation_of_a_yaml_file_is_planned(capsys: pytest.CaptureFixture[str]) -> None:
    Path("line.audit.yaml").write_text(
        f"""
model: {{old: "demo:sound", new: "demo:shortcut"}}
data: demo:?images=20
checks: off
expect:
  drop: {DROP}
  right: accuracy > 0.8
  control: {{that: accuracy > 0.999, must_fail: true}}
""",
        encoding="utf-8",
    )
    assert main(["plan", "line.audit.yaml", "--margin", "0.04"]) == 0
    said = capsys.readouterr().out
    for name in ("drop[old]", "drop[new]", "right[old]", "right[new]"):
        assert name in said
    assert "control" not in said and "checks" not in said


def test_a_python_file_is_run_and_planned(capsys: pytest.CaptureFixture[str]) -> None:
    Path("audit_line.py").write_text(
        "from modelaudit import Audit, label\nfrom modelaudit.measures import accuracy\n"
        'audit = Audit(model="demo:sound", data="demo:", confidence=0.9)\n'
        'rare = audit.expect(accuracy.where(label("nut")) > 0.8)\nwhole = audit.expect(accuracy > 0.8)\n',
        encoding="utf-8",
    )
    assert main(["plan", "audit_line.py", "--margin", "0.1", "--classes", "nut=0.1,bolt=0.9"]) == 0
    said = capsys.readouterr().out
    (size,) = from_assumptions(parse("accuracy > 0.8"), PowerTarget(0.1, confidence=0.9), Assumptions())
    assert f"{size.images} images of label(nut)" in said
    rows = {line.split()[0]: line.split()[-1] for line in said.splitlines() if line.startswith(("  nut ", "  bolt "))}
    # a tenth of the images in all would be too few of the label that is asked for by itself
    assert int(rows["nut"]) == size.images and int(rows["bolt"]) >= 0.9 * (size.images or 0)


def test_a_part_without_a_number_is_named_and_sets_the_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "accuracy > 0.98", "--margin", "0.05"]) == 1
    assert "out of the range" in " ".join(capsys.readouterr().out.split())
    assert main(["plan", "accuracy > 0.9", "--guess", "0.85"]) == 1
    assert "--guess 0.85 does not meet the expectation" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("accuracy > 0.9",), "give --margin or --guess"),
        (("accuracy > 0.9", "--margin", "0.1", "--guess", "0.95"), "give one of them"),
        (("accurcy > 0.9", "--margin", "0.1"), "did you mean 'accuracy'"),
        (("accuracy", "--margin", "0.1"), "accuracy"),
        (("nowhere.py", "--margin", "0.1"), "nowhere.py: no such file"),
        (("latest",), "give a results folder or its run.json"),
        (("latest", "--sd", "0.1"), "read off the run"),
        (("accuracy > 0.9", "--margin", "0.1", "--classes", "a=1,b"), "write bolt,nut"),
        (("accuracy > 0.9", "--margin", "0.1", "--classes", "a=x"), "write bolt=0.7"),
        (("accuracy > 0.9", "--margin", "0.1", "--discordance", "7"), "discordance=7"),
    ],
)
def test_a_wrong_call_says_what_to_give(args: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", *args]) == 2
    assert said in capsys.readouterr().err


def test_shares_of_classes() -> None:
    assert classes_of("bolt, nut") == {"bolt": 0.5, "nut": 0.5}
    assert classes_of("bolt=3,nut=1") == {"bolt": 0.75, "nut": 0.25}
    assert classes_of(None) == {}
    for text in ("bolt,bolt", "bolt=0", "bolt=-1,nut=2", ",", "bolt=nan"):
        with pytest.raises(ExpressionError):
            classes_of(text)
