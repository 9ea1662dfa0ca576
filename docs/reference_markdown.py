"""Markdown for the reference pages: titles, tables, and docstrings whose sections become lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

SECTION = re.compile(r"(Args|Raises|Returns|Source|Yields):(.*)")
ARGUMENT = re.compile(r"(\*{0,2}[a-z_][\w, ]*?):\s+(.*)")


def as_markdown(text: str | None, defaults: dict[str, str] | None = None, *, raises: bool = True) -> list[str]:
    """A docstring as Markdown: prose as it stands, arguments and exceptions as lists."""
    lines: list[str] = []
    section = ""
    for line in _without_examples(text or ""):
        head = SECTION.fullmatch(line)
        if head or (section and line and not line.startswith(" ")):
            section = head[1] if head else ""
        if section == "Raises" and not raises:
            continue
        if head:
            lines += _heading(section, head[2])
        elif section in ("Args", "Raises") and line:
            lines.append(_item(line, defaults or {}))
        else:
            lines.append(line.strip() if section else line)
    return [prose(line) for line in _trimmed(lines)]


def _heading(section: str, text: str) -> list[str]:
    """What introduces a section: with its text where that stands on the same line, else with room for a list."""
    title = f"*{'Arguments' if section == 'Args' else section}:*"
    return ["", f"{title}{text}"] if text else ["", title, ""]


def _item(line: str, defaults: dict[str, str]) -> str:
    """A line of a section: a new item where it is indented once, else the continuation of one."""
    argument = ARGUMENT.fullmatch(line.strip()) if not line.startswith("     ") else None
    exception = re.fullmatch(r"([A-Z]\w+):\s+(.*)", line.strip()) if not line.startswith("     ") else None
    if exception:
        return f"- `{exception[1]}`: {exception[2]}"
    if argument:
        names = ", ".join(f"`{name.strip()}`" for name in argument[1].split(","))
        default = defaults.get(argument[1].strip(), "None")
        return f"- {names}{f' (default `{default}`)' if default not in ('None', '()') else ''}: {argument[2]}"
    return f"  {line.strip()}"


def _without_examples(text: str) -> Iterator[str]:
    """The lines without the paragraphs of interactive examples, which stand in the code, where the tests run them."""
    for paragraph in text.split("\n\n"):
        first = paragraph.strip().splitlines()[:1]
        if first and not first[0].startswith((">>>", "Example:", "Examples:")):
            yield from (*paragraph.splitlines(), "")


def _trimmed(lines: list[str]) -> list[str]:
    """Without blank lines at the ends, and one at most between paragraphs."""
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")
    return text.splitlines()


def prose(text: str) -> str:
    """Roles and literals of reStructuredText as Markdown; outside of code, ``*`` and ``<`` as they are meant."""
    text = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", text).replace("``", "`")
    parts = text.split("`")
    plain = [
        re.sub(r"(?<![*\w])\*(?=[\w ,])(?!\w+:?\*)", r"\\*", part) if not part.startswith("*") else part
        for part in parts[::2]
    ]
    parts[::2] = [part.replace("<", "&lt;") for part in plain]
    return "`".join(parts)


def title(heading: str, introduction: str) -> Iterator[str]:
    """The heading of a page and what it is about."""
    yield from (f"# {heading}", "", introduction, "")


def overview(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """A table, and a blank line after it."""
    yield from (row(*header), "|" + "---|" * len(header), *(row(*cells) for cells in rows), "")


def row(*cells: str) -> str:
    """One row of a table; a bar inside a cell is escaped."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
