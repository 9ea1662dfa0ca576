"""Assembles the measurement of a group: data and models are opened, the loop and its listeners built and run."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contexts import stored_picture
from ..data import class_count, declare_without_object, fingerprint, label_map, labels_of, open_data
from ..language import registry
from ..language.boundary import contained, failure_text
from ..language.checks import CheckSettings
from ..language.errors import AuditError
from ..language.merkle import merkle_root
from ..language.progress import Progress, Silent
from ..language.recorded_models import SCHEME
from ..language.reference import parse_reference
from ..language.sample import DataSet, Sample
from ..models import deterministic, frozen_on, open_model
from ..models.loaded import LoadedModel
from ..models.score_reading import ScoreReading
from .checks.method_agreement import MethodAgreement
from .checks.reruns import Rerun, reruns_of
from .checks.sanity import method_sanity
from .checks.sensitivity.collect import SensitivityCollector
from .decision.interim_analysis import InterimAnalysis, donors_of, stops_early
from .decision.sensitivity.decide import sensitivities
from .gallery.listener import Gallery
from .images.batches import BatchBuilder
from .images.contents import SampleContents
from .images.copies import PictureCopies, notes_on
from .images.donor_ranking import limited, look_order
from .inference.batch_size import micro_batch
from .inference.running_model import RunningModel
from .measurement.baseline_values import BaselineValues
from .measurement.events import Event, ImagesCounted, Listener, dispatch
from .measurement.label_names import give_up_unknown_labels
from .measurement.loop import MeasurementLoop, settle_precisions
from .measurement.passes import PassRunner
from .measurement.store_lookup import StoreLookup
from .measurement.store_writer import StoreWriter
from .measurement.value_table import ValueTable
from .planning.plan import PREDICTED_CLASS, ModelAsk, PassAsk, PlanGroup, columns_named, with_predicted_class
from .results.baseline_model import BaselineModel
from .results.checks import Sanity
from .results.interventions import Intervention
from .results.measured import (
    CropFacts,
    LayerFacts,
    Measured,
    MeasuredData,
    MeasuredModel,
    PassCounts,
    PassDonors,
    ScoreFacts,
)
from .results.settings import Settings
from .results.strata import sample_facts, values_of
from .store.file_digests import FileDigests
from .store.store import Store, StoreBatch


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
    group: PlanGroup, settings: Settings, progress: Progress, store: Store | None = None, data: DataSet | None = None
) -> Measured:
    """Measure all that a group asks, except what the store already holds.

    What cannot be measured at all (data that cannot be opened, a model that cannot be loaded, a context that has no
    meaning on these data) is a failure with its message, and takes down only the cases that need it. `data` are those
    of the group where they were listed before.
    """
    counts, store = PassCounts(), store or Store(None)
    try:
        device = settings.resolved_device()
        if data is None:
            data = open_data(group.reference, root=settings.root, quiet=isinstance(progress, Silent))
        data = declare_without_object(data, group.without_object)
    except BaseException as error:  # whatever a third party's source, or a generator of samples, raises
        return _failed(group, failure_text(contained(error)), counts)
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
    chosen: Sequence[Sample] = limited(_among(data.samples, settings.samples), settings.limit, builder.seed)
    may_stop = group.stop == "early" and settings.limit is None
    early = may_stop and not _recorded(group) and stops_early(group, chosen)
    if early:
        chosen = look_order(chosen, builder.seed)
    failures: dict[str, str] = {}
    models = _open_models(group, data, settings, builder.seed, counts, failures, stack)
    baselines = _read_baselines(group, settings, failures)
    passes = [with_predicted_class(ask) for ask in group.passes if ask.model in models]
    lookup, table = StoreLookup(store, builder, models, passes, group.key), ValueTable(passes, len(chosen), failures)
    earlier = BaselineValues(
        group,
        baselines,
        chosen,
        builder,
        lookup,
        table,
        _label_classes(group, settings.root),
        whole=settings.limit is None and settings.samples is None,
    )
    give_up_unknown_labels(table, models)
    runner = PassRunner(chosen, models, builder, lookup, table)
    copies, checks = PictureCopies(chosen, builder.signatures, store, counts), settings.checks_of(group.checks)
    loop = MeasurementLoop(runner, size=settings.resolved_micro_batch())
    with progress.task(group.key.removeprefix("data:"), len(chosen)) as advance:
        began = time.perf_counter()
        of_models = [model.loaded.preprocessing for model in models.values()]
        builder.prepare_for([*of_models, *earlier.preprocessings()])
        earlier.fill(settings.resolved_micro_batch())
        settle_precisions(runner, size=settings.resolved_micro_batch())
        interim = InterimAnalysis(runner, group, _data_facts(group, data, builder, store), copies) if early else None
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
        data=_data_facts(group, data, builder, store, beyond, notes_on(found, chosen[:end])),
        samples=sample_facts(chosen[:end], attributes, found.copy_of, builder.image_and_mask),
        sanity=[*method_sanity(runner, end, checks.sanity), *_sanity_of(group, baselines)],
        models=[*(_model_facts(key, model, runner, end) for key, model in models.items()), *earlier.models()],
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
        donor_contents=_contents_of(shown, table.donor_contents),
        pictures=_pictures(runner, chosen[:end]),
        looks=interim.looks if interim is not None else 1 if may_stop else None,
    )
    return measured.model_copy(update={"sensitivity": sensitivities(group, measured, listeners.sensitivity)})


def _contents_of(shown: Iterable[PassDonors], contents: Mapping[str, str]) -> dict[str, str]:
    """The contents of the donors that count, as far as they are known."""
    names = sorted({name for one in shown for name in one.donors if name is not None})
    return {name: contents[name] for name in names if contents.get(name)}


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


def _open_models(
    group: PlanGroup,
    data: DataSet,
    settings: Settings,
    seed: int,
    passes: PassCounts,
    failures: dict[str, str],
    stack: contextlib.ExitStack,
) -> dict[str, RunningModel]:
    models: dict[str, RunningModel] = {}
    device = settings.resolved_device()
    for key, ask in group.models.items():
        if ask.recorded:
            continue
        try:
            given = labels_of(group.labels, settings.root)
            loaded = _opened(ask, data, given, settings.root)
            labels = label_map(data, classes=loaded.classes, outputs=loaded.outputs, given=given)
            model = stack.enter_context(frozen_on(loaded, device))
            batch = micro_batch(model, loaded.input_size, device, settings.micro_batch)
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


def _sanity_of(group: PlanGroup, baselines: Mapping[str, BaselineModel]) -> list[Sanity]:
    """What an earlier run found of the methods that are asked of its models."""
    return [
        one.model_copy(update={"model": key})
        for key, baseline in baselines.items()
        for one in baseline.sanity
        if one.method in {map_.text for ask in group.passes if ask.model == key for map_ in ask.maps}
    ]


def _pictures(runner: PassRunner, samples: Sequence[Sample]) -> dict[str, list[str | None]]:
    """The contents of the pictures that the data keep, by the context that shows them."""
    found: dict[str, list[str | None]] = {}
    for ask in runner.table.passes:
        if stored_picture(ask.context) is not None and str(ask.context) not in found:
            preprocessing = runner.models[ask.model].loaded.preprocessing
            found[str(ask.context)] = runner.builder.stored.recall(samples, ask.context, preprocessing, decode=True)
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
                found[key] = _opened(ask, data, labels_of(group.labels, root), root).fingerprint
    return found


def _opened(ask: ModelAsk, data: DataSet, labels: Mapping[str | int, Any] | None, root: Path) -> LoadedModel:
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
        samples=[],
        models=[],
        columns=[],
        galleries={},
        failures={"data": message},
        passes=passes,
    )


def _data_facts(
    group: PlanGroup,
    data: DataSet,
    builder: BatchBuilder,
    store: Store,
    beyond: Collection[str] = frozenset(),
    on_copies: Iterable[str] = (),
) -> MeasuredData:
    """`beyond`: samples that were not looked at, whatever was decoded of them ahead."""
    digests = {name: digest for name, digest in builder.digests.items() if name not in beyond}
    reference = group.reference if isinstance(group.reference, str) else group.key.removeprefix("data:")
    return MeasuredData(
        key=group.key,
        reference=reference,
        available=len(data.samples),
        labels=sorted({str(sample.label) for sample in data.samples}),
        groups=sorted({sample.group for sample in data.samples if sample.group}),
        columns=sorted({name for sample in data.samples for name in sample.attributes}),
        values=values_of(data.samples, columns_named(group.cases)),
        mask_kinds=dict(Counter(map(_mask_kind, data.samples))),
        without_object=list(group.without_object),
        seed=builder.seed,
        object_kept=group.object_kept,
        pools={name: pool for name, pool in group.pools.items() if isinstance(pool, str)},
        label_classes=_label_classes(group, builder.root),
        fingerprint=fingerprint(digests),
        root=merkle_root(digests),
        notes=[*data.notes, *on_copies, *builder.donors.notes, *store.notes],
        unusable=dict(
            sorted(
                (name, why)
                for name, why in [
                    *builder.unusable.items(),
                    *builder.mask_errors.items(),
                    *builder.stored.unusable.items(),
                ]
                if name not in beyond
            )
        ),
    )


def _label_classes(group: PlanGroup, root: Path) -> dict[str, list[str | int]] | None:
    """The classes that the audit says its labels mean; None where it says nothing, or its file cannot be read."""
    with contextlib.suppress(AuditError):  # every model fails by it, and says so
        given = labels_of(group.labels, root)
        if given is not None:
            return {str(key): list(one) if isinstance(one, list | tuple) else [one] for key, one in given.items()}
    return None


def _mask_kind(sample: Sample) -> str:
    """What the mask was made from; "without_object" of an image that is declared to have nothing to mask."""
    if sample.without_object:
        return "without_object"
    return "none" if sample.mask is None else sample.mask_kind


def _model_facts(key: str, model: RunningModel, runner: PassRunner, end: int) -> MeasuredModel:
    loaded, layer, table = model.loaded, model.layer, runner.table
    if layer is None and _reads_layer(key, table.passes):
        layer = runner.lookup.layer(model)
    return MeasuredModel(
        key=key,
        reference=loaded.ref,
        architecture=loaded.architecture,
        parameters=loaded.parameters,
        outputs=loaded.outputs,
        classes=None if loaded.classes is None else list(loaded.classes),
        preprocessing=asdict(loaded.preprocessing),
        fingerprint=loaded.fingerprint,
        probe_digest=loaded.probe_digest,
        layer=None if layer is None else LayerFacts.model_validate(asdict(layer)),
        precision=model.precision,
        micro_batch=model.batch,
        notes=[*loaded.notes, *model.notes],
        scores=_score_facts(loaded.reading),
        deterministic=deterministic(loaded),
        indices=[model.indices[sample.label] for sample in runner.samples[:end]],
        areas=[None if np.isnan(area) else area for area in table.areas(key)[:end].tolist()],
        predicted=[] if model.threshold is not None else _predicted(key, table, end),  # several answers an image
        crop=_crop_facts(table.kept(key), runner.samples, runner.builder.object_kept),
    )


def _predicted(key: str, table: ValueTable, end: int) -> list[int | None]:
    """The class that a model predicts on each original image; empty where it did not see the originals."""
    column = table.columns.get((key, PREDICTED_CLASS))
    if column is None or f"{key}|{PREDICTED_CLASS}" in table.failures:
        return []
    return [None if np.isnan(value) else int(value) for value in column.values[:end].tolist()]


def _score_facts(reading: ScoreReading) -> ScoreFacts:
    return ScoreFacts(
        kind=reading.scores,
        output=None if reading.output is None else str(reading.output),
        activation=reading.activation,
        probabilities=reading.probabilities,
        threshold=reading.threshold if reading.threshold_logit is not None else None,
    )


def _crop_facts(kept: NDArray[np.float64], samples: Sequence[Sample], limit: float) -> CropFacts | None:
    """What the model's crop cut off the objects; None where no object was cut, or none is known."""
    known = np.flatnonzero(~np.isnan(kept))
    if not len(known) or bool((kept[known] >= 1).all()):
        return None
    worst = known[int(kept[known].argmin())]
    return CropFacts(
        mean_lost=float(1 - kept[known].mean()),
        worst_lost=float(1 - kept[worst]),
        worst=samples[int(worst)].id,
        limit=limit,
        below=int((kept[known] < limit).sum()),
    )


def _reads_layer(key: str, passes: Sequence[PassAsk]) -> bool:
    """Whether anything asked of a model reads the layer that is found by itself."""
    asks = [ask for one in passes if one.model == key for ask in one.maps]
    return any(
        ask.entry.declares.needs_layer(ask.method) and getattr(ask.method, "layer", None) is None for ask in asks
    )
