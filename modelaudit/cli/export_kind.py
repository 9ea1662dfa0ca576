"""What a kind of ``modelaudit export`` is, and the arguments that several kinds take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.errors import ResultsError
from .command_help import Command, Example
from .terminal import say

if TYPE_CHECKING:
    from ..evidence.record import RunRecord


@dataclass(frozen=True)
class ExportedRun:
    """A run that is exported: its record, redacted where that was asked for, and the folder of its files.

    ``folder``: None of a baseline, which has none. ``report``: where people find its report.
    """

    record: RunRecord
    folder: Path | None
    report: str


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
    else:
        write_out(content)


def write_out(content: str | bytes) -> None:
    """Write what a program reads: in UTF-8, and as it is, where :func:`~.terminal.say` writes for people."""
    sys.stdout.flush()
    sys.stdout.buffer.write(content.encode() if isinstance(content, str) else content)


def to_folder(command: Command) -> None:
    """Add ``-o DIR``, which must be given; :func:`folder_of` makes it."""
    text = "folder that the files are written to; made if missing"
    command.add_argument("-o", dest="output", type=Path, metavar="DIR", required=True, help=text)


def folder_of(given: argparse.Namespace) -> Path:
    """The folder that ``-o`` names, made where it is missing.

    Raises:
        ResultsError: it cannot be made.
    """
    folder: Path = given.output
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResultsError(f"{folder}: cannot be made ({error.strerror}); give another folder") from error
    return folder
