"""``modelaudit plan`` without a run: expectations and files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from modelaudit.cli import main
from modelaudit.cli.plan import classes_of
from modelaudit.evidence.record import read_record
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


def test_enough_for_all_is_not_said_while_an_expectation_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    Path("audit_line.py").write_text(
        "from modelaudit import Audit, label\nfrom modelaudit.measures import accuracy, worst_group_accuracy\n"
        'audit = Audit(model="demo:sound", data="demo:?images=40")\nright = audit.expect(accuracy > 0.8)\n'
        "beyond = audit.expect(accuracy > 0.98)\nlots = audit.expect(worst_group_accuracy(by='lot') > 0.5)\n"
        'bolt = audit.expect(accuracy.where(label("bolt")) > 0.5)\n',
        encoding="utf-8",
    )
    assert main(["plan", "audit_line.py", "--margin", "0.1", "--json", "plan.json"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "enough for all" not in said
    assert "no number of images is known to be enough for beyond, lots, bolt: see above" in said
    assert "96 images are enough for the others; there are 40 now" in said
    for why in ("lots: by='lot': the data do not say it", "bolt: label('bolt'): neither the data nor the model"):
        assert why in said
    rows = json.loads(Path("plan.json").read_text(encoding="utf-8"))["expectations"]
    assert {one["name"]: one["open"] for one in rows} == {"right": False, "beyond": True, "lots": True, "bolt": True}


def test_labels_groups_and_clusters_are_read_off_the_data_of_the_audit() -> None:
    Path("audit_line.py").write_text(
        "import numpy as np\nfrom modelaudit import Audit, Sample, label\nfrom modelaudit.contexts import *\n"
        "from modelaudit.measures import accuracy, worst_group_accuracy\n"
        "pixels = np.zeros((8, 8, 3), np.uint8)\n"
        "def data(**more):\n"
        "    labels = ['good'] * 12 + ['hole'] * 6 + ['crack'] * 2\n"
        "    return [Sample(str(n), pixels, one, group='ab'[n % 2], **{k: f(n) for k, f in more.items()})"
        " for n, one in enumerate(labels)]\n"
        "plain = Audit('demo:sound', data())\n"
        "lots = Audit('demo:sound', data(cluster=lambda n: str(n // 4)))\n"
        "masks = Audit('demo:sound', data(), without_object=['good'])\n"
        "whole = plain.expect(accuracy > 0.5)\nhole = plain.expect(accuracy.where(label('hole')) > 0.5)\n"
        "rest = plain.expect(accuracy.where(~label('good')) > 0.5)\n"
        "labels = plain.expect(worst_group_accuracy() > 0.5)\n"
        "groups = plain.expect(worst_group_accuracy(by='group') > 0.5)\n"
        "of_lots = lots.expect(accuracy > 0.5)\n"
        "swapped = masks.expect(accuracy.under(swap_background('random')) > 0.5)\n"
        "parts = masks.expect(worst_group_accuracy(swap_background('random')) > 0.5)\n",
        encoding="utf-8",
    )
    found = planned("audit_line.py", "--margin", "0.2")
    rows = {one["name"]: one for one in found["expectations"]}  # type: ignore[attr-defined]
    whole = rows["whole"]["images"]
    assert [part["share"] for part in rows["hole"]["parts"]] == [pytest.approx(0.3)]
    assert [part["share"] for part in rows["rest"]["parts"]] == [pytest.approx(0.4)]
    assert sorted(part["share"] for part in rows["labels"]["parts"]) == pytest.approx([0.1, 0.3, 0.6])
    assert [part["share"] for part in rows["groups"]["parts"]] == pytest.approx([0.5, 0.5])
    assert [part["share"] for part in rows["swapped"]["parts"]] == pytest.approx([0.4]), "12 of 20 have no object"
    assert rows["swapped"]["images"] == -(-whole * 5 // 2)
    assert sorted(part["share"] for part in rows["parts"]["parts"]) == pytest.approx([0.1, 0.3])
    assert (rows["of_lots"]["images"] > whole) and rows["of_lots"]["parts"][0]["clusters"] is not None
    assert set(found["images_in_all"]) == {"good", "hole", "crack"}  # type: ignore[call-overload]


def test_data_that_are_yet_to_be_gathered_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    Path("line.audit.yaml").write_text("model: demo:sound\ndata: folder:later\nexpect: {right: accuracy > 0.8}\n")
    assert main(["plan", "line.audit.yaml", "--margin", "0.1"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "94 images are enough for all" in said
    assert "folder:later: labels and groups are not known" in said


@pytest.mark.nightly
def test_a_run_of_as_many_images_as_planned_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo is drawn anew with as many images as the plan says; the true values lie at the margin or better."""
    claims = {
        "right": "accuracy > 0.8",
        "swapped": "accuracy.under(swap_background(other_class)) > 0.7",
        "least": "worst_group_accuracy() > 0.6",
        "maps": "background_dependence(gradcam) < 0.5",
    }

    def write(images: int, seed: int) -> None:
        lines = "".join(f"  {name}: {text}\n" for name, text in claims.items())
        Path("line.audit.yaml").write_text(
            f'model: demo:sound\ndata: "demo:?images={images}&seed={seed}"\nchecks: off\nexpect:\n{lines}'
        )

    def verdicts() -> dict[str, str | None]:
        pytest.main(["-q", "-p", "no:cacheprovider", "-p", "no:randomly", "--audit-store=off", "line.audit.yaml"])
        return {case.name: case.verdict for case in read_record(tmp_path / "audit-results" / "latest").cases}

    write(16, 5)
    assert "INCONCLUSIVE" in verdicts().values(), "so few images leave something open"
    by_guesses = planned("line.audit.yaml", "--margin", "0.15", "--sd", "0.25")["images_in_all"]
    by_pilot = planned("--margin", "0.15")["images_in_all"]
    for number, images in enumerate((by_guesses, by_pilot)):
        write(sum(images.values()), 11 + number)  # type: ignore[attr-defined]
        assert verdicts() == dict.fromkeys(claims, "PASS"), images


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("accuracy > 0.9",), "Run: modelaudit plan 'accuracy > 0.9' --margin 0.05"),
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
