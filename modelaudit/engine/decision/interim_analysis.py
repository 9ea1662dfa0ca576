"""Stopping early: images are looked at in a fixed random order until every case of a group is decided.

When to look is fixed in images, so that neither the size of the chunks nor what the store already holds changes what
is decided: whatever was measured beyond the look that ended it counts for nothing.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ...language.errors import AuditError
from ...language.sample import Sample
from ...statistics import Verdict, decide
from ..images.copies import PictureCopies
from ..planning.plan import PlanGroup, PlannedCase, columns_named
from ..results.checks import CheckResults, Stopped
from ..results.measured import Measured, MeasuredData, MeasuredModel, PassCounts, PassDonors
from ..results.strata import sample_facts
from .case_table import CaseTable

if TYPE_CHECKING:
    from ..measurement.loop import Measuring

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
    """The looks of one measurement.

    ``end``: so many images count, as far as is known by now. ``looks``: made so far. ``stopped``: whether the rest need
    not be measured.

    Args:
        known: facts of the data as they will be of the whole.
        pictures: tells which of the images looked at are one picture.
    """

    def __init__(self, run: Measuring, group: PlanGroup, known: MeasuredData, pictures: PictureCopies) -> None:
        self._run, self._cases, self._data, self._pictures = run, group.cases, known, pictures
        self._group = group.key
        self._facts = sample_facts(run.samples, columns_named(group.cases))
        self._schedule = looks_of(len(run.samples))
        self._next = next(self._schedule)
        self._left: deque[int] = deque()
        self._known = 0
        self._stored: deque[int] = deque()
        self._settled: set[str] = set()
        self.end, self.looks, self.stopped = len(run.samples), 0, False

    def looked_up(self, until: int, left: Sequence[int], stored: Sequence[int]) -> list[int]:
        """Positions below `until` are looked up, and `left` are to be measured; of the stored ones those that count."""
        self._known = until
        self._left.extend(left)
        self._stored.extend(stored)
        return self._look()

    def measured(self, positions: Sequence[int]) -> list[int]:
        """A chunk is measured; the positions that count by now, stored ones between them too."""
        done = set(positions)
        while self._left and self._left[0] in done:
            self._left.popleft()
        ready = self._look()
        return sorted([*ready, *(at for at in positions if at < self.end)])

    def _look(self) -> list[int]:
        """Make the looks that can be made, and say which of the stored images count by now."""
        complete = self._left[0] if self._left else self._known
        while not self.stopped and self._next <= complete:
            self.looks += 1
            if self._next == len(self._facts) or self._all_settled(self._next):
                self.stopped, self.end = True, self._next
            else:
                self._next = next(self._schedule)
        ready = []
        while self._stored and self._stored[0] < min(complete, self.end):
            ready.append(self._stored.popleft())
        return ready

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
        run, first = self._run, range(count)
        copy_of = self._pictures.of(run.samples[:count]).copy_of
        facts = [
            one.model_copy(update={"copy_of": copy_of[one.id]}) if one.id in copy_of else one
            for one in self._facts[:count]
        ]
        models = [
            MeasuredModel.model_construct(
                key=key,
                classes=None if model.loaded.classes is None else list(model.loaded.classes),
                indices=[model.indices[sample.label] for sample in run.samples[:count]],
                areas=run.rows.areas(key)[:count].tolist(),
            )
            for key, model in run.models.items()
        ]
        return Measured.model_construct(
            group=self._group,
            data=self._data,
            samples=facts,
            models=models,
            columns=[column.data(first) for column in run.rows.columns.values()],
            galleries={},
            failures=run.failures,
            passes=PassCounts(),
            shown=lenders(run, count),
            looks=self.looks,
        )


def lenders(run: Measuring, count: int) -> list[PassDonors]:
    """Who lent the first images their backgrounds, in every pass in which anybody did.

    Of donors of equal content the first by id stands for all: the same file twice in a pool is one background.
    """
    first: dict[str, str] = {}
    for name, content in sorted(run.rows.contents.items()):
        first.setdefault(content or name, name)
    alias = {name: first[content or name] for name, content in run.rows.contents.items()}
    return [
        PassDonors(
            model=model,
            context=context,
            donors=[None if name is None else alias.get(name, name) for name in map(rows.donors.get, range(count))],
        )
        for (model, context), rows in run.rows.passes.items()
        if rows.donors
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
