"""Writing what was measured to the store: every chunk in one transaction, so that a run that is cut off goes on."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from torch import Tensor

from ...language.sample import Sample
from ..images.batches import BatchBuilder, Chunk, ContextBatch
from ..inference.running_model import RunningModel
from ..inference.values import PassValues, missing_rows
from ..planning.plan import PassAsk
from ..results.measured import ImageFacts
from ..store.keys import decoding_key, layer_key, precision_key
from ..store.store import Key, StoreBatch
from .events import ChunkMeasured, Ended, Event, PassMeasured
from .store_lookup import StoreLookup, content_name
from .value_table import ValueTable


class PassWriter:
    """Adds what passes found to what is written next.

    Args:
        lookup: the keys under which values are stored.
        batch: what is written in the next transaction.
    """

    def __init__(self, lookup: StoreLookup, batch: StoreBatch) -> None:
        self._lookup = lookup
        self._batch = batch

    def keep_pass(self, ask: PassAsk, part: Chunk, found: PassValues) -> None:
        """The facts, the logits and the values of some samples."""
        names, keys = self._lookup.names_of(ask, part.samples, found.shown), self._lookup.keys(ask)
        for name, facts, logits in zip(names, found.facts, found.logits.detach().cpu(), strict=True):
            self._batch.image(keys.shown, name, facts)
            self._batch.content(keys.logits, name, _bytes(logits))
        of_values = self._lookup.value_names(ask, part.samples, names)
        for key, output in found.columns.items():
            own, steps = of_values, found.steps.get(key)
            if key in found.donors:
                of_all = self._lookup.names_of(ask, part.samples, found.shown, found.donors[key])
                own = self._lookup.value_names(ask, part.samples, of_all)
            values, missing = output.values.double().cpu().numpy(), missing_rows(output)
            for row, name_of_value in enumerate(own if key in keys.columns else ()):
                searched = found.searches[key][row] if key in found.searches else None
                if name_of_value is not None and (searched is None or not searched.cut_off):
                    if searched is not None:
                        content = searched.model_dump_json().encode()
                        self._batch.content(keys.searches[key], name_of_value, content)
                    reason, worked = missing.get(row), None if steps is None else int(steps[row])
                    self._batch.number(
                        keys.columns[key], name_of_value, np.nan if reason else values[row], reason, worked
                    )

    def keep_rows(
        self, ask: PassAsk, part: Chunk, shown: ContextBatch, facts: Sequence[ImageFacts], table: ValueTable
    ) -> None:
        """The facts of some samples, and the values that a table has of them."""
        names, keys = self._lookup.names_of(ask, part.samples, shown), self._lookup.keys(ask)
        for name, of_image in zip(names, facts, strict=True):
            self._batch.image(keys.shown, name, of_image)
        of_values = self._lookup.value_names(ask, part.samples, names)
        for asked in ask.columns:
            column = table.columns[ask.model, asked.key]
            for at, name_of_value in zip(part.positions, of_values, strict=True):
                if asked.key in keys.columns and name_of_value is not None:
                    reason = column.missing.get(at)
                    value = np.nan if reason else float(column.values[at])
                    self._batch.number(keys.columns[asked.key], name_of_value, value, reason, column.steps.get(at))

    def keep_content(self, key: Key, ask: PassAsk, sample: Sample, what: str, content: bytes) -> None:
        """Anything else that belongs to a sample under a pass; `what` distinguishes it."""
        name = self._name(ask, sample)
        if name is not None:
            self._batch.content(key, content_name(name, what), content)

    def forget_content(self, key: Key, ask: PassAsk, sample: Sample, what: str) -> None:
        """Remove what :meth:`keep_content` kept."""
        name = self._name(ask, sample)
        if name is not None:
            self._batch.forget(key, content_name(name, what))

    def _name(self, ask: PassAsk, sample: Sample) -> bytes | None:
        (name,) = self._lookup.value_names(ask, [sample], self._lookup.names(ask, [sample]))
        return name


class StoreWriter:
    """The listener that stores what the loop measures; the last of the tuple, since it commits what the others add.

    Args:
        batch: what this and other listeners want to be written.
        builders: those whose donors and stored pictures are remembered.
    """

    def __init__(
        self,
        lookup: StoreLookup,
        batch: StoreBatch,
        builder: BatchBuilder,
        redrawn: Sequence[BatchBuilder],
        models: Mapping[str, RunningModel],
    ) -> None:
        self._lookup, self._batch = lookup, batch
        self._builder, self._redrawn, self._models = builder, redrawn, models
        self._passes = PassWriter(lookup, batch)
        self._layers_kept: set[str] = set()

    def on(self, event: Event) -> None:
        """Keep passes as they come, and commit at the end of every chunk."""
        if isinstance(event, PassMeasured):
            self._passes.keep_pass(event.ask, event.part, event.values)
        elif isinstance(event, ChunkMeasured):
            self._keep_outcomes(event.samples)
            self._commit()
        elif isinstance(event, Ended):
            self._commit()

    def _keep_outcomes(self, samples: Iterable[Sample]) -> None:
        """How the decoding of samples ended."""
        for sample in samples:
            name = self._lookup.outcome_name(sample)
            if name is None:
                continue
            if sample.id in self._builder.unusable:
                reason, message = self._builder.unusable[sample.id]
                content = b"U" + json.dumps([reason.value, message]).encode()
            else:
                error = self._builder.mask_errors.get(sample.id)
                start = b"D" if error is None else b"M" + json.dumps([error[0].value, error[1]]).encode() + b"\n"
                parts = self._builder.parts[sample.id]
                content = start + f"{self._builder.digests[sample.id]}{parts.image}{parts.mask}".encode()
                content += self._builder.signatures[sample.id].to_bytes()
            self._batch.content(decoding_key(), name, content)

    def _commit(self) -> None:
        self._builder.donors.write(self._batch)
        for builder in self._redrawn:
            builder.donors.write(self._batch)
        self._builder.stored.write(self._batch)
        for key, model in self._models.items():
            if model.layer is not None and key not in self._layers_kept:
                content = json.dumps(dataclasses.asdict(model.layer)).encode()
                self._batch.content(layer_key(), self._lookup.layer_name(model), content)
                self._layers_kept.add(key)
        self._lookup.store.commit(self._batch)
        self._batch.clear()


def keep_precision(lookup: StoreLookup, model: RunningModel, asks: Sequence[PassAsk]) -> None:
    """Store what the model's passes run in, and how that was found out."""
    batch = StoreBatch()
    content = json.dumps([model.precision, model.notes]).encode()
    batch.content(precision_key(), lookup.precision_name(model, asks), content)
    lookup.store.commit(batch)


def _bytes(row: Tensor) -> bytes:
    kind = b"d" if row.element_size() == 8 else b"f"
    return kind + row.numpy().astype("<f8" if kind == b"d" else "<f4").tobytes()
