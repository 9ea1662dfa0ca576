"""One pass over one chunk: logits, attributions, and every measure that is read off them."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..contexts import exempt
from ..language import registry
from ..language.errors import AuditError
from ..language.reasons import Missing
from ..language.sample import IGNORE, OBJECT
from ..measures.base import Seen
from .models import Explained, RunningModel
from .plan import ColumnAsk, MapAsk, PassAsk, original_context
from .scenes import Chunk, Shown

Values = tuple[NDArray[np.float64], Mapping[int, Missing]]


@dataclass(frozen=True)
class ChunkValues:
    """What one pass found on one chunk: values by column with their missing rows, and what galleries draw from.

    ``areas`` [n] is the object's share of the valid pixels, NaN without a mask. ``failed``: columns that could not be
    computed at all, by key, with what went wrong; they are left out of `columns`.
    """

    shown: Shown
    logits: Tensor
    maps: Mapping[MapAsk, Explained]
    columns: Mapping[str, Values]
    areas: NDArray[np.float64]
    failed: Mapping[str, str]


def read_pass(ask: PassAsk, model: RunningModel, chunk: Chunk, shown: Shown) -> ChunkValues:
    """Run one pass and read its columns."""
    labels = torch.tensor([model.indices[sample.label] for sample in chunk.samples], device=shown.pixels.device)
    logits = model.logits(shown.pixels)
    if ask.context == original_context():
        model.original = logits
    maps, lost = _explained(ask, model, shown, logits, labels)
    failed = {column.key: lost[column.map] for column in ask.columns if column.map in lost}
    bare = torch.tensor([found.mask is None for found in chunk.decoded], device=shown.pixels.device)
    pass_wide = _pass_wide(ask, shown)
    columns: dict[str, Values] = {}
    for column in [column for column in ask.columns if column.key not in failed]:
        seen = Seen(
            logits,
            labels,
            model.original if registry.entry_of(column.spec).declares.needs_original else None,
            maps[column.map].values if column.map is not None else None,
            shown.mask,
        )
        try:
            columns[column.key] = _read(column, model, seen, [*pass_wide, *_own(column, bare, logits, maps)])
        except Exception as error:  # one measure's failure is not the others'
            failed[column.key] = what_went_wrong(error)
    return ChunkValues(shown, logits, maps, columns, _areas(shown.mask, bare), failed)


def what_went_wrong(error: Exception) -> str:
    """Our own errors say what to do; of any other, from a model or a third party's method, the whole traceback."""
    if isinstance(error, AuditError):
        return str(error)
    return f"{type(error).__name__}: {error}\n{''.join(traceback.format_exception(error))}"


def _explained(
    ask: PassAsk, model: RunningModel, shown: Shown, logits: Tensor, labels: Tensor
) -> tuple[dict[MapAsk, Explained], dict[MapAsk, str]]:
    """The attributions of a pass, and those that failed: one method's failure is not the others'."""
    maps: dict[MapAsk, Explained] = {}
    failed: dict[MapAsk, str] = {}
    for one in ask.maps:
        try:
            maps[one] = model.explain(one, shown.pixels, logits, labels)
        except Exception as error:
            failed[one] = what_went_wrong(error)
    return maps, failed


def _read(column: ColumnAsk, model: RunningModel, seen: Seen, before: Iterable[tuple[Missing, Tensor]]) -> Values:
    """A measure's values; a row is missing for the first reason that holds."""
    reading = model.read(column, seen)
    values = reading.values.double().cpu().numpy()
    missing: dict[int, Missing] = {}
    for reason, flags in [*before, *reading.undefined.items()]:
        for row in torch.nonzero(flags).flatten().tolist():
            missing.setdefault(row, reason)
    return values, missing


def _pass_wide(ask: PassAsk, shown: Shown) -> list[tuple[Missing, Tensor]]:
    found = [(Missing.NO_MASK, shown.without_mask), (Missing.CONTEXT_IMPOSSIBLE, shown.impossible)]
    if not exempt(ask.context):
        found.append((Missing.CONTEXT_UNCHANGED, ~shown.changed))
    return found


def _own(
    column: ColumnAsk, bare: Tensor, logits: Tensor, maps: Mapping[MapAsk, Explained]
) -> list[tuple[Missing, Tensor]]:
    found: list[tuple[Missing, Tensor]] = []
    if registry.entry_of(column.spec).declares.needs_mask:
        found.append((Missing.NO_MASK, bare))
    if column.map is not None:
        found.append((Missing.NON_FINITE_LOGITS, ~torch.isfinite(logits).all(1)))
        found.extend(maps[column.map].invalid.items())
    return found


def _areas(mask: Tensor, bare: Tensor) -> NDArray[np.float64]:
    inside, valid = (mask == OBJECT).flatten(1).sum(1), (mask != IGNORE).flatten(1).sum(1)
    areas = inside.double() / valid.clamp_min(1)
    areas[bare] = torch.nan
    return areas.cpu().numpy()
