"""All requirements of a run as a table for a terminal: verdict, name, value, limit and reason, the worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from ..evidence.record import CaseRecord, RunRecord
from ..evidence.states import counted_as, is_exception
from ..language.plain_text import plain
from ..language.text_layout import NO_BREAK, laid_out
from .exceptions import exception_text
from .first_page import reason_chip
from .naming import part_text
from .order import worst_first
from .sentences import range_text, short_digits, unit_of, worst_part
from .words import Words

#: rows that are shown where nobody asks for all
MOST_ROWS = 40
#: lines of one cell, and letters by column
_TALL, _LONGEST = 4, (50, 200, 200, 50, 2000)
#: columns below which a cell is not narrowed while there is another way
_LEAST, _LEAST_NARROW = (0, 20, 12, 8, 16), (0, 10, 10, 6, 12)
_NARROW = 76


@dataclass(frozen=True)
class TableRow:
    """One row in the lines of the terminal. ``state``: a verdict, CAUGHT or MISSED; empty for other rows."""

    state: str
    lines: tuple[str, ...]


def verdict_table(record: RunRecord, words: Words, width: int, *, rows: int | None, met: bool = True) -> list[TableRow]:
    """The heading and one row a measured case, in at most `width` columns; empty where none is shown.

    Args:
        rows: at most so many; of the others only the number is given.
        met: show also what is met.
    """
    words = words.of(record.cases)
    cases = [record.cases[position] for position in worst_first(record.cases)]
    cases = [case for case in cases if case.verdict is not None]
    cases.sort(key=lambda case: not (case.must_fail and not _is_met(case)))  # not caught: that fails the run
    shown = [case for case in cases if met or not _is_met(case)][:rows]
    left = Counter(_is_met(case) for case in cases) - Counter(_is_met(case) for case in shown)
    names = Counter(case.name for case in shown)
    cells = [_head(words), *(_cells(case, words, alike=names[case.name] > 1) for case in shown)] if shown else []
    least = _LEAST if width >= _NARROW else _LEAST_NARROW
    lines = laid_out(cells, width, least=least, keys=2, tall=_TALL) if shown else []
    states = ["", *map(_state, shown)]
    table = [TableRow(state, tuple(each)) for state, each in zip(states, lines, strict=False)]
    if left and shown:  # alone it says nothing that the sentences below the table do not
        table.append(TableRow("", (_rest(left, words),)))
    return table


def _head(words: Words) -> list[str]:
    asked = [words._("table_verdict"), words._("table_requirement")]
    return [*asked, words._("table_measured"), words._("table_limit"), words._("table_reason")]


def _is_met(case: CaseRecord) -> bool:
    return counted_as(case) in ("PASS", None) and not is_exception(case)


def _state(case: CaseRecord) -> str:
    if is_exception(case):
        return case.standing.upper()
    if not case.must_fail or case.verdict in ("ERROR", "INCONCLUSIVE"):
        return str(case.verdict)
    return "CAUGHT" if case.verdict == "FAIL" else "MISSED"


def _cells(case: CaseRecord, words: Words, *, alike: bool) -> list[str]:
    limit = _unbroken(words.limit(case.threshold, unit_of(case.left)))
    texts = [
        words.named("state", _state(case)),
        case.id if alike else case.name,
        _measured(case, words),
        f"{case.op}{NO_BREAK}{limit}",
        reason_text(case, words),
    ]
    return [plain(text, longest) for text, longest in zip(texts, _LONGEST, strict=True)]


def _measured(case: CaseRecord, words: Words) -> str:
    """The value and its range; of several methods or doses those that hold the verdict up."""
    worst = worst_part(case)
    if worst is None or case.decision is None or worst.estimate is None:
        return "–"
    value = _unbroken(words.quantity(worst.estimate, unit_of(case.left), short_digits(case)))
    if span := _unbroken(range_text(case, worst, words, signed=True)):
        value = words._("value_of_method", value=value, method=span)
    name = part_text(worst.method, worst.dose, words, worst.group) if case.decision.parts else ""
    return words._("comma").join(filter(None, (value, name)))


def reason_text(case: CaseRecord, words: Words) -> str:
    """Why a case is undecided, what kept it from being measured, or that it is marked."""
    if case.standing == "xfail":
        return words.named("state", "XFAIL")
    if is_exception(case):
        return exception_text(case, words)
    if case.verdict == "ERROR":
        return next(iter(case.message.splitlines()), "")
    if case.verdict != "INCONCLUSIVE" or case.reason is None:
        return ""
    return reason_chip(case, case.reason, words)


def _rest(left: Counter[bool], words: Words) -> str:
    texts = [words.ngettext("table_more_not_met", left[False])] if left[False] else []
    texts += [words.ngettext("table_more_met", left[True])] if left[True] else []
    return words._("comma").join(texts)


def _unbroken(text: str) -> str:
    return text.replace(" ", NO_BREAK)
