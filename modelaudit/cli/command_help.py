"""The one form of ``--help``: what a command does, its arguments, what one must know, examples, the exit status."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..language.plain_text import plain
from .terminal import WIDTH


@dataclass(frozen=True)
class Example:
    """A command line that works as it stands, and what it is for; lines of it that continue end in a backslash."""

    text: str
    typed: str


class Command(argparse.ArgumentParser):
    """Names what it does not take as it names everything: plain."""

    examples: tuple[Example, ...] = ()

    def error(self, message: str) -> NoReturn:
        super().error(plain(message))

    def print_help(self, file: Any = None) -> None:
        """As argparse's own, which hides that the reader has gone where the output is not buffered."""
        print(self.format_help(), end="", file=file)


class HelpFormatter(argparse.HelpFormatter):
    """Wraps descriptions and leaves the lines of an epilog as they are."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if "\n" not in text:
            return super()._fill_text(text, width, indent)
        return "".join(f"{indent}{line}" for line in text.splitlines(keepends=True))


def add_command(
    commands: Any,
    name: str,
    summary: str,
    *examples: Example,
    description: str = "",
    notes: str = "",
    status: str = "",
    **how: Any,
) -> Command:
    """Add a command, or a step of one.

    Args:
        commands: the subparsers that get it.
        summary: half a sentence for the list of commands.
        description: whole sentences for its own help; else the summary.
        notes: what one must know about the arguments, in lines of at most 80 columns.
        status: its exit statuses, where they are more than 0 and 2 (a wrong call).
    """
    command: Command = commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[:1].upper()}{summary[1:]}.",
        epilog=epilog(examples, notes, status),
        formatter_class=HelpFormatter,
        **how,
    )
    command.examples = examples
    return command


def epilog(examples: Sequence[Example], notes: str = "", status: str = "") -> str:
    """What stands below the arguments."""
    shown = "\n".join(f"  # {one.text}\n{_indented(one.typed)}" for one in examples)
    parts = [notes.strip("\n"), f"{'examples' if len(examples) > 1 else 'example'}:\n{shown}" if shown else ""]
    parts.append(textwrap.fill(f"exit status: {status}", WIDTH) if status else "")
    return "\n\n".join(filter(None, parts)) + "\n"


def _indented(typed: str) -> str:
    """The lines of a command line, each after two spaces."""
    return "\n".join(f"  {line}" for line in typed.splitlines())
