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
from ...language.boundary import contained, failure_text
from ...language.reasons import Missing
from ...language.sample import OBJECT, Sample
from ...language.spec import Context
from ...measures.base import MeasureInput, MeasureOutput, Regions
from ..images.batches import Chunk, ContextBatch, Validity
from ..images.donor_selector import Donor
from ..images.interventions import changed_mask
from ..planning.plan import ColumnAsk, MapAsk, PassAsk, original_context
from ..results.counterexamples import ImageSearch
from ..results.interventions import Intervention
from ..results.measured import ImageFacts
from .running_model import Explained, ModelOutput, RunningModel


@dataclass(frozen=True)
class PassValues:
    """What one pass found on some images: values by column, and what pictures are drawn from.

    ``facts``: of each image, with its object's share of the valid pixels. ``failed``: columns that could not be
    computed at all, by key, with what went wrong; they are left out of `columns`. ``steps`` [n]: the work that a method
    chose for each image, by column, where it chooses. ``donors``: of columns that try several backgrounds, all those of
    each image as one donor. ``original``: [n, C] the logits of the original images, where they are known.
    ``searches``: of columns that search, what came of each image.
    """

    shown: ContextBatch
    logits: Tensor
    maps: Mapping[MapAsk, Explained]
    columns: Mapping[str, MeasureOutput]
    facts: Sequence[ImageFacts]
    failed: Mapping[str, str]
    steps: Mapping[str, NDArray[np.int64]]
    donors: Mapping[str, Sequence[Donor]] = field(default_factory=dict)
    original: Tensor | None = None
    searches: Mapping[str, Sequence[ImageSearch]] = field(default_factory=dict)

    def rows(self, at: Tensor) -> tuple[ContextBatch, ModelOutput]:
        """What was shown of some of the images, [m] long, and what the model gave on them."""
        maps = {
            ask: Explained(seen.maps.rows(at), {reason: flags[at] for reason, flags in seen.invalid.items()})
            for ask, seen in self.maps.items()
        }
        return self.shown.rows(at), ModelOutput(self.logits[at], maps, {})


def missing_rows(output: MeasureOutput) -> dict[int, Missing]:
    """The rows that have no value; of several reasons the first one counts."""
    missing: dict[int, Missing] = {}
    for reason, flags in output.undefined.items():
        for row in torch.nonzero(flags).flatten().tolist():
            missing.setdefault(row, reason)
    return missing


def read_pass(
    ask: PassAsk,
    model: RunningModel,
    chunk: Chunk,
    shown: ContextBatch,
    intervention: Intervention = Intervention.GIVEN,
    original: Tensor | None = None,
) -> PassValues:
    """Run one pass and read its columns; of a model that is blind to the background with the maps it would have.

    Args:
        original: [n, C] the logits of the original images, where a column needs them; a pass on the originals is its
            own.
    """
    labels = labels_of(model, chunk.samples, shown.pixels.device)
    # the map that a blind model would have is known but for the grid that a method tells it on
    run = [one for one in ask.maps if intervention is not Intervention.BLIND or _on_a_grid(one)]
    output = model.run(shown.pixels, labels, run, [sample.id for sample in chunk.samples], shown.origins)
    if intervention is Intervention.BLIND:
        maps = {one: _on_the_object(seen, shown.mask) for one, seen in output.maps.items()}
        exact = Explained(Maps((shown.mask == OBJECT).to(shown.pixels.dtype)), {})
        output = replace(output, maps={**dict.fromkeys([one for one in ask.maps if one not in run], exact), **maps})
    if ask.context == original_context():
        original = output.logits
    failed = {
        column.key: output.failed[column.map] for column in ask.columns if column.map and column.map in output.failed
    }
    asked = replace(ask, columns=tuple(column for column in ask.columns if column.key not in failed))
    found = _read_columns(asked, model, output, labels, shown, original)
    steps = {
        column.key: worked.cpu().numpy().astype(np.int64)
        for column in asked.columns
        if column.key in found.columns and column.map is not None
        if (worked := output.maps[column.map].maps.steps) is not None
    }
    return replace(found, failed={**failed, **found.failed}, steps=steps)


def read_again(
    ask: PassAsk,
    model: RunningModel,
    samples: Sequence[Sample],
    rows: Sequence[int],
    found: PassValues,
    intervention: Intervention,
    radius: float,
) -> PassValues:
    """The columns of a pass on some of its images with other masks: the logits and maps are those that are there."""
    at = torch.tensor(list(rows), device=found.logits.device)
    shown, output = found.rows(at)
    shown = replace(shown, mask=changed_mask(shown.mask, intervention, radius))
    labels = labels_of(model, [samples[row] for row in rows], shown.pixels.device)
    return _read_columns(ask, model, output, labels, shown, None if found.original is None else found.original[at])


def _read_columns(
    ask: PassAsk,
    model: RunningModel,
    output: ModelOutput,
    labels: Tensor,
    shown: ContextBatch,
    original: Tensor | None,
) -> PassValues:
    """Every column off what the model gave; a column that fails leaves the others alone."""
    wide, regions = pass_wide(ask.context, shown), Regions(shown.mask)
    columns: dict[str, MeasureOutput] = {}
    failed: dict[str, str] = {}
    for column in ask.columns:
        try:
            seen = measure_input(column, model, output, labels, shown, regions, original)
            before = [*wide, *_unanswered(model, seen), *_unscored(column, model, shown, labels)]
            columns[column.key] = _read(column, seen, [*before, *_own(column, shown, output)])
        except BaseException as error:  # one measure's failure is not the others'
            failed[column.key] = failure_text(contained(error))
    facts = shown.facts(_areas(regions, shown.validity.bare))
    return PassValues(shown, output.logits, output.maps, columns, facts, failed, {}, original=original)


