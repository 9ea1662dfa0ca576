"""What ``modelaudit data check`` found, as text for a terminal and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..language.findings import DataFacts, Finding, Item, Kind, Quantiles, SampleFacts, Tally
from ..language.text_layout import padded
from ..report.associations import (
    association_columns,
    association_rows,
    association_sentence,
    tie_sentence,
    untested,
)
from ..report.error_texts import detail_text
from ..report.record_notes import data_note
from ..report.words import Words
from .terminal import table, wrapped

_ROWS, _NAMED, _OF_A_SET, _COUNTS = 20, 5, 4, 6
_BAR = 40
#: columns for the name of a line
_NAME = 12


def report_lines(facts: DataFacts, words: Words) -> Iterator[str]:
    """The report line by line: contents, then remarks, and problems last."""
    yield facts.reference
    yield from wrapped(words._("comma").join(_contents(facts, words)), indent=2)
    if facts.training is not None:
        training = facts.training
        images = words.ngettext("count_images", training.images)
        usable = words._("count_usable", images=images, usable=words.count(training.usable))
        yield from wrapped(words._("check_compared", reference=training.reference, images=usable), indent=4, first="  ")
    if facts.agreement:
        yield from wrapped(words._("check_agreement", file=facts.agreement), indent=4, first="  ")
    for note in facts.notes:
        yield from wrapped(words._("terminal_note", note=data_note(note, words)), indent=4, first="  ")
    yield from _tallies(words._("column_label"), facts.labels, words)
    yield from _tallies(words._("column_group"), facts.groups, words)
    yield from _tallies(words._("column_cluster"), facts.clusters, words)
    yield ""
    yield from _counts(words._("check_sizes"), facts.sizes, words)
    yield from _counts(words._("check_formats"), facts.formats, words)
    yield from _counts(words._("check_modes"), facts.modes, words)
    if facts.turned:
        yield from _counts(words._("check_exif"), {words._("check_turned"): facts.turned}, words)
    mask_kinds = {words.named("mask", name): count for name, count in facts.mask_kinds.items()}
    yield from _counts(words._("check_mask_kinds"), mask_kinds, words)
    yield from _counts(words._("check_mask_values"), facts.mask_values, words)
    if facts.touching:
        yield from _counts(words._("check_mask_border"), {words._("check_touching"): facts.touching}, words)
    yield from _shares(facts, words)
    yield from _classes(facts, words)
    yield from _associations(facts, words)
    remarks = [one for one in facts.findings if not one.kind.problem]
    for title, findings in ((words._("check_remarks"), remarks), (words._("check_problems"), facts.problems)):
        if findings:
            yield from ("", title)
            for finding in findings:
                yield from _finding(finding, facts, words)
    yield ""
    cases = words.ngettext("check_cases", sum(one.count for one in facts.problems))
    kinds = words.ngettext("check_kinds", len(facts.problems))
    yield words._("check_end", cases=cases, kinds=kinds) if facts.problems else words._("no_problems")


def _contents(facts: DataFacts, words: Words) -> Iterator[str]:
    """How many images, labels, groups, clusters and masks there are."""
    images = words.ngettext("count_images", len(facts.samples))
    yield words._("count_usable", images=images, usable=words.count(sum(one.reason is None for one in facts.samples)))
    yield words.ngettext("count_labels", len(facts.labels))
    if facts.groups:
        yield words.ngettext("count_groups", len(facts.groups))
    if facts.clusters:
        largest = max(one.images for one in facts.clusters.values())
        yield words.ngettext("count_clusters", len(facts.clusters), images=words.ngettext("count_images", largest))
    yield words.ngettext("count_masks", sum(one.mask is not None for one in facts.samples))


def _tallies(what: str, tallies: Mapping[str, Tally], words: Words) -> Iterator[str]:
    if not tallies:
        return
    rows = [
        (name, str(one.images), str(one.usable), str(one.masks), "-" if one.share is None else f"{one.share:.1%}")
        for name, one in list(tallies.items())[:_ROWS]
    ]
    columns = (words._(f"column_{name}") for name in ("images", "usable", "masks", "object"))
    yield ""
    yield from table((what, *columns), rows)
    if len(tallies) > _ROWS:
        rest = [one.images for one in list(tallies.values())[_ROWS:]]
        least, most = min(rest), max(rest)
        images = f"{least}" if least == most else words._("from_to", least=least, most=most)
        yield f"  {words._('check_more_rows', n=words.count(len(rest)), images=images)}"


def _counts(name: str, counts: Mapping[str, int], words: Words) -> Iterator[str]:
    if counts:
        shown = [f"{value} ({count})" for value, count in list(counts.items())[:_COUNTS]]
        more = [words._("list_and_more", n=words.count(len(counts) - _COUNTS))] if len(counts) > _COUNTS else []
        listed = words._("comma").join((*shown, *more))
        yield from wrapped(f"{padded(name, _NAME)}  {listed}", indent=_NAME + 4, first="  ")


def _shares(facts: DataFacts, words: Words) -> Iterator[str]:
    rows = [
        (words._(name), *(f"{value:.1%}" for value in _values(found)))
        for name, found in (("check_share", facts.shares), ("check_kept", facts.kept))
        if found is not None
    ]
    if not rows:
        return
    yield ""
    if facts.geometry:
        name = padded(words._("check_geometry"), _NAME)
        yield from wrapped(f"{name}  {facts.geometry}", indent=_NAME + 4, first="  ")
    ends = (words._("check_least"), "5%", "25%", words._("check_median"), "75%", "95%", words._("check_most"))
    yield from table((words._("check_over_images"), *ends), rows)
    most = max(facts.histogram, default=0)
    if most:
        yield ""
        yield f"  {words._('check_histogram')}"
        for at, count in enumerate(facts.histogram):
            bar = "#" * (round(_BAR * count / most) or (1 if count else 0))
            share = words._("from_to", least=f"{at * 10:>3}", most=f"{at * 10 + 10:>3}")
            yield f"  {share}%  {count:>6}  {bar}"


def _values(found: Quantiles) -> tuple[float, ...]:
    return (found.least, found.q05, found.q25, found.median, found.q75, found.q95, found.most)


def _classes(facts: DataFacts, words: Words) -> Iterator[str]:
    met = facts.classes
    if met is None:
        return
    rows = [
        (label, ", ".join(f"{index} {met.names.get(index, '')}".strip() for index in indices[:4]))
        for label, indices in list(met.met.items())[:_ROWS]
    ]
    yield ""
    yield from wrapped(
        words._("check_matched", matched=len(met.met), all=len(met.met) + len(met.unmet), source=met.source), indent=2
    )
    if rows:
        yield from table((words._("column_label"), words._("column_class")), rows, numbers=False)
    if len(met.met) > _ROWS:
        yield f"  {words._('list_and_more', n=words.count(len(met.met) - _ROWS))}"


def _associations(facts: DataFacts, words: Words) -> Iterator[str]:
    rows = list(association_rows(facts.associations, words))
    others = list(untested(facts.associations, words))
    if rows:
        yield ""
        yield from table(association_columns(words), rows[:_ROWS])
        if len(rows) > _ROWS:
            yield f"  {words._('list_and_more', n=words.count(len(rows) - _ROWS))}"
    if others:
        yield ""
        yield f"  {words._('association_not_tested')}"
        for name, why in others[:_ROWS]:
            yield from wrapped(words._("check_item", names=name, detail=why), indent=6, first="    - ")
        if len(others) > _ROWS:
            yield f"    {words._('list_and_more', n=words.count(len(others) - _ROWS))}"


def _tied(facts: DataFacts, words: Words) -> Iterator[str]:
    for one in facts.associations:
        if one.found:
            yield from wrapped(association_sentence(one, words), indent=6, first="    - ")
            for tie in one.ties:
                yield from wrapped(tie_sentence(tie, one, words), indent=10, first="        ")


def _finding(finding: Finding, facts: DataFacts, words: Words) -> Iterator[str]:
    title, advice = words.named("finding", finding.kind), words.named("advice", finding.kind)
    yield from wrapped(words._("check_finding", title=title, n=words.count(finding.count)), indent=2)
    if "alike" in finding.kind.value:
        advice = words._("check_alike", advice=advice, near=facts.near, bits=facts.bits)
    yield from wrapped(advice)
    if finding.kind == Kind.CLASS_TIED:
        yield from _tied(facts, words)
        return
    for item in finding.items[:_NAMED]:
        if text := _item(finding, item, words):
            yield from wrapped(text, indent=6, first="    - ")
    if len(finding.items) > _NAMED:
        yield f"    {words._('check_more_items', n=words.count(len(finding.items) - _NAMED))}"


def _item(finding: Finding, item: Item, words: Words) -> str:
    detail = detail_text(item.detail, words)
    if not item.ids or finding.kind == Kind.LABEL_WITHOUT_CLASS:
        return detail
    names, more = words._("comma").join(item.ids[:_OF_A_SET]), len(item.ids) - _OF_A_SET
    if more > 0:
        names = words._("check_more_ids", names=names, n=words.count(more))
    if item.training:
        there = words._("comma").join(item.training[:_OF_A_SET])
        if len(item.training) > _OF_A_SET:
            there = words._("check_more_ids", names=there, n=words.count(len(item.training) - _OF_A_SET))
        names = words._("check_in_training", names=names, training=there)
    return words._("check_item", names=names, detail=detail) if detail else names


FORMAT = "modelaudit-data-check/1"


def document(facts: DataFacts) -> dict[str, Any]:
    """The report as data: totals, findings with their samples, and every sample."""
    known = asdict(facts)
    known["samples"] = [_sample_document(one) for one in facts.samples]
    known["findings"] = [
        {
            "kind": one.kind.value,
            "problem": one.kind.problem,
            "count": one.count,
            "items": [asdict(i) for i in one.items],
        }
        for one in facts.findings
    ]
    return {"format": FORMAT, "modelaudit": __version__, "problems": len(facts.problems), **known}


def _sample_document(sample: SampleFacts) -> dict[str, Any]:
    known = asdict(sample)
    known["look"] = None if sample.look is None else sample.look.hex()
    if sample.mask is not None:
        known["mask"]["share"] = sample.mask.share
    return known
