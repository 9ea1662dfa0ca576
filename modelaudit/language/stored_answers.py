"""References to the stored answers of a closed box: ``predictions:answers.csv?manifest=FILE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .reference import Reference, parse_reference

#: the scheme of such references
STORED = "predictions"
MANIFEST_NAME = "manifest.jsonl"


def is_stored(reference: Any) -> bool:
    """Whether a model reference names stored answers.

    >>> is_stored("predictions:box/answers.csv"), is_stored("run:baselines/v1")
    (True, False)
    """
    return isinstance(reference, str | Path) and parse_reference(str(reference)).scheme == STORED


def answers_file(reference: Reference, root: Path) -> Path:
    """The file of answers."""
    return root / reference.body


def manifest_file(reference: Reference, root: Path) -> Path:
    """The manifest that is named, else the one beside the answers, else in the folder above; where there is none the
    first of these."""
    named = reference.options.get("manifest")
    if named is not None:
        return root / named
    folder = answers_file(reference, root).parent
    places = [folder / MANIFEST_NAME, folder.parent / MANIFEST_NAME]
    return next((place for place in places if place.is_file()), places[0])
