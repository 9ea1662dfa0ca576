"""References to models as a title shows them: what was run, without the folders where it lay."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from ..language.reference import Reference, parse_reference
from .words import Words


def titles_of(references: Iterable[str], words: Words) -> tuple[str, ...]:
    """Short texts, one a reference; where two would read alike, both stand as they were written."""
    texts = tuple(dict.fromkeys(references))
    short = {text: short_reference(text, words) for text in texts}
    alike = Counter(short.values())
    return tuple(short[text] if alike[short[text]] == 1 else text for text in texts)


def short_reference(text: str, words: Words) -> str:
    """*resnet50 (torchvision), checkpoint line_a.safetensors*; ``net.py:build``; other schemes as they stand."""
    reference = parse_reference(text)
    if reference.scheme == "torchvision":
        return _torchvision(reference, words)
    return text if reference.scheme else _without_folders(text)


def _torchvision(reference: Reference, words: Words) -> str:
    name, _, tag = reference.body.partition("@")
    model = words._("{model} ({source})", model=name, source=reference.scheme)
    if checkpoint := reference.options.get("checkpoint"):
        return words._("{model}, checkpoint {file}", model=model, file=_without_folders(checkpoint))
    return words._("{model}, weights {tag}", model=model, tag=tag) if tag else model


def _without_folders(path: str) -> str:
    """The last part of a path; all of it where there is none."""
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or path
