"""``modelaudit coverage``: what it lists of a run, as text and as data, and what it says where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from report.sample_record import record
from standards.test_standard_file import CLAIMS, OWN

from modelaudit.cli import main
from modelaudit.cli.coverage import _refuse_unknown_names
from modelaudit.evidence.record import record_digest, write_record
from modelaudit.standards.coverage_record import CoverageDocument
from modelaudit.standards.standard_file import built_in_standards, read_standard


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A record of which every case was not run, for that is consistent without tables."""
    cases = [one for one in record().cases if one.verdict is None]
    write_record(record(cases=cases, data=[]), tmp_path)
    return tmp_path


def test_every_item_is_listed_with_what_no_audit_gives(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(run), "--standard", "mlqm-3"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("Machine Learning Quality Management Guideline, third edition\n")
    assert "1 of 9 items have evidence in this run" in said
    assert said.count("No audit gives") == 9
    assert "  C-1 Correctness of the trained model\n" in said
    assert "Without a result that counts: recognises_small_parts (Not run)" in said
    assert said.endswith("Whether an item is\nfulfilled is for people to judge.\n")
    assert not CLAIMS.search(said)
    assert max(map(len, said.splitlines())) <= 80


def test_in_japanese(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(run), "--language", "ja"]) == 0
    said = capsys.readouterr().out
    assert "機械学習品質マネジメントガイドライン 第3版" in said and "9項目中1項目について本監査に証拠があります" in said
    assert "C-1 機械学習モデルの正確性" in said and "項目を満たすかどうかは人が判断\nします" in said
    assert not CLAIMS.search(said)


def test_as_data(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(run), "--json", "-"]) == 0
    found = CoverageDocument.model_validate_json(capsys.readouterr().out)
    assert found.record_sha256 == record_digest(record(cases=[c for c in record().cases if c.verdict is None], data=[]))
    assert [one.standard for one in found.standards] == [one.name for one in built_in_standards()]
    file = tmp_path / "coverage.json"
    assert main(["coverage", str(run), "--json", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8"))["format"] == "modelaudit coverage"
    assert capsys.readouterr().out.endswith(f"{file}\n")


def test_a_standard_of_ones_own(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(OWN, encoding="utf-8")
    assert main(["coverage", str(run), "--standard", str(file)]) == 0
    assert "R1 Right as photographed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("[accuracy]", "[acuracy]"), "item R1: no measure is called 'acuracy'; did you mean 'accuracy'"),
        (("[original]", "[swap_backgroud]"), "item R1: no context is called 'swap_backgroud'; did you mean"),
    ],
)
def test_a_name_that_nothing_is_called_is_refused(
    run: Path, tmp_path: Path, change: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(OWN.replace(*change), encoding="utf-8")
    assert main(["coverage", str(run), "--standard", str(file)]) == 2
    assert said in capsys.readouterr().err


def test_a_name_that_only_the_run_knows_is_taken(tmp_path: Path) -> None:
    """A context of a third party that is not installed where the coverage is read."""
    file = tmp_path / "ours.yaml"
    file.write_text(OWN.replace("[original]", "[dust]"), encoding="utf-8")
    _refuse_unknown_names(read_standard(str(file)), record())


def test_errors_are_in_japanese_too(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(OWN.replace("[accuracy]", "[acuracy]"), encoding="utf-8")
    assert main(["coverage", str(run), "--standard", str(file), "--language", "ja"]) == 2
    assert "規格oursの項目R1：指標・条件'acuracy'は存在しません" in capsys.readouterr().err
    assert main(["coverage", str(run), "--standard", "iso-9001", "--language", "ja"]) == 2
    assert "規格'iso-9001'は登録されていません" in capsys.readouterr().err


def test_an_unknown_standard_ends_with_2(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["coverage", str(run), "--standard", "iso-9001"]) == 2
    assert "standard 'iso-9001' is not known" in capsys.readouterr().err
