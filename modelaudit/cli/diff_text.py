"""A comparison of two runs in the words of the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..language.spec import number_text
from ..report.comparison import ComparisonView, comparison_view
from .terminal import table, wrapped

if TYPE_CHECKING:
    from ..releases.comparison_record import ComparisonRecord, RequirementComparison
    from ..report.comparison_answers import AnswerView
    from ..report.words import Words

#: images that are named of each kind of change
_NAMED = 5


def comparison_lines(record: ComparisonRecord, page: Path, words: Words) -> Iterator[str]:
    """What changed: one line a requirement, then classes and images, and what differs between the runs.

    Args:
        page: where pictures and everything else can be read.
    """
    view = comparison_view(record, {}, words)
    yield from wrapped(view.title, indent=2, first="")
    yield from wrapped(words.in_a_row(view.meaning), indent=2)
    yield ""
    yield from _requirements(record, view, words)
    yield ""
    for question, answer in view.glance:
        yield from wrapped(words._("diff_said", what=question, text=answer), indent=4, first="  ")
    for one in view.answers:
        yield from _answers(one, words)
    for undecided in view.undecided:
        yield from wrapped(words._("diff_said", what=undecided.name, text=undecided.text), indent=4, first="  ")
    for note in view.notes:
        yield from wrapped(note, indent=4, first="  ")
    yield words._("diff_page", page=page)


def lacking_lines(record: ComparisonRecord, words: Words) -> Iterator[str]:
    """Which images of the old run have no partner in the new one, and how to allow for that."""
    for one in record.images:
        lacking = one.without_partner
        if lacking:
            share = number_text(math.ceil(100 * len(lacking) / one.of_old) / 100)
            names = words._("comma").join([*lacking[:_NAMED], *(["…"] if len(lacking) > _NAMED else [])])
            every = words.count(one.of_old)
            text = words.ngettext("diff_lacking", len(lacking), all=every, names=names, share=share)
            yield from wrapped(text, indent=2, first="")


def _requirements(record: ComparisonRecord, view: ComparisonView, words: Words) -> list[str]:
    changes = {(one.name, one.expectation): _change(one, words) for one in record.requirements}
    heading = (
        words._("requirement"),
        words.named("diff_side", "old"),
        words.named("diff_side", "new"),
        words._("diff_column_change"),
        words._("diff_column_outcome"),
    )
    rows = [
        (
            one.name,
            "–" if one.old is None else one.old.value,
            "–" if one.new is None else one.new.value,
            changes[one.name, one.expectation] or "–",
            one.badge.label,
        )
        for one in view.requirements
    ]
    return table(heading, rows)


def _change(one: RequirementComparison, words: Words) -> str:
    """A change with its bounds, without the unit, which stands with the values of both sides."""
    if one.change is None:
        return ""
    scale = 1.0 if one.unit == "number" else 100.0
    value, lower, upper = (None if number is None else scale * number for number in (one.change, one.lower, one.upper))
    digits = 3 if one.unit == "number" else 1
    texts = ["" if number is None else words.quantity(number, "number", digits) for number in (value, lower, upper)]
    sign = "+" if value is not None and round(value, digits) > 0 else ""
    between = words._("range_short", lower=texts[1], upper=texts[2]) if texts[1] and texts[2] else ""
    return sign + (words._("value_of_method", value=texts[0], method=between) if between else texts[0])


def _answers(one: AnswerView, words: Words) -> Iterator[str]:
    """How many images changed sides under a context, and the first few of them."""
    yield from wrapped(words._("diff_said", what=one.title, text=one.summary), indent=4, first="  ")
    for changed in one.changed:
        named = [*changed.listed[:_NAMED], *(["…"] if len(changed.listed) > _NAMED else [])]
        text = words._("diff_said", what=changed.title, text=words._("comma").join(named))
        yield from wrapped(text, indent=6, first="    ")
