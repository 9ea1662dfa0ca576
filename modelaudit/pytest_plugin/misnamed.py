"""Files that look like audits and have a name that is not collected."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

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


def misnamed(paths: Iterable[Path], audit_files: Collection[Path], patterns: Iterable[str]) -> list[Path]:
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
        path for path in files if not any(fnmatch(path.name, pattern) for pattern in kept) and _looks_meant(path)
    )


def warnings_of(found: list[Path], root: Path) -> list[str]:
    """A line for each of the first few of them."""
    lines = [
        f"warning: {path.relative_to(root) if path.is_relative_to(root) else path} looks like an audit and was not "
        "collected; audit files are named audit_*.py, *.audit.yaml or *.audit.yml"
        for path in found[:_SHOWN]
    ]
    more = len(found) - len(lines)
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
        with path.open(encoding="utf-8", errors="replace") as file:
            return states.search(file.read(_READ)) is not None
    except OSError:
        return False


def _named_audit(stem: str) -> bool:
    """Whether one of the name's words is "audit": tiles_audit, audit-tiles, AuditLine, line.audit, auditline."""
    words = re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", stem).lower())
    return bool({"audit", "audits"} & set(words)) or words[0].startswith("audit")
