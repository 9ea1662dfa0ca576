"""``modelaudit diff`` from the outside: what it compares, says and writes, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_plugin.runs import Line

from modelaudit.cli import main
from modelaudit.cli.diff import exit_status
from modelaudit.evidence.record import read_record, write_record
from modelaudit.releases.comparison_record import COMPARISON_NAME, COMPARISON_PAGE, ComparisonRecord

AUDIT = """
colours = Audit(**told({model}, samples(24)))
names_it = colours.expect(accuracy > 0.1)
steady = colours.expect(accuracy - accuracy.under(gaussian_noise(2)) < 0.95)
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Where the two runs of this file are kept, once they were made."""
    return {"folder": tmp_path_factory.mktemp("runs")}


@pytest.fixture
def two(pytester: pytest.Pytester, runs: dict[str, Path]) -> tuple[str, str]:
    """The folders of a run of a model that knows the colours, and of one that always gives the same answer."""
    if "old" not in runs:
        line = Line(pytester)
        for name, model in (("old", "Colour()"), ("new", "Blind()")):
            line.audit(AUDIT.format(model=model))
            line.run()
            runs[name] = Path(write_record(line.record(), _made(runs["folder"] / name)).parent)
    return str(runs["old"]), str(runs["new"])


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_it_says_what_is_worse_and_writes_page_and_data(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diff", *two, "-o", str(tmp_path / "d"), "--no-pictures"]) == 0
    said = capsys.readouterr().out
    assert "names_it" in said and "Worse" in said and str(tmp_path / "d" / COMPARISON_PAGE) in said.replace("\n", "")
    found = ComparisonRecord.model_validate_json((tmp_path / "d" / COMPARISON_NAME).read_text(encoding="utf-8"))
    assert found.outcome == "worse" and (found.old.name, found.new.name) == two
    assert (tmp_path / "d" / COMPARISON_PAGE).stat().st_size > 1000


def test_it_speaks_japanese(two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", *two, "-o", str(tmp_path), "--no-pictures", "--language", "ja"])
    said = capsys.readouterr().out
    assert "要求事項" in said and "ページ：" in said and "Worse" not in said


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ([], 0),
        (["--fail-on", "worse"], 1),
        (["--fail-on", "not-equivalent"], 1),
        (["--margin", "0"], 2),
        (["--confidence", "1.2"], 2),
    ],
)
def test_the_exit_status_is_asked_for(two: tuple[str, str], tmp_path: Path, options: list[str], status: int) -> None:
    assert main(["diff", *two, "-o", str(tmp_path), "--no-pictures", *options]) == status


def test_data_alone_on_standard_output(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["diff", *two, "-o", str(tmp_path), "--no-pictures", "--json", "-"])
    assert json.loads(capsys.readouterr().out)["outcome"] == "worse"
    main(["diff", *two, "-o", str(tmp_path), "--no-pictures", "--json", str(tmp_path / "own.json")])
    assert json.loads((tmp_path / "own.json").read_text(encoding="utf-8"))["outcome"] == "worse"


def test_runs_are_found_by_folder_file_and_latest(
    two: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "latest").symlink_to(two[0], target_is_directory=True)
    for old in (f"{two[0]}/run.json", "results", "results/latest"):
        assert main(["diff", old, two[1], "--no-pictures", "--json", "-"]) == 0
    folders = [one.name for one in (tmp_path / "audit-results").iterdir()]
    ids = [read_record(Path(one)).id for one in two]
    assert folders == [f"diff-{ids[0]}-{ids[1]}"]
    capsys.readouterr()
    assert main(["diff", "nothing", two[1]]) == 2
    assert "no run is there" in capsys.readouterr().err


def test_a_baseline_is_found_by_its_name(
    two: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["baseline", "set", "v1", two[0]]) == 0
    for old in ("v1", "baselines/v1", "baselines/v1.json"):
        capsys.readouterr()
        assert main(["diff", old, two[1], "--no-pictures", "--json", "-"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["outcome"] == "worse" and found["notes"] == []
    assert [one.name.startswith("diff-v1-") for one in (tmp_path / "audit-results").iterdir()] == [True]


def test_images_that_are_left_out_do_not_make_a_run_pass(
    two: tuple[str, str], pytester: pytest.Pytester, capsys: pytest.CaptureFixture[str]
) -> None:
    line = Line(pytester)
    line.audit(AUDIT.format(model="Colour()").replace("samples(24)", "samples(24)[2:]"))
    line.run()
    new = str(line.path / "audit-results" / "latest")
    call = ["diff", two[0], new, "-o", "d", "--no-pictures", "--margin", "0.5", "--fail-on", "worse"]
    capsys.readouterr()
    assert main(call) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "2 of the 24 images of the old run are missing from the new one" in said and "--unpaired 0.09 allows" in said
    assert main([*call, "--unpaired", "0.08"]) == 1
    assert main([*call, "--unpaired", "0.09"]) == 0
    assert "missing from the new one" not in capsys.readouterr().out.rpartition("--unpaired")[2]


@pytest.mark.parametrize("share", ["-0.1", "1.5", "nan", "some"])
def test_a_share_of_images_is_from_0_to_1(two: tuple[str, str], share: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["diff", *two, "--unpaired", share])
    assert "must be a share from 0 to 1" in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(
    two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main(["diff", *two, "-o", str(tmp_path / "file"), "--no-pictures", "--language", "ja"]) == 2
    said = capsys.readouterr().err
    assert "file: cannot be made (File exists); give another folder with -o" in said and "作成できません" in said


def test_an_edited_record_is_refused(two: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads((Path(two[0]) / "run.json").read_text(encoding="utf-8"))
    values = record["tables"][0]["columns"][0]["values"]
    values[0] = 1.0 - values[0]
    (tmp_path / "run.json").write_text(json.dumps(record), encoding="utf-8")
    assert main(["diff", str(tmp_path), two[1], "-o", str(tmp_path / "d")]) == 2
    assert "contradicts itself" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("outcome", "change_of", "notes", "worse", "not_equivalent"),
    [
        ("equivalent", None, [], 0, 0),
        ("better", None, [], 0, 0),
        ("cannot_tell", None, [], 0, 1),
        ("cannot_tell", None, ["no_worse"], 0, 0),
        ("worse", None, [], 1, 1),
        ("not_comparable", None, [], 1, 1),
        (None, "removed", [], 1, 1),
    ],
)
def test_what_fails_under_which_option(
    two: tuple[str, str],
    tmp_path: Path,
    outcome: Any,
    change_of: Any,
    notes: Any,
    worse: int,
    not_equivalent: int,
) -> None:
    main(["diff", *two, "-o", str(tmp_path), "--no-pictures", "--json", str(tmp_path / "one.json")])
    found = ComparisonRecord.model_validate_json((tmp_path / "one.json").read_text(encoding="utf-8"))
    one = found.requirements[0].model_copy(update={"outcome": outcome, "change_of": change_of, "notes": notes})
    found = found.model_copy(update={"requirements": [one]})
    assert (exit_status(found, "worse"), exit_status(found, "not-equivalent")) == (worse, not_equivalent)
    assert exit_status(found, None) == 0
    advisory = found.model_copy(update={"requirements": [one.model_copy(update={"standing": "advisory"})]})
    assert exit_status(advisory, "worse") == 1  # nothing that counts was compared
