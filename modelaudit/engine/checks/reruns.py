"""Measuring again with something else about the audit, along with it: on the same decoded images, and where only the
mask changes, in the same passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import torch

from ...contexts import needs_mask
from ...language.boundary import contained, failure_text
from ...language.checks import CheckSettings
from ..images.batches import BatchBuilder, Chunk, ContextBatch
from ..images.donor_ranking import first_positions
from ..inference.running_model import RunningModel
from ..inference.values import PassValues, read_again
from ..measurement.events import (
    ChunkMeasured,
    Ended,
    EndedEarly,
    Event,
    PassMeasured,
    SampleChanged,
    SampleUnusable,
    StoreRead,
)
from ..measurement.passes import PassRunner
from ..measurement.store_lookup import StoreLookup
from ..measurement.store_writer import PassWriter
from ..measurement.value_table import ValueTable
from ..planning.plan import PassAsk
from ..planning.reruns import images_of, interventions_of, may_draw, passes_of_rerun
from ..results.interventions import Intervention, second_seed
from ..results.measured import RerunData
from ..store.store import StoreBatch
from .waiting import WaitingImages


class Rerun:
    """One intervention, measured on some of the audit's images.

    Args:
        base: the audit's own passes; what an intervention cannot change is taken from there.
        own: those of the intervention, with a builder, a table and keys of their own.
        positions: of the images.
        writer: keeps what is measured; None where nothing is stored.
        size: images in a micro-batch.
    """

    def __init__(
        self,
        intervention: Intervention,
        base: PassRunner,
        own: PassRunner,
        positions: Sequence[int],
        writer: PassWriter | None,
        *,
        size: int,
    ) -> None:
        self.intervention = intervention
        self._positions = frozenset(positions)
        self._base, self._own = base, own
        self._writer = writer
        self._waiting = WaitingImages(size)

    def on(self, event: Event) -> None:
        """Go along with the audit's measurement."""
        if isinstance(event, StoreRead):
            event.needed |= self._read_store(event.positions)
        elif isinstance(event, SampleUnusable) and event.position in self._positions:
            self._own.table.miss(event.position, event.reason)
        elif isinstance(event, SampleChanged):
            self._own.table.forget(event.position)
        elif isinstance(event, PassMeasured):
            self._read_along(event)
        elif isinstance(event, ChunkMeasured):
            for chunk in self._waiting.add(event.chunk, self._positions):
                self._measure(chunk)
        elif isinstance(event, EndedEarly):
            self._own.table.forget_unreadable(at for at in self._positions if at >= event.end)
            self._positions = frozenset(at for at in self._positions if at < event.end)
            self._waiting.stop(event.end)
        elif isinstance(event, Ended):
            for chunk in self._waiting.rest():
                self._measure(chunk)

    @property
    def builder(self) -> BatchBuilder:
        """What makes the batches of the intervention."""
        return self._own.builder

    def data(self) -> RerunData:
        """What was found, in the order of the positions."""
        positions = sorted(self._positions)
        return RerunData(
            variant=str(self.intervention),
            positions=positions,
            columns=[column.data(positions) for column in self._own.table.columns.values()],
            failures=dict(self._own.table.failures),
        )

    def _read_store(self, positions: Sequence[int]) -> set[int]:
        """Read what is stored of these images; those of which something is missing."""
        chosen = [at for at in positions if at in self._positions]
        if not chosen or not self._own.table.passes:
            return set()
        if self._own.stores:
            self._own.fill(chosen)
        return self._own.needed(chosen)

    def _read_along(self, event: PassMeasured) -> None:
        """Read the columns of other masks off what a pass of the audit has found, where only masks change."""
        own = next((one for one in self._own.table.passes if one.place == event.ask.place), None)
        if own is None or not self.intervention.of_masks or needs_mask(event.ask.context):
            return
        part, found = event.part, event.values
        rows = [row for row, at in enumerate(part.positions) if at in self._positions]
        if rows:
            columns = tuple(column for column in own.columns if column.map in found.maps or column.map is None)
            chosen, model = replace(own, columns=columns), self._base.models[own.model]
            radius = self._own.builder.radius
            read = read_again(chosen, model, part.samples, rows, found, self.intervention, radius)
            self._take(chosen, part.part(rows), read)

    def _measure(self, chunk: Chunk) -> None:
        """Measure what is left to do of a chunk that the audit has been measured on."""
        self._own.begin_chunk()
        self._give_up_failed()
        for ask in list(self._own.table.passes):
            if ask in self._own.table.passes:
                try:
                    if self.intervention is Intervention.REDRAWN:
                        self._copy_undrawn(ask, chunk)
                    for measured in self._own.measure(ask, chunk):
                        self._keep(ask, measured.part, measured.values)
                except BaseException as error:  # recorded: the check is not made, the audit itself goes on
                    self._own.table.give_up_pass(ask, failure_text(contained(error)))

    def _give_up_failed(self) -> None:
        """Ask no more for columns that the audit itself has no values of: what they are compared with is missing."""
        failures = self._base.table.failures
        for ask in list(self._own.table.passes):
            keys = {column.key: f"{ask.model}|{column.key}" for column in ask.columns}
            self._own.table.give_up_columns(ask, {key: failures[one] for key, one in keys.items() if one in failures})

    def _take(self, ask: PassAsk, part: Chunk, found: PassValues) -> None:
        self._own.table.put(ask, part.positions, found)
        self._keep(ask, part, found)

    def _keep(self, ask: PassAsk, part: Chunk, found: PassValues) -> None:
        if self._writer is not None:
            self._writer.keep_pass(ask, part, found)

    def _copy_undrawn(self, ask: PassAsk, chunk: Chunk) -> None:
        """Where the second draw shows the very same pixels, and no method draws, the values are those of the first."""
        if any(may_draw(column) for column in ask.columns):
            return
        preprocessing = self._base.models[ask.model].loaded.preprocessing
        first = self._base.builder.show(chunk, ask.context, preprocessing)
        second = self._own.builder.show(chunk, ask.context, preprocessing)
        same = (first.pixels == second.pixels).flatten(1).all(dim=1).tolist()
        copied = [row for row, equal in enumerate(same) if equal and self._copy(ask, chunk.positions[row])]
        if copied and self._writer is not None:
            rows = torch.tensor(copied, device=second.pixels.device)
            self._keep_copied(ask, chunk.part(copied), second.rows(rows), self._writer)

    def _keep_copied(self, ask: PassAsk, part: Chunk, shown: ContextBatch, writer: PassWriter) -> None:
        """Store what was copied: under the second draw's own keys, which name its donors."""
        areas = [float(self._base.table.areas(ask.model)[at]) for at in part.positions]
        writer.keep_rows(ask, part, shown, shown.facts(areas), self._own.table)

    def _copy(self, ask: PassAsk, at: int) -> bool:
        known = [(self._base.table.columns.get((ask.model, column.key)), column) for column in ask.columns]
        if any(values is None or not values.done[at] for values, _ in known):
            return False
        for values, column in known:
            assert values is not None
            own = self._own.table.columns[ask.model, column.key]
            own.put(at, float(values.values[at]), values.missing.get(at), values.steps.get(at))
        self._own.table.images[ask.place].done[at] = True
        return True


def reruns_of(
    base: PassRunner, group_key: str, checks: CheckSettings, batch: StoreBatch, *, size: int
) -> Iterator[Rerun]:
    """The reruns that go along with an audit.

    Args:
        batch: what they want to be stored.
        size: images in a micro-batch.
    """
    for intervention in interventions_of(checks):
        passes = passes_of_rerun(base.table.passes, intervention)
        if not any(ask.columns for ask in passes):
            continue
        builder = base.builder.varied(intervention, checks.radius)
        models: Mapping[str, RunningModel] = base.models
        if intervention is Intervention.REDRAWN:
            models = {key: replace(model, seed=second_seed(builder.seed)) for key, model in base.models.items()}
        lookup = StoreLookup(base.lookup.store, builder, models, passes, group_key)
        originals = None if intervention is Intervention.BLIND else base
        own = PassRunner(base.samples, models, builder, lookup, ValueTable(passes, len(base.samples)), originals)
        positions = first_positions(base.samples, images_of(intervention, checks), base.builder.seed)
        writer = PassWriter(lookup, batch) if base.stores else None
        yield Rerun(intervention, base, own, positions, writer, size=size)
