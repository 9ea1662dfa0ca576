"""A case by itself, as a notebook shows it: a fragment of HTML that needs nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..evidence.record import RunRecord
from .cases import case_view
from .pictures import choose, read_pictures
from .render import filled, spoken, templates
from .words import words_of

#: bytes of pictures in one fragment: a notebook keeps its outputs
_BUDGET = 1_000_000
_ROWS = 2


def render_look(record: RunRecord, folder: Path, *, language: str = "en") -> list[str]:
    """One fragment for each case of a record: verdict, plot, numbers, and the first rows of its gallery.

    Args:
        folder: the folder of the pictures that the record names.
    """
    words = words_of(language).of(record.cases)
    by_file, missing = read_pictures(record, folder)
    pictures = choose(record, by_file, missing, _BUDGET)
    environment = templates(None, escape=True)
    views = [case_view(record, index, words, pictures) for index in range(len(record.cases))]
    return [
        filled(
            environment,
            "look.html.j2",
            view=replace(view, rows=view.rows[:_ROWS], rows_left_out=0),
            record=record,
            **spoken(language),
        )
        for view in views
    ]
