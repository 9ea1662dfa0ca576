"""``modelaudit render``: what is said, what is asked, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from torch import Tensor

from modelaudit.cli import main
from modelaudit.models.predictions.manifest import read_manifest
from modelaudit.preview.rendered_folder import RenderedFolder

AUDIT = """
from modelaudit import Audit, Preprocessing
from modelaudit.contexts import mean_fill, swap_background
from modelaudit.measures import accuracy

line = Audit("predictions:box/answers.csv", "demo:?images=6", preprocessing=Preprocessing(resize=32), checks="off")
right = line.expect(accuracy > 0.5)
swapped = line.expect(accuracy.under(swap_background("other_class")) > 0.5)
filled = line.expect(accuracy.under(mean_fill("background")) > 0.5)
"""


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    file = tmp_path / "audits" / "audit_line.py"
    file.parent.mkdir()
    file.write_text(AUDIT)
    return file


def test_all_audits_of_a_file_are_rendered_into_one_folder(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(audit), "-o", "box"]) == 0
    out = capsys.readouterr().out
    assert "demo:?images=6: 18 pictures of 32 x 32 as PNG, at most " in out and "into box" in out
    assert "box: 18 pictures" in out and "18 of them are new" in out
    assert "hand over box/pictures" in out and "keep box/manifest.jsonl" in out
    assert 'Audit(model="predictions:box/answers.csv", ...)' in out
    header = read_manifest(Path("box/manifest.jsonl")).header
    assert header.audit == "audits/audit_line.py (right, swapped, filled)"
    readme = Path("box/pictures/README.txt").read_text(encoding="utf-8")
    assert "18 pictures of 32 x 32 pixels" in readme and "32 x 32ピクセルの画像が18枚" in readme
    for label in header.classes:
        assert label in readme


def test_names_choose_and_an_unknown_one_is_refused(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["render", str(audit), "right", "-o", "box", "--format", "npy", "--language", "ja"]) == 0
    out = capsys.readouterr().out
    assert "画像6枚" in out and "box/manifest.jsonl" in out
    assert len(list(Path("box").rglob("*.npy"))) == 6
    assert main(["render", str(audit), "rihgt", "-o", "other"]) == 2
    assert "no expectation is called 'rihgt'; did you mean 'right'" in capsys.readouterr().err
    assert not Path("other").exists()


def test_what_is_no_longer_asked_is_named_then_pruned(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["render", str(audit), "-o", "box"])
    capsys.readouterr()
    assert main(["render", str(audit), "right", "-o", "box"]) == 0
    assert "12 files in it are not asked for any more; --prune removes them" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["render", str(audit), "right", "-o", "box", "--prune"]) == 0
    assert "12 files in it were not asked for any more, and were removed" in " ".join(capsys.readouterr().out.split())
    assert len(list(Path("box").rglob("*.png"))) == 6


@pytest.mark.parametrize(("answer", "written"), [("y", True), ("", False), ("no", False)])
def test_at_a_terminal_it_asks_before_it_writes(
    audit: Path, monkeypatch: pytest.MonkeyPatch, answer: str, written: bool
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda text: asked.append(text) or answer)
    assert main(["render", str(audit), "-o", "box"]) == 0
    assert asked and Path("box").exists() is written
    asked.clear()
    assert main(["render", str(audit), "-o", "other", "--yes"]) == 0
    monkeypatch.setenv("CI", "true")
    assert main(["render", str(audit), "-o", "third"]) == 0
    assert not asked and Path("third").exists()


@pytest.mark.parametrize(("language", "said"), [("en", "same call again goes on"), ("ja", "もう一度実行すると")])
def test_ctrl_c_says_that_nothing_counts_yet_and_the_same_call_goes_on(
    audit: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    said: str,
) -> None:
    whole, kept = RenderedFolder._keep, []

    def stopped(folder: RenderedFolder, name: str, pixels: Tensor) -> str:
        if len(kept) == 4:
            raise KeyboardInterrupt
        kept.append(name)
        return whole(folder, name, pixels)

    call = ["render", str(audit), "-o", "box", "--language", language]
    with monkeypatch.context() as patched:
        patched.setattr(RenderedFolder, "_keep", stopped)
        assert main(call) == 130
    shown = capsys.readouterr()
    assert said.replace(" ", "") in "".join(shown.err.split()) and "hand over" not in shown.out
    assert not Path("box/manifest.jsonl").exists()
    assert main(call) == 0
    assert len(read_manifest(Path("box/manifest.jsonl")).pictures) == 18


def test_several_data_sets_get_a_folder_each(audit: Path) -> None:
    more = (
        '\nother = Audit("predictions:b.csv", "demo:?images=4", preprocessing=Preprocessing(resize=32), checks="off")'
    )
    audit.write_text(AUDIT + more + "\nalso = other.expect(accuracy > 0.5)\n")
    assert main(["render", str(audit), "-o", "box"]) == 0
    folders = sorted(one.name for one in Path("box").iterdir())
    assert folders == ["images-4-32", "images-6-32"]
    counts = {name: len(read_manifest(Path("box", name, "manifest.jsonl")).pictures) for name in folders}
    assert counts == {"images-4-32": 4, "images-6-32": 18}


def test_a_context_that_cannot_be_shown_is_told_by_the_exit_status(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit.write_text(AUDIT.replace('swap_background("other_class")', 'swap_background("pool:nobody")'))
    assert main(["render", str(audit), "-o", "box"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "cannot be shown, and is an error in the audit too: swap_background(" in out and "names no pool" in out
    assert "box: 12 pictures" in out


def test_a_search_that_goes_by_the_answers_is_named(audit: Path, capsys: pytest.CaptureFixture[str]) -> None:
    searched = "\nfrom modelaudit.contexts import surroundings\nfrom modelaudit.measures import worst_change\n"
    audit.write_text(AUDIT + searched + "found = line.expect(worst_change(surroundings(), calls=20) < 0.5)\n")
    assert main(["render", str(audit), "found", "-o", "box"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "cannot be rendered, since it chooses its pictures by the answers to others" in out
    assert "worst_change(" in out and "box: 6 pictures" in out


def test_seed_and_checks_come_from_pytests_configuration(audit: Path, tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naudit_seed = 7\naudit_checks = off\n")
    audit.write_text(AUDIT.replace(', checks="off"', ""))
    assert main(["render", str(audit), "-o", "box"]) == 0
    lines = [json.loads(line) for line in Path("box/manifest.jsonl").read_text().splitlines()[1:-1]]
    assert {one["seed"] for one in lines} == {None, 7} and {one["variant"] for one in lines} == {""}
    assert main(["render", str(audit), "-o", "more", "--seed", "8", "--checks", "on"]) == 0
    lines = [json.loads(line) for line in Path("more/manifest.jsonl").read_text().splitlines()[1:-1]]
    assert {one["seed"] for one in lines} == {None, 8, 1000011} and "blind" in {one["variant"] for one in lines}


def test_a_model_that_runs_brings_its_own_geometry(audit: Path) -> None:
    audit.write_text(
        AUDIT.replace("predictions:box/answers.csv", "demo:sound").replace(
            ", preprocessing=Preprocessing(resize=32)", ""
        )
    )
    assert main(["render", str(audit), "-o", "box"]) == 0
    assert read_manifest(Path("box/manifest.jsonl")).header.preprocessing["resize"] == [64, 64]


def test_an_audit_without_expectations_or_without_file_is_named(
    audit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit.write_text("")
    assert main(["render", str(audit), "-o", "box"]) == 2
    assert "has no expectation" in capsys.readouterr().err
    assert main(["render", "nowhere.py", "-o", "box"]) == 2
    assert "nowhere.py: no such file" in capsys.readouterr().err
