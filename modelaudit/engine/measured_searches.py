"""What the searches of a group found, as the record has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..language.sample import Sample
from ..measures.base import searches_changes
from ..measures.worst_change import WorstChange
from .images.batches import BatchBuilder
from .measurement.value_table import ColumnValues, ValueTable
from .results.counterexamples import Counterexample, KnownCase, ReplayFacts, SearchFacts


def counterexamples(
    table: ValueTable, builder: BatchBuilder, samples: Sequence[Sample], end: int
) -> list[Counterexample]:
    """The smallest change of each image whose answer was flipped, the smallest first in each column.

    Args:
        end: so many samples count.
    """
    found: list[Counterexample] = []
    for column in _searched(table):
        of_column: list[Counterexample] = []
        for at, search in column.searches.items():
            if at >= end or search.found is None:
                continue
            image, mask = builder.image_and_mask(samples[at]) or ("", "")
            fields = search.found.model_dump()
            of_column.append(
                Counterexample(
                    model=column.model,
                    column=column.ask.key,
                    sample=samples[at].id,
                    label=str(samples[at].label),
                    image=image,
                    mask=mask,
                    calls=search.calls,
                    **fields,
                )
            )
        found.extend(sorted(of_column, key=lambda one: (one.size, one.sample)))
    return found


def searches(table: ValueTable, end: int) -> list[SearchFacts]:
    """What the searches of each column did."""
    found: list[SearchFacts] = []
    for column in _searched(table):
        own = [one for at, one in column.searches.items() if at < end]
        spec = column.ask.spec
        assert isinstance(spec, WorstChange)
        found.append(
            SearchFacts(
                model=column.model,
                column=column.ask.key,
                images=sum(one.searched for one in own),
                flipped=sum(one.found is not None for one in own),
                calls=sum(one.calls for one in own),
                budget=spec.calls,
                seconds=spec.seconds,
                cut_off=sum(one.cut_off for one in own),
            )
        )
    return found


def replays(
    table: ValueTable, cases: Sequence[KnownCase], samples: Sequence[Sample], end: int, failures: Mapping[str, str]
) -> list[ReplayFacts]:
    """What came of every stored case of the columns that were asked for."""
    positions = {sample.id: at for at, sample in enumerate(samples[:end])}
    return [
        _replay(case, column, positions.get(case.sample), failures)
        for column in _searched(table)
        for case in sorted(cases, key=lambda one: one.file)
        if case.measure == column.ask.key
    ]


def _replay(case: KnownCase, column: ColumnValues, at: int | None, failures: Mapping[str, str]) -> ReplayFacts:
    search = None if at is None else column.searches.get(at)
    tried = next((one for one in (search.tried if search else ()) if one.file == case.file), None)
    why = "" if tried is None else tried.why
    if tried is None:
        reason = None if at is None else column.missing.get(at)
        failure = failures.get(f"{column.model}|{column.ask.key}") or failures.get(column.model)
        if at is None:
            why = "the run has no image of that id"
        elif failure:
            why = f"it was not measured: {failure.splitlines()[0]}"
        else:
            why = "it was not measured" if reason is None else f"the image has no value ({reason}): {reason.advice}"
    elif tried.state == "cannot_replay" and not why:
        why = "the time for the search was over"
    return ReplayFacts(
        file=case.file,
        model=column.model,
        column=column.ask.key,
        sample=case.sample,
        context=case.context,
        state="cannot_replay" if tried is None else tried.state,
        why=why,
    )


def _searched(table: ValueTable) -> Iterator[ColumnValues]:
    """The columns of measures that search, of models that were run."""
    for (model, _), column in table.columns.items():
        if model not in table.recorded and searches_changes(column.ask.spec):
            yield column
