"""One pass over one chunk: logits, attributions, and every measure that is read off them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ...attribution import Maps
from ...contexts import exempt, needs_mask
from ...language import registry
from ...language.boundary import contained, failure_text
from ...language.reasons import Missing
from ...language.sample import OBJECT, Sample
from ...measures.base import MeasureInput, Regions
from ..images.batches import Chunk, ContextBatch
from ..images.donor_selector import Donor
from ..images.interventions import changed_mask
from ..planning.plan import ColumnAsk, MapAsk, PassAsk, original_context
from ..results.interventions import Intervention
from .running_model import Explained, ModelOutput, RunningModel

Values = tuple[NDArray[np.float64], Mapping[int, Missing]]


@dataclass(frozen=True)
class ChunkValues:
    """What one pass found on one chunk: values by column with their missing rows, and what galleries draw from.

    ``areas`` [n] is the object's share of the valid pixels, NaN without a mask. ``failed``: columns that could not be
    computed at all, by key, with what went wrong; they are left out of `columns`. ``steps`` [n]: the work that a method
    chose for each image, by column, where it chooses. ``donors``: of columns that try several backgrounds, all those of
    each image as one donor.
    """

    shown: ContextBatch
    logits: Tensor
    maps: Mapping[MapAsk, Explained]
    columns: Mapping[str, Values]
    areas: NDArray[np.float64]
    failed: Mapping[str, str]
    steps: Mapping[str, NDArray[np.int64]]
    donors: Mapping[str, Sequence[Donor]] = field(default_factory=dict)


def read_pass(
    ask: PassAsk, model: RunningModel, chunk: Chunk, shown: ContextBatch, variant: Intervention = Intervention.GIVEN
) -> ChunkValues:
    """Run one pass and read its columns; of a model that is blind to the background with the maps it would have."""
    labels = labels_of(model, chunk.samples, shown.pixels.device)
    # the map that a blind model would have is known but for the grid that a method tells it on
    run = [one for one in ask.maps if variant is not Intervention.BLIND or _on_a_grid(one)]
    look = model.look(shown.pixels, labels, run, [sample.id for sample in chunk.samples])
    if variant is Intervention.BLIND:
        maps = {one: _on_the_object(seen, shown.mask) for one, seen in look.maps.items()}
        exact = Explained(Maps((shown.mask == OBJECT).to(shown.pixels.dtype)), {})
        look = replace(look, maps={**dict.fromkeys([one for one in ask.maps if one not in run], exact), **maps})
    if ask.context == original_context():
        model.original = look.logits
    failed = {column.key: look.failed[column.map] for column in ask.columns if column.map and column.map in look.failed}
    wide, regions = pass_wide(ask, shown), Regions(shown.mask)
    columns: dict[str, Values] = {}
    steps: dict[str, NDArray[np.int64]] = {}
    for column in [column for column in ask.columns if column.key not in failed]:
        before = [*wide, *_own(column, shown, look)]
        try:
            columns[column.key] = _read(column, model, seen_of(column, model, look, labels, shown, regions), before)
        except BaseException as error:  # one measure's failure is not the others'
            failed[column.key] = failure_text(contained(error))
            continue
        taken = None if column.map is None else look.maps[column.map].maps.steps
        if taken is not None:
            steps[column.key] = taken.cpu().numpy().astype(np.int64)
    return ChunkValues(shown, look.logits, look.maps, columns, _areas(regions, shown.bare), failed, steps)


def _on_a_grid(ask: MapAsk) -> bool:
    return bool(registry.entry_of(ask.method).declares.needs_layer(ask.method))


def _on_the_object(found: Explained, mask: Tensor) -> Explained:
    """The map with all on the object, as finely as the method can tell: the object's share of each of its cells."""
    object_ = (mask == OBJECT).to(found.maps.cells.dtype)
    if found.maps.coarse is None:
        return Explained(Maps(object_), {})
    cells = adaptive_avg_pool2d(object_[:, None], list(found.maps.coarse.shape[1:]))[:, 0]  # type: ignore[arg-type]
    return Explained(Maps.on_grid(cells, (mask.shape[1], mask.shape[2])), {})


