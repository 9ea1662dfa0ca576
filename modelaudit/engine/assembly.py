"""Measuring a group: data and models are opened, everything asked is measured, and plain facts are handed on."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict

import numpy as np

from ..data import fingerprint, label_map, labels_of, open_data
from ..language import registry
from ..language.boundary import contained, failure_text
from ..language.progress import Progress, Silent
from ..language.sample import DataSet, Sample
from ..models import deterministic, frozen_on, open_model
from .checks.sanity import sanity
from .decision.interim_analysis import InterimAnalysis, lenders, stops_early
from .decision.sensitivity.decide import sensitivities
from .gallery.album import Print
from .gallery.candidates import GalleryChoice
from .gallery.drawing import store as write_picture
from .gallery.selection import PictureAsk, pictures_of
from .images.batches import BatchBuilder
from .images.contents import SampleContents
from .images.copies import PictureCopies, notes_on
from .images.donor_ranking import limited, look_order
from .inference.batch_size import micro_batch
from .inference.running_model import RunningModel
from .measurement.loop import Measuring
from .planning.plan import PlanGroup, PlannedCase, columns_named, original_context
from .results.measured import (
    CropFacts,
    KeptImage,
    KeptPicture,
    LayerFacts,
    Measured,
    MeasuredData,
    MeasuredModel,
    PassCounts,
)
from .results.settings import Settings
from .results.strata import sample_facts, values_of
from .store.file_digests import FileDigests
from .store.store import Store


def measure(
    group: PlanGroup, settings: Settings, progress: Progress, store: Store | None = None, data: DataSet | None = None
) -> Measured:
    """Measure all that a group asks, except what the store already holds.

    What cannot be measured at all (data that cannot be opened, a model that cannot be loaded, a context that has no
    meaning on these data) is a failure with its message, and takes down only the cases that need it. `data` are those
    of the group where they were listed before.
    """
    passes, store = PassCounts(), store or Store(None)
    try:
        device = settings.resolved_device()
        if data is None:
            data = open_data(group.reference, root=settings.root, quiet=isinstance(progress, Silent))
    except BaseException as error:  # whatever a third party's source, or a generator of samples, raises
        return _failed(group, failure_text(contained(error)), passes)
    seed = settings.seed if group.seed is None else group.seed
    chosen: Sequence[Sample] = limited(data.samples, settings.limit, seed)
    may_stop = group.stop == "early" and settings.limit is None
    early = may_stop and stops_early(group, chosen)
    if early:
        chosen = look_order(chosen, seed)
    failures: dict[str, str] = {}
    contents = SampleContents(FileDigests(store) if store.active else None)
    with contextlib.ExitStack() as stack:
        stage = BatchBuilder(
            data.samples,
            seed=seed,
            device=device,
            passes=passes,
            store=store,
            contents=contents,
            pools=group.pools,
            root=settings.root,
            object_kept=group.object_kept,
        )
        stack.enter_context(stage)
        models = _open_models(group, data, settings, seed, passes, failures, stack)
        labels = frozenset(str(sample.label) for sample in data.samples)
        size = settings.resolved_micro_batch()
        run = Measuring(group, chosen, labels, stage, models, store, failures, size=size)
        run.checks = settings.checks_of(group.checks)
        pictures = PictureCopies(chosen, stage.signatures, store, passes)
        if early:
            run.looking = InterimAnalysis(run, group, _data_facts(group, data, stage, store), pictures)
        with progress.task(group.key.removeprefix("data:"), len(chosen)) as advance:
            began = time.perf_counter()
            run.run(advance)
            passes.seconds = round(time.perf_counter() - began, 3)
        end = len(chosen) if run.looking is None else run.looking.end
        passes.values = end * len(run.rows.columns)
        passes.stored = sum(int(column.stored[:end].sum()) for column in run.rows.columns.values())
        copies = pictures.of(chosen[:end])
        galleries = _galleries(run, settings)
        sane = sanity(run, end)
    found = Measured(
        group=group.key,
        data=_data_facts(
            group, data, stage, store, {sample.id for sample in chosen[end:]}, notes_on(copies, chosen[:end])
        ),
        samples=sample_facts(chosen[:end], columns_named(group.cases), copies.copy_of),
        models=[_model_facts(key, model, run) for key, model in models.items()],
        columns=[column.data(None if end == len(chosen) else range(end)) for column in run.rows.columns.values()],
        galleries=galleries,
        failures=failures,
        passes=passes,
        checked=run.checks.any,
        radius=run.checks.radius,
        sanity=sane,
        agreement={} if run.accord is None else run.accord.data(),
        sizes=run.stage.sizes(models),
        variants=[variation.data() for variation in run.variations],
        shown=lenders(run, end),
        looks=run.looking.looks if run.looking is not None else 1 if may_stop else None,
    )
    return found.model_copy(update={"sensitivity": sensitivities(group, found, run.sensitivity)})


def _galleries(run: Measuring, settings: Settings) -> dict[str, list[KeptImage]]:
    """The rows of every case by its id, their pictures written into the run's folder."""
    chosen = list(run.galleries.chosen(run.rows, run.failures))
    pictures = {case.asked.id: pictures_of(case, run.passes) for case, _ in chosen}
    wanted = {
        (one.position, picture): None for case, rows in chosen for one in rows for picture in pictures[case.asked.id]
    }
    prints = run.prints(list(wanted))
    files = {key: write_picture(settings.folder, found.content) for key, found in prints.items()}
    return {
        case.asked.id: [_row(run, case, one, pictures[case.asked.id], prints, files) for one in rows]
        for case, rows in chosen
    }