def _on_a_grid(ask: MapAsk) -> bool:
    return bool(ask.entry.declares.needs_layer(ask.method))


def _on_the_object(found: Explained, mask: Tensor) -> Explained:
    """The map with all on the object, as finely as the method can tell: the object's share of each of its cells."""
    object_ = (mask == OBJECT).to(found.maps.cells.dtype)
    if found.maps.coarse is None:
        return Explained(Maps(object_), {})
    cells = adaptive_avg_pool2d(object_[:, None], list(found.maps.coarse.shape[1:]))[:, 0]  # type: ignore[arg-type]
    return Explained(Maps.on_grid(cells, (mask.shape[1], mask.shape[2])), {})


def labels_of(model: RunningModel, samples: Sequence[Sample], device: torch.device) -> Tensor:
    """[n] the model's class of each label."""
    return torch.tensor([model.indices[sample.label] for sample in samples], device=device)


def measure_input(
    column: ColumnAsk,
    model: RunningModel,
    output: ModelOutput,
    labels: Tensor,
    shown: ContextBatch,
    regions: Regions,
    original: Tensor | None = None,
) -> MeasureInput:
    """What a measure is handed: a coarse map as it is where the measure reads cells, else the full map."""
    maps = None if column.map is None else output.maps[column.map].maps
    cells = maps.coarse if maps is not None and column.declares.reads_cells else None
    return MeasureInput(
        output.logits,
        labels,
        original if column.declares.needs_original else None,
        maps.values if maps is not None and cells is None else None,
        shown.mask,
        cells,
        regions,
        model.merged,
        model.named,
        model.threshold,
    )


def measured_by(column: ColumnAsk, seen: MeasureInput) -> MeasureOutput:
    """The values of one measure on one batch."""
    output: MeasureOutput = column.entry.function(column.spec, seen)
    return output


def _read(column: ColumnAsk, seen: MeasureInput, before: Iterable[tuple[Missing, Tensor]]) -> MeasureOutput:
    """A measure's values; why images have none whatever is measured comes before the measure's own reasons."""
    output = measured_by(column, seen)
    undefined: dict[Missing, Tensor] = {}
    explained = torch.zeros(len(output.values), dtype=torch.bool, device=output.values.device)
    for reason, flags in [*before, *output.undefined.items()]:
        new = flags.to(explained.device) & ~explained
        undefined[reason] = undefined[reason] | new if reason in undefined else new
        explained = explained | new
    return MeasureOutput(output.values, undefined)


def pass_wide(context: Context, shown: ContextBatch) -> list[tuple[Missing, Tensor]]:
    """Why images have no value whatever is measured, the first reason first."""
    known = shown.validity
    masked = needs_mask(context)
    cropped = known.cropped if masked else torch.zeros_like(known.cropped)
    declared = known.without_object if masked else torch.zeros_like(known.without_object)
    found = [
        (Missing.NO_OBJECT, declared),
        *_absent(known),
        (Missing.NO_MASK, known.without_mask),
        (Missing.OBJECT_CROPPED, cropped),
        (Missing.CONTEXT_IMPOSSIBLE, known.impossible),
    ]
    if not exempt(context):
        found.append((Missing.CONTEXT_UNCHANGED, ~known.changed))
    return found


def _unanswered(model: RunningModel, seen: MeasureInput) -> list[tuple[Missing, Tensor]]:
    """Where stored answers hold none for a picture that the measure reads: what they hold is finite."""
    if model.loaded.answers is None:
        return []
    return [
        (Missing.NO_ANSWER, ~torch.isfinite(logits).all(1))
        for logits in (seen.logits, seen.original_logits)
        if logits is not None
    ]


def _unscored(
    column: ColumnAsk, model: RunningModel, shown: ContextBatch, labels: Tensor
) -> list[tuple[Missing, Tensor]]:
    """Where stored answers hold no probability of the label."""
    if model.stored is None or column.declares.reads not in ("probabilities", "logits") or column.map is not None:
        return []
    return [(Missing.NO_ANSWER, ~model.stored.knows_label(shown.origins, labels.cpu(), model.labels.merged))]


def _absent(known: Validity) -> list[tuple[Missing, Tensor]]:
    """Where the data keep no picture to show, or no mask that the context needs, by reason."""
    return _by_reason(known.absent)


def _by_reason(reasons: Sequence[Missing | None]) -> list[tuple[Missing, Tensor]]:
    known = [reason for reason in dict.fromkeys(reasons) if reason is not None]
    return [(reason, torch.tensor([one is reason for one in reasons])) for reason in known]


def _own(column: ColumnAsk, shown: ContextBatch, output: ModelOutput) -> list[tuple[Missing, Tensor]]:
    found: list[tuple[Missing, Tensor]] = []
    if column.declares.needs_mask:
        known = shown.validity
        found += [
            (Missing.NO_OBJECT, known.without_object),
            *_by_reason(known.mask_errors),
            (Missing.NO_MASK, known.bare),
            (Missing.OBJECT_CROPPED, known.cropped),
        ]
    if column.map is not None:
        found.append((Missing.NON_FINITE_LOGITS, ~torch.isfinite(output.logits).all(1)))
        found.extend(output.maps[column.map].invalid.items())
    return found


def _areas(regions: Regions, bare: Tensor) -> list[float]:
    areas = regions.object_area / (regions.object_area + regions.background_area).clamp_min(1)
    areas[bare] = torch.nan
    known: list[float] = areas.tolist()
    return known
