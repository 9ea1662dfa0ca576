"""What is said in one sentence of the reviews of a requirement."""

from __future__ import annotations

from ..evidence.record import CaseRecord
from .words import Words


def reviews_sentence(case: CaseRecord, words: Words) -> str:
    """How many complete reviews there are of those asked for, and how to go on; empty where nobody was asked."""
    if case.reviewed_by is None or case.complete_reviews is None:
        return ""
    numbers = {"done": words.count(case.complete_reviews), "asked": words.count(case.reviewed_by)}
    if case.complete_reviews >= case.reviewed_by:
        return words.ngettext("reviews_complete", case.complete_reviews, **numbers)
    return words.ngettext("reviews_open", case.reviewed_by - case.complete_reviews, **numbers)
