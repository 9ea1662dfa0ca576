"""Workflows and the files beside them."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import yaml
from _pytest.config.findpaths import determine_setup

from modelaudit.cli import _parser as command_line
from modelaudit.starter.ci_files import not_yet_ignored, rootdir_of, workflow


@pytest.mark.parametrize("service", ["github", "gitlab"])
def test_a_workflow_gates_caches_and_keeps_the_results(service: str) -> None:
    path, text = workflow(service)  # type: ignore[arg-type]
    assert path.endswith(".yml")
    assert isinstance(yaml.safe_load(text), dict)
    (exported,) = [line.partition("modelaudit")[2] for line in text.splitlines() if "modelaudit export" in line]
    assert command_line().parse_args(exported.split()).kind.name == service
    for part in ("modelaudit gate audits/ --junitxml=audit-results/junit.xml", ".modelaudit"):
        assert part in text


@pytest.mark.parametrize(
    ("before", "missing"),
    [
        ("", ["audit-results/", ".modelaudit/"]),
        ("audit-results\n", [".modelaudit/"]),
        ("/audit-results/\n.modelaudit/\n", []),
        ("# audit-results/\n", ["audit-results/", ".modelaudit/"]),
    ],
)
def test_only_what_is_missing_is_ignored_anew(before: str, missing: list[str]) -> None:
    assert not_yet_ignored(before) == missing


@pytest.mark.parametrize(
    ("files", "root"),
    [
        ({"a/pytest.ini": "[pytest]"}, "a"),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "a/setup.cfg": "[metadata]"}, "."),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "a/pyproject.toml": ""}, "."),
        ({"a/pyproject.toml": "[project]"}, "a"),
        ({"setup.py": ""}, "."),
        ({}, None),
    ],
)
def test_the_rootdir_is_that_of_pytest(files: dict[str, str], root: str | None, tmp_path: Path) -> None:
    below = tmp_path / "a" / "b"
    (below / "audits").mkdir(parents=True)
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = rootdir_of(below)
    assert found == (None if root is None else tmp_path / root)
    known: dict[str, Any] = {"inifile": None, "args": [str(below / "audits")], "rootdir_cmd_arg": None}
    if "override_ini" in inspect.signature(determine_setup).parameters:
        known["override_ini"] = None
    assert determine_setup(invocation_dir=below, **known)[0] == (found or below)
