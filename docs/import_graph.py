"""The graph of imports, read off the code: written into ARCHITECTURE.md, and held to its rules by the tests.

    python docs/import_graph.py           # write the drawings
    python docs/import_graph.py --check   # exit with 1 where a drawing is not what the code says

Every import counts, also those inside of functions and under TYPE_CHECKING.
"""

from __future__ import annotations

import argparse
import ast
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "modelaudit"
PAGE = ROOT / "ARCHITECTURE.md"
#: what knows the package from outside, and is not a room
OUTSIDE = {"__init__", "strategies", "testing"}
Graph = Mapping[str, set[str]]


def main() -> int:
    """Write the drawings, or say that they are out of date."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args().check
    text, drawn = PAGE.read_text(encoding="utf-8"), page()
    if not check:
        PAGE.write_text(drawn, encoding="utf-8")
    elif text != drawn:
        print("ARCHITECTURE.md: run python docs/import_graph.py", file=sys.stderr)
        return 1
    return 0


def page() -> str:
    """ARCHITECTURE.md with its drawings as the code is."""
    text = PAGE.read_text(encoding="utf-8")
    for name, graph in (("rooms", rooms()), ("engine", rooms_of_the_engine())):
        start, end = f"<!-- imports of {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(start)
        text = f"{before}{start}{drawing(graph)}{end}{rest.partition(end)[2]}"
    return text


def modules() -> Graph:
    """Every module with the modules of the package that it imports."""
    files = {_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}
    return {name: set(_imports(name, file, files)) - {name} for name, file in files.items()}


def rooms() -> Graph:
    """Every room with the rooms that it imports."""
    return _grouped(lambda name: [*name.split("."), "__init__"][1], OUTSIDE)


def rooms_of_the_engine() -> Graph:
    """Every room of the engine with those that it imports."""
    return _grouped(lambda name: name.split(".")[2] if name.startswith("modelaudit.engine.") else "", {""})


def circles(graph: Graph) -> list[list[str]]:
    """The sets of nodes that import each other, directly or through others (Tarjan's strong components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            component = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(component) > 1:
                found.append(sorted(component))

    for node in sorted(graph):
        if node not in index:
            visit(node)
    return found


def drawing(graph: Graph) -> str:
    """A Mermaid flow chart without the arrows that follow from others."""
    lines = ["```mermaid", "flowchart TD"]
    for node in sorted(graph):
        reached = set().union(*(_below(other, graph) for other in graph[node]))
        lines += [f"  {node} --> {other}" for other in sorted(graph[node] - reached)]
    return "\n".join([*lines, "```", ""])


def _below(node: str, graph: Graph) -> set[str]:
    """Everything that a node imports, directly or through others."""
    found: set[str] = set()
    left = list(graph[node])
    while left:
        other = left.pop()
        if other not in found:
            found.add(other)
            left.extend(graph[other])
    return found


def _grouped(room_of: Callable[[str], str], without: set[str]) -> Graph:
    found: dict[str, set[str]] = {}
    for name, imported in modules().items():
        room = room_of(name)
        if room not in without:
            others = {room_of(other) for other in imported} - without
            found.setdefault(room, set()).update(others - {room})
    return found


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(name: str, file: Path, files: Mapping[str, Path]) -> Iterator[str]:
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            for alias in node.names:
                full = f"{module}.{alias.name}"
                yield from [one for one in (full if full in files else module,) if one in files]
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in files)


if __name__ == "__main__":
    sys.exit(main())
