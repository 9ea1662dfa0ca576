"""A file that is meant as an audit and has another name is not collected, and a line says so."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_plugin.runs import HEADER, Line

from modelaudit.pytest_plugin.audit_files import find_misnamed

PATTERNS = ("test_*.py", "*_test.py", "audit_*.py", "*.audit.yaml", "*.audit.yml")
PYTHON = HEADER + "right = Audit(**told()).expect(accuracy > 0.5)\n"
YAML = "model: line.py:Colour\ndata: folder:photos\nexpect:\n  right: accuracy > 0.5\n"
LINE = (
    "warning: audits/{} looks like an audit and was not collected; audit files are named audit_*.py, *.audit.yaml or *"
)


def write(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tiles_audit.py", PYTHON),
        ("audit-tiles.py", PYTHON),
        ("AuditLine.py", PYTHON),
        ("Audit_line.py", PYTHON),
        ("lineAudit.py", PYTHON),
        ("auditline.py", PYTHON),
        ("audit.py", PYTHON),
        ("line.audit.json", '{"model": "line.py:Colour",\n "expect": {"right": "accuracy > 0.5"}}'),
        ("line.audit.toml", '[expect]\nright = "accuracy > 0.5"\n'),
        ("line.Audit.YAML", YAML),
        ("line.yaml", YAML),
        ("audit_line.yml", YAML),
        ("line_b/tiles_audit.py", PYTHON),
    ],
)
def test_a_misnamed_audit_is_found_in_a_folder_of_audits(tmp_path: Path, name: str, text: str) -> None:
    file = write(tmp_path / "audits", name, text)
    assert find_misnamed([tmp_path / "audits"], (), PATTERNS) == [file]
    assert find_misnamed([tmp_path], (), PATTERNS) == [file]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("audit_line.py", PYTHON),
        ("line.audit.yaml", YAML),
        ("line.audit.yml", YAML),
        ("test_audit.py", PYTHON),
        ("networks.py", PYTHON),
        ("auditing.py", "def images(): ...\n"),
        ("thresholds.yaml", "accuracy: 0.9\n"),
        ("audit.json", '{"accuracy": 0.9}'),
        ("audit.md", "line.expect(accuracy > 0.5)"),
        ("__pycache__/tiles_audit.py", PYTHON),
        (".venv/tiles_audit.py", PYTHON),
    ],
)
def test_other_files_are_not(tmp_path: Path, name: str, text: str) -> None:
    write(tmp_path / "audits", name, text)
    assert find_misnamed([tmp_path / "audits"], (), PATTERNS) == []


def test_only_folders_of_audits_are_looked_through(tmp_path: Path) -> None:
    file = write(tmp_path / "checks", "tiles_audit.py", PYTHON)
    assert find_misnamed([tmp_path, tmp_path / "checks"], (), PATTERNS) == []
    assert find_misnamed([tmp_path / "checks"], {tmp_path / "checks" / "audit_line.py"}, PATTERNS) == [file]
    assert find_misnamed([file], (), PATTERNS) == [file]


def test_a_line_says_so_beside_what_was_collected(line: Line) -> None:
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)", name="audits/audit_line.py")
    for name in ("tiles_audit.py", "audit-tiles.py"):
        line.write(f"audits/{name}", PYTHON)
    result = line.run("audits")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([LINE.format("audit-tiles.py"), LINE.format("tiles_audit.py")])


def test_a_line_says_so_where_nothing_was_collected(line: Line) -> None:
    line.write("audits/tiles_audit.py", PYTHON)
    result = line.run("audits")
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines([LINE.format("tiles_audit.py")])


def test_many_of_them_are_counted(line: Line) -> None:
    for at in range(8):
        line.write(f"audits/{at}_audit.py", PYTHON)
    result = line.run("audits")
    lines = [text for text in result.outlines if text.startswith("warning: ")]
    assert len(lines) == 6
    assert lines[-1] == "warning: 3 more files look like audits and were not collected"
