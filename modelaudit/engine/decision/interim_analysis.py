"""Stopping early: images are looked at in a fixed random order until every case of a group is decided.

When to look is fixed in images, so that neither the size of the chunks nor what the store already holds changes what
is decided: whatever was measured beyond the look that ended it counts for nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ...language.errors import AuditError
from ...language.sample import Sample
from ...language.text_column import TextColumn
from ...statistics import Verdict, decide
from ..images.copies import PictureCopies
from ..measurement.events import Event, Look
from ..measurement.passes import PassRunner
from ..measurement.value_table import ValueTable
from ..planning.plan import PlanGroup, PlannedCase, columns_named
from ..results.checks import CheckResults, Stopped
from ..results.measured import Measured, MeasuredData, MeasuredModel, PassCounts, PassDonors
from ..results.strata import sample_facts
from .case_table import CaseTable

#: images at the first look, and by how much at least the next one has more
FIRST_LOOK = 16
GROWTH = 1.1
_TOGETHER = (
    "stop='early' has no effect here: images of one cluster depend on each other, so all were measured before the rule "
    "for clusters decided"
)


def looks_of(count: int) -> Iterator[int]:
    """After how many images of `count` everything is decided anew; the last look is at all of them."""
    look = FIRST_LOOK
    while look < count:
        yield look
        look = max(look + 1, math.ceil(GROWTH * look))
    yield count


def stops_early(group: PlanGroup, samples: Sequence[Sample]) -> bool:
    """Whether a group that asks for it can stop early: images of clusters say nothing of the process one by one."""
    clustered = any(sample.cluster is not None for sample in samples)
    audits = [case.asked.case.audit for case in group.cases]
    return not (clustered and any(one.about == "process" and one.claim is None for one in audits))


def sequential(measured: Measured) -> int | None:
    """Of how many images those looked at were the first ones; None where all were to be looked at."""
    return None if measured.looks is None or measured.data is None else measured.data.available


def with_looks(checks: CheckResults, measured: Measured) -> CheckResults:
    """What was checked of a case, with how far its audit looked."""
    if measured.looks is None or measured.data is None:
        return checks
    looked, available = len(measured.samples), measured.data.available
    found = Stopped(looked=looked, available=available, looks=measured.looks)
    together = measured.looks == 1 and any(sample.cluster is not None for sample in measured.samples)
    return checks.model_copy(
        update={"stopped": found, "notes": [*checks.notes, _TOGETHER] if together else list(checks.notes)}
    )


class InterimAnalysis:
    """The listener that decides an audit at its looks, and ends the measurement once everything is decided.

    ``looks``: made so far.

    Args:
        known: facts of the data as they will be of the whole.
        pictures: tells which of the images looked at are one picture.
    """

    def __init__(self, runner: PassRunner, group: PlanGroup, known: MeasuredData, pictures: PictureCopies) -> None:
        self._runner, self._cases, self._data, self._pictures = runner, group.cases, known, pictures
        self._group = group.key
        self._facts = sample_facts(runner.samples, columns_named(group.cases))
        self._schedule = looks_of(len(runner.samples))
        self._next = next(self._schedule)
        self._settled: set[str] = set()
        self._stopped = False
        self.looks = 0

    def on(self, event: Event) -> None:
        """Make the looks that can be made."""
        while isinstance(event, Look) and not self._stopped and self._next <= event.complete:
            self.looks += 1
            if self._next == len(self._facts) or self._all_settled(self._next):
                self._stopped, event.end = True, self._next
            else:
                self._next = next(self._schedule)

    def _all_settled(self, count: int) -> bool:
        """A case that was settled is asked again only where all others are."""
        seen: Measured | None = None
        for case in self._cases:
            if case.asked.id not in self._settled:
                seen = self._seen(count) if seen is None else seen
                if not _settled(case, seen):
                    return False
                self._settled.add(case.asked.id)
        seen = self._seen(count) if seen is None else seen
        self._settled = {case.asked.id for case in self._cases if _settled(case, seen)}
        return len(self._settled) == len(self._cases)

    def _seen(self, count: int) -> Measured:
        """What decisions read, of the first images."""
        runner, first = self._runner, range(count)
        copy_of = self._pictures.of(runner.samples[:count]).copy_of
        facts = self._facts.first(count, copy_of=TextColumn.of(copy_of.get(one.id) for one in runner.samples[:count]))
        models = [
            MeasuredModel.model_construct(
                key=key,
                classes=None if model.loaded.classes is None else list(model.loaded.classes),
                indices=[model.indices[sample.label] for sample in runner.samples[:count]],
                areas=runner.table.areas(key)[:count].tolist(),
            )
            for key, model in runner.models.items()
        ]
        return Measured.model_construct(
            group=self._group,
            data=self._data,
            samples=facts,
            models=models,
            columns=[column.data(first) for column in runner.table.columns.values()],
            galleries={},
            failures=runner.table.failures,
            passes=PassCounts(),
            shown=donors_of(runner.table, count),
            looks=self.looks,
        )


def donors_of(table: ValueTable, count: int) -> list[PassDonors]:
    """The donors of the first images' backgrounds, in every pass that has any.

    Of donors of equal content the first by id stands for all: the same file twice in a pool is one background.
    """
    first: dict[str, str] = {}
    for name, content in sorted(table.donor_contents.items()):
        first.setdefault(content or name, name)
    alias = {name: first[content or name] for name, content in table.donor_contents.items()}
    return [
        PassDonors(
            model=model,
            context=context,
            donors=[None if name is None else alias.get(name, name) for name in map(images.donors.get, range(count))],
        )
        for (model, context), images in table.images.items()
        if images.donors
    ]


def _settled(case: PlannedCase, seen: Measured) -> bool:
    """Whether more images would change nothing: PASS, FAIL, or an error."""
    table = CaseTable(case, seen)
    try:
        table.check()
        decision = decide(
            case.asked.expectation,
            table,
            confidence=case.asked.case.confidence,
            about=case.asked.case.audit.about,
            bounds=case.asked.case.audit.bounds,
            claim=case.asked.case.audit.claim,
            sequential=sequential(seen),
            brief=True,
        )
    except AuditError:  # the same once all is measured: the case is an error, and says why
        return True
    return decision.verdict in (Verdict.PASS, Verdict.FAIL)
