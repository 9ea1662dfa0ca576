"""Which requirements and records of a run give evidence for the items of a standard.

A pure function of the run's record and of the standard's data. A requirement gives evidence whatever its verdict is:
one that is not met is evidence too. One without a verdict gives none, and is listed as such. Requirements of known-bad
models say nothing about the model under test, and are left out; that such a model was caught is a record of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ..evidence.leaves import leaves_of
from ..evidence.record import (
    ArithmeticNode,
    CaseRecord,
    CompositeNode,
    CurveNode,
    ExtremeNode,
    MeasureNode,
    Node,
    RunRecord,
    record_digest,
)
from .coverage_record import Coverage, CoverageDocument, FoundRecord, FoundRequirement, ItemEvidence, Place
from .records import numbers_of
from .standard_file import ORIGINAL, Selector, Standard, StandardItem

#: part of a stratum's text that names a class, a group of the data, or values of a column
_GROUPS = re.compile(r"\b(?:label|group|column)\(")


def coverage(record: RunRecord, standard: Standard) -> Coverage:
    """The evidence of a run for every item of a standard, in the standard's order."""
    return Coverage(
        standard=standard.name,
        title=standard.title,
        edition=standard.edition,
        publisher=standard.publisher,
        titles_from=standard.titles_from,
        rows=[_row(item, record) for item in standard.items],
    )


def coverage_document(record: RunRecord, standards: Iterable[Standard]) -> CoverageDocument:
    """The evidence of a run for the items of several standards."""
    return CoverageDocument(
        run=record.id,
        record_sha256=record_digest(record),
        overall=record.overall,
        quick_look=record.quick_look,
        standards=[coverage(record, one) for one in standards],
    )


def selects(selector: Selector, case: CaseRecord) -> bool:
    """Whether a requirement is one that the selector means."""
    compares = len(case.models or {leaf.model for leaf in leaves_of(case.left)}) > 1
    if selector.compares_models is not None and selector.compares_models != compares:
        return False
    measured = list(_measured(case.left, ()))
    unchanged = all(_contexts(leaf) == {ORIGINAL} for _names, leaf in measured)
    return any(_fits(selector, names, leaf, unchanged) for names, leaf in measured)


def names_used(record: RunRecord) -> tuple[set[str], set[str]]:
    """The names of the measures and composites, and of the contexts, that the requirements of a run use."""
    measures: set[str] = set()
    contexts: set[str] = set()
    for case in record.cases:
        for names, leaf in _measured(case.left, ()):
            measures.update(names)
            contexts.update(_contexts(leaf))
    return measures, contexts


def _row(item: StandardItem, record: RunRecord) -> ItemEvidence:
    found = {kind: numbers_of(kind, record) for kind in item.records}
    under_test = [case for case in record.cases if not case.must_fail]
    requirements = [
        _requirement(case, record) for case in under_test if any(selects(one, case) for one in item.requirements)
    ]
    records = [FoundRecord(kind=kind, numbers=numbers) for kind, numbers in found.items() if numbers is not None]
    return ItemEvidence(
        item=item.id,
        title=item.title,
        levels=item.levels,
        place=_place(item, bool(records) or any(one.settled for one in requirements)),
        asked=bool(item.requirements),
        requirements=requirements,
        records=records,
        missing=[kind for kind, numbers in found.items() if numbers is None],
        documents=item.documents,
        not_given=item.not_given,
    )


def _place(item: StandardItem, found: bool) -> Place:
    if found:
        return "in_this_run"
    return "not_in_this_run" if item.requirements or item.records or item.documents else "outside"


def _requirement(case: CaseRecord, record: RunRecord) -> FoundRequirement:
    """A requirement; the values of one that is not settled are left out, so that nobody takes them for evidence."""
    settled = case.verdict not in (None, "ERROR") and record.quick_look is None and case.standing != "xfail"
    decision = case.decision if settled else None
    return FoundRequirement(
        case=case.id,
        name=case.name,
        verdict=case.verdict,
        standing=case.standing,
        settled=settled,
        estimate=None if decision is None else decision.estimate,
        lower=None if decision is None else decision.lower,
        upper=None if decision is None else decision.upper,
    )


def _measured(node: Node, names: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], MeasureNode]]:
    """Every measure of a left side, with its name and those of the composites that it is part of."""
    if isinstance(node, ArithmeticNode):
        yield from _measured(node.left, names)
        yield from _measured(node.right, names)
    elif isinstance(node, CurveNode):
        yield from _measured(node.of, names)
    elif isinstance(node, CompositeNode):
        for part in node.of:
            yield (*names, node.name, part.measure), part
    elif isinstance(node, ExtremeNode):
        for each in node.parts:
            yield from _measured(each, names)
    elif isinstance(node, MeasureNode):
        yield (*names, node.measure), node


def _fits(selector: Selector, names: tuple[str, ...], leaf: MeasureNode, unchanged: bool) -> bool:
    """Whether one measure of a requirement is what is selected; ``unchanged``: no measure of it is under a change."""
    if selector.measures is not None and not set(selector.measures) & set(names):
        return False
    contexts = _contexts(leaf) if unchanged else _contexts(leaf) - {ORIGINAL}
    if selector.contexts is not None and not set(selector.contexts) & contexts:
        return False
    if selector.heat_maps is not None and selector.heat_maps != bool(leaf.methods):
        return False
    grouped = bool(_GROUPS.search(leaf.stratum or "")) or "worst_group_accuracy" in names
    return selector.groups is None or selector.groups == grouped


def _contexts(leaf: MeasureNode) -> set[str]:
    """The names and families of a measure's contexts, those searched too; "original" alone where it has none."""
    nodes = [*leaf.contexts, *(node for one in leaf.doses for node in one.contexts), *leaf.searched]
    return {name for node in nodes for name in (node.name, node.family)} or {ORIGINAL}
