"""``modelaudit history``: trends in the terminal and as JSON, and which of them may be removed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from releases.kept import drop, kept, requirement, run, unmeasured

from modelaudit.cli import main
from modelaudit.evidence.record import WaiverRecord, record_digest
from modelaudit.evidence.results_folder import point_latest

VALUES = (0.95, 0.91, None, 0.86, 0.97)


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five runs: the first of other images, the third an ERROR, the model another one from the fourth on."""
    monkeypatch.chdir(tmp_path)
    runs = [
        run(day, requirement(value=value), drop(), data="d2" if day == 1 else "c1", model="aa" if day > 3 else "b7")
        for day, value in enumerate(VALUES, 1)
    ]
    return kept(tmp_path / "audit-results", *runs, run(6, quick_look=5))


def lines(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> list[str]:
    assert main(["history", *arguments]) == status
    found = capsys.readouterr()
    return (found.err if status else found.out).splitlines()


@pytest.mark.usefixtures("results")
def test_every_requirement_has_its_trend(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys)
    assert said[:2] == ["audit-results: 5 runs", "  1 quick look is left out"]
    assert next(line for line in said if line.startswith("  20261105")).split() == [
        *("20261105-091402-0005", "PASS", "2026-11-05", "3c9d1e7"),
    ]
    at = said.index("survives_lighting  accuracy.under(lighting(3)) > 0.9")
    assert said[at + 1 : at + 3] == ["  ·▄×▁█  Pass  97.0% (94.0% to 100.0%)", "   ◆ ▲"]
    assert max(map(len, said)) <= 80


@pytest.mark.usefixtures("results")
def test_one_requirement_run_by_run_in_japanese(capsys: pytest.CaptureFixture[str]) -> None:
    said = lines(capsys, "--requirement", "survives_lighting", "--language", "ja")
    rows = [line.split() for line in said if line.startswith("  202611")]
    assert [row[1] for row in rows] == ["合格", "判定不能", "エラー", "不合格", "合格"]
    assert rows[0][-1] == "画像が異なる" and rows[3][-1] == "モデル変更" and rows[2][2] == "–"
    by_id = lines(capsys, "--requirement", "audits/audit_line_a.py::survives_lighting", "--last", "2")
    assert len([line for line in by_id if line.startswith("  202611")]) == 2
    wrong = lines(capsys, "--requirement", "survives_lightning", status=2)
    assert "no run has it; did you mean 'survives_lighting'" in wrong[0]


def test_json_has_everything(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_the_second = record_digest(run(2, requirement(value=0.91), drop()))
    baseline = unmeasured(3).model_copy(update={"baseline_of": of_the_second})
    (results.parent / "baselines").mkdir()
    (results.parent / "baselines" / "v1.json").write_text(baseline.model_dump_json())
    (results / "20200101-000000-0000").mkdir()
    (results / "20200101-000000-0000" / "run.json").write_text("{")
    assert main(["history", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["baselines"] for one in found["runs"]] == [[], ["v1"], [], [], []]
    (line,) = [one for one in found["requirements"] if one["name"] == "survives_lighting"]
    assert [point["estimate"] for point in line["points"]] == list(VALUES)
    assert [point["apart"] for point in line["points"]] == [["data"], [], [], [], []]
    assert found["unread"] == [{"name": "20200101-000000-0000", "why": "unreadable", "why_not": ""}]


def test_old_runs_go_and_those_that_somebody_relies_on_stay(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    waiver = WaiverRecord(owner="QA", reason="x", issued=moment, expires=moment.replace(year=2027))
    waived = requirement(value=0.8, standing="waived", outcome="xfailed", waiver=waiver)
    signed, of_baseline, parent = run(7), run(8, drop()), run(9, drop())
    kept(results, run(10, waived), signed, of_baseline, parent, run(11, parent=record_digest(parent)), run(12), run(13))
    (results / signed.id / "evidence.dsse").write_text("{}")
    baselines = results.parent / "baselines"
    baselines.mkdir()
    (baselines / "v1.json").write_text(
        unmeasured(8).model_copy(update={"baseline_of": record_digest(of_baseline)}).model_dump_json()
    )
    point_latest(results, run(12).id)
    (results / "20200101-000000-0000").mkdir()
    (results / "20200101-000000-0000" / "run.json").write_text("{")
    (results / "notes").mkdir()
    outside = results.parent / "elsewhere"
    kept(outside, run(1))
    (results / "20200102-000000-0000").symlink_to(outside / run(1).id, target_is_directory=True)
    before = sorted(one.name for one in results.iterdir())

    would = lines(capsys, "--keep", "1", "--dry-run")
    assert sorted(one.name for one in results.iterdir()) == before
    assert would[-1] == "6 runs would be removed" and sum(line.startswith("would remove") for line in would) == 6
    assert [line.rpartition(": ")[2] for line in would if line.startswith("keeps")] == [
        *(
            "it is signed",
            "a baseline was made from it",
            "it has reviews",
            "it has waivers",
            "it has reviews",
            "latest points at it",
            "its record cannot be read",
        ),
    ]
    said = lines(capsys, "--keep", "1")
    assert said[-1] == "6 runs removed"
    gone = {*(run(day).id for day in range(1, 7))}
    assert sorted(one.name for one in results.iterdir()) == [name for name in before if name not in gone]
    assert (outside / run(1).id / "run.json").exists(), "links are not followed"
    assert lines(capsys, "--keep", "1")[-1] == "0 runs removed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["absent"], "absent: cannot be read"),
        (["--dry-run"], "--dry-run says what --keep N would remove"),
        (["--keep", "3", "--last", "2"], "--keep is about whole runs"),
    ],
)
@pytest.mark.usefixtures("results")
def test_a_wrong_call_says_what_to_do(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert lines(capsys, *arguments, status=2)[0].startswith(f"modelaudit: {said}")


def test_an_empty_folder_has_no_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lines(capsys, str(tmp_path)) == [f"{tmp_path}: no run"]


def test_baselines_are_counted_apart_from_the_runs_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["of_the_first_delivery", "before_the_camera_was_changed", "v1"]
    (tmp_path / "empty").mkdir()
    (tmp_path / "baselines").mkdir()
    made = unmeasured(1).model_copy(update={"baseline_of": record_digest(unmeasured(1))})
    for name in names:
        (tmp_path / "baselines" / f"{name}.json").write_text(made.model_dump_json())
    said = lines(capsys, "empty")
    assert said[0] == "empty: no run, 1 baseline"
    assert all(f"baseline {name}" in "\n".join(said) for name in names), "no name is cut"
    assert max(map(len, said)) <= 80
    japanese = lines(capsys, "empty", "--language", "ja")
    assert japanese[0] == "empty：実行なし、ベースライン1件" and "ベースライン「v1」" in "".join(japanese)


def test_a_run_that_was_killed_has_a_note_and_is_none_of_those_that_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept(tmp_path, unmeasured(1), unmeasured(2), unmeasured(3))
    (tmp_path / unmeasured(3).id / "evidence.json").unlink()
    assert [one.strip() for one in lines(capsys, str(tmp_path)) if "evidence" in one] == [
        "no evidence.json: killed, or not finished yet"
    ]
    found = json.loads("\n".join(lines(capsys, str(tmp_path), "--keep", "1", "--dry-run", "--json")))
    assert found["removed"] == [str(tmp_path / unmeasured(1).id)]
