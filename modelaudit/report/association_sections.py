"""The parts of a page of ``modelaudit data check`` that show what the class is tied to."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ..language.associations import Association, ClassTie
from ..language.findings import DataFacts, Kind
from .associations import (
    about_associations,
    association_columns,
    association_rows,
    association_sentence,
    named_association,
    tie_sentence,
    untested,
)
from .sheets import Picture, Section, Strip, Table
from .words import Words


def tied_section(facts: DataFacts, shown: Collection[str], pictures: Mapping[str, bytes], words: Words) -> Section:
    """What was found, with the pictures that show it most clearly.

    Args:
        shown: the ids of the samples that are shown.
        pictures: by id.
    """
    found = [one for one in facts.associations if one.found]
    return Section(
        heading=words.named("finding", Kind.CLASS_TIED),
        tone="remark",
        count=words.count(len(found)),
        text=words.named("advice", Kind.CLASS_TIED),
        layout="rows",
        lines=tuple((named_association(one, words), association_sentence(one, words)) for one in found),
        strips=tuple(
            _strip(tie, one, shown, pictures, words, first=number == 0 and len(found) > 1)
            for one in found
            for number, tie in enumerate(one.ties)
        ),
    )


def association_sections(facts: DataFacts, words: Words) -> Iterator[Section]:
    """The table of all tests, and what was not tested."""
    rows = tuple(association_rows(facts.associations, words))
    if rows:
        table = Table(association_columns(words), rows)
        heading, text = words._("association_heading"), about_associations(words)
        yield Section(heading, text=text, tables=(table,), wide=True)
    if left_out := tuple(untested(facts.associations, words)):
        yield Section(words._("association_not_tested"), lines=left_out)


def _strip(
    tie: ClassTie,
    found: Association,
    shown: Collection[str],
    pictures: Mapping[str, bytes],
    words: Words,
    *,
    first: bool,
) -> Strip:
    """The pictures of one tie; the first of several associations says which one it is of."""
    named = tuple(Picture(pictures[name], name) for name in tie.ids if name in shown and name in pictures)
    return Strip(named, code=named_association(found, words) if first else "", text=tie_sentence(tie, found, words))
