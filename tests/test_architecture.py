"""The rules of ARCHITECTURE.md, read off the code."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))  # where the script lies that draws the graph
import import_graph  # noqa: E402

PACKAGE = ROOT / "modelaudit"
FLOOR = {"models", "data", "demo", "contexts", "attribution", "measures", "statistics"}
MAY_IMPORT = {
    "language": set(),
    **{room: {"language"} for room in FLOOR},
    "engine": FLOOR - {"demo"} | {"language"},
    "preview": FLOOR - {"demo"} | {"engine", "language"},
    "evidence": {"engine", "contexts", "statistics", "language"},
    "counterexamples": {"evidence", "engine", "language"},
    "acceptance": {"evidence", "engine", "data", "language"},
    "advice": {"acceptance", "evidence", "engine", *FLOOR, "language"},
    "monitoring": {"evidence", "engine", *FLOOR, "language"},
    "releases": {"evidence", "engine", "contexts", "statistics", "language"},
    "standards": {"evidence", "language"},
    "report": {
        "advice",
        "acceptance",
        "counterexamples",
        "monitoring",
        "releases",
        "standards",
        "evidence",
        "language",
    },
    # what other tools read: their own words are those of the report
    "exports": {"report", "releases", "standards", "evidence", "language"},
    "starter": {"data", "models", "language"},
    "interactive": {"report", "evidence", "engine", "language"},
    "pytest_plugin": {
        "report",
        "advice",
        "acceptance",
        "counterexamples",
        "releases",
        "evidence",
        "engine",
        "starter",
        "language",
    },
    # data, models and contexts are looked at before there is a run, and images are planned for
    "cli": {
        "report",
        "advice",
        "acceptance",
        "counterexamples",
        "monitoring",
        "releases",
        "standards",
        "exports",
        "preview",
        "evidence",
        "engine",
        "starter",
        *FLOOR,
        "language",
    },
}
#: from the ground up: a room of the engine imports those before it; checks and gallery do not know each other
ENGINE = (
    ("results",),
    ("store", "planning"),
    ("images",),
    ("inference",),
    ("measurement",),
    ("checks", "gallery"),
    ("decision",),
    ("measured_facts", "measured_searches"),
    ("assembly",),
    ("executors",),
)


def files() -> list[Path]:
    return sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


def test_imports_point_one_way() -> None:
    for room, imported in import_graph.rooms().items():
        assert imported <= MAY_IMPORT[room], f"{room} imports {sorted(imported - MAY_IMPORT[room])}"


def test_imports_point_one_way_inside_the_engine() -> None:
    below: set[str] = set()
    graph = import_graph.rooms_of_the_engine()
    for floor in ENGINE:
        for room in floor:
            assert graph[room] <= below, f"engine/{room} imports {sorted(graph[room] - below)}"
        below |= set(floor)
    assert below == set(graph)


def test_no_module_imports_itself_through_others() -> None:
    assert import_graph.circles(import_graph.modules()) == []


def test_a_circle_is_found() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}
    assert import_graph.circles(graph) == [["a", "b", "c"]]


def test_the_loop_knows_no_listener() -> None:
    graph = import_graph.modules()
    known = {name.split(".")[2] for name in graph["modelaudit.engine.measurement.loop"] if ".engine." in name}
    assert not known & {"checks", "gallery", "decision"}


def test_the_drawings_show_the_imports_of_the_code() -> None:
    assert import_graph.PAGE.read_text(encoding="utf-8") == import_graph.page(), "run python docs/import_graph.py"


def test_the_walk_of_an_image_never_turns_back() -> None:
    """Every step exists, and no room is entered again once it was left."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## The walk of one image")[2]
    steps = re.findall(r"^\| `([\w/]+)` \| `([\w.]+)` \|", text, flags=re.MULTILINE)
    assert len(steps) > 10
    rooms = [room for room, _ in steps]
    entered = [room for at, room in enumerate(rooms) if at == 0 or rooms[at - 1] != room]
    assert len(entered) == len(set(entered)), entered
    for room, name in steps:
        module, _, attribute = name.rpartition(".")
        found = _resolved(f"modelaudit.{room.replace('/', '.')}.{module}", attribute)
        assert callable(found), f"{room}: {name}"


def _resolved(module: str, attribute: str) -> object:
    """A function, or a method where the last part of `module` is a class."""
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError:
        owner, _, cls = module.rpartition(".")
        return getattr(getattr(importlib.import_module(owner), cls), attribute)


def test_the_report_reads_the_record_and_nothing_else_of_the_evidence() -> None:
    for file in (PACKAGE / "report").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("evidence"):
                allowed = tuple(
                    f"evidence.{name}"
                    for name in (
                        *("record", "record_texts", "leaves", "image_values", "states", "consistency"),
                        *("review_pictures", "reviewed"),
                    )
                )
                assert node.module in allowed, f"{file}:{node.lineno}: imports {node.module}"


def test_the_report_reads_the_record_of_an_alarm_and_nothing_else_of_the_watch() -> None:
    imported = {
        node.module
        for file in (PACKAGE / "report").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("monitoring")
    }
    assert imported <= {"monitoring.alarm_record"}


def test_a_public_class_name_means_one_thing() -> None:
    names = Counter(
        node.name
        for file in files()
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert [name for name, count in names.items() if count > 1] == []


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


def test_nobody_sets_what_belongs_to_another_module() -> None:
    """Attributes are assigned where their class stands, but for the answers of events and what a run counts."""
    allowed = {"needed", "end", "seconds", "values", "stored"}
    for file in (PACKAGE / "engine").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        own = {
            node.target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
        }
        assigned = [target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets]
        parts = [part for target in assigned for part in (target.elts if isinstance(target, ast.Tuple) else [target])]
        attributes = [part for part in parts if isinstance(part, ast.Attribute)]
        own |= {part.attr for part in attributes if ast.unparse(part.value) == "self"}
        for part in attributes:
            if ast.unparse(part.value).endswith(".flags"):  # numpy's
                continue
            assert part.attr in own | allowed, f"{file}:{part.lineno}: {ast.unparse(part)}"
