"""The page of ``modelaudit data check``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, zip_longest

from ..language.findings import DataFacts, Finding, Item, Kind, Quantiles, SampleFacts, Tally
from .association_sections import association_sections, tied_section
from .error_texts import detail_text
from .record_notes import data_note
from .sheets import Picture, Section, Sheet, Strip, Table
from .words import Words

#: of a set of pictures that are alike, so many are shown; of a remark, so many pictures; of a table, so many
#: rows
_OF_A_SET, _OF_A_REMARK, _OF_A_TABLE, _SIZES = 6, 24, 25, 8


@dataclass(frozen=True)
class ShownFindings:
    """Which pictures the page shows.

    Args:
        items: of every finding, the items whose pictures are shown.
        samples: ordinary samples, spread over the labels.
        tied: of what the class is tied to, the samples that are shown.
    """

    items: Mapping[Kind, tuple[Item, ...]]
    samples: tuple[str, ...]
    tied: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every sample whose picture is needed."""
        shown = (item.ids[:_OF_A_SET] for items in self.items.values() for item in items)
        return frozenset(chain(*shown, self.samples, self.tied))

    @property
    def training_ids(self) -> frozenset[str]:
        """Every sample of the training data whose picture is needed."""
        return frozenset(name for items in self.items.values() for item in items for name in _beside(item))


def _beside(item: Item) -> tuple[str, ...]:
    """The pictures of the training data that are shown beside those of an item."""
    return item.training[: max(1, _OF_A_SET - len(item.ids))]


def choose_findings(facts: DataFacts, most: int) -> ShownFindings:
    """At most `most` pictures: problems first, then remarks, then samples of every label in turn."""
    seen = {one.id for one in facts.samples if one.format}
    items: dict[Kind, tuple[Item, ...]] = {}
    room = most
    for finding in facts.findings:
        shown: list[Item] = []
        share = room if finding.kind.problem else min(room, _OF_A_REMARK)
        for item in finding.items:
            wanted = sum(name in seen for name in item.ids[:_OF_A_SET])
            if wanted > share:
                break
            if wanted:
                shown.append(item)
            share, room = share - wanted, room - wanted
        items[finding.kind] = tuple(shown)
    tied = tuple(dict.fromkeys(name for one in facts.associations for tie in one.ties for name in tie.ids))[:room]
    return ShownFindings(items, tuple(_spread(facts, items, max(0, room - len(tied)))), tied)


def data_sheet(
    facts: DataFacts,
    choice: ShownFindings,
    pictures: Mapping[str, bytes],
    words: Words,
    training: Mapping[str, bytes] | None = None,
) -> Sheet:
    """The page, with the pictures of the samples that were chosen, by id; `training`: those of the training data."""
    _ = words._
    known = {one.id: one for one in facts.samples}
    problems, remarks = facts.problems, [one for one in facts.findings if not one.kind.problem]
    sections = [
        tied_section(facts, choice.tied, pictures, words)
        if finding.kind == Kind.CLASS_TIED
        else _section(finding, choice, known, (pictures, training or {}), words)
        for finding in facts.findings
    ]
    return Sheet(
        kind=_("check_of_data_before_an"),
        title=facts.reference,
        facts=tuple(_facts(facts, words)),
        headline=_headline(len(problems), len(remarks), words),
        tone="problem" if problems else "remark" if remarks else "fine",
        sections=(
            *sections,
            *association_sections(facts, words),
            _counts(facts, words),
            *_classes(facts, words),
            *_samples(choice, known, pictures, words),
        ),
        notes=tuple(data_note(note, words) for note in facts.notes),
        legend=_("the_line_round_an_object"),
    )


def _headline(problems: int, remarks: int, words: Words) -> str:
    first = words.ngettext("kinds_of_problems", problems) if problems else ""
    second = words.ngettext("remarks", remarks) if remarks else ""
    if first and second:
        return words._("two_as_sentence", first=first, second=second)
    return words._("as_sentence", text=first or second) if first or second else words._("nothing_to_mend_was_found")


