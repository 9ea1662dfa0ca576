"""Measures of behaviour from stored logits: a new question about an old pass needs no pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ...contexts import exempt, needs_mask
from ...language import registry
from ...language.boundary import contained
from ...language.reasons import Missing
from ...language.sample import Sample
from ...measures.base import MeasureInput, MeasureOutput
from ..inference.running_model import RunningModel
from ..planning.plan import ColumnAsk, PassAsk, original_context
from ..store.store import StoreBatch
from .store_lookup import Recall
from .value_table import CHANGED, CROPPED, IMPOSSIBLE, WITHOUT_MASK, Rows, place_of


def read_from_logits(
    passes: Sequence[PassAsk],
    rows: Rows,
    recall: Recall,
    models: Mapping[str, RunningModel],
    positions: Sequence[int],
    samples: Sequence[Sample],
) -> None:
    """Fill in the columns that need nothing but logits, where these are stored; what is found is stored too."""
    batch = StoreBatch()
    for ask in passes:
        for column in ask.columns:
            declares = registry.entry_of(column.spec).declares
            if column.map is not None or declares.needs_mask or declares.needs_attribution or declares.backgrounds:
                continue
            at = np.asarray(positions, dtype=np.intp)
            shown = rows.passes[place_of(ask)].done[at] & ~rows.columns[ask.model, column.key].done[at]
            if shown.any():
                _fill(ask, column, rows, recall, models[ask.model], at[shown].tolist(), samples, batch)
    recall.store.commit(batch)


def _fill(
    ask: PassAsk,
    column: ColumnAsk,
    rows: Rows,
    recall: Recall,
    model: RunningModel,
    positions: Sequence[int],
    samples: Sequence[Sample],
    batch: StoreBatch,
) -> None:
    chosen = [samples[at] for at in positions]
    needed = [recall.logits(ask, chosen)]
    if registry.entry_of(column.spec).declares.needs_original:
        needed.append(recall.logits(PassAsk(ask.model, original_context(), ()), chosen))
    there = [row for row in range(len(positions)) if all(one[row] is not None for one in needed)]
    if not there:
        return
    logits = [torch.stack([_known(one[row]) for row in there]) for one in needed]
    labels = torch.tensor([model.indices[chosen[row].label] for row in there])
    merged = None if model.merged is None else model.merged.to(labels.device)
    seen = MeasureInput(logits[0], labels, logits[1] if len(logits) > 1 else None, merged=merged)
    try:
        reading = model.read(column, seen)
    except BaseException as error:  # the pass itself is run then, and says what is wrong
        contained(error)
        return
    key = recall.keys(ask).columns.get(column.key)
    known = [chosen[row] for row in there]
    names = recall.value_names(ask, known, recall.names(ask, known))
    target, shown = rows.columns[ask.model, column.key], rows.passes[place_of(ask)]
    values = reading.values.double().tolist()
    for number, row in enumerate(there):
        flags, absent = int(shown.flags[positions[row]]), shown.absent.get(positions[row])
        reason = absent or _reason(ask, flags, reading, number)
        target.put(positions[row], values[number], reason)
        target.stored[positions[row]] = True
        name = names[number]
        if key is not None and name is not None:
            batch.number(key, name, np.nan if reason else values[number], reason)


def _reason(ask: PassAsk, flags: int, reading: MeasureOutput, row: int) -> Missing | None:
    """Why a row has no value: first what became of the image, then what the measure says."""
    if flags & WITHOUT_MASK:
        return Missing.NO_MASK
    if flags & CROPPED and needs_mask(ask.context):
        return Missing.OBJECT_CROPPED
    if flags & IMPOSSIBLE:
        return Missing.CONTEXT_IMPOSSIBLE
    if not flags & CHANGED and not exempt(ask.context):
        return Missing.CONTEXT_UNCHANGED
    return next((reason for reason, where in reading.undefined.items() if bool(where[row])), None)


def _known(logits: Tensor | None) -> Tensor:
    assert logits is not None
    return logits
