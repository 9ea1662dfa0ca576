"""Passes over chunks of samples: what the store holds is read, what is missing is computed, into one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...contexts import donor_rule, stored_picture
from ...language.errors import AuditError
from ...language.sample import Sample
from ...measures.base import searches_changes, tries_backgrounds
from ..images.batches import BatchBuilder, Chunk
from ..inference.running_model import RunningModel
from ..inference.values import PassValues, read_pass
from ..inference.worst_background import with_worst
from ..inference.worst_change import with_searches
from ..planning.plan import ColumnAsk, PassAsk, original_context
from .events import PassMeasured
from .store_lookup import StoreLookup
from .stored_logits import read_from_logits
from .value_table import ValueTable


class PassRunner:
    """Measures the passes of one table.

    Args:
        samples: those of the table's rows.
        builder: makes batches under contexts of them.
        originals: whose logits of original images are compared with, where those are another's.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        models: Mapping[str, RunningModel],
        builder: BatchBuilder,
        lookup: StoreLookup,
        table: ValueTable,
        originals: PassRunner | None = None,
    ) -> None:
        self.samples = samples
        self.models = models
        self.builder = builder
        self.lookup = lookup
        self.table = table
        self._compared_with = originals
        self._originals: dict[tuple[str, int], Tensor] = {}
        self._seconds: dict[str, float] = {}

    @property
    def stores(self) -> bool:
        """Whether anything is found in a store, or kept there."""
        return self.lookup.store.active

    def fill(self, positions: Sequence[int], *, decode: bool = False) -> None:
        """Put what is stored of some samples into the table; with `decode` donors are decoded to know them."""
        chosen = [self.samples[at] for at in positions]
        for ask in list(self.table.passes):
            if ask in self.table.passes:
                try:
                    self.lookup.fill(ask, self.table, chosen, positions, decode=decode)
                except AuditError as error:
                    self.table.give_up_pass(ask, str(error))
        read_from_logits(self.table, self.lookup, self.models, positions, self.samples)

    def needed(self, positions: Sequence[int]) -> set[int]:
        """Those of some samples that have something left to do."""
        places = np.asarray(positions, dtype=np.intp)
        return {at for ask in self.table.passes for at in places[self.table.needed(ask, places)].tolist()}

    def prefetch(self, samples: Sequence[Sample]) -> None:
        """Start decoding what contexts will need of other images."""
        for ask in self.table.passes:
            preprocessing = self.models[ask.model].loaded.preprocessing
            try:
                if donor_rule(ask.context) is not None:
                    self.builder.donors.prefetch(samples, ask.context, preprocessing)
                if stored_picture(ask.context) is not None:
                    self.builder.stored.prefetch(samples, ask.context, preprocessing)
            except AuditError:  # the pass itself raises it, and takes down what needs it
                continue

    def begin_chunk(self) -> None:
        """Let go of what was kept of the last chunk."""
        self._originals.clear()

    def measure(self, ask: PassAsk, chunk: Chunk) -> Iterator[PassMeasured]:
        """Compute what a pass lacks on a chunk: rows that lack the same columns together."""
        positions = np.asarray(chunk.positions, dtype=np.intp)
        groups: dict[tuple[ColumnAsk, ...], list[int]] = {}
        for row in np.flatnonzero(self.table.needed(ask, positions)).tolist():
            groups.setdefault(self.table.lacking(ask, chunk.positions[row]), []).append(row)
        for columns, rows in groups.items():
            part = chunk.part(rows)
            found = self.read(replace(ask, columns=columns), part)
            self.table.put(ask, part.positions, found)
            yield PassMeasured(ask, part, tuple(rows), found)

    def read(self, ask: PassAsk, part: Chunk) -> PassValues:
        """Run a pass on some samples, whatever the table has of them."""
        model, original = self.models[ask.model], None
        if any(column.declares.needs_original for column in ask.columns):
            original = self.original_logits(ask.model, part)
        shown = self.builder.show(part, ask.context, model.loaded.preprocessing)
        several = tuple(column for column in ask.columns if tries_backgrounds(column.spec))
        searched = tuple(column for column in ask.columns if searches_changes(column.spec))
        alone = replace(ask, columns=tuple(one for one in ask.columns if one not in (*several, *searched)))
        found = read_pass(alone, model, part, shown, self.builder.intervention, original)
        if several:
            assert original is not None
            found = with_worst(found, replace(ask, columns=several), model, part, self.builder, original)
        if searched:
            asked = replace(ask, columns=searched)
            found = with_searches(found, asked, model, part, self.builder, self.lookup.cases, self._seconds)
        if ask.context == original_context():
            self._originals.update({(ask.model, at): row for at, row in zip(part.positions, found.logits, strict=True)})
        return found

    def original_logits(self, model: str, part: Chunk) -> Tensor:
        """[n, C] the logits of the originals: of this chunk's pass, else stored, else computed now."""
        if self._compared_with is not None:
            return self._compared_with.original_logits(model, part)
        ask = next(one for one in self.table.passes if one.model == model and one.context == original_context())
        missing = [row for row, at in enumerate(part.positions) if (model, at) not in self._originals]
        if missing and self.stores:
            stored = self.lookup.logits(ask, [part.samples[row] for row in missing])
            for row, logits in zip(missing, stored, strict=True):
                if logits is not None:
                    self._originals[model, part.positions[row]] = logits.to(self.models[model].device)
        missing = [row for row in missing if (model, part.positions[row]) not in self._originals]
        if missing:
            self.read(replace(ask, columns=()), part.part(missing))
        return torch.stack([self._originals[model, at] for at in part.positions])
