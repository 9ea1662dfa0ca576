"""What a pack says to the other party: what it is, how the run ended, how to check it, and what that does not show."""

from __future__ import annotations

from ..acceptance.departures import version_of
from ..evidence.record import RunRecord
from ..evidence.record_texts import shown_record
from .page import page_of
from .pictures import Pictures
from .render import filled, spoken, templates
from .words import words_of


def pack_readme(record: RunRecord, *, language: str = "en") -> str:
    """The text in one language, as Markdown.

    Raises:
        ResultsError: an unknown language.
    """
    words, shown = words_of(language), shown_record(record)
    page = page_of(shown, words, Pictures(frozenset(), {}, frozenset(), 0))
    environment = templates(None, escape=False)
    values = {"page": page, "record": shown, "version": version_of(record), **spoken(language)}
    return filled(environment, "pack_readme.md.j2", **values).strip() + "\n"