def _facts(facts: DataFacts, words: Words) -> Iterator[tuple[str, str]]:
    _ = words._
    yield _("images"), words.count(len(facts.samples))
    yield _("labels"), words.count(len(facts.labels))
    if facts.groups:
        yield _("groups"), words.count(len(facts.groups))
    if facts.clusters:
        yield _("clusters"), words.count(len(facts.clusters))
    yield _("masks"), words.count(sum(one.mask is not None for one in facts.samples))
    if facts.geometry:
        yield _("geometry_of_the_model"), facts.geometry
    if facts.training is not None:
        yield _("compared_with_training_data"), facts.training.reference
    if facts.agreement:
        yield _("held_to_the_agreement"), facts.agreement


def _section(
    finding: Finding,
    choice: ShownFindings,
    known: Mapping[str, SampleFacts],
    pictures: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    words: Words,
) -> Section:
    shown = choice.items[finding.kind]
    listed = _OF_A_TABLE if finding.kind in _SPOKEN else 0
    missing = len(finding.items) - max(len(shown), listed) if any(item.ids for item in finding.items) else 0
    lines = [(_named(item, words), item.detail) for item in finding.items[:listed]]
    without = [item.detail for item in finding.items if not item.ids and item.detail and not listed]
    return Section(
        heading=words.named("finding", finding.kind),
        tone="problem" if finding.kind.problem else "remark",
        count=words.count(finding.count),
        text=" ".join((words.named("advice", finding.kind), *without)),
        strips=tuple(_strip(finding, item, known, pictures, words) for item in shown if item.ids),
        lines=tuple(lines),
        left_out=words.ngettext("more_not_shown", missing) if missing > 0 else "",
    )


#: findings with a message that does not fit below a picture
_SPOKEN = (Kind.UNREADABLE_IMAGE, Kind.UNREADABLE_MASK, Kind.MASK_SIZE, Kind.CONTRADICTION, Kind.LABEL_WITHOUT_CLASS)


def _named(item: Item, words: Words) -> str:
    if not item.ids:
        return ""
    more = len(item.ids) - 1
    return words._("first_and_more", first=item.ids[0], n=words.count(more)) if more else item.ids[0]


def _strip(
    finding: Finding,
    item: Item,
    known: Mapping[str, SampleFacts],
    pictures: tuple[Mapping[str, bytes], Mapping[str, bytes]],
    words: Words,
) -> Strip:
    detail = "" if finding.kind in _SPOKEN else detail_text(item.detail, words)
    several = len(item.ids) > 1 or bool(item.training)
    own, training = pictures
    beside = tuple(
        Picture(training.get(name, b""), name, (words._("in_the_training_data"),), words._("cannot_be_read"))
        for name in _beside(item)
    )
    return Strip(
        (*(_picture(known[name], own, words, "" if several else detail) for name in item.ids[:_OF_A_SET]), *beside),
        text=detail if several else "",
        note=_more(len(item.ids) + len(item.training) - _OF_A_SET, words),
    )


def _picture(sample: SampleFacts, pictures: Mapping[str, bytes], words: Words, detail: str = "") -> Picture:
    lines = [words._("label_of_sample", label=sample.label)]
    if sample.group is not None:
        lines.append(words._("group_of_sample", group=sample.group))
    if sample.cluster is not None:
        lines.append(words._("cluster_of_sample", cluster=sample.cluster))
    if detail:
        lines.append(detail)
    content = pictures.get(sample.id, b"")
    return Picture(content, sample.id, tuple(lines), "" if content else words._("cannot_be_read"))


