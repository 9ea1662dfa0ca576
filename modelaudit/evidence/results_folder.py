"""The results folder: one folder a run, ``latest``, and the receipt that names a run's folder to another process."""

from __future__ import annotations

import json
import os
from collections.abc import MutableMapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..language.errors import ResultsError

LATEST = "latest"
RECORD_NAME = "run.json"
#: the Statement on a run, which names its record by digest, and the signed one
EVIDENCE_NAME, SIGNED_NAME = "evidence.json", "evidence.dsse"


def new_run_id(now: datetime | None = None) -> str:
    """``20261123-051530-3f9a``: sorts by time, and does not repeat when two runs start in one second."""
    import secrets  # not with the plugin, which every pytest session loads

    moment = now or datetime.now(UTC)
    return f"{moment:%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def point_latest(results: Path, run_id: str) -> None:
    """Let ``latest`` point at a run: a relative symbolic link, or a file with the run's id where links cannot be made.

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
    """The folder of a run, from itself, its ``run.json``, or ``latest`` (also where that is a file).

    Any other file of JSON, as a baseline, stands for itself.
    """
    if path.suffix == ".json" and path.name != RECORD_NAME and path.is_file():
        return path
    if path.name == LATEST and path.is_file():
        return path.parent / path.read_text(encoding="utf-8").strip()
    return path.parent if path.is_file() else path


def run_of(path: Path) -> Path:
    """The folder of a run, from itself, its ``run.json``, or a results folder: its ``latest``, or its only run.

    Raises:
        ResultsError: no run is there, or none can be chosen.
    """
    found = resolve_run(path)
    if (found / "run.json").is_file() or not found.is_dir():
        return found
    latest = resolve_run(found / LATEST)
    if (latest / "run.json").is_file():
        return latest
    inside = sorted({file.parent for file in found.glob("*/run.json")})
    if len(inside) == 1:
        return inside[0]
    said = f"holds {len(inside)} runs and no {LATEST!r}" if inside else "holds no run"
    raise ResultsError(f"{path}: {said}; give the folder of a run, with its run.json")


#: the environment variable that asks a run for a receipt
VARIABLE = "MODELAUDIT_RECEIPT"


@dataclass(frozen=True)
class Receipt:
    """What the starting process chose: the id of the run, and the file that will hold the folder of its record."""

    run_id: str
    file: str

    def variable(self) -> dict[str, str]:
        """The environment variable that asks for it."""
        return {VARIABLE: json.dumps(asdict(self))}

    def write(self, folder: Path) -> None:
        """Store the folder of the record; called in the process of the run once the record is written."""
        Path(self.file).write_text(str(folder.resolve()), encoding="utf-8")

    def folder(self) -> Path | None:
        """The folder of the record, in the starting process; None if the run wrote none."""
        try:
            return Path(Path(self.file).read_text(encoding="utf-8"))
        except OSError:
            return None


def take_receipt(environment: MutableMapping[str, str]) -> Receipt | None:
    """Take the requested receipt out of the environment, so that child processes do not inherit the request."""
    asked = environment.pop(VARIABLE, None)
    return None if asked is None else Receipt(**json.loads(asked))