def read_again(
    ask: PassAsk,
    model: RunningModel,
    samples: Sequence[Sample],
    rows: Sequence[int],
    found: ChunkValues,
    variant: Intervention,
    radius: float,
) -> ChunkValues:
    """The columns of a pass on some of its images with other masks: the logits and maps are those that are there."""
    at = torch.tensor(list(rows), device=found.logits.device)
    shown = found.shown.rows(at)
    shown = replace(shown, mask=changed_mask(shown.mask, variant, radius))
    maps = {
        one: Explained(seen.maps.rows(at), {reason: flags[at] for reason, flags in seen.invalid.items()})
        for one, seen in found.maps.items()
    }
    look = ModelOutput(found.logits[at], maps, {})
    labels, regions = labels_of(model, [samples[row] for row in rows], shown.pixels.device), Regions(shown.mask)
    wide = pass_wide(ask, shown)
    columns: dict[str, Values] = {}
    failed: dict[str, str] = {}
    for column in ask.columns:
        try:
            seen = seen_of(column, model, look, labels, shown, regions)
            columns[column.key] = _read(column, model, seen, [*wide, *_own(column, shown, look)])
        except BaseException as error:
            failed[column.key] = failure_text(contained(error))
    return ChunkValues(shown, look.logits, maps, columns, _areas(regions, shown.bare), failed, {})


def labels_of(model: RunningModel, samples: Sequence[Sample], device: torch.device) -> Tensor:
    """[n] the model's class of each label."""
    return torch.tensor([model.indices[sample.label] for sample in samples], device=device)


def seen_of(
    column: ColumnAsk, model: RunningModel, look: ModelOutput, labels: Tensor, shown: ContextBatch, regions: Regions
) -> MeasureInput:
    """What a measure is handed: a coarse map as it is where the measure reads cells, else the full map."""
    declares = registry.entry_of(column.spec).declares
    found = None if column.map is None else look.maps[column.map].maps
    cells = found.coarse if found is not None and declares.reads_cells else None
    return MeasureInput(
        look.logits,
        labels,
        model.original if declares.needs_original else None,
        found.values if found is not None and cells is None else None,
        shown.mask,
        cells,
        regions,
        model.merged,
    )


def _read(
    column: ColumnAsk, model: RunningModel, seen: MeasureInput, before: Iterable[tuple[Missing, Tensor]]
) -> Values:
    """A measure's values; a row is missing for the first reason that holds."""
    reading = model.read(column, seen)
    values = reading.values.double().cpu().numpy()
    missing: dict[int, Missing] = {}
    for reason, flags in [*before, *reading.undefined.items()]:
        for row in torch.nonzero(flags).flatten().tolist():
            missing.setdefault(row, reason)
    return values, missing


def pass_wide(ask: PassAsk, shown: ContextBatch) -> list[tuple[Missing, Tensor]]:
    """Why images have no value whatever is measured, the first reason first."""
    cropped = shown.cropped if needs_mask(ask.context) else torch.zeros_like(shown.cropped)
    found = [
        *_absent(shown),
        (Missing.NO_MASK, shown.without_mask),
        (Missing.OBJECT_CROPPED, cropped),
        (Missing.CONTEXT_IMPOSSIBLE, shown.impossible),
    ]
    if not exempt(ask.context):
        found.append((Missing.CONTEXT_UNCHANGED, ~shown.changed))
    return found


def _absent(shown: ContextBatch) -> list[tuple[Missing, Tensor]]:
    """Where the data keep no picture to show, by reason."""
    reasons = [reason for reason in dict.fromkeys(shown.absent) if reason is not None]
    return [(reason, torch.tensor([one is reason for one in shown.absent])) for reason in reasons]


def _own(column: ColumnAsk, shown: ContextBatch, look: ModelOutput) -> list[tuple[Missing, Tensor]]:
    found: list[tuple[Missing, Tensor]] = []
    if registry.entry_of(column.spec).declares.needs_mask:
        found += [(Missing.NO_MASK, shown.bare), (Missing.OBJECT_CROPPED, shown.cropped)]
    if column.map is not None:
        found.append((Missing.NON_FINITE_LOGITS, ~torch.isfinite(look.logits).all(1)))
        found.extend(look.maps[column.map].invalid.items())
    return found


def _areas(regions: Regions, bare: Tensor) -> NDArray[np.float64]:
    areas = regions.object_area / (regions.object_area + regions.background_area).clamp_min(1)
    areas[bare] = torch.nan
    return areas.cpu().numpy()
