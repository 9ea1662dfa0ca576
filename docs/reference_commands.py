"""The reference pages of the command line and of pytest's options, from the parsers of the code."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any

from reference_markdown import overview, prose, row, title

from modelaudit.cli import _parser as command_line
from modelaudit.cli.command_help import Command
from modelaudit.pytest_plugin.options import add_options


def options_page() -> Iterator[str]:
    """The options of pytest, with their ini names."""
    recorded = _RecordedOptions()
    add_options(recorded)  # type: ignore[arg-type]
    yield from title(
        "Reference: options of pytest",
        "Typed after `pytest`, or set in the ini file under the name in the second column; `pytest --help` prints "
        "them.",
    )
    yield from ("| option | ini | default | |", "|---|---|---|---|")
    for name, settings in recorded.options:
        yield row(*_option_cells(name, settings))
    yield ""


def commands_page() -> Iterator[str]:
    """Every command of modelaudit with its arguments."""
    yield from title(
        "Reference: the command line",
        "[Commands](../commands.md) explains what the commands show. `modelaudit COMMAND --help` prints the same.",
    )
    yield from _command("modelaudit", command_line(), None)


def _command(name: str, parser: Command, summary: str | None) -> Iterator[str]:
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    own = [a for a in parser._actions if a not in below and not isinstance(a, argparse._HelpAction)]
    if not below:
        positional = " ".join(_metavar(action) for action in own if not action.option_strings)
        yield from (f"## `{f'{name} {positional}'.strip()}`", "", _sentence(parser.description or summary or ""), "")
        rows = [(_flag(a), *_default_and_meaning(a, parser)) for a in own]
        yield from overview(("argument", "default", "meaning"), rows) if rows else ()
        lines = [line for one in parser.examples for line in (f"# {one.text}", *one.typed.splitlines())]
        yield from ("", "```sh", *lines, "```", "")
    for action in below:
        helps = {choice.dest: choice.help for choice in action._choices_actions}
        for command, child in action.choices.items():
            yield from _command(f"{name} {command}", child, helps.get(command))


def _flag(action: argparse.Action) -> str:
    text = ", ".join(action.option_strings)
    if not text:
        return f"`{_metavar(action)}`"
    return f"`{text} {_metavar(action)}`" if action.nargs != 0 else f"`{text}`"


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "|".join(str(choice) for choice in action.choices)
    return action.dest.upper()


def _default_and_meaning(action: argparse.Action, parser: argparse.ArgumentParser) -> tuple[str, str]:
    text = parser._get_formatter()._expand_help(action) if action.help else ""
    named = re.search(r" \((?:default:? )?(?P<value>[^()]*)\)$", text)
    if named and (named[0].startswith(" (default") or re.fullmatch(r"[\d.]+", named["value"])):
        return named["value"], prose(text[: named.start()])
    silent = action.default in (None, False, [], ()) or action.default is argparse.SUPPRESS
    return "" if silent else str(action.default), prose(text)


class _RecordedOptions:
    """Stands in for pytest's parser and keeps what is added."""

    def __init__(self) -> None:
        self.options: list[tuple[str, dict[str, Any]]] = []

    def getgroup(self, *_: str) -> _RecordedOptions:
        return self

    def addoption(self, name: str, **settings: Any) -> None:
        self.options.append((name, settings))

    def addini(self, *_: Any, **__: Any) -> None:
        """Ini names stand in the help text of their option."""


def _option_cells(name: str, settings: dict[str, Any]) -> tuple[str, ...]:
    text, ini, default = settings["help"], "", ""
    found = re.search(r" \(ini: (?P<ini>[^;)]*)(?:; default: (?P<default>[^)]*))?\)$", text)
    if found:
        text, ini, default = text[: found.start()], f"`{found['ini']}`", found["default"] or ""
    flag = f"{name} {settings['metavar']}" if "metavar" in settings else name
    return f"`{flag}`", ini, default, prose(text)


def _sentence(text: str) -> str:
    text = prose(text.strip())
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "")) and text[-1:] == "." else ".") if text else ""
