"""The texts of the command line: a catalogue of their own, above that of the report."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from ..report.words import Words, read_catalogue, words_of

CATALOGUES = Path(__file__).parent / "catalogue"


@cache
def command_words(language: str) -> Words:
    """The texts of the commands in ``"en"`` or ``"ja"``; a key that they do not have is one of the report.

    Raises:
        ResultsError: another language.
    """
    words = words_of(language)
    own = read_catalogue(CATALOGUES / f"{language}.po", language)
    own.add_fallback(words.catalogue)
    return replace(words, catalogue=own)
