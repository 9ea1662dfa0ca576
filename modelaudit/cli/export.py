"""``modelaudit export KIND``: the results of a run in the forms that other tools read."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..evidence.results_folder import resolve_run
from ..language.errors import ResultsError
from .command_help import Command, Example, add_command
from .terminal import add_language, add_run_folder, say

if TYPE_CHECKING:
    from ..evidence.record import RunRecord


@dataclass(frozen=True)
class ExportedRun:
    """A run that is exported: its record, redacted where that was asked for, and the folder of its files."""

    record: RunRecord
    folder: Path


@dataclass(frozen=True)
class ExportKind:
    """One kind of export.

    Args:
        summary: half a sentence for the list of kinds.
        examples: command lines that work as they stand.
        write: writes it, and prints what it wrote; imports what it needs when it is called.
        add: adds the arguments that this kind alone has; :func:`to_file` for one file.
        notes: what one must know, below the arguments.
    """

    name: str
    summary: str
    examples: tuple[Example, ...]
    write: Callable[[ExportedRun, argparse.Namespace], None]
    add: Callable[[Command], None]
    notes: str = ""


def add(commands: Any) -> None:
    """Add the command and its kinds."""
    first = KINDS[0].examples[0]
    export = add_command(
        commands,
        "export",
        "the results of a run in the form of another tool",
        first,
        description="Writes the results of a run in the form of another tool. Every number keeps its bounds and its "
        "verdict; what could not be measured is left out, and is never 0.",
    )
    kinds = export.add_subparsers(required=True, metavar="KIND")
    for kind in KINDS:
        command = add_command(kinds, kind.name, kind.summary, *kind.examples, notes=kind.notes)
        add_run_folder(command)
        kind.add(command)
        _add_redaction(command)
        add_language(command, "the terminal, and of texts that are exported")
        command.set_defaults(run=_run, kind=kind)


def to_file(command: Command) -> None:
    """Add ``-o FILE``, which :func:`write_file` reads."""
    text = "write this file (default: standard output)"
    command.add_argument("-o", dest="output", type=Path, metavar="FILE", help=text)


def write_file(content: str | bytes, given: argparse.Namespace) -> None:
    """Write the file that ``-o`` names and print its path, or print the content.

    Raises:
        ResultsError: the file cannot be written.
    """
    from ..language.whole_file import write_whole

    if given.output is not None:
        say(str(write_whole(given.output, content)))
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)


def to_folder(command: Command) -> None:
    """Add ``-o DIR``, which must be given."""
    text = "folder that the files are written to; made if missing"
    command.add_argument("-o", dest="output", type=Path, metavar="DIR", required=True, help=text)


def _add_redaction(command: Command) -> None:
    command.add_argument("--redact", action="store_true", help="codes in place of the ids of images, no path, no name")
    command.add_argument(
        "--salt",
        type=Path,
        metavar="FILE",
        help="with --redact: secret that codes are made with (default: redaction-salt in RUN; made if missing)",
    )


def _run(given: argparse.Namespace) -> int:
    from ..evidence.consistency import read_consistent_record
    from .report import redacted_record

    if given.salt is not None and not given.redact:
        raise ResultsError("--salt is for --redact: add --redact, or leave --salt out")
    folder = resolve_run(given.run_folder)
    record = read_consistent_record(folder)
    if given.redact:
        record = redacted_record(record, given.salt, folder, given.language)
    kind: ExportKind = given.kind
    kind.write(ExportedRun(record, folder), given)
    return 0


def _openmetrics(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.openmetrics import openmetrics

    prometheus = given.output is not None and given.output.suffix == ".prom"
    write_file(openmetrics(run.record, prometheus=prometheus), given)


def _csv_options(command: Command) -> None:
    to_folder(command)
    text = "begin each file with a byte order mark, by which Excel reads Japanese"
    command.add_argument("--bom", action="store_true", help=text)


def _csv(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.data_package import write_tables

    for file in write_tables(run.record, given.output, "csv", byte_order_mark=given.bom):
        say(str(file))


def _parquet(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.data_package import write_tables

    for file in write_tables(run.record, given.output, "parquet"):
        say(str(file))


_TABLES = """written: images, values (one row for each image and measure), views (how each
model sees each image) and requirements, and datapackage.json, which says what
every field means: type, unit, range, and why a value is missing."""

KINDS: tuple[ExportKind, ...] = (
    ExportKind(
        "openmetrics",
        "metrics for Prometheus and others, with bounds and verdicts",
        (
            Example("the latest run, for node_exporter", "modelaudit export openmetrics -o modelaudit.prom"),
            Example("one run, in OpenMetrics", "modelaudit export openmetrics RUN"),
        ),
        _openmetrics,
        to_file,
        notes="A FILE that ends in .prom, as the textfile collector of node_exporter reads\nthem, is in Prometheus' "
        "own text format; any other in OpenMetrics.",
    ),
    ExportKind(
        "csv",
        "every value of every image as CSV, with a data dictionary",
        (
            Example("the latest run", "modelaudit export csv -o values"),
            Example("for Excel, with codes in place of ids", "modelaudit export csv RUN -o values --bom --redact"),
        ),
        _csv,
        _csv_options,
        notes=_TABLES,
    ),
    ExportKind(
        "parquet",
        "the same as Parquet",
        (Example("the latest run", "modelaudit export parquet -o values"),),
        _parquet,
        to_folder,
        notes=_TABLES + "\nneeds pyarrow: pip install 'pytest-modelaudit[parquet]'",
    ),
)
