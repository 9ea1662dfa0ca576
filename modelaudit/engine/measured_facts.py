"""The facts of a measurement, as the record has them: of the data, of models, and of what was shown."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contexts import stored_picture
from ..data import fingerprint, labels_of
from ..language.errors import AuditError
from ..language.merkle import merkle_root
from ..language.sample import DataSet, Sample
from ..models import deterministic
from ..models.score_reading import ScoreReading
from .images.batches import BatchBuilder
from .inference.running_model import RunningModel
from .measurement.passes import PassRunner
from .measurement.value_table import ValueTable
from .planning.plan import PREDICTED_CLASS, PassAsk, PlanGroup, columns_named
from .results.baseline_model import BaselineModel
from .results.checks import Sanity
from .results.measured import (
    CropFacts,
    LayerFacts,
    MeasuredData,
    MeasuredModel,
    PassDonors,
    ScoreFacts,
)
from .results.strata import values_of
from .store.store import Store


def contents_of_donors(shown: Iterable[PassDonors], contents: Mapping[str, str]) -> dict[str, str]:
    """The contents of the donors that count, as far as they are known."""
    names = sorted({name for one in shown for name in one.donors if name is not None})
    return {name: contents[name] for name in names if contents.get(name)}


def sanity_of_baselines(group: PlanGroup, baselines: Mapping[str, BaselineModel]) -> list[Sanity]:
    """What an earlier run found of the methods that are asked of its models."""
    return [
        one.model_copy(update={"model": key})
        for key, baseline in baselines.items()
        for one in baseline.sanity
        if one.method in {map_.text for ask in group.passes if ask.model == key for map_ in ask.maps}
    ]


def picture_contents(runner: PassRunner, samples: Sequence[Sample]) -> dict[str, list[str | None]]:
    """The contents of the pictures that the data keep, by the context that shows them."""
    found: dict[str, list[str | None]] = {}
    for ask in runner.table.passes:
        if stored_picture(ask.context) is not None and str(ask.context) not in found:
            preprocessing = runner.models[ask.model].loaded.preprocessing
            found[str(ask.context)] = runner.builder.stored.recall(samples, ask.context, preprocessing, decode=True)
    return found


def data_facts(
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
        label_classes=label_classes_of(group, builder.root),
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


def label_classes_of(group: PlanGroup, root: Path) -> dict[str, list[str | int]] | None:
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


def model_facts(key: str, model: RunningModel, runner: PassRunner, end: int) -> MeasuredModel:
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
