"""`.ci/ranges`: what it pins, and the table that it writes."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def ranges() -> Any:
    loader = importlib.machinery.SourceFileLoader("supported_ranges", str(ROOT / ".ci" / "ranges"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = sys.modules[loader.name] = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_every_dependency_states_a_lowest_version_that_can_be_installed(ranges: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = ranges.lowest_bounds(project["dependencies"])
    assert "torch==2.6" in pinned and len(pinned) == len(project["dependencies"])
    with pytest.raises(ValueError, match="'numpy<3' states no lowest version"):
        ranges.lowest_bounds(["numpy<3"])


def test_every_python_that_is_promised_is_tested(ranges: Any) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"] if one.startswith("Programming Language")]
    assert tuple(name for name in named if "." in name) == ranges.PYTHONS
    assert ranges.interpreter("3.99") is None


def test_a_row_stays_until_its_range_is_tested_again(ranges: Any) -> None:
    def row(python: str, lowest: bool, summary: str) -> Any:
        said = ranges.summary_of(f"...\n==== {summary} in 3.10s (0:00:03) ====\n")
        return ranges.Found(ranges.Range(python, lowest), ("2.4",) * len(ranges.SHOWN), said, 0)

    first = ranges.page([row("3.11", True, "7 passed, 1 skipped"), row("3.12", False, "8 passed")], [], "")
    again = ranges.page([row("3.12", False, "1 failed, 7 passed")], ["3.13: not tested"], first)
    told = [line for line in again.splitlines() if line.startswith("| 3")]
    assert [line.split(" | ")[-1] for line in told] == ["7 passed, 1 skipped |", "1 failed, 7 passed |"]
    assert again.endswith("\n3.13: not tested\n")
