"""What the store knows of a group's samples, and what it is given to keep."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ...contexts import donor_rule, stored_picture
from ...data import files_of
from ...data.signature import Signature
from ...language import registry
from ...language.reasons import Missing
from ...language.sample import Sample
from ...language.spatial import SpatialLayer
from ...language.spec import long_text
from ...measures.base import tries_backgrounds
from ..images.batches import BatchBuilder, ContextBatch
from ..images.donor_selector import UNKNOWN, Donor
from ..inference.running_model import RunningModel
from ..planning.plan import ColumnAsk, PassAsk, original_context
from ..results.interventions import Intervention
from ..store.keys import (
    PassKeys,
    Setting,
    decoding_key,
    digest,
    layer_key,
    pass_keys,
    precision_key,
    sample_key,
    value_key,
)
from ..store.store import Key, Store, StoreBatch
from .value_table import CHANGED, CROPPED, IMPOSSIBLE, WITHOUT_MASK, Place, Rows, coded_share, place_of, share_of

_SIDE = 1 << 20
#: a digest of a decoded sample has so many hexadecimal digits
_HEX = 64
_FLAGS = 16
_SHARES = 1 << 16


class Recall:
    """The store, as a group's measurement asks it.

    Args:
        group: the group's name, for people.
    """

    def __init__(
        self,
        store: Store,
        stage: BatchBuilder,
        models: Mapping[str, RunningModel],
        passes: Sequence[PassAsk],
        group: str,
    ) -> None:
        self.store = store
        self._stage = stage
        self._models = models
        self._group = group
        self._keys: dict[tuple[Place, str], PassKeys] = {}
        self._passes = passes

    def outcomes(self, samples: Sequence[Sample]) -> list[bool]:
        """What became of samples when they were decoded: told to the stage; which of them are known."""
        self._stage.contents.of(samples)
        names = [self._outcome(sample) for sample in samples]
        found = self.store.contents(decoding_key(), names)
        for sample, content in zip(samples, found, strict=True):
            if content is not None and content[:1] == b"D":
                self._stage.digests[sample.id] = content[1 : 1 + _HEX].decode()
                self._stage.signatures[sample.id] = Signature.from_bytes(content[1 + _HEX :])
            elif content is not None:
                reason, message = json.loads(content[1:])
                self._stage.note_unusable(sample, Missing(reason), message)
        return [content is not None for content in found]

    def fill(
        self,
        ask: PassAsk,
        rows: Rows,
        samples: Sequence[Sample],
        positions: Sequence[int],
        *,
        decode: bool = False,
    ) -> None:
        """Put the stored values of one pass into `rows`.

        Raises:
            AuditError: what the pass itself would raise (no donors in the data, images of different sizes).
        """
        keys, names = self.keys(ask), self.names(ask, samples, decode=decode)
        known = [column for column in ask.columns if column.key in keys.columns]
        alone = [column for column in known if not tries_backgrounds(column.spec)]
        lent = self.donors(ask, samples, decode=decode)
        (shown,) = self.store.cells([keys.shown], names)
        own = self.value_names(ask, samples, names)
        columns = dict(zip(alone, self.store.cells([keys.columns[one.key] for one in alone], own), strict=True))
        for column in [column for column in known if column not in columns]:
            of_all = self._names(ask, samples, self._backgrounds(ask, column, samples, decode), decode)
            own = self.value_names(ask, samples, of_all)
            (columns[column],) = self.store.cells([keys.columns[column.key]], own)
        preprocessing = self._models[ask.model].loaded.preprocessing
        rows_of = rows.passes[place_of(ask)]
        sizes: dict[int, int] = {}
        for row in np.flatnonzero(shown.found).tolist():
            size, flags, kept = _unpacked(int(shown.steps[row]))
            sizes.setdefault(size, row)
            rows_of.put(positions[row], flags, float(shown.values[row]), kept, shown.reasons.get(row), _id(lent[row]))
        rows.contents.update(lent[row] for row in np.flatnonzero(shown.found).tolist() if isinstance(lent[row], tuple))
        for size, row in sizes.items():
            self._stage.require_size(samples[row].id, divmod(size, _SIDE), preprocessing)
        at = np.asarray(positions, dtype=np.intp)
        for column, cells in columns.items():
            # numbers without the facts of the pass were left behind by half a prune
            found = cells.found & shown.found
            target = rows.columns[ask.model, column.key]
            target.values[at[found]], target.done[at[found]] = cells.values[found], True
            target.stored[at[found]] = True
            target.missing.update({positions[row]: reason for row, reason in cells.reasons.items() if found[row]})
            worked = np.flatnonzero(found & (cells.steps >= 0)).tolist()
            target.steps.update({positions[row]: int(cells.steps[row]) for row in worked})

    def logits(self, ask: PassAsk, samples: Sequence[Sample]) -> list[Tensor | None]:
        """The stored logits [C] of each sample, None where there are none."""
        found = self.store.contents(self.keys(ask).logits, self.names(ask, samples))
        return [None if content is None else _tensor(content) for content in found]

    def contents(self, key: Key, ask: PassAsk, samples: Sequence[Sample], what: str) -> list[bytes | None]:
        """Stored pictures of samples under a pass, told apart by `what`."""
        names = self.value_names(ask, samples, self.names(ask, samples))
        return self.store.contents(key, [None if name is None else _picture_name(name, what) for name in names])

    def keep_content(
        self, batch: StoreBatch, key: Key, ask: PassAsk, sample: Sample, what: str, content: bytes
    ) -> None:
        """Keep a picture."""
        (name,) = self.value_names(ask, [sample], self.names(ask, [sample]))
        if name is not None:
            batch.content(key, _picture_name(name, what), content)

    def forget_content(self, batch: StoreBatch, key: Key, ask: PassAsk, sample: Sample, what: str) -> None:
        """Let go of a picture."""
        (name,) = self.value_names(ask, [sample], self.names(ask, [sample]))
        if name is not None:
            batch.forget(key, _picture_name(name, what))

    def keep_outcome(self, batch: StoreBatch, sample: Sample) -> None:
        """What became of a sample when it was decoded."""
        name = self._outcome(sample)
        if name is None:
            return
        if sample.id in self._stage.unusable:
            reason, message = self._stage.unusable[sample.id]
            batch.content(decoding_key(), name, b"U" + json.dumps([reason.value, message]).encode())
        else:
            known = self._stage.digests[sample.id].encode() + self._stage.signatures[sample.id].to_bytes()
            batch.content(decoding_key(), name, b"D" + known)

    def names_of(
        self, ask: PassAsk, samples: Sequence[Sample], shown: ContextBatch, donors: Sequence[Donor] | None = None
    ) -> list[bytes]:
        """The keys of samples that were just shown.

        Args:
            donors: in place of those that lent, where a column tries the backgrounds of several.
        """
        contents, lent = self._stage.contents.of(samples), shown.donors if donors is None else donors
        return [
            sample_key(sample.id, content or "", donor, stored)
            for sample, content, donor, stored in zip(samples, contents, lent, shown.stored, strict=True)
        ]

    def keep_pass(
        self, batch: StoreBatch, ask: PassAsk, names: Sequence[bytes], shown: ContextBatch, areas: Any, logits: Tensor
    ) -> None:
        """The facts of a pass on some samples, and the logits."""
        self.keep_shown(batch, ask, names, shown, areas)
        for name, row in zip(names, logits.detach().cpu(), strict=True):
            batch.content(self.keys(ask).logits, name, _bytes(row))

    def keep_shown(
        self, batch: StoreBatch, ask: PassAsk, names: Sequence[bytes], shown: ContextBatch, areas: Any
    ) -> None:
        """The facts of a pass on some samples."""
        keys = self.keys(ask)
        size = shown.pixels.shape[2] * _SIDE + shown.pixels.shape[3]
        facts = zip(names, areas.tolist(), flags_of(shown), shown.kept, shown.absent, strict=True)
        for name, area, flags, kept, absent in facts:
            batch.number(keys.shown, name, area, absent, _packed(size, flags, kept))

    def keep_layer(self, batch: StoreBatch, model: RunningModel) -> None:
        """The spatial layer that was found."""
        if model.layer is not None:
            content = json.dumps(dataclasses.asdict(model.layer)).encode()
            batch.content(layer_key(), self._layer_name(model), content)

    def layer(self, model: RunningModel) -> SpatialLayer | None:
        """The spatial layer that was found before."""
        (content,) = self.store.contents(layer_key(), [self._layer_name(model)])
        return None if content is None else SpatialLayer(**json.loads(content))

    def keep_precision(self, batch: StoreBatch, model: RunningModel, asks: Sequence[PassAsk]) -> None:
        """What the model's passes run in, and how that was found out."""
        content = json.dumps([model.precision, model.notes]).encode()
        batch.content(precision_key(), self._precision_name(model, asks), content)

    def settled(self, model: RunningModel, asks: Sequence[PassAsk]) -> bool:
        """Set the precision that an earlier run found for these passes; whether there was one."""
        (content,) = self.store.contents(precision_key(), [self._precision_name(model, asks)])
        if content is None:
            return False
        model.precision, notes = json.loads(content)
        model.notes.extend(notes)
        return True

    def keys(self, ask: PassAsk) -> PassKeys:
        """The keys of a pass and of its columns."""
        model = self._models[ask.model]
        precision = str(getattr(model, "precision", "float32"))  # may be settled by the first images
        place = place_of(ask)
        if (place, precision) not in self._keys:
            whole = next((one for one in self._passes if place_of(one) == place), ask)
            setting = Setting(
                seed=self._stage.seed,
                device=model.device,
                precision=precision,
                model=ask.model.removeprefix("model:"),
                data=self._group.removeprefix("data:"),
                object_kept=self._stage.object_kept,
                variant=self._variant(),
            )
            columns = {column.key: column.spec for column in whole.columns}
            draws = ask.context != original_context()
            self._keys[place, precision] = pass_keys(ask.context, columns, model.loaded, setting, draws=draws)
        return self._keys[place, precision]

    def _variant(self) -> str:
        """What pixels or masks depend on beside the seed."""
        variant = self._stage.variant
        if variant.of_masks:
            return f"{variant} by {self._stage.radius!r}"
        return str(variant) if variant is Intervention.BLIND else ""

    def names(self, ask: PassAsk, samples: Sequence[Sample], *, decode: bool = False) -> list[bytes | None]:
        """The keys of samples; None where not all contents are known, unless others may be decoded for it."""
        return self._names(ask, samples, self.donors(ask, samples, decode=decode), decode)

    def donors(self, ask: PassAsk, samples: Sequence[Sample], *, decode: bool = False) -> Sequence[Any]:
        """Who lends to each sample, as :meth:`Lending.recall` tells it; None where the context asks nobody."""
        if donor_rule(ask.context) is None:
            return [None] * len(samples)
        preprocessing = self._models[ask.model].loaded.preprocessing
        return self._stage.lending.recall(samples, ask.context, preprocessing, decode=decode)

    def value_names(self, ask: PassAsk, samples: Sequence[Sample], names: Sequence[bytes | None]) -> list[bytes | None]:
        """The keys of what is read off samples, from their own: what a label means has a part in it."""
        labels = self._models[ask.model].labels
        return [
            None if name is None else value_key(name, labels.code(sample.label))
            for sample, name in zip(samples, names, strict=True)
        ]

    def _backgrounds(
        self, ask: PassAsk, column: ColumnAsk, samples: Sequence[Sample], decode: bool
    ) -> Sequence[Donor | Literal["unknown"]]:
        count = registry.entry_of(column.spec).declares.backgrounds(column.spec)
        preprocessing = self._models[ask.model].loaded.preprocessing
        return self._stage.lending.recall_backgrounds(samples, ask.context, preprocessing, count, decode=decode)

    def _names(
        self, ask: PassAsk, samples: Sequence[Sample], donors: Sequence[Any], decode: bool
    ) -> list[bytes | None]:
        asks_stored, contents = stored_picture(ask.context) is not None, self._stage.contents.of(samples)
        stored: list[str | None] = [None] * len(samples)
        if asks_stored:
            preprocessing = self._models[ask.model].loaded.preprocessing
            stored = self._stage.stored.recall(samples, ask.context, preprocessing, decode=decode)
        return [
            None
            if content is None or donor == UNKNOWN or (asks_stored and picture is None)
            else sample_key(sample.id, content, donor, picture)
            for sample, content, donor, picture in zip(samples, contents, donors, stored, strict=True)
        ]

    def _outcome(self, sample: Sample) -> bytes | None:
        """Messages name files, so these have a part in where the outcome lies."""
        content = self._stage.contents.known(sample)
        return None if content is None else digest(content, sample.id, *(str(path) for path in files_of(sample)))

    def _precision_name(self, model: RunningModel, asks: Sequence[PassAsk]) -> bytes:
        """The first images decide too, but not whether a value is stored under the precision that it has."""
        name = torch.cuda.get_device_name(model.device) if model.device.startswith("cuda") else model.device
        loaded = model.loaded
        asked = [f"{long_text(ask.context)} {long_text(column.spec)}" for ask in asks for column in ask.columns]
        return digest(loaded.fingerprint, loaded.probe_digest, name, self._group, *sorted(asked))

    def _layer_name(self, model: RunningModel) -> bytes:
        loaded = model.loaded
        return digest(loaded.fingerprint, loaded.probe_digest, repr(loaded.preprocessing.geometry()))


