"""The whole: the audit files below the folders of a run, found on disk, whatever pytest made of them."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from .typed import Typed

PYTHON_PATTERN = "audit_*.py"
YAML_SUFFIXES = (".audit.yaml", ".audit.yml")
#: folders that pytest itself never looks into; what an ini adds to them is no reason for an audit not to be run
OUTSIDE = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}", "__pycache__")


def is_audit_file(name: str) -> bool:
    """Whether a file of that name holds expectations."""
    return fnmatch.fnmatch(name, PYTHON_PATTERN) or name.endswith(YAML_SUFFIXES)


def roots(config: pytest.Config, typed: Typed) -> tuple[Path, ...]:
    """The folders whose expectations are the whole of a run.

    The folders that were typed; of a file, the entry of ``testpaths`` that holds it, or else its own folder; with
    nothing typed ``testpaths``, or else the folder where pytest was started.
    """
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


def audit_files(folders: Iterable[Path]) -> list[Path]:
    """Every audit file below the folders, each once, sorted within its folder."""
    found: dict[str, Path] = {}
    seen: set[str] = set()
    for folder in folders:
        for path in (folder,) if folder.is_file() else _below(folder, seen):
            found.setdefault(os.path.realpath(path), path)
    return list(found.values())


def _below(folder: Path, seen: set[str]) -> Iterator[Path]:
    """Links to folders are followed, as pytest does, each folder once."""
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
