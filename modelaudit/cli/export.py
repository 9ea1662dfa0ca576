"""``modelaudit export KIND``: the results of a run in the forms that other tools read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..language.errors import ResultsError
from . import export_ci, export_cyclonedx, export_files, export_registries
from .command_help import Command, add_command
from .export_kind import ExportedRun, ExportKind
from .terminal import add_language, add_run_folder

if TYPE_CHECKING:
    from ..evidence.record import RunRecord

#: in the order of ``--help``
KINDS: tuple[ExportKind, ...] = (
    export_files.OPENMETRICS,
    export_files.CSV,
    export_files.PARQUET,
    export_registries.MLFLOW,
    export_registries.MODEL_CARD,
    export_ci.GITHUB,
    export_ci.GITLAB,
    export_cyclonedx.CYCLONEDX,
)


def add(commands: Any) -> None:
    """Add the command and its kinds."""
    export = add_command(
        commands,
        "export",
        "the results of a run in the form of another tool",
        *(kind.examples[0] for kind in KINDS[:2]),
        description="Writes the results of a run in the form of another tool. Every number keeps its bounds and its "
        "verdict; what could not be measured is left out, and is never 0.",
    )
    kinds = export.add_subparsers(required=True, metavar="KIND")
    for kind in KINDS:
        command = add_command(kinds, kind.name, kind.summary, *kind.examples, notes=kind.notes)
        add_run_folder(command, "folder of a run, its run.json, a pack, or the name or file of a baseline")
        kind.add(command)
        _add_redaction(command)
        add_language(command, "the terminal, and of texts that are exported")
        command.set_defaults(run=_run, kind=kind)


def _add_redaction(command: Command) -> None:
    command.add_argument("--redact", action="store_true", help="codes in place of the ids of images, no path, no name")
    command.add_argument(
        "--salt",
        type=Path,
        metavar="FILE",
        help="with --redact: secret that codes are made with (default: redaction-salt in RUN; made if missing)",
    )


def _run(given: argparse.Namespace) -> int:
    from ..report import REPORT_NAME
    from .compared_runs import opened_run

    kind: ExportKind = given.kind
    with opened_run(str(given.run_folder)) as run:
        kept = None if run.unpacked else run.folder
        record = _redacted(run.record, kept, given)
        report = run.name if kept is None else str(kept / REPORT_NAME)
        kind.write(ExportedRun(record, run.folder, report), given)
    return 0


def _redacted(record: RunRecord, folder: Path | None, given: argparse.Namespace) -> RunRecord:
    """The record as it is exported; the salt is kept in the folder of the run, which packs and baselines lack."""
    from .report import redacted_record

    if not given.redact and given.salt is not None:
        raise ResultsError("--salt is for --redact: add --redact, or leave --salt out")
    if not given.redact:
        return record
    if folder is None and given.salt is None:
        raise ResultsError(f"{given.run_folder}: has no folder to keep a salt in: name a file for it with --salt")
    return redacted_record(record, given.salt, folder or Path(), given.language)