def _counts(facts: DataFacts, words: Words) -> Section:
    _ = words._
    tables = [
        _tallies(_("labels"), facts.labels, words),
        *([_tallies(_("groups"), facts.groups, words)] if facts.groups else []),
        *([_tallies(_("clusters"), facts.clusters, words)] if facts.clusters else []),
        *([_quantiles(facts, words)] if facts.shares or facts.kept else []),
        _plain(_("masks"), {words.named("mask", name): n for name, n in facts.mask_kinds.items()}, words),
        _plain(_("values_in_masks"), facts.mask_values, words),
        _plain(_("size_width_x_height"), facts.sizes, words, _SIZES),
        _plain(_("format"), facts.formats, words),
        _plain(_("colour_mode"), facts.modes, words),
    ]
    return Section(heading=_("what_is_there"), tables=tuple(table for table in tables if table.rows))


def _plain(heading: str, counts: Mapping[str, int], words: Words, most: int = _OF_A_TABLE) -> Table:
    rows = tuple((name, words.count(count)) for name, count in list(counts.items())[:most])
    return Table((heading, words._("images")), rows, _more(len(counts) - most, words))


def _tallies(heading: str, tallies: Mapping[str, Tally], words: Words) -> Table:
    _ = words._
    rows = tuple(
        (
            name,
            words.count(tally.images),
            words.count(tally.masks),
            "–" if tally.share is None else words.quantity(tally.share, "percent", 1),
        )
        for name, tally in list(tallies.items())[:_OF_A_TABLE]
    )
    return Table((heading, _("images"), _("masks"), _("object")), rows, _more(len(tallies) - _OF_A_TABLE, words))


def _quantiles(facts: DataFacts, words: Words) -> Table:
    _ = words._
    columns: list[tuple[str, Quantiles]] = []
    if facts.shares:
        columns.append((_("share_of_the_object"), facts.shares))
    if facts.kept:
        columns.append((_("left_by_the_crop"), facts.kept))
    names = (
        (_("smallest"), "least"),
        ("5%", "q05"),
        ("25%", "q25"),
        (_("median"), "median"),
        ("75%", "q75"),
        ("95%", "q95"),
        (_("largest"), "most"),
    )
    rows = tuple(
        (title, *(words.quantity(getattr(found, field), "percent", 1) for _heading, found in columns))
        for title, field in names
    )
    return Table((_("over_the_images"), *(heading for heading, _found in columns)), rows)


def _more(more: int, words: Words) -> str:
    return words.ngettext("and_more", more) if more > 0 else ""


def _classes(facts: DataFacts, words: Words) -> Iterator[Section]:
    met = facts.classes
    if met is None or not met.met:
        return
    lines = [
        (label, ", ".join(f"{index} {met.names.get(index, '')}".strip() for index in indices[:5]))
        for label, indices in list(met.met.items())[:_OF_A_TABLE]
    ]
    yield Section(
        heading=words._("labels_and_the_classes_they"),
        text=met.source,
        lines=tuple(lines),
        left_out=_more(len(met.met) - _OF_A_TABLE, words),
    )


def _samples(
    choice: ShownFindings, known: Mapping[str, SampleFacts], pictures: Mapping[str, bytes], words: Words
) -> Iterator[Section]:
    if choice.samples:
        yield Section(
            heading=words._("samples_of_every_label"),
            strips=tuple(Strip((_picture(known[name], pictures, words),)) for name in choice.samples),
            left_out=words._("images_shown_of_all", shown=len(choice.samples), all=words.count(len(known))),
        )


def _spread(facts: DataFacts, items: Mapping[Kind, tuple[Item, ...]], room: int) -> Iterator[str]:
    """Samples that no finding shows, of every label in turn; at the end those of one label stand together."""
    shown = {name for kind in items for item in items[kind] for name in item.ids}
    by_label: dict[str, list[str]] = {label: [] for label in facts.labels}
    for sample in facts.samples:
        if sample.id not in shown and sample.format:
            by_label[sample.label].append(sample.id)
    turns = [name for turn in zip_longest(*by_label.values()) for name in turn if name is not None]
    taken = set(turns[:room])
    yield from (name for names in by_label.values() for name in names if name in taken)
