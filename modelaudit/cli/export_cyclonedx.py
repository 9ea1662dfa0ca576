"""The kind ``cyclonedx`` of ``modelaudit export``."""

from __future__ import annotations

import argparse
import json

from .command_help import Command, Example
from .coverage import add_standards, asked_standards
from .export_kind import ExportedRun, ExportKind, to_file, write_file

_NOTES = """Models with their metrics and confidence intervals, data with digests, and which
requirements and records are evidence for the items of standards. It gives no
score of conformance: whether an item is fulfilled is for people to judge."""


def _options(command: Command) -> None:
    to_file(command)
    add_standards(command)


def _write(run: ExportedRun, given: argparse.Namespace) -> None:
    from ..exports.cyclonedx import cyclonedx

    document = cyclonedx(run.record, asked_standards(given, run.record))
    write_file(json.dumps(document, ensure_ascii=False, indent=2) + "\n", given)


CYCLONEDX = ExportKind(
    "cyclonedx",
    "a CycloneDX 1.7 bill of materials with declarations",
    (
        Example("the latest run", "modelaudit export cyclonedx -o bom.json"),
        Example("mapped to the items of one standard", "modelaudit export cyclonedx RUN --standard mlqm-3 -o bom.json"),
    ),
    _write,
    _options,
    notes=_NOTES,
)
