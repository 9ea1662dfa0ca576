"""Measures of behaviour from stored logits: a new question about an old pass needs no pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...contexts import exempt, needs_mask
from ...language.boundary import contained
from ...language.reasons import Missing
from ...language.sample import Sample
from ...measures.base import MeasureInput, MeasureOutput
from ..inference.running_model import RunningModel
from ..inference.values import measured_by
from ..planning.plan import ColumnAsk, PassAsk, original_context
from ..store.store import StoreBatch
from .store_lookup import StoreLookup
from .value_table import PassImages, ValueTable


def read_from_logits(
    table: ValueTable,
    lookup: StoreLookup,
    models: Mapping[str, RunningModel],
    positions: Sequence[int],
    samples: Sequence[Sample],
) -> None:
    """Fill in the columns that need nothing but logits, where these are stored; what is found is stored too.

    Not of stored answers: what these lack does not show in logits, and looking them up costs nothing.
    """
    batch, at = StoreBatch(), np.asarray(positions, dtype=np.intp)
    for ask in table.passes:
        for column in ask.columns if models[ask.model].loaded.answers is None else ():
            declares = column.declares
            if column.map is not None or declares.needs_mask or declares.needs_attribution or declares.backgrounds:
                continue
            shown = table.images[ask.place].done[at] & ~table.columns[ask.model, column.key].done[at]
            if shown.any():
                _fill(ask, column, table, lookup, models[ask.model], at[shown].tolist(), samples, batch)
    lookup.store.commit(batch)


def _fill(
    ask: PassAsk,
    column: ColumnAsk,
    table: ValueTable,
    lookup: StoreLookup,
    model: RunningModel,
    positions: Sequence[int],
    samples: Sequence[Sample],
    batch: StoreBatch,
) -> None:
    chosen = [samples[at] for at in positions]
    stored = [lookup.logits(ask, chosen)]
    if column.declares.needs_original:
        stored.append(lookup.logits(PassAsk(ask.model, original_context(), ()), chosen))
    there = [row for row in range(len(positions)) if all(logits[row] is not None for logits in stored)]
    if not there:
        return
    logits = [torch.stack([_known(of_pass[row]) for row in there]) for of_pass in stored]
    labels = torch.tensor([model.indices[chosen[row].label] for row in there])
    merged = None if model.merged is None else model.merged.to(labels.device)
    original, threshold = logits[1] if len(logits) > 1 else None, model.threshold
    try:
        seen = MeasureInput(logits[0], labels, original, merged=merged, named=model.named, threshold=threshold)
        output = measured_by(column, seen)
    except BaseException as error:  # the pass itself is run then, and says what is wrong
        contained(error)
        return
    key, known = lookup.keys(ask).columns.get(column.key), [chosen[row] for row in there]
    names = lookup.value_names(ask, known, lookup.names(ask, known))
    target, images = table.columns[ask.model, column.key], table.images[ask.place]
    values = output.values.double().tolist()
    for number, row in enumerate(there):
        at, name = positions[row], names[number]
        reason = _reason(ask, samples[at], images, at, output, number)
        target.put(at, values[number], reason)
        target.stored[at] = True
        if key is not None and name is not None:
            batch.number(key, name, np.nan if reason else values[number], reason)


def _reason(
    ask: PassAsk, sample: Sample, images: PassImages, at: int, output: MeasureOutput, row: int
) -> Missing | None:
    """Why a row has no value: first by the image under its context, then by the measure."""
    if sample.without_object and images.without_mask[at]:
        return Missing.NO_OBJECT
    if at in images.absent:
        return images.absent[at]
    if images.without_mask[at]:
        return Missing.NO_MASK
    if images.cropped[at] and needs_mask(ask.context):
        return Missing.OBJECT_CROPPED
    if images.impossible[at]:
        return Missing.CONTEXT_IMPOSSIBLE
    if not images.changed[at] and not exempt(ask.context):
        return Missing.CONTEXT_UNCHANGED
    return next((reason for reason, where in output.undefined.items() if bool(where[row])), None)


def _known(logits: Tensor | None) -> Tensor:
    assert logits is not None
    return logits
