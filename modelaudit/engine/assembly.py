"""Assembles the measurement of a group: data and models are opened, the loop and its listeners built and run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..data import class_count, declare_without_object, label_map, labels_of, open_data
from ..language import registry
from ..language.boundary import contained, failure_text
from ..language.checks import CheckSettings
from ..language.progress import Progress, Silent
from ..language.reasons import Missing
from ..language.recorded_models import SCHEME
from ..language.reference import parse_reference
from ..language.sample import DataSet, Sample
from ..models import frozen_on, open_model
from ..models.loaded import LoadedModel
from .checks.method_agreement import MethodAgreement
from .checks.reruns import Rerun, reruns_of
from .checks.sanity import method_sanity
from .checks.sensitivity.collect import SensitivityCollector
from .decision.interim_analysis import InterimAnalysis, donors_of, stops_early
from .decision.sensitivity.decide import sensitivities
from .gallery.changed_pictures import with_pictures
from .gallery.listener import Gallery
from .images.batches import BatchBuilder
from .images.contents import SampleContents
from .images.copies import PictureCopies, notes_on
from .images.donor_ranking import limited, look_order
from .inference.batch_size import micro_batch
from .inference.freed_memory import keep_freed_memory
from .inference.running_model import RunningModel
from .measured_facts import (
    contents_of_donors,
    data_facts,
    label_classes_of,
    model_facts,
    picture_contents,
    sanity_of_baselines,
)
from .measured_searches import counterexamples, replays, searches
from .measurement.answer_levels import give_up_unanswerable
from .measurement.baseline_values import BaselineValues
from .measurement.events import Event, ImagesCounted, Listener, dispatch
from .measurement.label_names import give_up_unknown_labels
from .measurement.loop import MeasurementLoop, settle_precisions
from .measurement.passes import PassRunner
from .measurement.store_lookup import StoreLookup
from .measurement.store_writer import StoreWriter
from .measurement.value_table import ValueTable
from .planning.plan import PREDICTED_CLASS, ModelAsk, PlanGroup, columns_named, with_predicted_class
from .results.baseline_model import BaselineModel
from .results.interventions import Intervention
from .results.measured import (
    Measured,
    MeasuredModel,
    MeasuredSamples,
    PassCounts,
)
from .results.settings import Settings
from .results.strata import sample_facts
from .store.file_digests import FileDigests
from .store.store import Store, StoreBatch

_NONE_LOST: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class _Listeners:
    """Who goes along with a measurement; what was not asked for is None or empty."""

    interim: InterimAnalysis | None
    reruns: tuple[Rerun, ...]
    agreement: MethodAgreement | None
    sensitivity: SensitivityCollector | None
    gallery: Gallery
    writer: StoreWriter | None
    progress: _Counted

    def all(self) -> tuple[Listener, ...]:
        """In the order in which they hear: the writer commits what those before it add."""
        optional = (self.interim, *self.reruns, self.agreement, self.sensitivity, self.gallery, self.writer)
        return (*(one for one in optional if one is not None), self.progress)


@dataclass(frozen=True)
class _Counted:
    """Shows how many images count by now."""

    advance: Callable[[int], None]

    def on(self, event: Event) -> None:
        if isinstance(event, ImagesCounted):
            self.advance(len(event.positions))


def measure(
    group: PlanGroup,
    settings: Settings,
    progress: Progress,
    store: Store | None = None,
    data: DataSet | None = None,
    lost: Mapping[str, str] = _NONE_LOST,
) -> Measured:
    """Measure all that a group asks, except what the store already holds.

    What cannot be measured at all (data that cannot be opened, a model that cannot be loaded, a context that has no
    meaning on these data) is a failure with its message, and takes down only the cases that need it.

    Args:
        data: those of the group where they were listed before.
        lost: samples that ended the process which measured them, by id, with what is known of it; they are not tried.
    """
    counts, store = PassCounts(), store or Store(None)
    try:
        device = settings.resolved_device()
        if data is None:
            data = open_data(group.reference, root=settings.root, quiet=isinstance(progress, Silent))
        data = declare_without_object(data, group.without_object)
    except BaseException as error:  # whatever a third party's source, or a generator of samples, raises
        return _failed(group, failure_text(contained(error)), counts)
    keep_freed_memory()
    seed = settings.seed if group.seed is None else group.seed
    contents = SampleContents(FileDigests(store) if store.active else None)
    with contextlib.ExitStack() as stack:
        builder = BatchBuilder(
            data.samples,
            seed=seed,
            device=device,
            passes=counts,
            store=store,
            contents=contents,
            pools=group.pools,
            root=settings.root,
            object_kept=group.object_kept,
        )
        stack.enter_context(builder)
        for sample in data.samples if lost else ():
            if sample.id in lost:
                builder.note_unusable(sample, Missing.ENDED_WORKER, lost[sample.id])
        return _measure(group, settings, progress, data, builder, store, counts, stack)


def _measure(
    group: PlanGroup,
    settings: Settings,
    progress: Progress,
    data: DataSet,
    builder: BatchBuilder,
    store: Store,
    counts: PassCounts,
    stack: contextlib.ExitStack,
) -> Measured:
    """Build what measures the samples and all who go along with it, run the loop, and gather what they found."""
    chosen = chosen_samples(data, settings, builder.seed)
    may_stop = group.stop == "early" and settings.limit is None
    early = may_stop and not _recorded(group) and stops_early(group, chosen)
    if early:
        chosen = look_order(chosen, builder.seed)
    failures: dict[str, str] = {}
    models = open_models(group, data, settings, builder.seed, counts, failures, stack)
    baselines = _read_baselines(group, settings, failures)
    passes = [with_predicted_class(ask) for ask in group.passes if ask.model in models]
    lookup = StoreLookup(store, builder, models, passes, group.key, settings.counterexamples)
    table = ValueTable(passes, len(chosen), failures)
    earlier = BaselineValues(
        group,
        baselines,
        chosen,
        builder,
        lookup,
        table,
        label_classes_of(group, settings.root),
        whole=settings.limit is None and settings.samples is None,
    )
    give_up_unknown_labels(table, models)
    give_up_unanswerable(table, models)
    runner = PassRunner(chosen, models, builder, lookup, table)
    copies, checks = PictureCopies(chosen, builder.signatures, store, counts), settings.checks_of(group.checks)
    loop = MeasurementLoop(runner, size=settings.resolved_micro_batch())
    with progress.task(group.key.removeprefix("data:"), len(chosen)) as advance:
        began = time.perf_counter()
        of_models = [model.loaded.preprocessing for model in models.values()]
        builder.prepare_for([*of_models, *earlier.preprocessings()])
        earlier.fill(settings.resolved_micro_batch())
        settle_precisions(runner, size=settings.resolved_micro_batch())
        interim = InterimAnalysis(runner, group, data_facts(group, data, builder, store), copies) if early else None
        listeners = _listeners(group, data, runner, checks, interim, advance, settings, earlier.models())
        dispatch(loop.events(), listeners.all())
        earlier.settle()
        counts.seconds = round(time.perf_counter() - began, 3)
    end, columns = loop.end, [one for one in table.columns.values() if one.ask.key != PREDICTED_CLASS]
    own = [column for column in columns if column.model in models]
    counts.values = end * len(own)
    counts.stored = sum(int(column.stored[:end].sum()) for column in own)
    found = copies.of(chosen[:end])
    attributes = tuple(dict.fromkeys((*columns_named(group.cases), *settings.attributes)))
    images = listeners.gallery.images(settings.folder)
    beyond = {sample.id for sample in chosen[end:]}
    shown = donors_of(runner.table, end)
    measured = Measured(
        group=group.key,
        data=data_facts(group, data, builder, store, beyond, notes_on(found, chosen[:end])),
        samples=sample_facts(chosen[:end], attributes, found.copy_of, builder.image_and_mask),
        sanity=[*method_sanity(runner, end, checks.sanity), *sanity_of_baselines(group, baselines)],
        models=[*(model_facts(key, model, runner, end) for key, model in models.items()), *earlier.models()],
        columns=[column.data(range(end)) for column in columns],
        galleries=images.galleries,
        reviews=images.reviews,
        failures={key: why for key, why in table.failures.items() if not key.endswith(f"|{PREDICTED_CLASS}")},
        passes=counts,
        checked=checks.any,
        radius=checks.radius,
        agreement={} if listeners.agreement is None else listeners.agreement.data(),
        sizes=builder.sizes(models),
        variants=[rerun.data() for rerun in listeners.reruns],
        shown=shown,
        donor_contents=contents_of_donors(shown, table.donor_contents),
        pictures=picture_contents(runner, chosen[:end]),
        counterexamples=counterexamples(table, builder, chosen, end),
        searches=searches(table, end),
        replays=replays(table, settings.counterexamples, chosen, end, table.failures),
        looks=interim.looks if interim is not None else 1 if may_stop else None,
    )
    return measured.model_copy(
        update={
            "sensitivity": sensitivities(group, measured, listeners.sensitivity),
            "counterexamples": with_pictures(measured.counterexamples, runner, settings.folder),
        }
    )


def chosen_samples(data: DataSet, settings: Settings, seed: int) -> Sequence[Sample]:
    """The samples that a run with these settings measures, in the order of the data."""
    return limited(_among(data.samples, settings.samples), settings.limit, seed)


def _among(samples: Sequence[Sample], names: Collection[str] | None) -> Sequence[Sample]:
    return samples if names is None else [sample for sample in samples if sample.id in names]


def _listeners(
    group: PlanGroup,
    data: DataSet,
    runner: PassRunner,
    checks: CheckSettings,
    interim: InterimAnalysis | None,
    advance: Callable[[int], None],
    settings: Settings,
    recorded: Sequence[MeasuredModel],
) -> _Listeners:
    """Everybody who goes along; what they want to be stored is gathered in one batch, which the writer commits."""
    size, batch, labels = settings.resolved_micro_batch(), StoreBatch(), {str(sample.label) for sample in data.samples}
    reruns = tuple(reruns_of(runner, group.key, checks, batch, size=size)) if checks.any else ()
    redrawn = [rerun.builder for rerun in reruns if rerun.intervention is Intervention.REDRAWN]
    writer = StoreWriter(runner.lookup, batch, runner.builder, redrawn, runner.models)
    return _Listeners(
        interim=interim,
        reruns=reruns,
        agreement=MethodAgreement(runner, checks, batch) if checks.agreement else None,
        sensitivity=SensitivityCollector(runner, checks, batch, size=size) if checks.sensitivity else None,
        gallery=Gallery(
            runner, group, frozenset(labels), batch, size=size, reviewed=settings.reviewed, recorded=recorded
        ),
        writer=writer if runner.stores else None,
        progress=_Counted(advance),
    )


def open_models(
    group: PlanGroup,
    data: DataSet,
    settings: Settings,
    seed: int,
    passes: PassCounts,
    failures: dict[str, str],
    stack: contextlib.ExitStack,
) -> dict[str, RunningModel]:
    """The models of a group on their device, frozen until `stack` is closed; `failures` says which cannot be opened."""
    models: dict[str, RunningModel] = {}
    device = settings.resolved_device()
    for key, ask in group.models.items():
        if ask.recorded:
            continue
        try:
            given = labels_of(group.labels, settings.root)
            loaded = opened_model(ask, data, given, settings.root)
            labels = label_map(data, classes=loaded.classes, outputs=loaded.outputs, given=given)
            model = stack.enter_context(frozen_on(loaded, device))
            asked = settings.micro_batch if loaded.answers is None else settings.resolved_micro_batch()
            batch = micro_batch(model, loaded.input_size, device, asked)
        except BaseException as error:  # whatever a third party's source raises: the other models go on
            failures[f"model:{key}"] = failure_text(contained(error))
            continue
        models[key] = RunningModel(loaded, device, labels, batch, passes, seed)
    return models


def _recorded(group: PlanGroup) -> bool:
    return any(ask.recorded for ask in group.models.values())


def _read_baselines(group: PlanGroup, settings: Settings, failures: dict[str, str]) -> dict[str, BaselineModel]:
    """The models whose values an earlier run measured."""
    found: dict[str, BaselineModel] = {}
    for key, ask in group.models.items():
        if ask.recorded:
            try:
                found[key] = _read_baseline(ask, settings.root)
            except BaseException as error:
                failures[f"model:{key}"] = failure_text(contained(error))
    return found


def _read_baseline(ask: ModelAsk, root: Path) -> BaselineModel:
    found: BaselineModel = registry.find("model", SCHEME).function(parse_reference(str(ask.reference)), root)
    return found


def model_fingerprints(groups: Iterable[PlanGroup], root: Path) -> dict[str, str]:
    """The fingerprint of every model that is asked for, by its key: models are opened, and nothing is measured.

    Raises:
        AuditError: data or a model that cannot be opened.
    """
    found: dict[str, str] = {}
    for group in groups:
        data = open_data(group.reference, root=root, quiet=True)
        for key, ask in group.models.items():
            if key not in found and ask.recorded:
                found[key] = _read_baseline(ask, root).model.fingerprint
            elif key not in found:
                found[key] = opened_model(ask, data, labels_of(group.labels, root), root).fingerprint
    return found


def opened_model(ask: ModelAsk, data: DataSet, labels: Mapping[str | int, Any] | None, root: Path) -> LoadedModel:
    """The model as an audit asks for it.

    Args:
        labels: the data's labels to its classes, where the audit gives them.

    Raises:
        ModelError, DataError: it cannot be opened.
    """
    return open_model(
        ask.reference,
        root=root,
        preprocessing=ask.preprocessing,
        classes=ask.classes,
        allow_code=ask.allow_code,
        scores=ask.scores,
        labels=class_count(data, labels),
    )


def _failed(group: PlanGroup, message: str, passes: PassCounts) -> Measured:
    return Measured(
        group=group.key,
        data=None,
        samples=MeasuredSamples.of(()),
        models=[],
        columns=[],
        galleries={},
        failures={"data": message},
        passes=passes,
    )
