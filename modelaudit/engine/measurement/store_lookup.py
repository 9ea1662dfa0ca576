"""Reading what the store holds of a group's samples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, cast

import numpy as np
import torch
from torch import Tensor

from ...contexts import donor_rule, stored_picture
from ...contexts.surroundings import Surroundings
from ...data import files_of
from ...data.base import DigestParts
from ...data.signature import Signature
from ...language.reasons import Missing
from ...language.sample import Sample
from ...language.spatial import SpatialLayer
from ...language.spec import long_text
from ...measures.base import searches_changes, tries_backgrounds
from ...measures.worst_change import WorstChange
from ...models.acceleration import Precision
from ..images.batches import BatchBuilder, ContextBatch
from ..images.donor_selector import UNKNOWN, Donor
from ..inference.running_model import RunningModel
from ..inference.worst_change import context_of_case, patch_of_donors, searched_with
from ..planning.plan import ColumnAsk, PassAsk, Place, original_context
from ..results.counterexamples import ImageSearch, KnownCase, cases_of_images
from ..results.interventions import changes
from ..results.measured import ImageFacts
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
from ..store.store import Key, Store
from .value_table import ValueTable

#: a digest of a decoded sample has so many hexadecimal digits
_HEX = 64


class StoreLookup:
    """What the store holds of a group's samples, and the keys under which it is found.

    Args:
        group: the group's name, for people.
        cases: stored counterexamples, which searches try first.
    """

    def __init__(
        self,
        store: Store,
        builder: BatchBuilder,
        models: Mapping[str, RunningModel],
        passes: Sequence[PassAsk],
        group: str,
        cases: Iterable[KnownCase] = (),
    ) -> None:
        self.store = store
        self._builder = builder
        self._models = models
        self._group = group
        self.cases = cases_of_images(cases)
        self._keys: dict[tuple[Place, str], PassKeys] = {}
        self._passes = passes

    def outcomes(self, samples: Sequence[Sample]) -> list[bool]:
        """Read how the decoding of samples ended, into the builder; which of them are known."""
        self._builder.contents.of(samples)
        names = [self.outcome_name(sample) for sample in samples]
        found = self.store.contents(decoding_key(), names)
        for sample, content in zip(samples, found, strict=True):
            if content is not None and content[:1] == b"D":
                self._builder.note_decoded(sample, *_decoded(content[1:]))
            elif content is not None and content[:1] == b"M":
                known, _, decoded = content[1:].partition(b"\n")
                reason, text = json.loads(known)
                self._builder.note_decoded(sample, *_decoded(decoded), (Missing(reason), text))
            elif content is not None:
                reason, message = json.loads(content[1:])
                self._builder.note_unusable(sample, Missing(reason), message)
        return [content is not None for content in found]

    def fill(
        self,
        ask: PassAsk,
        table: ValueTable,
        samples: Sequence[Sample],
        positions: Sequence[int],
        *,
        decode: bool = False,
    ) -> None:
        """Put the stored values of one pass into the table.

        Raises:
            AuditError: what the pass itself would raise (no donors in the data, images of different sizes).
        """
        keys, names = self.keys(ask), self.names(ask, samples, decode=decode)
        known = [column for column in ask.columns if column.key in keys.columns]
        alone = [one for one in known if not tries_backgrounds(one.spec) and not searches_changes(one.spec)]
        donors = self.donors(ask, samples, decode=decode)
        shown = self.store.images(keys.shown, names)
        own = self.value_names(ask, samples, names)
        outcomes: dict[str, list[ImageSearch | None]] = {}
        columns = dict(zip(alone, self.store.cells([keys.columns[one.key] for one in alone], own), strict=True))
        for column in [column for column in known if column not in columns]:
            searches = searches_changes(column.spec)
            asked = self._searched if searches else self._backgrounds
            of_all = self._names(ask, samples, asked(ask, column, samples, decode), decode)
            own = self.value_names(ask, samples, of_all)
            (columns[column],) = self.store.cells([keys.columns[column.key]], own)
            if searches:
                outcomes[column.key] = self._outcomes(keys.searches[column.key], own)
        self._put_images(ask, table, samples, positions, shown, donors)
        at = np.asarray(positions, dtype=np.intp)
        # numbers without the facts of the pass were left behind by half a prune
        usable = np.array([facts is not None for facts in shown], dtype=bool)
        for column, numbers in columns.items():
            found = outcomes.get(column.key)
            whole = usable if found is None else usable & np.array([one is not None for one in found], dtype=bool)
            table.columns[ask.model, column.key].put_stored(at, numbers, whole, found)

    def _put_images(
        self,
        ask: PassAsk,
        table: ValueTable,
        samples: Sequence[Sample],
        positions: Sequence[int],
        shown: Sequence[ImageFacts | None],
        donors: Sequence[Any],
    ) -> None:
        """Put the stored facts of images into the table; all images of a geometry must have one size."""
        images, preprocessing = table.images[ask.place], self._models[ask.model].loaded.preprocessing
        sizes: dict[tuple[int, int], str] = {}
        for at, sample, facts, donor in zip(positions, samples, shown, donors, strict=True):
            if facts is not None:
                images.put(at, facts, _id(donor))
                sizes.setdefault((facts.height, facts.width), sample.id)
                if isinstance(donor, tuple):
                    table.donor_contents.update([donor])
        for size, name in sizes.items():
            self._builder.require_size(name, size, preprocessing)

    def logits(self, ask: PassAsk, samples: Sequence[Sample]) -> list[Tensor | None]:
        """The stored logits [C] of each sample, None where there are none."""
        found = self.store.contents(self.keys(ask).logits, self.names(ask, samples))
        return [None if content is None else _tensor(content) for content in found]

    def contents(self, key: Key, ask: PassAsk, samples: Sequence[Sample], what: str) -> list[bytes | None]:
        """Stored pictures of samples under a pass; `what` distinguishes them."""
        names = self.value_names(ask, samples, self.names(ask, samples))
        return self.store.contents(key, [None if name is None else content_name(name, what) for name in names])

    def names_of(
        self, ask: PassAsk, samples: Sequence[Sample], shown: ContextBatch, donors: Sequence[Donor] | None = None
    ) -> list[bytes]:
        """The keys of samples that were just shown.

        Args:
            donors: in place of those of the pass, where a column tries the backgrounds of several.
        """
        contents = self._builder.contents.of(samples)
        chosen = shown.donors if donors is None else donors
        return [
            sample_key(sample.id, content or "", donor, stored)
            for sample, content, donor, stored in zip(samples, contents, chosen, shown.stored, strict=True)
        ]

    def layer(self, model: RunningModel) -> SpatialLayer | None:
        """The spatial layer that was found before."""
        (content,) = self.store.contents(layer_key(), [self.layer_name(model)])
        return None if content is None else SpatialLayer(**json.loads(content))

    def precision(self, model: RunningModel, asks: Sequence[PassAsk]) -> tuple[Precision, list[str]] | None:
        """The precision that an earlier run found for these passes of a model, with its notes."""
        (content,) = self.store.contents(precision_key(), [self.precision_name(model, asks)])
        if content is None:
            return None
        precision, notes = json.loads(content)
        return precision, notes

    def keys(self, ask: PassAsk) -> PassKeys:
        """The keys of a pass and of its columns."""
        model = self._models[ask.model]
        precision = str(getattr(model, "precision", "float32"))  # may be settled by the first images
        place = ask.place
        if (place, precision) not in self._keys:
            whole = next((one for one in self._passes if one.place == place), ask)
            setting = Setting(
                seed=self._builder.seed,
                device=model.device,
                precision=precision,
                model=ask.model.removeprefix("model:"),
                data=self._group.removeprefix("data:"),
                object_kept=self._builder.object_kept,
                intervention=changes(self._builder.intervention, self._builder.radius),
            )
            columns = {column.key: column.spec for column in whole.columns}
            draws = ask.context != original_context()
            self._keys[place, precision] = pass_keys(
                ask.context, columns, model.loaded, setting, draws=draws, named=model.named
            )
        return self._keys[place, precision]

    def names(self, ask: PassAsk, samples: Sequence[Sample], *, decode: bool = False) -> list[bytes | None]:
        """The keys of samples; None where not all contents are known, unless others may be decoded for it."""
        return self._names(ask, samples, self.donors(ask, samples, decode=decode), decode)

    def donors(self, ask: PassAsk, samples: Sequence[Sample], *, decode: bool = False) -> Sequence[Any]:
        """Who lends to each sample, as :meth:`Donors.recall` tells it; None where the context asks nobody."""
        if donor_rule(ask.context) is None:
            return [None] * len(samples)
        preprocessing = self._models[ask.model].loaded.preprocessing
        return self._builder.donors.recall(samples, ask.context, preprocessing, decode=decode)

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
        count = column.declares.backgrounds(column.spec)  # type: ignore[misc]
        preprocessing = self._models[ask.model].loaded.preprocessing
        return self._builder.donors.recall_backgrounds(samples, ask.context, preprocessing, count, decode=decode)

    def _searched(
        self, ask: PassAsk, column: ColumnAsk, samples: Sequence[Sample], decode: bool
    ) -> list[Donor | Literal["unknown"]]:
        """What each image's search depends on besides image and definition, as one donor, as far as it is known."""
        donors, preprocessing = self._builder.donors, self._models[ask.model].loaded.preprocessing
        search = cast(Surroundings, cast(WorstChange, column.spec).search)
        lent: list[Sequence[Any]] = []
        patch = patch_of_donors(search)
        if patch is not None:
            count = search.backgrounds
            lent.append(donors.recall_backgrounds(samples, patch, preprocessing, count, decode=decode))
        for context in search.contexts:
            if donor_rule(context) is None:
                lent.append([None] * len(samples))
            else:
                lent.append(donors.recall(samples, context, preprocessing, decode=decode))
        found: list[Donor | Literal["unknown"]] = []
        for row, sample in enumerate(samples):
            cases = self.cases.get((column.key, sample.id), ())
            own = [one[row] for one in lent]
            for case in cases:
                context_or_none = context_of_case(case)
                if context_or_none is None or donor_rule(context_or_none) is None:
                    own.append(None)
                else:
                    own.extend(donors.recall([sample], context_or_none, preprocessing, decode=decode))
            found.append(UNKNOWN if UNKNOWN in own else searched_with(own, cases))
        return found

    def _outcomes(self, key: Key, names: Sequence[bytes | None]) -> list[ImageSearch | None]:
        """What came of each image's search, None where it is not stored."""
        stored = self.store.contents(key, names)
        return [None if content is None else ImageSearch.model_validate_json(content) for content in stored]

    def _names(
        self, ask: PassAsk, samples: Sequence[Sample], donors: Sequence[Any], decode: bool
    ) -> list[bytes | None]:
        asks_stored, contents = stored_picture(ask.context) is not None, self._builder.contents.of(samples)
        stored: list[str | None] = [None] * len(samples)
        if asks_stored:
            preprocessing = self._models[ask.model].loaded.preprocessing
            stored = self._builder.stored.recall(samples, ask.context, preprocessing, decode=decode)
        return [
            None
            if content is None or donor == UNKNOWN or (asks_stored and picture is None)
            else sample_key(sample.id, content, donor, picture)
            for sample, content, donor, picture in zip(samples, contents, donors, stored, strict=True)
        ]

    def outcome_name(self, sample: Sample) -> bytes | None:
        """The key of an outcome: messages name files, so their paths are part of it."""
        content = self._builder.contents.known(sample)
        return None if content is None else digest(content, sample.id, *(str(path) for path in files_of(sample)))

    def precision_name(self, model: RunningModel, asks: Sequence[PassAsk]) -> bytes:
        """The first images decide too, but not whether a value is stored under the precision that it has."""
        name = torch.cuda.get_device_name(model.device) if model.device.startswith("cuda") else model.device
        loaded = model.loaded
        asked = [f"{long_text(ask.context)} {long_text(column.spec)}" for ask in asks for column in ask.columns]
        return digest(loaded.fingerprint, loaded.probe_digest, name, self._group, *sorted(asked))

    def layer_name(self, model: RunningModel) -> bytes:
        loaded = model.loaded
        return digest(loaded.fingerprint, loaded.probe_digest, repr(loaded.preprocessing.geometry()))


def _decoded(content: bytes) -> tuple[str, DigestParts, Signature]:
    """Three digests and a signature, as :class:`StoreWriter` writes them."""
    digest, image, mask = (content[_HEX * at : _HEX * (at + 1)].decode() for at in range(3))
    return digest, DigestParts(image, mask), Signature.from_bytes(content[_HEX * 3 :])


def _id(donor: Any) -> str | None:
    return donor[0] if isinstance(donor, tuple) else None


def content_name(name: bytes, what: str) -> bytes:
    """The key of anything else that is kept of a sample; `what` distinguishes it."""
    return digest(name.hex(), what)


def _tensor(content: bytes) -> Tensor:
    kind = "<f8" if content[:1] == b"d" else "<f4"
    return torch.from_numpy(np.frombuffer(content[1:], dtype=kind).astype(kind[1:]))
