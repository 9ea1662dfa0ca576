"""Which files hold audits: found on disk, whatever pytest made of them, and those that only look like audits."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import pytest

from ..language.regular_files import open_file
from .typed_arguments import TypedArguments, typed_arguments

PYTHON_PATTERN = "audit_*.py"
YAML_SUFFIXES = (".audit.yaml", ".audit.yml")
#: folders that pytest never searches by default; audits in folders that an ini adds are missed all the same
OUTSIDE = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "__pycache__")


def is_audit_file(name: str) -> bool:
    """Whether a file of that name holds expectations."""
    return fnmatch.fnmatch(name, PYTHON_PATTERN) or name.endswith(YAML_SUFFIXES)


def run_folders(config: pytest.Config, typed: TypedArguments) -> tuple[Path, ...]:
    """The folders whose expectations are the whole of a run.

    The folders that were typed; of a file, the entry of ``testpaths`` that holds it, or else its own folder; with
    nothing typed ``testpaths``, or else the folder where pytest was started; of a look without an audit file nothing.
    """
    if looks_only(config, typed):
        return ()
    folder, tested = Path(typed.folder), tuple(_testpaths(config))
    if not typed.places:
        return tested if tested and folder == config.rootpath else (folder,)
    found: list[Path] = []
    for place in typed.places:
        if place.path.is_dir():
            found.append(place.path)
        elif place.path.is_file():
            around = [one for one in tested if one in place.path.parents]
            found.append(around[0] if around else place.path.parent)
    return tuple(dict.fromkeys(found))


def looks_only(config: pytest.Config, typed: TypedArguments) -> bool:
    """Whether the run is a look without an audit file, and no path was typed: then nothing is collected from disk."""
    return getattr(config.option, "audit_model", None) is not None and not typed.places


def audit_files(folders: Iterable[Path]) -> list[Path]:
    """Every audit file below the folders, each once, sorted within its folder."""
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for folder in folders:
        for path in (folder,) if folder.is_file() else _below(folder, seen):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def uncollected(config: pytest.Config) -> list[str]:
    """The audit files below the folders of the run that no typed argument leaves out, for a run that collected none."""
    typed = typed_arguments(config)
    return [str(path) for path in audit_files(run_folders(config, typed)) if typed.leaves_out(path) is None]


def _below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """The audit files below a folder; follows links to folders, as pytest does, each once."""
    for here, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(here)
        if real in seen or "pyvenv.cfg" in files:
            folders[:] = []
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not any(fnmatch.fnmatch(name, one) for one in OUTSIDE))
        yield from (Path(here, name) for name in sorted(files) if is_audit_file(name))


def _testpaths(config: pytest.Config) -> Iterator[Path]:
    for text in config.getini("testpaths"):
        yield from sorted(config.rootpath.glob(text)) if not Path(text).is_absolute() else (Path(text),)


#: the name of a folder that is taken for one of audits, even where none of its files is collected
FOLDER = "audits"
_SHOWN = 5
_READ = 1 << 16
_STATES = {
    ".py": re.compile(r"\.expect\("),
    ".yaml": re.compile(r"^expect\s*:", re.MULTILINE),
    ".yml": re.compile(r"^expect\s*:", re.MULTILINE),
    ".json": re.compile(r'"expect"\s*:'),
    ".toml": re.compile(r"^(\[+expect\b|expect\b.*=)", re.MULTILINE),
}


def find_misnamed(paths: Iterable[Path], audit_files: Collection[Path], patterns: Iterable[str]) -> list[Path]:
    """The files that state expectations, by their text and (except YAML) their name, and are not collected.

    Args:
        paths: what pytest was asked to collect. Those that are files are looked at, and those that are folders where
            their name, or that of one of their own folders, is ``audits``.
        audit_files: the collected ones; the other files of their folders are looked at.
        patterns: the names of files that are collected.
    """
    kept = tuple(patterns)
    given = set(paths)
    files = {path for path in given if path.is_file()}
    for folder in [path for path in given if path.is_dir()]:
        for audits in (folder, folder / FOLDER):
            if audits.name == FOLDER and audits.is_dir():
                files.update(_visible(audits))
    for folder in {path.parent for path in audit_files}:
        files.update(path for path in folder.iterdir() if path.is_file())
    return sorted(
        path
        for path in files
        if not any(fnmatch.fnmatch(path.name, pattern) for pattern in kept) and _looks_meant(path)
    )


def misnamed_warnings(paths: list[Path], root: Path) -> list[str]:
    """A warning for each of the first few files, and how many more there are."""
    lines = [
        f"warning: {path.relative_to(root) if path.is_relative_to(root) else path} looks like an audit and was not "
        "collected; audit files are named audit_*.py, *.audit.yaml or *.audit.yml"
        for path in paths[:_SHOWN]
    ]
    more = len(paths) - len(lines)
    return [*lines, f"warning: {more} more files look like audits and were not collected"] if more > 0 else lines


def _visible(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink() and not path.name.startswith((".", "__")):
            yield from _visible(path)
        elif path.is_file():
            yield path


def _looks_meant(path: Path) -> bool:
    states = _STATES.get(path.suffix.lower())
    if states is None or (path.suffix in (".py", ".json", ".toml") and not _named_audit(path.stem)):
        return False
    try:
        with open_file(path) as file:
            return states.search(file.read(_READ).decode(errors="replace")) is not None
    except OSError:
        return False


def _named_audit(stem: str) -> bool:
    """Whether one of the name's words is "audit": tiles_audit, audit-tiles, AuditLine, line.audit, auditline."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower())
    return bool({"audit", "audits"} & set(words)) or words[0].startswith("audit")
