"""The terminal output of audits."""

from __future__ import annotations

from typing import Any

from ..engine.store.location import NOTE
from ..evidence.record import RunRecord
from ..language.plain_text import plain
from ..language.sample import ON_PICTURES
from ..report.class_order import odd_orders, order_text
from ..report.run_lines import run_lines


def summarise(terminal: Any, record: RunRecord | None, *, complaint: str, report: str) -> None:
    """The closing section: inconclusive cases in full, a line of counts, and where the report is."""
    for ended in terminal.stats.get("inconclusive", ()):
        if ended.failed:
            terminal.write_sep("_", plain(ended.head_line or ended.nodeid))
            terminal.write_line(str(ended.longrepr))
    if complaint:
        terminal.write_line(plain(f"error: {complaint}; the run did not succeed"), red=True)
    if record is None:
        return
    terminal.write_sep("=", "audit")
    for line in run_lines(record):
        terminal.write_line(line)
    for note in dict.fromkeys(note for data in record.data for note in data.notes):
        if note.startswith((NOTE, ON_PICTURES)):
            terminal.write_line(plain(note))
    for model, odd in odd_orders(record):
        terminal.write_line(plain(order_text(model, odd)), yellow=True)
    terminal.write_line(plain(f"report: {report}"))
