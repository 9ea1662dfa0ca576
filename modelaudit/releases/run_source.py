"""``run:PATH``: a model by the values of an earlier run, which it is compared with image by image."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from ..engine.results.baseline_model import BaselineModel, BaselineTable, Donor
from ..engine.results.measured import LayerFacts, MeasuredColumn, MeasuredModel, ScoreFacts, as_values
from ..engine.results.pairing import ImageContent
from ..evidence.record import DataRecord, ModelRecord, RunRecord, TableRecord
from ..language import registry
from ..language.errors import ModelError
from ..language.reasons import Missing
from ..language.recorded_models import SCHEME
from ..language.reference import Reference
from .baselines import chosen_model, read_run, require_comparable, run_file, shown_name


def recorded_model(reference: Reference, root: Path) -> BaselineModel:
    """``run:PATH?model=NAME&unpaired=SHARE``: the values that a run, a baseline or a pack holds of a model.

    Each image of the audit gets the value of the image with the same content, mask and label, and, where a context
    takes a background, with the same background. ``model`` names the one that is meant of several, as the audit of
    that run calls it; ``unpaired`` is the share of images that may be without a partner, and are left out.

    Raises:
        ModelError: an unknown option, or a share that is not between 0 and 1.
        ResultsError: no run is there, or one that cannot be compared with.
    """
    reference.only(("model", "unpaired"), ModelError)
    unpaired = _share(reference)
    file = run_file(reference.body, root)
    record = read_run(file)
    require_comparable(record, reference.text)
    model = chosen_model(record, reference.options.get("model"), reference.text)
    data = {one.key: one for one in record.data}
    tables = [one for one in record.tables if any(column.model == model.key for column in one.columns)]
    return BaselineModel(
        text=reference.text,
        name=shown_name(record, model),
        run=record.id,
        model=_facts(model, reference.text, _digest(record, model, tables)),
        tables=tuple(_table(one, data[one.data], model.key) for one in tables),
        sanity=tuple(one for one in record.sanity if one.model == model.key),
        unpaired=unpaired,
    )


registry.register(registry.Entry("model", SCHEME, None, recorded_model, declares=False))


def _share(reference: Reference) -> float | None:
    text = reference.options.get("unpaired")
    if text is None:
        return None
    try:
        share = float(text)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise ModelError(
            f"{reference.text!r}: unpaired={text} must be a share between 0 and 1, the most images that may be without "
            "a partner; write e.g. unpaired=0.05"
        )
    return share


def _facts(model: ModelRecord, text: str, digest: str) -> MeasuredModel:
    """The model as the engine has it; what depends on the images of the run is left out."""
    layer, scores = model.spatial_layer, model.scores
    return MeasuredModel(
        key=model.key,
        reference=text,
        architecture=model.architecture,
        parameters=model.parameters,
        outputs=model.outputs,
        classes=model.classes,
        preprocessing=model.preprocessing,
        fingerprint=digest,
        probe_digest=model.probe_digest,
        layer=None if layer is None else LayerFacts.model_validate(layer.model_dump()),
        precision=model.precision,
        micro_batch=1 if model.micro_batch is None else model.micro_batch,
        notes=model.notes,
        scores=None if scores is None else ScoreFacts.model_validate(scores.model_dump()),
    )


def _table(table: TableRecord, data: DataRecord, model: str) -> BaselineTable:
    view = next((one for one in table.views if one.model == model), None)
    count = len(table.samples)
    return BaselineTable(
        data=data.reference,
        images=tuple(ImageContent(one.id, one.image or "", one.mask or "", one.label) for one in table.samples),
        columns={
            one.measure: MeasuredColumn(
                model=model,
                key=one.measure,
                scale=one.scale,
                values=as_values(one.values),
                missing={at: Missing(reason) for at, reason in one.missing.items()},
                low=one.low,
                high=one.high,
                steps=one.steps,
                long_form=one.long_form,
            )
            for one in table.columns
            if one.model == model
        },
        donors={context: _donors(table, key) for key, context in _places(table, model)},
        pictures={context: tuple(found) for context, found in table.pictures.items()},
        indices=tuple(view.indices) if view is not None else (-1,) * count,
        areas=tuple(view.areas) if view is not None else (None,) * count,
        predicted=() if view is None else tuple(view.predicted),
        seed=data.seed,
        object_kept=data.object_kept,
        label_classes=data.label_classes,
        without_object=frozenset(data.without_object),
        pools=bool(data.pools),
    )


def _places(table: TableRecord, model: str) -> list[tuple[str, str]]:
    """The names of the donors of a model in a table, with their contexts."""
    start = f"{model}|"
    return [(key, key.removeprefix(start)) for key in table.donors if key.startswith(start)]


def _donors(table: TableRecord, key: str) -> tuple[Donor | None, ...]:
    return tuple(None if name is None else (name, table.donor_contents.get(name, "")) for name in table.donors[key])


def _digest(record: RunRecord, model: ModelRecord, tables: list[TableRecord]) -> str:
    """The sha256 of all that a record holds of a model and of the images that its values are of."""
    data = {one.key: one for one in record.data}
    found: list[Any] = [model.model_dump(mode="json", exclude={"key", "names", "notes"})]
    for table in tables:
        settings = data[table.data]
        found.append(
            {
                "settings": settings.model_dump(mode="json", include={"seed", "object_kept", "label_classes", "pools"}),
                "samples": [one.model_dump(mode="json", include=_OF_SAMPLE) for one in table.samples],
                "columns": [one.model_dump(mode="json") for one in table.columns if one.model == model.key],
                "donors": {context: table.donors[key] for key, context in _places(table, model.key)},
                "donor_contents": table.donor_contents,
                "pictures": table.pictures,
                "views": [one.model_dump(mode="json") for one in table.views if one.model == model.key],
            }
        )
    return hashlib.sha256(json.dumps(found, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


_OF_SAMPLE = {"id", "label", "image", "mask"}
