"""A run on GitHub: annotations of its files, and the summary of the job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from ..evidence.record import RunRecord
from ..report.render import render_summary
from ..report.words import Words
from .findings import AuditFinding

#: annotations of one level that a step shows; GitHub drops the others without a word
MOST_ANNOTATIONS = 10
#: bytes of one step's summary, above which GitHub shows none of it
MOST_BYTES = 1024 * 1024


def workflow_commands(findings: Sequence[AuditFinding], words: Words) -> Iterator[str]:
    """The findings as workflow commands, one line each.

    Of more than ten of a level the last one names those that GitHub would not show.
    """
    for level, group in groupby(findings, key=lambda one: one.level):
        found = list(group)
        shown = found if len(found) <= MOST_ANNOTATIONS else found[: MOST_ANNOTATIONS - 1]
        for one in shown:
            place = {"file": one.file, "line": None if one.line is None else str(one.line)} if one.file else {}
            yield _command(level, one.text, title=one.title, **place)
        if rest := found[len(shown) :]:
            title = words.ngettext("export_more_findings", len(rest))
            yield _command(level, "\n".join(one.title for one in rest), title=title)


def _command(level: str, text: str, **properties: str | None) -> str:
    given = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {given}::{_data(text)}"


def _data(text: str) -> str:
    """The text of a command: it cannot end the line, and so cannot begin another command."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def job_summary(record: RunRecord, words: Words, *, room: int = MOST_BYTES) -> str:
    """The summary of the run in Markdown, in at most `room` bytes: whole lines, and then that the rest is left out."""
    text = render_summary(record, language=words.language)
    if len(text.encode()) <= room:
        return text
    cut = words._("export_summary_cut")
    note = f"\n\n{cut}\n"
    kept = text.encode()[: max(0, room - len(note.encode()))].decode(errors="ignore")
    return kept.rpartition("\n")[0] + note