def _row(
    run: Measuring,
    case: PlannedCase,
    one: GalleryChoice,
    pictures: Sequence[PictureAsk],
    prints: Mapping[tuple[int, PictureAsk], Print],
    files: Mapping[tuple[int, PictureAsk], str],
) -> KeptImage:
    """A kept image; the area is what the case's first model sees of the object."""
    sample, first = run.samples[one.position], next(iter(case.models.values()))
    area = float(run.rows.areas(first, np.array([one.position]))[0])
    shown = [picture for picture in pictures if (one.position, picture) in prints]
    return KeptImage(
        rank=one.rank,
        sample=sample.id,
        label=str(sample.label),
        value=one.value,
        object_area=None if np.isnan(area) else area,
        pictures=[
            _picture(run, sample, picture, prints[one.position, picture], files[one.position, picture])
            for picture in shown
        ],
    )


def _picture(run: Measuring, sample: Sample, picture: PictureAsk, found: Print, file: str) -> KeptPicture:
    hidden = picture.kind == "original" or picture.context == original_context()
    index, model = found.prediction, run.models[picture.model]
    return KeptPicture(
        kind=picture.kind,
        context=None if hidden else str(picture.context),
        method=None if picture.map is None else picture.map.text,
        model=picture.model,
        prediction=None if index is None else model.class_name(index),
        probability=found.probability,
        right=None if index is None else model.labels.means(sample.label, index),
        file=file,
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
        try:
            loaded = open_model(
                ask.reference,
                root=settings.root,
                preprocessing=ask.preprocessing,
                classes=ask.classes,
                allow_code=ask.allow_code,
            )
            given = labels_of(group.labels, settings.root)
            labels = label_map(data, classes=loaded.classes, outputs=loaded.outputs, given=given)
            model = stack.enter_context(frozen_on(loaded, device))
            batch = micro_batch(model, loaded.input_size, device, settings.micro_batch)
        except BaseException as error:  # whatever a third party's source raises: the other models go on
            failures[f"model:{key}"] = failure_text(contained(error))
            continue
        models[key] = RunningModel(loaded, device, labels, batch, passes, seed)
    return models


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
    stage: BatchBuilder,
    store: Store,
    beyond: Collection[str] = frozenset(),
    on_copies: Iterable[str] = (),
) -> MeasuredData:
    """`beyond`: samples that were not looked at, whatever was decoded of them ahead."""
    reference = group.reference if isinstance(group.reference, str) else group.key.removeprefix("data:")
    return MeasuredData(
        key=group.key,
        reference=reference,
        available=len(data.samples),
        labels=sorted({str(sample.label) for sample in data.samples}),
        groups=sorted({sample.group for sample in data.samples if sample.group}),
        columns=sorted({name for sample in data.samples for name in sample.attributes}),
        values=values_of(data.samples, columns_named(group.cases)),
        mask_kinds=dict(Counter(sample.mask_kind if sample.mask is not None else "none" for sample in data.samples)),
        fingerprint=fingerprint({name: digest for name, digest in stage.digests.items() if name not in beyond}),
        notes=[*data.notes, *on_copies, *stage.lending.notes, *store.notes],
        unusable=dict(
            sorted(
                (name, why)
                for name, why in [*stage.unusable.items(), *stage.stored.unusable.items()]
                if name not in beyond
            )
        ),
    )


def _model_facts(key: str, model: RunningModel, run: Measuring) -> MeasuredModel:
    loaded, layer = model.loaded, model.layer
    end = None if run.looking is None else run.looking.end
    if layer is None and _reads_layer(key, run):
        layer = run.recall.layer(model)
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
        deterministic=deterministic(loaded),
        indices=[model.indices[sample.label] for sample in run.samples[:end]],
        areas=[None if np.isnan(area) else area for area in run.rows.areas(key)[:end].tolist()],
        crop=_crop_facts(key, run),
    )


def _crop_facts(key: str, run: Measuring) -> CropFacts | None:
    """What the model's crop cut off the objects; None where no object was cut, or none is known."""
    kept = run.rows.kept(key)
    known = np.flatnonzero(~np.isnan(kept))
    if not len(known) or bool((kept[known] >= 1).all()):
        return None
    worst = known[int(kept[known].argmin())]
    limit = run.stage.object_kept
    return CropFacts(
        mean_lost=float(1 - kept[known].mean()),
        worst_lost=float(1 - kept[worst]),
        worst=run.samples[int(worst)].id,
        limit=limit,
        below=int((kept[known] < limit).sum()),
    )


def _reads_layer(key: str, run: Measuring) -> bool:
    """Whether anything asked of a model reads the layer that is found by itself."""
    methods = [ask.method for one in run.passes if one.model == key for ask in one.maps]
    return any(
        registry.entry_of(method).declares.needs_layer(method) and getattr(method, "layer", None) is None
        for method in methods
    )
