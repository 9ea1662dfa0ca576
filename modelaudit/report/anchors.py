"""Where a requirement stands in the report: an anchor made from its name, the same in both languages and over runs."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256

from ..evidence.record import CaseRecord

_LONGEST = 60
_OTHERS = re.compile(r"[^\w.]+")


def anchors_of(cases: Sequence[CaseRecord]) -> tuple[str, ...]:
    """One anchor a case, in their order; cases whose names come to the same have a piece of their id's hash."""
    return _anchors(tuple((case.name, case.id) for case in cases))


@lru_cache(maxsize=4)
def _anchors(cases: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    slugs = [_slug(name) for name, _ in cases]
    several = {slug for slug, count in Counter(slugs).items() if count > 1}
    found: Counter[str] = Counter()
    anchors = []
    for (_, case), slug in zip(cases, slugs, strict=True):
        if slug in several:
            slug = f"{slug}-{sha256(case.encode()).hexdigest()[:6]}"
        found[slug] += 1  # two cases of one id come from no run, and still get two anchors
        anchors.append(slug if found[slug] == 1 else f"{slug}-{found[slug]}")
    return tuple(anchors)


def _slug(name: str) -> str:
    """Letters and digits of any script; ``r-`` keeps it apart from the ids of sections."""
    text = _OTHERS.sub("-", unicodedata.normalize("NFC", name)).strip("-")
    return f"r-{text[:_LONGEST]}"