def _id(donor: Any) -> str | None:
    return donor[0] if isinstance(donor, tuple) else None


def flags_of(shown: ContextBatch) -> list[int]:
    """[n] what became of each image, as bits."""
    bits = (
        (shown.changed, CHANGED),
        (shown.impossible, IMPOSSIBLE),
        (shown.without_mask, WITHOUT_MASK),
        (shown.cropped, CROPPED),
    )
    found: list[int] = sum(flags * bit for flags, bit in bits).tolist()  # type: ignore[union-attr]
    return found


def _packed(size: int, flags: int, kept: float) -> int:
    """The facts of a shown image in one number of 61 bits."""
    return (size * _FLAGS + flags) * _SHARES + coded_share(kept)


def _unpacked(packed: int) -> tuple[int, int, float]:
    """Size, flags, and the share of the object that was left."""
    rest, share = divmod(packed, _SHARES)
    return rest // _FLAGS, rest % _FLAGS, share_of(share)


def _picture_name(name: bytes, what: str) -> bytes:
    return digest(name.hex(), what)


def _bytes(row: Tensor) -> bytes:
    kind = b"d" if row.dtype == torch.float64 else b"f"
    return kind + row.numpy().astype("<f8" if kind == b"d" else "<f4").tobytes()


def _tensor(content: bytes) -> Tensor:
    kind = "<f8" if content[:1] == b"d" else "<f4"
    return torch.from_numpy(np.frombuffer(content[1:], dtype=kind).astype(kind[1:]))
