"""What ``--help`` says: every command in one form, with examples that work as they stand."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest

from modelaudit.cli import _parser, _with_steps
from modelaudit.cli.command_help import Command


def all_commands(parser: Command) -> Iterator[Command]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                yield from all_commands(one)


COMMANDS = {command.prog: command for command in all_commands(_parser())}


def test_every_command_is_looked_at() -> None:
    assert {"modelaudit", "modelaudit report", "modelaudit data check", "modelaudit store prune"} < set(COMMANDS)
    assert len(COMMANDS) == 54


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_argument_within_80_columns(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    command = COMMANDS[name]
    text = command.format_help()
    typed = [f"  {line}" for one in command.examples for line in one.typed.splitlines()]
    assert [line for line in text.splitlines() if len(line) > 80 and line not in typed] == []
    assert command.description
    steps = (argparse._SubParsersAction, argparse._HelpAction, argparse._VersionAction)
    assert [a.dest for a in command._actions if not isinstance(a, steps) and not a.help] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_example_is_a_call_of_its_command(name: str) -> None:
    command = COMMANDS[name]
    assert command.examples
    for one in command.examples:
        program, *words = shlex.split(one.typed.replace("\\\n", " "))
        if name == "modelaudit" and program == "pytest":
            continue
        assert program == "modelaudit" and one.typed.startswith(name)
        assert callable(_parser().parse_args(_with_steps(words)).run)
