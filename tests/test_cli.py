from __future__ import annotations

import json
from pathlib import Path

import pytest
from report.sample_record import record

from modelaudit.cli import main
from modelaudit.demo.source_models import WEIGHTS
from modelaudit.evidence.record import write_record


def test_schema_prints_the_json_schema_of_yaml_audits(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert "expect" in schema["properties"]


def test_report_writes_the_reports_of_a_run_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    not_run = [one for one in record().cases if one.verdict is None]
    write_record(record(folder, cases=not_run, data=[]), folder)
    assert main(["report", str(folder)]) == 0
    assert (folder / "report.html").stat().st_size > 1000
    assert "report.html" in capsys.readouterr().out


def test_report_of_nothing_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "give a results folder or its run.json" in capsys.readouterr().err


def test_a_wrong_command_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["shema"])
    assert caught.value.code == 2


def test_the_shipped_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.glob("*.safetensors")) <= 500_000
