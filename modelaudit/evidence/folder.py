"""The results folder: one folder a run, and ``latest``, which points at the newest."""

from __future__ import annotations

import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

from ..language.errors import ResultsError

LATEST = "latest"


def new_run_id(now: datetime | None = None) -> str:
    """``20261123-051530-3f9a``: sorts by time, and does not repeat when two runs start in one second."""
    moment = now or datetime.now(UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def point_latest(results: Path, run_id: str) -> None:
    """Let ``latest`` point at a run: a relative symbolic link, or a file with the run's id where there are no links.

    Raises:
        ResultsError: something that is neither link nor file stands there.
    """
    latest, draft = results / LATEST, results / f".{LATEST}.{os.getpid()}"
    if latest.is_dir() and not latest.is_symlink():
        raise ResultsError(f"{latest}: is a folder of its own, so it cannot point at {run_id}; move it away")
    try:
        draft.symlink_to(run_id, target_is_directory=True)
    except OSError:
        draft.write_text(run_id + "\n", encoding="utf-8")
    draft.replace(latest)


def resolve_run(path: Path) -> Path:
    """The folder of a run, from itself, its ``run.json``, or ``latest`` (also where that is a file)."""
    if path.name == LATEST and path.is_file():
        return path.parent / path.read_text(encoding="utf-8").strip()
    return path.parent if path.is_file() else path
