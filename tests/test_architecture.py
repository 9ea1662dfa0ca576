"""Imports point one way: ARCHITECTURE.md's table, read off the code."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "modelaudit"
FLOOR = {"models", "data", "demo", "contexts", "attribution", "measures", "statistics"}
MAY_IMPORT = {
    "language": set(),
    **{room: {"language"} for room in FLOOR},
    "engine": FLOOR - {"demo"} | {"language"},
    "evidence": {"engine", "contexts", "statistics", "language"},
    "report": {"evidence", "language"},
    "pytest_plugin": {"report", "evidence", "engine", "language"},
    # data, models and contexts are looked at before there is a run, and images are planned for
    "cli": {"report", "evidence", "engine", "demo", "data", "models", "contexts", "statistics", "language"},
}


def imports_of(file: Path) -> Iterator[tuple[str, int]]:
    """The rooms that a file imports, also inside functions and under TYPE_CHECKING."""
    depth = len(file.relative_to(PACKAGE).parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == depth and node.module:
            yield node.module.split(".")[0], node.lineno
        elif isinstance(node, ast.ImportFrom) and node.level == depth:
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("modelaudit."):
            yield str(node.module).split(".")[1], node.lineno
        elif isinstance(node, ast.Import):
            yield from (
                (alias.name.split(".")[1], node.lineno) for alias in node.names if alias.name.startswith("modelaudit.")
            )


def files() -> list[Path]:
    return sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_one_way(file: Path) -> None:
    room = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    for imported, line in imports_of(file):
        if imported in MAY_IMPORT and imported != room:
            assert imported in MAY_IMPORT[room], f"{file}:{line}: {room} imports {imported}"


def test_the_report_reads_the_record_and_nothing_else_of_the_evidence() -> None:
    for file in (PACKAGE / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evidence"):
                allowed = ("evidence.record", "evidence.states", "evidence.consistency")
                assert node.module in allowed, f"{file}:{node.lineno}: imports {node.module}"


def test_no_module_of_odds_and_ends() -> None:
    assert not [file for file in files() if file.stem in ("utils", "util", "helpers", "common", "misc")]


def handlers(file: Path) -> Iterator[ast.ExceptHandler]:
    """The handlers of a file that catch anything."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ExceptHandler):
            caught = None if node.type is None else ast.unparse(node.type)
            if caught in (None, "Exception", "BaseException"):
                yield node


def test_what_the_engine_catches_of_audited_code_passes_the_boundary() -> None:
    """An ``except Exception`` would let a SystemExit through, one without `contained` would swallow Ctrl-C."""
    for file in (one for one in files() if one.is_relative_to(PACKAGE / "engine") and one.parent.name != "store"):
        for handler in handlers(file):
            text = "".join(map(ast.unparse, handler.body))
            assert ast.unparse(handler.type or ast.Name("")) == "BaseException", f"{file}:{handler.lineno}"
            assert "contained(" in text, f"{file}:{handler.lineno}"
