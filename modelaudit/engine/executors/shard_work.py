"""What a worker does: passes over shards of a group's samples, whose values go to the store of the run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...data import declare_without_object, open_data
from ...language.sample import DataSet, Sample
from ...measures.worst_change import WorstChange
from ..assembly import chosen_samples, open_models
from ..checks.sensitivity.collect import first_with_object
from ..decision.interim_analysis import stops_early
from ..images.batches import BatchBuilder
from ..images.contents import SampleContents
from ..images.donor_ranking import first_positions
from ..inference.freed_memory import keep_freed_memory
from ..measurement.answer_levels import give_up_unanswerable
from ..measurement.events import ChunkMeasured, Ended, Event, ImagesCounted, dispatch
from ..measurement.label_names import give_up_unknown_labels
from ..measurement.loop import MeasurementLoop, settle_precisions
from ..measurement.passes import PassRunner
from ..measurement.store_lookup import StoreLookup
from ..measurement.store_writer import StoreWriter
from ..measurement.value_table import ValueTable
from ..planning.plan import PREDICTED_CLASS, PassAsk, PlanGroup, with_predicted_class
from ..results.measured import PassCounts
from ..results.settings import Settings
from ..store.file_digests import FileDigests
from ..store.store import Store, StoreBatch

Report = Callable[[int, PassCounts], None]


def shared_out(group: PlanGroup, data: DataSet, settings: Settings) -> tuple[Sequence[Sample], Sequence[int]]:
    """The samples of a group, and the positions of those of which workers measure shards.

    None where one process has to measure the whole: for an audit that may stop early, which looks at its first images
    only, and for models whose values an earlier run measured. Nor those images on which the checks of the audit read
    off what its own passes make: their maps are in no store.
    """
    seed = settings.seed if group.seed is None else group.seed
    chosen = chosen_samples(data, settings, seed)
    early = group.stop == "early" and settings.limit is None and stops_early(group, chosen)
    if early or not shared_passes(group):
        return chosen, ()
    checks = settings.checks_of(group.checks)
    checked = set(first_positions(chosen, checks.agreement, seed))
    checked |= set(first_with_object(chosen, checks.sensitivity, seed))
    return chosen, [at for at in range(len(chosen)) if at not in checked]


def shared_passes(group: PlanGroup) -> list[PassAsk]:
    """The passes that workers measure; those of recorded models, and those with a clock, are left to the last task."""
    if any(ask.recorded for ask in group.models.values()):
        return []
    return [
        ask
        for ask in group.passes
        if not any(isinstance(one.spec, WorstChange) and one.spec.seconds is not None for one in ask.columns)
    ]


class GroupWork:
    """The data and the models of a group, opened once in a worker.

    Args:
        store: that of the run.

    Raises:
        AuditError: data that cannot be opened. A model that cannot be is left out: the last task says so.
    """

    def __init__(self, group: PlanGroup, settings: Settings, store: Store) -> None:
        data = declare_without_object(open_data(group.reference, root=settings.root, quiet=True), group.without_object)
        seed = settings.seed if group.seed is None else group.seed
        keep_freed_memory()
        self._group, self._settings, self._store = group, settings, store
        self._samples = chosen_samples(data, settings, seed)
        self._counts = PassCounts()
        with contextlib.ExitStack() as stack:
            self._builder = stack.enter_context(
                BatchBuilder(
                    data.samples,
                    seed=seed,
                    device=settings.resolved_device(),
                    passes=self._counts,
                    store=store,
                    contents=SampleContents(FileDigests(store)),
                    pools=group.pools,
                    root=settings.root,
                    object_kept=group.object_kept,
                )
            )
            self._models = open_models(group, data, settings, seed, self._counts, {}, stack)
            self._opened = stack.pop_all()
        self._passes = [with_predicted_class(ask) for ask in shared_passes(group) if ask.model in self._models]
        whole = [with_predicted_class(ask) for ask in group.passes if ask.model in self._models]
        self._lookup = StoreLookup(store, self._builder, self._models, whole, group.key, settings.counterexamples)
        self._builder.prepare_for([model.loaded.preprocessing for model in self._models.values()])
        size = settings.resolved_micro_batch()
        settle_precisions(self._runner(self._samples[:size], whole), size=size)

    def measure(self, positions: Sequence[int], report: Report) -> None:
        """Measure some of the samples, except what the store holds; `report` hears what is in the store by then."""
        before = self._counts.model_copy()
        samples = [self._samples[at] for at in positions]
        runner = self._runner(samples, self._passes)
        give_up_unknown_labels(runner.table, self._models)
        give_up_unanswerable(runner.table, self._models)
        writer = StoreWriter(self._lookup, StoreBatch(), self._builder, (), self._models)
        loop = MeasurementLoop(runner, size=self._settings.resolved_micro_batch())
        dispatch(loop.events(), (writer, _Reporter(runner.table, self._counts, before, report)))

    def close(self) -> None:
        """Let go of models and data."""
        self._opened.close()

    def _runner(self, samples: Sequence[Sample], passes: Sequence[PassAsk]) -> PassRunner:
        table = ValueTable(passes, len(samples))
        return PassRunner(samples, self._models, self._builder, self._lookup, table)


@dataclass
class _Reporter:
    """Hears what counts, and tells it once that is stored: it stands behind the writer."""

    table: ValueTable
    counts: PassCounts
    before: PassCounts
    report: Report
    counted: int = 0

    def on(self, event: Event) -> None:
        if isinstance(event, ImagesCounted):
            self.counted = event.positions.stop
        elif isinstance(event, ChunkMeasured | Ended):
            self.report(self.counted, self._cost())

    def _cost(self) -> PassCounts:
        """What this shard cost so far."""
        now, then = self.counts, self.before
        columns = [one for one in self.table.columns.values() if one.ask.key != PREDICTED_CLASS]
        return PassCounts(
            decoded=now.decoded - then.decoded,
            forward=now.forward - then.forward,
            backward=now.backward - then.backward,
            tried=now.tried - then.tried,
            values=self.counted * len(columns),
            stored=sum(int(column.stored[: self.counted].sum()) for column in columns),
        )
