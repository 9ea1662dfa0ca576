"""What ``--help`` says: every command in one form, with examples that work as they stand."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import pytest

import modelaudit
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
    assert len(COMMANDS) == 56


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


def named_in_texts() -> Iterator[tuple[str, str]]:
    """The commands that reports and messages name, each with an option that stands behind it."""
    for catalogue in sorted(Path(modelaudit.__file__).parent.glob("*/catalogue/*.po")):
        text = catalogue.read_text(encoding="utf-8").replace('"\n"', "")
        for words, rest in re.findall(r"(modelaudit(?: [a-z]+)+)([^.;:()。、）\n]*)", text):
            known = [name for name in accumulate(words.split(), "{} {}".format) if name in COMMANDS]
            for option in re.findall(r"--[a-z][a-z-]+", rest) if known else ():
                yield known[-1], option


def test_the_options_that_texts_name_are_those_of_the_commands() -> None:
    found = set(named_in_texts())
    assert len(found) > 3
    assert [one for one in sorted(found) if one[1] not in COMMANDS[one[0]]._option_string_actions] == []
