"""Kinds of export that are files: metrics, and tables of values."""

from __future__ import annotations

import argparse

from .command_help import Command, Example
from .export_kind import ExportedRun, ExportKind, folder_of, to_file, to_folder, write_file
from .terminal import say

_TABLES = """written: images, values (one row for each image and measure), views (how each
model sees each image) and requirements, and datapackage.json, which says what
every field means: type, unit, range, and why a value is missing."""


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

    for file in write_tables(run.record, folder_of(given), "csv", byte_order_mark=given.bom):
        say(str(file))


def _parquet(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.data_package import write_tables

    for file in write_tables(run.record, folder_of(given), "parquet"):
        say(str(file))


OPENMETRICS = ExportKind(
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
)
CSV = ExportKind(
    "csv",
    "every value of every image as CSV, with a data dictionary",
    (
        Example("the latest run", "modelaudit export csv -o values"),
        Example("for Excel, with codes in place of ids", "modelaudit export csv RUN -o values --bom --redact"),
    ),
    _csv,
    _csv_options,
    notes=_TABLES,
)
PARQUET = ExportKind(
    "parquet",
    "the same as Parquet",
    (Example("the latest run", "modelaudit export parquet -o values"),),
    _parquet,
    to_folder,
    notes=_TABLES + "\nneeds pyarrow: pip install 'pytest-modelaudit[parquet]'",
)
