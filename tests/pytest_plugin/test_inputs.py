"""The record says what a run was given beside models and data, by content."""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from pathlib import Path

import pytest
from pytest_plugin.runs import Line

from modelaudit.evidence.record import InputFile


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def files(line: Line) -> dict[str, InputFile]:
    return {one.path: one for one in line.record().provenance.files}


def test_audit_files_conftests_and_plugins_are_recorded_by_content(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--color=no")
    monkeypatch.setenv("MODELAUDIT_ACCESS_TOKEN", "not for others")
    audit = line.audit("right = Audit(**told()).expect(accuracy > 0.5)", "deep/audit_line.py")
    above = line.write("conftest.py", "pytest_plugins = ['bystander']\n")
    below = line.write("deep/conftest.py", "# of the folder\n")
    plugin = line.write("bystander.py", "def pytest_report_header(): return 'here'\n")
    ini = line.write("pytest.ini", "[pytest]\naddopts = --strict-markers\naudit_seed = 3\nminversion = 7\n")
    assert line.run().ret == pytest.ExitCode.OK
    found = files(line)
    expected = {"deep/audit_line.py": audit, "conftest.py": above, "deep/conftest.py": below, "pytest.ini": ini}
    assert {name: found[name].sha256 for name in expected} == {name: digest(path) for name, path in expected.items()}
    assert [found[name].role for name in expected] == ["audit", "conftest", "conftest", "ini"]
    assert (found["bystander.py"].role, found["bystander.py"].sha256) == ("plugin", digest(plugin))
    told = line.record().provenance
    assert {one.name: one.version for one in told.plugins}["pytest-xdist"] == version("pytest-xdist")
    assert told.options["environment PYTEST_ADDOPTS"] == "--color=no"
    assert told.options["environment MODELAUDIT_ACCESS_TOKEN"] == "(set, not recorded)"
    assert "--strict-markers" in told.options["ini addopts"]
    assert told.options["ini audit_seed"] == "3"
    assert "ini minversion" not in told.options


def test_an_audit_file_that_changes_during_the_run_is_recorded_as_it_was_collected(line: Line) -> None:
    file = line.audit("from pathlib import Path\nright = Audit(**told()).expect(accuracy > 0.5)\n")
    before = digest(file)
    file.write_text(file.read_text() + "Path(__file__).write_text('# rewritten')\n", encoding="utf-8")
    collected = digest(file)
    line.run()
    assert files(line)["audit_line.py"].sha256 == collected
    assert digest(file) not in (before, collected)


def test_the_record_says_how_many_values_came_from_the_store(line: Line) -> None:
    line.store = "kept"
    line.audit("right = Audit(**told()).expect(accuracy > 0.5)")
    line.run()
    first = line.record().passes
    line.audit("right = Audit(**told()).expect(accuracy.under(mean_fill('background')) - accuracy < 0.9)")
    line.run()
    second = line.record().passes
    assert (first.values, first.stored) == (20, 0)
    assert (second.values, second.stored) == (40, 20)
