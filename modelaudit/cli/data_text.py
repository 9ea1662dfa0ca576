"""What ``modelaudit data check`` found, as text for a terminal and as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from .. import __version__
from ..language.findings import DataFacts, Finding, Item, Kind, Quantiles, SampleFacts, Tally
from ..report.words import words_of
from .terminal import table, wrapped

_ROWS, _NAMED, _OF_A_SET, _COUNTS = 20, 5, 4, 6
_BAR = 40


def report_lines(facts: DataFacts) -> Iterator[str]:
    """The report line by line: contents, then remarks, and problems last."""
    usable = sum(one.reason is None for one in facts.samples)
    shared = (f"{_count(len(facts.groups), 'group')}, " if facts.groups else "") + _clusters(facts.clusters)
    yield facts.reference
    yield from wrapped(
        f"{_count(len(facts.samples), 'image')} ({usable} usable), {_count(len(facts.labels), 'label')}, {shared}"
        f"{_count(sum(one.mask is not None for one in facts.samples), 'mask')}",
        indent=2,
    )
    for note in facts.notes:
        yield from wrapped(f"note: {note}", indent=4, first="  ")
    yield from _tallies("label", facts.labels)
    yield from _tallies("group", facts.groups)
    yield from _tallies("cluster", facts.clusters)
    yield ""
    yield from _counts("sizes", facts.sizes)
    yield from _counts("formats", facts.formats)
    yield from _counts("modes", facts.modes)
    if facts.turned:
        yield from _counts("EXIF", {"turned upright": facts.turned})
    mask_kinds = {words_of("en").named("mask", name): count for name, count in facts.mask_kinds.items()}
    yield from _counts("mask kinds", mask_kinds)
    yield from _counts("mask values", facts.mask_values)
    if facts.touching:
        yield from _counts("mask border", {"objects that touch it": facts.touching})
    yield from _shares(facts)
    yield from _classes(facts)
    remarks = [one for one in facts.findings if not one.kind.problem]
    for title, findings in (("REMARKS", remarks), ("PROBLEMS", facts.problems)):
        if findings:
            yield from ("", title)
            for finding in findings:
                yield from _finding(finding, facts)
    yield ""
    problems = sum(one.count for one in facts.problems)
    kinds = _count(len(facts.problems), "kind")
    yield f"{_count(problems, 'case')} of {kinds} of problem" if problems else "no problems"


def _tallies(what: str, tallies: Mapping[str, Tally]) -> Iterator[str]:
    if not tallies:
        return
    rows = [
        (name, str(one.images), str(one.usable), str(one.masks), "-" if one.share is None else f"{one.share:.1%}")
        for name, one in list(tallies.items())[:_ROWS]
    ]
    yield ""
    yield from table((what, "images", "usable", "masks", "object"), rows)
    if len(tallies) > _ROWS:
        rest = [one.images for one in list(tallies.values())[_ROWS:]]
        images = f"{min(rest)}" if min(rest) == max(rest) else f"{min(rest)} to {max(rest)}"
        yield f"  and {len(rest)} more, each of {images} images"


def _clusters(clusters: Mapping[str, Tally]) -> str:
    if not clusters:
        return ""
    largest = max(one.images for one in clusters.values())
    return f"{_count(len(clusters), 'cluster')} of at most {_count(largest, 'image')}, "


def _counts(name: str, counts: Mapping[str, int]) -> Iterator[str]:
    if counts:
        shown = [f"{value} ({count})" for value, count in list(counts.items())[:_COUNTS]]
        more = [f"and {len(counts) - _COUNTS} more"] if len(counts) > _COUNTS else []
        yield from wrapped(f"{name:<12}  {', '.join((*shown, *more))}", indent=16, first="  ")


def _shares(facts: DataFacts) -> Iterator[str]:
    rows = [
        (name, *(f"{value:.1%}" for value in _values(found)))
        for name, found in (("object's share", facts.shares), ("left by the crop", facts.kept))
        if found is not None
    ]
    if not rows:
        return
    yield ""
    if facts.geometry:
        yield from wrapped(f"{'geometry':<12}  {facts.geometry}", indent=16, first="  ")
    yield from table(("over the images", "least", "5%", "25%", "median", "75%", "95%", "most"), rows)
    most = max(facts.histogram, default=0)
    if most:
        yield ""
        yield "  object's share: how many masks"
        for at, count in enumerate(facts.histogram):
            bar = "#" * (round(_BAR * count / most) or (1 if count else 0))
            yield f"  {at * 10:>3} to {at * 10 + 10:>3}%  {count:>6}  {bar}"


def _values(found: Quantiles) -> tuple[float, ...]:
    return (found.least, found.q05, found.q25, found.median, found.q75, found.q95, found.most)


def _classes(facts: DataFacts) -> Iterator[str]:
    met = facts.classes
    if met is None:
        return
    rows = [
        (label, ", ".join(f"{index} {met.names.get(index, '')}".strip() for index in indices[:4]))
        for label, indices in list(met.met.items())[:_ROWS]
    ]
    yield ""
    yield from wrapped(
        f"{len(met.met)} of {len(met.met) + len(met.unmet)} labels match a class of {met.source}", indent=2
    )
    if rows:
        yield from table(("label", "class"), rows, numbers=False)
    if len(met.met) > _ROWS:
        yield f"  and {len(met.met) - _ROWS} more"


def _finding(finding: Finding, facts: DataFacts) -> Iterator[str]:
    words = words_of("en")
    title, advice = words.named("finding", finding.kind), words.named("advice", finding.kind)
    yield from wrapped(f"{title}: {finding.count}", indent=2)
    if "alike" in finding.kind.value:
        advice = f"{advice} Alike: at most {facts.near} of {facts.bits} bits of their hashes differ."
    yield from wrapped(advice)
    for item in finding.items[:_NAMED]:
        if text := _item(finding, item):
            yield from wrapped(text, indent=6, first="    - ")
    if len(finding.items) > _NAMED:
        yield f"    and {len(finding.items) - _NAMED} more (--html or --json has all of them)"


def _item(finding: Finding, item: Item) -> str:
    if not item.ids or finding.kind == Kind.LABEL_WITHOUT_CLASS:
        return item.detail
    more = f" and {len(item.ids) - _OF_A_SET} more" if len(item.ids) > _OF_A_SET else ""
    return ", ".join(item.ids[:_OF_A_SET]) + more + (f": {item.detail}" if item.detail else "")


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


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
