"""Whether data contradict themselves too often to be audited, and what is said then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..language.contradictions import ContradictedFact, too_many
from ..language.sample import DataSet


def refusal(data: DataSet) -> str:
    """Why an audit refuses the data; empty where they do not contradict themselves, or seldom."""
    contradicting = [sample for sample in data.samples if sample.contradictions]
    found = [one for sample in contradicting for one in sample.contradictions]
    found += data.contradictions
    # facts of no image count as an image each
    count = len(contradicting) + len(data.contradictions)
    return _refusal(found, count, len(data.samples)) if too_many(count, len(data.samples)) else ""


def _refusal(found: Sequence[ContradictedFact], count: int, images: int) -> str:
    kinds = ", ".join(f"{number} x {what}" for what, number in Counter(one.what for one in found).most_common())
    causes = Counter(one.cause for one in found if one.cause).most_common(1)
    likely = f". Probably, in {causes[0][1]} of them: {causes[0][0]}" if causes else ""
    return (
        f"the data contradict themselves in {count} places or images, of {images} images ({kinds}), so it is not known "
        f"which of the facts are right{likely}. First: {found[0].text}. Mend or export them anew; "
        "modelaudit data check lists all"
    )
