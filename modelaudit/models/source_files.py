"""The files of a project that a file of Python imports, as their bytes."""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
import time
from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path

_INSTALLED = frozenset({"site-packages", "dist-packages"})
#: when this process began, nearly
_BEGAN = time.time_ns()
_OURS = Path(__file__).resolve().parents[1]


def is_project(file: Path, root: Path) -> bool:
    """Whether a file is the user's own: not of Python, not installed, and not of this package.

    A virtual environment below `root` is installed; a package in development mode elsewhere is the user's own.
    """
    if file.is_relative_to(_OURS) or any(file.is_relative_to(folder) for folder in _python_folders()):
        return False
    parts = file.relative_to(root).parts if file.is_relative_to(root) else file.parts
    return not _INSTALLED & set(parts)


def with_imports(files: set[Path], root: Path) -> dict[Path, bytes]:
    """The content of files, and of all project files that they import: directly, in functions, and one by another.

    Imports are read off the source. A name is looked for on Python's search path, among the modules that are loaded,
    and in the folders above the file up to `root`; where these are several files, all are taken.
    """
    found: dict[Path, bytes] = {}
    waiting = [file.resolve() for file in files]
    while waiting:
        file = waiting.pop()
        if file in found:
            continue
        found[file] = _content(file)
        waiting += [one for one in _imported(file, found[file], root) if one not in found and is_project(one, root)]
    return found


def named_module(name: str, file: Path, root: Path) -> set[Path]:
    """The project files that ``import name`` in `file` loads."""
    return {one for one in _absolute(name, file, root) if is_project(one, root)}


@cache
def _python_folders() -> tuple[Path, ...]:
    """The folders of Python's own library and of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return tuple({Path(sysconfig.get_path(name)).resolve() for name in names})


def _content(file: Path) -> bytes:
    """The bytes of a file.

    One that was written since this process began may have been imported before that. What was run is not known for
    sure then, so its content is like no other, and later runs do not take this one's values for theirs.
    """
    try:
        content, facts = file.read_bytes(), file.stat()
    except OSError:
        return b""
    written = max(facts.st_mtime_ns, facts.st_ctime_ns)
    return content if written < _BEGAN else content + b"\n# written at %d" % written


def _imported(file: Path, content: bytes, root: Path) -> Iterator[Path]:
    for level, name in _imports(content):
        if level:
            folder = file.parents[min(level, len(file.parents)) - 1]
            yield from _below(folder, name)
        else:
            yield from _absolute(name, file, root)
    for folder in file.parents:  # importing a module runs the packages that it is in
        if not (folder / "__init__.py").is_file():
            break
        yield folder / "__init__.py"


@lru_cache(maxsize=4096)
def _imports(content: bytes) -> frozenset[tuple[int, str]]:
    """(level, dotted name) of all that a source imports; of ``from a import b`` both ``a`` and ``a.b``."""
    try:
        nodes = list(ast.walk(ast.parse(content)))
    except (SyntaxError, ValueError):
        return frozenset()
    names = {(0, alias.name) for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names.add((node.level, base))
            names |= {(node.level, f"{base}.{alias.name}".lstrip(".")) for alias in node.names if alias.name != "*"}
    return frozenset(names)


def _absolute(name: str, file: Path, root: Path) -> Iterator[Path]:
    above = [folder for folder in file.parents if folder == file.parent or folder.is_relative_to(root)]
    for folder in above:
        yield from _below(folder, name)
    top, _, rest = name.partition(".")
    if top == _OURS.name:
        return
    yield from next(filter(None, (list(_below(folder, name)) for folder in _search_path(tuple(sys.path)))), ())
    home = _home(top)
    if home is not None:
        yield home
        if home.name == "__init__.py":
            yield from _below(home.parent, rest)


@lru_cache(maxsize=8)
def _search_path(entries: tuple[str, ...]) -> tuple[Path, ...]:
    """The folders of ``sys.path`` that hold files of the project, or may."""
    folders = [Path(entry or ".").resolve() for entry in entries]
    return tuple(folder for folder in folders if not _INSTALLED & set(folder.parts))


def _below(folder: Path, name: str) -> Iterator[Path]:
    """The files of a dotted name and of the packages that it is in."""
    for part in [one for one in name.split(".") if one]:
        module = folder / f"{part}.py"
        folder = folder / part
        for one in (module, folder / "__init__.py"):
            if one.is_file():
                yield one.resolve()


def _home(top: str) -> Path | None:
    """The file of a top-level module that is loaded, or that a finder knows (packages in development mode)."""
    module = sys.modules.get(top)
    origin = getattr(module, "__file__", None)
    if module is None and top not in sys.stdlib_module_names:
        try:
            spec = importlib.util.find_spec(top)
        except (ImportError, ValueError):
            spec = None
        origin = None if spec is None else spec.origin
    return Path(origin).resolve() if origin and origin.endswith(".py") else None
