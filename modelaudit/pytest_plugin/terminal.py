"""The terminal output of audits: what is undecided, the table of all requirements, and where the report is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..engine.store.location import NOTE
from ..evidence.record import CaseRecord, RunRecord
from ..language.plain_text import plain
from ..language.sample import ON_PICTURES
from ..language.text_layout import columns_of, wrapped
from ..report.class_order import class_order_banner, odd_orders
from ..report.first_page import verdict_texts
from ..report.record_notes import data_note
from ..report.run_lines import run_lines
from ..report.verdict_table import MOST_ROWS, TableRow, reason_text, verdict_table
from ..report.words import Words, words_of
from .hyperlinks import hyperlinks_work, linked

_COLOURS = {
    "FAIL": "red",
    "MISSED": "red",
    "ERROR": "red",
    "INCONCLUSIVE": "yellow",
    "WAIVED": "yellow",
    "ADVISORY": "yellow",
    "PASS": "green",
    "CAUGHT": "green",
}
#: what pytest's own short summary has lines for, by the letter of -r
_SUMMARISED = {"f": "failed", "E": "error", "x": "xfailed", "X": "xpassed", "s": "skipped", "p": "passed"}
#: characters that encodings of consoles lack, and what stands for them
_STAND_INS = str.maketrans({"−": "-", "–": "-", "～": "~", "“": '"', "”": '"', "’": "'"})


def tell_undecided(terminal: Any) -> None:
    """The paragraphs of undecided cases, as pytest prints those of failed ones: by ``--tb``."""
    found = [ended for ended in terminal.stats.get("inconclusive", ()) if ended.failed]
    style = terminal.config.option.tbstyle
    if not found or style == "no":
        return
    terminal.write_sep("=", "INCONCLUSIVE")
    for ended in found:
        if style == "line":
            _write(terminal, str(getattr(ended.longrepr, "reprcrash", None) or _first_line(ended)))
            continue
        terminal.write_sep("_", plain(ended.head_line or ended.nodeid), yellow=True, bold=True)
        for line in str(ended.longrepr).split("\n"):
            _write(terminal, line)


def summarise(terminal: Any, record: RunRecord | None, *, language: str, complaint: str, report: Path) -> None:
    """The last section: the table, the sentence of the report's first page, what weakens it, and the report.

    Args:
        terminal: pytest's terminal reporter.
        complaint: why the run itself did not succeed.
    """
    words = words_of(language)
    _tell_undecided_shortly(terminal, record, words)
    if complaint:
        _write(terminal, plain(f"error: {complaint}; the run did not succeed"), red=True)
    if record is None:
        return
    terminal.write_sep("=", "audit")
    verbosity = terminal.config.get_verbosity()
    if verbosity >= -1:
        rows = None if verbosity > 0 else MOST_ROWS
        table = verdict_table(record, words, _width(terminal), rows=rows, met=verbosity > -1)
        for row in table:
            _write_row(terminal, row, words)
        if table:
            terminal.write_line("")
    for line, colour in _closing(record, words):
        for part in wrapped(line, _width(terminal), indent=len(line) - len(line.lstrip()) + 2, first=""):
            _write(terminal, part, **({colour: True} if colour else {}))
    _write_report(terminal, report, words)


def _closing(record: RunRecord, words: Words) -> Iterator[tuple[str, str]]:
    """The lines under the table, each with its colour."""
    tally, *rest = run_lines(record, words)
    yield tally, ""
    for text in verdict_texts(record, words):
        yield plain(text), ""
    yield from ((line, "") for line in rest)
    for note in dict.fromkeys(note for data in record.data for note in data.notes):
        if note.startswith((NOTE, ON_PICTURES)):
            yield plain(data_note(note, words)), ""
    for model, odd in odd_orders(record):
        title, text = class_order_banner(model, odd, words)
        yield plain(words._("run_tally", state=title, counts=text)), "yellow"


def _tell_undecided_shortly(terminal: Any, record: RunRecord | None, words: Words) -> None:
    """A line for each undecided case, which pytest's short summary of what failed does not have."""
    found = [ended for ended in terminal.stats.get("inconclusive", ()) if ended.failed]
    if not found or "f" not in terminal.reportchars:
        return
    if not any(terminal.stats.get(_SUMMARISED[letter]) for letter in terminal.reportchars if letter in _SUMMARISED):
        terminal.write_sep("=", "short test summary info", cyan=True, bold=True)
    cases = {} if record is None else {case.id: case for case in record.cases}
    for ended in found:
        case: CaseRecord | None = cases.get(ended.nodeid)
        why = _first_line(ended) if case is None else reason_text(case, words)
        start, text = "INCONCLUSIVE ", plain(ended.nodeid)
        room = _width(terminal) - columns_of(f"{start}{text} - ")
        if why and (_in_ci() or columns_of(why) <= room):
            text += f" - {plain(why)}"
        elif why and room > len("..."):
            text += f" - {_clipped(plain(why), room)}"
        terminal.write(start, yellow=True)
        _write(terminal, text)


def _first_line(ended: Any) -> str:
    return next(iter(str(ended.longrepr).split("\n")), "")


def _clipped(text: str, width: int) -> str:
    while columns_of(f"{text}...") > width:
        text = text[:-1]
    return f"{text}..."


def _write_row(terminal: Any, row: TableRow, words: Words) -> None:
    first, *rest = row.lines
    if row.state:
        label = words.named("state", row.state)
        terminal.write(_encodable(terminal, label), **{_COLOURS[row.state]: True})
        first = first.removeprefix(label)
    for line in (first, *rest):
        _write(terminal, line)


def _write_report(terminal: Any, report: Path, words: Words) -> None:
    """The line that names the report: on a line of its own and never wrapped, so that it can be clicked or copied."""
    path = _encodable(terminal, plain(str(report)))
    before, _, after = words._("run_report", path=path).partition(path)
    if hyperlinks_work(terminal.config.get_terminal_writer(), os.environ):
        path = linked(path, report)
    terminal.write_line(f"{_encodable(terminal, before)}{path}{after}")


def _write(terminal: Any, line: str, **markup: bool) -> None:
    terminal.write_line(_encodable(terminal, line), **markup)


def _encodable(terminal: Any, text: str) -> str:
    """The text in characters that the terminal's encoding has; others are written as escapes."""
    encoding = getattr(terminal.config.get_terminal_writer()._file, "encoding", None) or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_STAND_INS).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _width(terminal: Any) -> int:
    return int(terminal.config.get_terminal_writer().fullwidth)


def _in_ci() -> bool:
    """As pytest decides whether its short summary is cut."""
    return any(os.environ.get(name) for name in ("CI", "BUILD_NUMBER"))
