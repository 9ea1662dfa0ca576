from __future__ import annotations

import json
import os
import subprocess
import sys
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


def test_a_report_needs_neither_torch_nor_what_reads_images() -> None:
    """It is rendered where only what a report needs is installed."""
    missing = ("torch", "torchvision", "captum", "PIL", "pycocotools", "yaml", "filelock", "psutil", "tqdm", "pytest")
    code = f"""
import sys
class Missing:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] in {missing}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Missing)
import modelaudit.cli, modelaudit.report.render
sys.exit(modelaudit.cli.main(["report", "nowhere"]) - 2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_report_of_nothing_says_what_to_give(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "give a results folder or its run.json" in capsys.readouterr().err


def test_a_wrong_command_is_a_usage_error() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["shema"])
    assert caught.value.code == 2


@pytest.mark.parametrize("arguments", [["schema"], ["gate", "--help"], ["--help"]])
def test_a_command_ends_quietly_when_the_reader_of_its_output_is_gone(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")  # as in many containers, where each write meets the closed pipe at once
    reader, writer = os.pipe()
    os.close(reader)
    try:
        command = [sys.executable, "-c", "import sys, modelaudit.cli; sys.exit(modelaudit.cli.main())", *arguments]
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=120, check=False)
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_the_shipped_weights_are_small() -> None:
    assert sum(file.stat().st_size for file in WEIGHTS.glob("*.safetensors")) <= 500_000
