"""Which requirements and records of a run bear on the items of standards, in words.

It lists evidence, for and against. No text here says whether an item is fulfilled.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..evidence.record import RunRecord
from ..standards.coverage import coverage
from ..standards.coverage_record import Coverage, FoundRecord, FoundRequirement, ItemEvidence
from ..standards.standard_file import Standard
from .cases import Badge, badge_of
from .naming import short_name
from .words import Words

#: so many requirements of an item are named in the report
MOST_NAMED = 8


@dataclass(frozen=True)
class ItemView:
    """One item: the evidence of the run, what the run has none of, and what no audit gives."""

    item: str
    title: str
    found: tuple[str, ...]
    missing: tuple[str, ...]
    not_given: str


@dataclass(frozen=True)
class StandardView:
    """``counts``: of how many items there is evidence. ``source``: publisher, edition, and where titles are from."""

    title: str
    counts: str
    source: str
    items: tuple[ItemView, ...]


def standard_views(
    record: RunRecord, standards: Iterable[Standard], words: Words, *, most: int | None = MOST_NAMED
) -> tuple[StandardView, ...]:
    """The evidence for each of the standards.

    Args:
        most: so many requirements of an item are named, and the others counted; None names them all.
    """
    badges = {case.id: badge_of(case, words) for case in record.cases}
    return tuple(_view(coverage(record, one), badges, words, most) for one in standards)


def _view(found: Coverage, badges: dict[str, Badge], words: Words, most: int | None) -> StandardView:
    edition = words._("standards_edition", publisher=words.own(found.publisher), edition=words.own(found.edition))
    return StandardView(
        words.own(found.title),
        words.ngettext("standards_counts", len(found.rows), found=words.count(found.count("in_this_run"))),
        words.in_a_row((words._("as_sentence", text=edition), words.own(found.titles_from))),
        tuple(
            ItemView(
                row.item,
                words.own(row.title),
                tuple(_found(row, badges, words, most)),
                tuple(_missing(row, badges, words, most)),
                words.own(row.not_given),
            )
            for row in found.rows
        ),
    )


def _found(row: ItemEvidence, badges: dict[str, Badge], words: Words, most: int | None) -> Iterator[str]:
    settled = [one for one in row.requirements if one.settled]
    if settled:
        yield words._("standards_requirements", names=_names(settled, badges, words, most))
    for one in row.records:
        yield _record_text(one, words)


def _missing(row: ItemEvidence, badges: dict[str, Badge], words: Words, most: int | None) -> Iterator[str]:
    unsettled = [one for one in row.requirements if not one.settled]
    if unsettled:
        yield words._("standards_without_result", names=_names(unsettled, badges, words, most))
    elif row.asked and not row.requirements:
        yield words._("standards_no_requirement")
    if row.missing:
        kinds = words._("comma").join(words.named("evidence_kind", kind) for kind in row.missing)
        yield words._("standards_no_record", kinds=kinds)
    if row.documents:
        kinds = words._("comma").join(words.named("evidence_document", kind) for kind in row.documents)
        yield words._("standards_documents", kinds=kinds)


def _names(found: Sequence[FoundRequirement], badges: dict[str, Badge], words: Words, most: int | None) -> str:
    named = [words._("with_details", what=short_name(one.name), details=badges[one.case].label) for one in found[:most]]
    if most is not None and len(found) > most:
        named.append(words.ngettext("and_more", len(found) - most))
    return words._("comma").join(named)


def _record_text(found: FoundRecord, words: Words) -> str:
    """*agreed operating domain (attributes: 2, values: 12, covered: 10)*"""
    numbers = words._("comma").join(
        words._("standards_number", number=words.count(number), what=words.named("evidence_number", name))
        for name, number in found.numbers.items()
    )
    return words._("with_details", what=words.named("evidence_kind", found.kind), details=numbers)
