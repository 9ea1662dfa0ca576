"""Variants of an audit, measured beside it: on the same decoded images, and where only the mask changes, in the same
passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...contexts import needs_mask
from ...language.boundary import contained, failure_text
from ...language.checks import CheckSettings
from ...language.sample import Sample
from ..images.batches import Chunk, ContextBatch
from ..images.donor_ranking import first_positions
from ..images.prepared import PreparedSample
from ..inference.running_model import RunningModel
from ..inference.values import ChunkValues, read_again
from ..measurement.value_table import place_of
from ..planning.plan import PassAsk, PlanGroup
from ..planning.reruns import images_of, may_draw, passes_of_variant, variants_of
from ..results.interventions import Intervention, second_seed
from ..results.measured import RerunData
from ..store.store import StoreBatch

if TYPE_CHECKING:
    from ..measurement.loop import Measuring


class Rerun:
    """One variant of a measurement, on some of its images.

    Args:
        base: the measurement of the audit itself; what a variant cannot change is taken from there.
        measuring: the variant's own, with its own stage, rows and keys; it is never run by itself.
        positions: of the images.
    """

    def __init__(self, variant: Intervention, base: Measuring, measuring: Measuring, positions: Sequence[int]) -> None:
        self.variant = variant
        self.positions = frozenset(positions)
        self._base = base
        self._own = measuring
        self._waiting: list[tuple[Sample, int, PreparedSample]] = []

    def look_up(self, positions: Iterable[int]) -> set[int]:
        """Read what is stored of the variant's images among these; those of which something is missing."""
        chosen = [at for at in positions if at in self.positions]
        if not chosen or not self._own.passes:
            return set()
        if self._own.keeps:
            self._own.fill(chosen)
        at = np.asarray(chosen, dtype=np.intp)
        return {int(one) for ask in self._own.passes for one in at[self._own.rows.needed(ask, at)]}

    def miss(self, at: int) -> None:
        """A sample that cannot be decoded has no value here either."""
        if at in self.positions:
            self._own.rows.miss(at, self._base.stage.unusable[self._base.samples[at].id][0])

    def forget(self, at: int) -> None:
        """As if nothing were known of a sample."""
        self._own.rows.forget(at)

    def cut(self, end: int) -> None:
        """Leave out all images from `end` on."""
        for at in [at for at in self.positions if at >= end]:
            self._own.rows.unreadable[at] = False
            self.forget(at)
        self.positions = frozenset(at for at in self.positions if at < end)
        self._waiting = [one for one in self._waiting if one[1] < end]

    def along(self, ask: PassAsk, part: Chunk, found: ChunkValues, batch: StoreBatch) -> None:
        """Read the columns of a mask variant off what a pass of the audit has just found, where only masks change."""
        own = self._pass_of(ask)
        if own is None or not self.variant.of_masks or needs_mask(ask.context):
            return
        rows = [row for row, at in enumerate(part.positions) if at in self.positions]
        if rows:
            chosen = replace(own, columns=tuple(one for one in own.columns if one.map in found.maps or one.map is None))
            model, radius = self._base.models[ask.model], self._own.stage.radius
            seen = read_again(chosen, model, part.samples, rows, found, self.variant, radius)
            self._own.take(chosen, part.part(rows), seen, batch)

    def step(self, chunk: Chunk, batch: StoreBatch) -> None:
        """Measure what is left to do of a chunk that the audit has been measured on.

        The images of a check on few of them wait until they fill a micro-batch: alone they would be padded to one.
        """
        found = zip(chunk.samples, chunk.positions, chunk.prepared, strict=True)
        self._waiting.extend(one for one in found if one[1] in self.positions)
        while len(self._waiting) >= self._own.size:
            self._measure(batch, self._own.size)

    def finish(self, batch: StoreBatch) -> None:
        """Measure the images that still wait."""
        if self._waiting:
            self._measure(batch, len(self._waiting))

    def _measure(self, batch: StoreBatch, count: int) -> None:
        samples, positions, prepared = zip(*self._waiting[:count], strict=True)
        del self._waiting[:count]
        part = Chunk(samples, positions, prepared)
        self._own.begin_step()
        for ask in list(self._own.passes):
            if ask in self._own.passes:
                try:
                    if self.variant is Intervention.REDRAWN:
                        self._copy_undrawn(ask, part, batch)
                    self._own.compute(ask, part, batch)
                except BaseException as error:  # recorded: the check is not made, the audit itself goes on
                    self._own.give_up(ask, failure_text(contained(error)))

    def write(self, batch: StoreBatch) -> None:
        """What is known of donors by now."""
        if self.variant is Intervention.REDRAWN:
            self._own.stage.lending.write(batch)

    def data(self) -> RerunData:
        """What was found, in the order of the positions."""
        return RerunData(
            variant=str(self.variant),
            positions=sorted(self.positions),
            columns=[column.data(sorted(self.positions)) for column in self._own.rows.columns.values()],
            failures=dict(self._own.failures),
        )

    def _copy_undrawn(self, ask: PassAsk, part: Chunk, batch: StoreBatch) -> None:
        """Where the second draw shows the very same pixels, and no method draws, the values are those of the first."""
        if any(may_draw(column) for column in ask.columns):
            return
        preprocessing = self._base.models[ask.model].loaded.preprocessing
        first = self._base.stage.show(part, ask.context, preprocessing)
        second = self._own.stage.show(part, ask.context, preprocessing)
        same = (first.pixels == second.pixels).flatten(1).all(dim=1).tolist()
        copied = [row for row, equal in enumerate(same) if equal and self._copy(ask, part.positions[row])]
        if copied and self._own.keeps:
            self._keep(ask, part.part(copied), second.rows(torch.tensor(copied, device=second.pixels.device)), batch)

    def _keep(self, ask: PassAsk, part: Chunk, shown: ContextBatch, batch: StoreBatch) -> None:
        """Store what was copied: under the second draw's own keys, which name its donors."""
        recall = self._own.recall
        names = recall.names_of(ask, part.samples, shown)
        areas = self._base.rows.areas(ask.model, np.asarray(part.positions, dtype=np.intp))
        recall.keep_shown(batch, ask, names, shown, areas)
        of_values, keys = recall.value_names(ask, part.samples, names), recall.keys(ask).columns
        for one in ask.columns:
            column = self._own.rows.columns[ask.model, one.key]
            for at, name in zip(part.positions, of_values, strict=True):
                if one.key in keys and name is not None:
                    reason = column.missing.get(at)
                    value = np.nan if reason else float(column.values[at])
                    batch.number(keys[one.key], name, value, reason, column.steps.get(at))

    def _copy(self, ask: PassAsk, at: int) -> bool:
        known = [(self._base.rows.columns.get((ask.model, one.key)), one) for one in ask.columns]
        if any(column is None or not column.done[at] for column, _ in known):
            return False
        for column, one in known:
            assert column is not None
            own = self._own.rows.columns[ask.model, one.key]
            own.put(at, float(column.values[at]), column.missing.get(at), column.steps.get(at))
        self._own.rows.passes[place_of(ask)].done[at] = True
        return True

    def _pass_of(self, ask: PassAsk) -> PassAsk | None:
        return next((one for one in self._own.passes if place_of(one) == place_of(ask)), None)


def variations(base: Measuring, group: PlanGroup, checks: CheckSettings) -> Iterator[Rerun]:
    """The variants that are measured beside an audit."""
    for variant in variants_of(checks):
        passes = passes_of_variant(base.passes, variant)
        if not any(ask.columns for ask in passes):
            continue
        stage = base.stage.varied(variant, checks.radius)
        models: Mapping[str, RunningModel] = base.models
        if variant is Intervention.REDRAWN:
            models = {key: replace(model, seed=second_seed(stage.seed)) for key, model in base.models.items()}
        own = base.beside(
            replace(group, passes=passes, cases=()), stage, models, originals=variant is not Intervention.BLIND
        )
        positions = first_positions(base.samples, images_of(variant, checks), base.stage.seed)
        yield Rerun(variant, base, own, positions)
