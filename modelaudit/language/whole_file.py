"""Writes files whole or not at all: who reads one never finds half of it, and a failure leaves the old one."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .errors import AuditError, ResultsError


def write_whole(target: Path, content: str | bytes, error: Callable[[str], AuditError] = ResultsError) -> Path:
    """Write a file beside its place, then move it there.

    Args:
        content: a text is written in UTF-8, its line ends as they are.
        error: the type of what is raised.

    Raises:
        AuditError: of type `error`: the file cannot be written.
    """
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(content.encode() if isinstance(content, str) else content)
        draft.replace(target)
    except OSError as failed:
        draft.unlink(missing_ok=True)
        raise error(f"{target}: cannot be written ({failed.strerror}); {way_to_write(target)}") from failed
    return target


def way_to_write(target: Path) -> str:
    """What to do where a file could not be written."""
    if target.is_dir():
        return "give the path of a file: a folder is there"
    if not target.parent.is_dir():
        return f"make the folder {target.parent} first, or give another path"
    return "give another path, or permission to write there"
