"""Arguments that several commands take, and plain text for a terminal or a log of 80 columns."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TextIO

from ..language import registry, text_layout
from ..language.byte_size import byte_size
from ..language.errors import AuditFileError
from ..language.languages import LANGUAGES
from ..language.plain_text import plain
from ..language.reference import parse_reference
from ..language.text_layout import columns_of, cut, padded


def reference_of(text: str) -> str:
    """A data reference; a bare folder is taken as ``folder:DIR``, else the bare name of a source as that source."""
    reference = parse_reference(text)
    if reference.scheme or (reference.body in registry.names("data") and not Path(reference.body).is_dir()):
        return text
    return f"folder:{text}"


def at_least(least: int, what: str) -> Callable[[str], int]:
    """An argument that is a whole number from `least` on."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{what} must be an integer of at least {least}, got {text!r}")
        return int(text)

    return number


def between(least: float, most: float, what: str) -> Callable[[str], float]:
    """An argument that is a number in a range, its ends included."""

    def number(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be {what} from {least:g} to {most:g}, got {text!r}")
        return value

    return number


def add_budget(parser: argparse.ArgumentParser) -> None:
    """Add ``--budget``, in bytes."""
    parser.add_argument(
        "--budget",
        type=_size,
        default=5_000_000,
        metavar="SIZE",
        help="the most that the report may take; its pictures get smaller, then fewer (default: 5MB)",
    )


def _size(text: str) -> int:
    try:
        return byte_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def add_run_folder(parser: argparse.ArgumentParser, what: str = "folder of a run, or its run.json") -> None:
    """Add RUN, the latest run where it is left out, as ``run_folder``; `what` it may be."""
    parser.add_argument(
        "run_folder",
        type=Path,
        nargs="?",
        default=Path("audit-results/latest"),
        metavar="RUN",
        help=what,
    )


def add_language(parser: argparse.ArgumentParser, what: str) -> None:
    """Add ``--language``, which :func:`language_of` completes."""
    text = f"language of {what} (default: audit_language in pytest's configuration, else en)"
    parser.add_argument("--language", choices=LANGUAGES, help=text)


def language_of(typed: str | None) -> str:
    """The language that was typed, else ``audit_language`` of pytest's configuration, else English.

    Raises:
        AuditFileError: a configuration that cannot be read, or another language there.
    """
    if typed is not None:
        return typed
    language, file = configured("audit_language")
    if language and language not in LANGUAGES:
        raise AuditFileError(f"{file}: audit_language = {language}: use {' or '.join(LANGUAGES)}")
    return language or "en"


def configured(name: str) -> tuple[str, Path | None]:
    """A value of the configuration that pytest would read here, empty if it is not set, and the file it stands in.

    It is empty too where pytest is not installed, as on a machine that only renders reports.

    Raises:
        AuditFileError: it cannot be read.
    """
    try:
        import pytest
        from _pytest.config.findpaths import locate_config
    except ModuleNotFoundError:
        return "", None
    try:
        _, file, found, *_ = locate_config(Path.cwd(), [])
    except (pytest.UsageError, pytest.fail.Exception) as error:
        raise AuditFileError(str(error)) from error
    value = found.get(name, "")
    return str(getattr(value, "value", value)), file


WIDTH = 80
_GAP, _LEAST = 2, 8


def say(*lines: str, file: TextIO | None = None) -> None:
    """Print plain lines, on standard output where no `file` is given; what its encoding has no character for is
    written as an escape."""
    stream = sys.stdout if file is None else file
    encoding = stream.encoding or "utf-8"
    for line in lines:
        print(plain(line).rstrip().encode(encoding, "backslashreplace").decode(encoding), file=stream)


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True, indent: int = 2) -> list[str]:
    """Aligned lines, a heading over them, cut where they would be too long.

    Args:
        numbers: columns from the second on are set to the right, and what is cut is the first; else the last.
    """
    cells = [[plain(cell) for cell in row] for row in (heading, *rows)]
    widths = [max(columns_of(row[at]) for row in cells) for at in range(len(heading))]
    rest = sum(widths[1:]) + _GAP * (len(widths) - 1) + indent
    if numbers:
        widths[0] = min(widths[0], max(_LEAST, WIDTH - rest))
    else:
        widths[0] = min(widths[0], WIDTH // 2)
        widths[-1] = min(widths[-1], max(_LEAST, WIDTH - indent - sum(widths[:-1]) - _GAP * (len(widths) - 1)))
    lines = []
    for row in cells:
        fitted = [cut(cell, width) for cell, width in zip(row, widths, strict=True)]
        shown = [
            padded(cell, width, right=numbers and at > 0)
            for at, (cell, width) in enumerate(zip(fitted, widths, strict=True))
        ]
        lines.append((" " * indent + (" " * _GAP).join(shown)).rstrip())
    return lines


def wrapped(text: str, *, indent: int = 4, first: str | None = None) -> list[str]:
    """A text in lines of 80 columns; paths are not broken, so that they can be copied."""
    return text_layout.wrapped(plain(text), WIDTH, indent=indent, first=first)
