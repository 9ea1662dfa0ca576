"""Chunks of samples: decoded once, put through each geometry once, under each context once.

Worker threads decode ahead while a model works on what they decoded before.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...contexts import ContextInput, ContextOutput, apply, donor_rule, in_place, needs_mask, stored_picture
from ...data import Decoded, UnusableSample
from ...data.base import DigestParts
from ...data.signature import Signature
from ...language.audit import DEFAULT_OBJECT_KEPT
from ...language.errors import DataError
from ...language.picture_origin import PictureOrigin
from ...language.reasons import Missing
from ...language.sample import Preprocessing, Sample
from ...language.spec import Context, as_context
from ...models import precision_context
from ..results.interventions import RADIUS, Intervention, changes, second_seed
from ..results.measured import ImageFacts, PassCounts, rounded_share
from ..store.keys import context_text
from ..store.store import Store
from .contents import SampleContents
from .donor_selector import Donor
from .donors import Donors
from .interventions import blinded, changed_mask
from .prepared import PreparedSample, prepare_sample
from .stored_pictures import StoredPicture, StoredPictures

_DECODERS = 2


@dataclass(frozen=True)
class Validity:
    """Whether a value of each image under a context means anything, and why not; [n] each.

    ``changed``: whether any pixel differs from the original. ``impossible``: the context cannot be made of it.
    ``without_object``: it is declared to have no object, and its mask holds none.
    ``without_mask``: the context needs a mask and there is none. ``bare``: nobody knows where the object is, so
    nothing that needs a mask can be measured. ``kept``: the share of the object that the model's crop left, NaN where
    there is none; ``cropped``: that is less than the audit allows. ``absent``: why an image has no picture to be shown,
    where the data should have kept one, or to find the object in. ``mask_errors``: why its mask cannot be used.
    """

    changed: Tensor
    impossible: Tensor
    without_mask: Tensor
    bare: Tensor
    without_object: Tensor
    cropped: Tensor
    kept: tuple[float, ...]
    absent: tuple[Missing | None, ...]
    mask_errors: tuple[Missing | None, ...]

    def rows(self, at: Tensor) -> Validity:
        """Some of the images, [m] long."""
        chosen = at.tolist()
        return Validity(
            self.changed[at],
            self.impossible[at],
            self.without_mask[at],
            self.bare[at],
            self.without_object[at],
            self.cropped[at],
            tuple(self.kept[row] for row in chosen),
            tuple(self.absent[row] for row in chosen),
            tuple(self.mask_errors[row] for row in chosen),
        )


@dataclass(frozen=True)
class ContextBatch:
    """A chunk under one context, in one geometry.

    ``donors``: id and content of the image that each background comes from, where it comes from one. ``stored``: the
    contents of the pictures that the data keep, where the context shows these. ``scene``: what the context was applied
    to, without donors. ``origins``: what each picture was made of.
    """

    pixels: Tensor
    mask: Tensor
    validity: Validity
    donors: tuple[tuple[str, str] | None, ...]
    stored: tuple[str | None, ...]
    scene: ContextInput
    origins: tuple[PictureOrigin, ...]

    def rows(self, at: Tensor) -> ContextBatch:
        """Some of the images, [m] long; the scene stays that of all of them."""
        chosen = at.tolist()
        donors, stored = (tuple(parts[row] for row in chosen) for parts in (self.donors, self.stored))
        origins = tuple(self.origins[row] for row in chosen)
        return ContextBatch(self.pixels[at], self.mask[at], self.validity.rows(at), donors, stored, self.scene, origins)

    def facts(self, areas: Sequence[float]) -> list[ImageFacts]:
        """What is kept of each image; `areas` are the objects' shares of the valid pixels."""
        height, width = self.pixels.shape[2:]
        known = self.validity
        flags = torch.stack((known.changed, known.impossible, known.without_mask, known.cropped), dim=1).tolist()
        return [
            ImageFacts(height, width, area, rounded_share(kept), changed, impossible, without_mask, cropped, absent)
            for area, kept, (changed, impossible, without_mask, cropped), absent in zip(
                areas, known.kept, flags, known.absent, strict=True
            )
        ]


@dataclass
class Chunk:
    """The readable samples of a chunk; `positions` are theirs in the group's order.

    ``stored``: the pictures that the data keep of them, and their pixels, for all contexts that show them.
    """

    samples: tuple[Sample, ...]
    positions: tuple[int, ...]
    prepared: tuple[PreparedSample, ...]
    scenes: dict[Any, ContextInput] = field(default_factory=dict)
    shown: dict[Any, ContextBatch] = field(default_factory=dict)
    stored: dict[Any, tuple[StoredPicture, Tensor]] = field(default_factory=dict)
    _parts: dict[tuple[int, ...], Chunk] = field(default_factory=dict)

    @property
    def decoded(self) -> tuple[Decoded, ...]:
        """The samples in memory."""
        return tuple(one.decoded for one in self.prepared)

    def part(self, rows: Sequence[int]) -> Chunk:
        """Some of the samples as a chunk of their own; all of them are the chunk itself."""
        chosen = tuple(rows)
        if chosen == tuple(range(len(self.samples))):
            return self
        if chosen not in self._parts:
            self._parts[chosen] = Chunk(
                tuple(self.samples[row] for row in chosen),
                tuple(self.positions[row] for row in chosen),
                tuple(self.prepared[row] for row in chosen),
            )
        return self._parts[chosen]

    def forget_shown(self) -> None:
        """Let go of what was shown, where one context after the other is looked at and not again."""
        for one in (self, *self._parts.values()):
            one.shown.clear()


@dataclass(frozen=True, eq=False)
class PendingChunk:
    """A chunk whose samples are being decoded."""

    samples: tuple[Sample, ...]
    positions: tuple[int, ...]
    futures: tuple[Future[PreparedSample | UnusableSample], ...]

    def give_up(self) -> None:
        """Decode nothing more of it."""
        for future in self.futures:
            future.cancel()


class BatchBuilder:
    """Turns samples into batches of pixels under contexts.

    Args:
        samples: the whole data set: the donors of backgrounds come from all of it.
        pools, root: data from outside that may lend backgrounds, and what relative paths to it are relative to.
        object_kept: the least share of an object that the model's crop must leave.
        unusable: filled with the samples that cannot be decoded, with reason and message.
        mask_errors: filled with those whose mask cannot be used while their image can.
        parts: filled with what the digests of the others are made of, by id.
        signatures: filled with what is kept of them to find copies, by id.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        *,
        seed: int,
        device: str,
        passes: PassCounts,
        store: Store | None = None,
        contents: SampleContents | None = None,
        pools: Mapping[str, Any] | None = None,
        root: Path = Path(),
        object_kept: float = DEFAULT_OBJECT_KEPT,
    ) -> None:
        self.seed = seed
        self.object_kept = object_kept
        self._device = device
        self._passes = passes
        self.contents = contents or SampleContents(None)
        self.intervention, self.radius = Intervention.GIVEN, RADIUS
        self._whole = samples, store or Store(None), pools or {}, root
        self.donors = self._donors(seed)
        self.stored = StoredPictures(samples, self._begin, store or Store(None), self.contents)
        self._geometries: tuple[Preprocessing, ...] = ()
        self._sizes: dict[Any, tuple[tuple[int, int], str]] = {}
        self._workers = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode", initializer=_alone)
        self.unusable: dict[str, tuple[Missing, str]] = {}
        self.mask_errors: dict[str, tuple[Missing, str]] = {}
        self.digests: dict[str, str] = {}
        self.parts: dict[str, DigestParts] = {}
        self.signatures: dict[str, Signature] = {}

    @property
    def samples(self) -> Sequence[Sample]:
        """The whole data set."""
        return self._whole[0]

    @property
    def root(self) -> Path:
        """What relative paths are relative to."""
        return self._whole[3]

    def __enter__(self) -> BatchBuilder:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(cancel_futures=True)

    def varied(self, intervention: Intervention, radius: float = RADIUS) -> BatchBuilder:
        """The same stage with something else about it; it shares threads, contents and what is known of the samples."""
        other = copy.copy(self)
        other.intervention, other.radius = intervention, radius
        if intervention is Intervention.REDRAWN:
            other.seed = second_seed(self.seed)
            other.donors = self._donors(other.seed)
        return other

    def _donors(self, seed: int) -> Donors:
        samples, store, pools, root = self._whole
        return Donors(samples, seed, self._begin, self._scene, store, self.contents, pools, root)

    def prepare_for(self, preprocessings: Iterable[Preprocessing]) -> None:
        """The geometries that workers apply ahead; any other is applied when it is asked for."""
        self._geometries = tuple({one.geometry(): one for one in preprocessings}.values())

    def begin(self, samples: Sequence[Sample], positions: Sequence[int]) -> PendingChunk:
        """Start decoding a chunk."""
        work = partial(prepare_sample, preprocessings=self._geometries, signed=True)
        return PendingChunk(
            tuple(samples), tuple(positions), tuple(self._workers.submit(work, sample) for sample in samples)
        )

    def finish(self, begun: PendingChunk) -> Chunk:
        """Samples that cannot be decoded are noted in `unusable` and left out."""
        kept: list[tuple[Sample, int, PreparedSample]] = []
        for sample, at, future in zip(begun.samples, begun.positions, begun.futures, strict=True):
            found = future.result()
            self._passes.decoded += 1
            if isinstance(found, UnusableSample):
                self.note_unusable(sample, found.reason, str(found))
            else:
                self.digests[sample.id] = found.decoded.digest
                self.parts[sample.id] = found.decoded.parts
                if found.mask_error is not None:
                    self.mask_errors[sample.id] = (found.mask_error.reason, str(found.mask_error))
                if found.signature is not None:
                    self.signatures[sample.id] = found.signature
                kept.append((sample, at, found))
        return Chunk(
            tuple(sample for sample, _, _ in kept), tuple(at for _, at, _ in kept), tuple(found for _, _, found in kept)
        )

    def chunk(self, samples: Sequence[Sample], first: int) -> Chunk:
        """A chunk of the samples that begin at the position `first`."""
        return self.finish(self.begin(samples, range(first, first + len(samples))))

    def note_decoded(
        self,
        sample: Sample,
        digest: str,
        parts: DigestParts,
        signature: Signature,
        mask_error: tuple[Missing, str] | None = None,
    ) -> None:
        """Note what an earlier run kept of a sample that could be decoded."""
        if mask_error is not None:
            self.mask_errors[sample.id] = mask_error
        self.digests[sample.id] = digest
        self.parts[sample.id] = parts
        self.signatures[sample.id] = signature

    def note_unusable(self, sample: Sample, reason: Missing, message: str) -> None:
        """A sample that cannot be decoded."""
        self.unusable[sample.id] = (reason, message)
        self.digests[sample.id] = f"unusable:{reason}"

    def image_and_mask(self, sample: Sample) -> tuple[str, str] | None:
        """The digests of a sample's image and of its mask; "unusable:<reason>" in place of one that cannot be used.

        None for a sample that was not decoded.
        """
        if sample.id in self.unusable:
            return self.digests[sample.id], ""
        if sample.id not in self.parts:
            return None
        parts, error = self.parts[sample.id], self.mask_errors.get(sample.id)
        return parts.image, parts.mask if error is None else f"unusable:{error[0]}"

    def show(self, chunk: Chunk, context: Context, preprocessing: Preprocessing) -> ContextBatch:
        """The chunk under a context, computed once a geometry.

        Raises:
            ContextError, DataError: it cannot be shown so.
        """
        key = (self.intervention, preprocessing.geometry(), context)
        if key not in chunk.shown:
            chunk.shown[key] = self._shown(chunk, context, preprocessing)
        return chunk.shown[key]

    def scene(self, chunk: Chunk, preprocessing: Preprocessing) -> ContextInput:
        """The chunk on original images; the mask is all background where a sample has none."""
        key = preprocessing.geometry()
        if key not in chunk.scenes:
            chunk.scenes[key] = self._scene(chunk.samples, chunk.prepared, preprocessing)
        return chunk.scenes[key]

    def require_size(self, name: str, size: tuple[int, int], preprocessing: Preprocessing) -> None:
        """All images of a geometry have one size, whatever chunk they are in, or were stored from.

        Raises:
            DataError: this one has another than those before.
        """
        first, other = self._sizes.setdefault(preprocessing.geometry(), (size, name))
        if size != first:
            raise DataError(
                f"images differ in size after the model's geometry ({other} is {first[0]} x {first[1]}, {name} is "
                f"{size[0]} x {size[1]}); give Preprocessing(resize=...)"
            )

    def sizes(self, models: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
        """(height, width) of what each running model saw, where it saw anything."""
        geometries = {key: model.loaded.preprocessing.geometry() for key, model in models.items()}
        return {key: self._sizes[one][0] for key, one in geometries.items() if one in self._sizes}

    def _shown(self, chunk: Chunk, context: Context, preprocessing: Preprocessing) -> ContextBatch:
        original = self._as_varied(self.scene(chunk, preprocessing))
        assert original.mask is not None
        scene, donors = self._with_donors(original, chunk, context, preprocessing)
        scene, absent, stored = self._with_stored(scene, chunk, context, preprocessing)
        done = _applied(context, scene)
        mask = original.mask if done.mask is None else done.mask
        nowhere = not in_place(context)
        bare = self._flags(nowhere or found.decoded.mask is None for found in chunk.prepared)
        without = bare if needs_mask(context) else torch.zeros_like(bare)
        errors = tuple(None if one.mask_error is None or nowhere else one.mask_error.reason for one in chunk.prepared)
        if needs_mask(context):
            absent = tuple(there or error for there, error in zip(absent, errors, strict=True))
        has_donor = self._flags(donor_rule(context) is None or donor is not None for donor in donors)
        kept = tuple(found.object_kept(preprocessing) for found in chunk.prepared)
        validity = Validity(
            changed=(done.pixels != original.pixels).flatten(1).any(1),
            impossible=(done.impossible | ~has_donor) & ~without,
            without_mask=without,
            bare=bare,
            without_object=self._flags(
                sample.without_object and found.decoded.mask is None
                for sample, found in zip(chunk.samples, chunk.prepared, strict=True)
            ),
            cropped=self._flags(share < self.object_kept for share in kept),
            kept=kept,
            absent=absent,
            mask_errors=errors,
        )
        pixels = blinded(done.pixels, mask) if self.intervention is Intervention.BLIND else done.pixels
        origins = self._origins(chunk.samples, context, preprocessing, donors, stored)
        return ContextBatch(pixels, mask, validity, donors, stored, replace(scene, donors=None), origins)

    def show_on(
        self,
        shown: ContextBatch,
        rows: Sequence[int],
        donors: Sequence[Sample],
        context: Context,
        preprocessing: Preprocessing,
    ) -> tuple[Tensor, Tensor, tuple[PictureOrigin, ...]]:
        """Some rows of what was shown, each on the background of another donor.

        Args:
            rows: of `shown`; one may stand there several times.
            donors: one a row, of those who can lend.

        Returns:
            Pixels [m, 3, H, W], [m] bool whether any pixel differs from the original, and what each was made of.
        """
        at = torch.tensor(list(rows), device=self._device)
        scene = _rows_of(shown.scene, at, self.donors.scene(donors, preprocessing))
        done = _applied(context, scene)
        lent = self.donors.contents(donors, context, preprocessing)
        origins = tuple(replace(shown.origins[row], donor=donor) for row, donor in zip(rows, lent, strict=True))
        return done.pixels, (done.pixels != scene.pixels).flatten(1).any(1) & ~done.impossible, origins

    def _origins(
        self,
        samples: Sequence[Sample],
        context: Context,
        preprocessing: Preprocessing,
        donors: Sequence[Donor | None],
        stored: Sequence[str | None],
    ) -> tuple[PictureOrigin, ...]:
        """What the pictures of samples under a context are made of."""
        text, geometry = context_text(context), repr(preprocessing.geometry())
        blind = self.intervention is Intervention.BLIND
        variant = changes(self.intervention, self.radius) if blind or needs_mask(context) else ""
        seed = None if context == as_context("original") else self.seed
        found = []
        for sample, donor, picture in zip(samples, donors, stored, strict=True):
            image, mask = self.image_and_mask(sample) or ("", "")
            read = mask if blind or needs_mask(context) else ""
            found.append(PictureOrigin(sample.id, image, read, text, variant, donor, picture, seed, geometry))
        return tuple(found)

    def _with_donors(
        self, scene: ContextInput, chunk: Chunk, context: Context, preprocessing: Preprocessing
    ) -> tuple[ContextInput, tuple[tuple[str, str] | None, ...]]:
        if donor_rule(context) is None:
            return scene, (None,) * len(chunk.samples)
        found = self.donors.donors(chunk.samples, chunk.prepared, context, preprocessing)
        return replace(scene, donors=self._as_varied(found.scene)), found.donors

    def _with_stored(
        self, scene: ContextInput, chunk: Chunk, context: Context, preprocessing: Preprocessing
    ) -> tuple[ContextInput, tuple[Missing | None, ...], tuple[str | None, ...]]:
        """Pictures that the data keep; where there is none the image stands in for it."""
        name = stored_picture(context)
        if name is None:
            return scene, (None,) * len(chunk.samples), (None,) * len(chunk.samples)
        key = (name, in_place(context), preprocessing.geometry())
        if key not in chunk.stored:
            found = self.stored.show(chunk.samples, context, preprocessing)
            self._passes.decoded += sum(picture is not None for picture in found.pictures)
            pictures = [picture or own for picture, own in zip(found.pictures, chunk.prepared, strict=True)]
            chunk.stored[key] = found, self._scene(chunk.samples, pictures, preprocessing).pixels
        found, pixels = chunk.stored[key]
        return replace(scene, stored={name: pixels}), found.reasons, found.contents

    def _as_varied(self, scene: ContextInput) -> ContextInput:
        """Other masks and draws; samples without a mask have none to change, and stay without an object.

        The draws are this builder's own, whichever of those that share a chunk made its scene.
        """
        if self.intervention is Intervention.GIVEN:
            return replace(scene, seed=self.seed)
        assert scene.mask is not None
        return replace(scene, mask=changed_mask(scene.mask, self.intervention, self.radius), seed=self.seed)

    def _flags(self, flags: Iterable[bool]) -> Tensor:
        return torch.tensor(list(flags), dtype=torch.bool, device=self._device)

    def _begin(self, sample: Sample, preprocessing: Preprocessing) -> Future[PreparedSample | UnusableSample]:
        return self._workers.submit(_light, sample, preprocessing)

    def _scene(
        self, samples: Sequence[Sample], prepared: Sequence[PreparedSample], preprocessing: Preprocessing
    ) -> ContextInput:
        pixels: list[Tensor] = []
        masks: list[Tensor] = []
        for sample, found in zip(samples, prepared, strict=True):
            image, mask = found.view(preprocessing)
            pixels.append(image)
            masks.append(torch.zeros(image.shape[1:], dtype=torch.uint8) if mask is None else mask)
            self.require_size(sample.id, (image.shape[1], image.shape[2]), preprocessing)
        ids = tuple(sample.id for sample in samples)
        return ContextInput(self._on_device(torch.stack(pixels)), self._on_device(torch.stack(masks)), ids, self.seed)

    def _on_device(self, batch: Tensor) -> Tensor:
        """From pinned memory the copy to a GPU overlaps with what the GPU computes."""
        if self._device.startswith("cuda"):
            return batch.pin_memory().to(self._device, non_blocking=True)
        return batch.to(self._device)


def _applied(context: Context, scene: ContextInput) -> ContextOutput:
    """In float32 whatever the process allows for products: what is shown must not depend on somebody's switch."""
    with precision_context("float32"):
        return apply(context, scene)


def _rows_of(scene: ContextInput, rows: Tensor, donors: ContextInput) -> ContextInput:
    assert scene.mask is not None
    ids = tuple(scene.ids[row] for row in rows.tolist())
    stored = {name: pixels[rows] for name, pixels in scene.stored.items()}
    return replace(scene, pixels=scene.pixels[rows], mask=scene.mask[rows], ids=ids, donors=donors, stored=stored)


def _light(sample: Sample, preprocessing: Preprocessing) -> PreparedSample | UnusableSample:
    """One that may wait for long until it is asked for: it does so without its decoded pixels."""
    found = prepare_sample(sample, (preprocessing,))
    return found if isinstance(found, UnusableSample) else found.light()


def _alone() -> None:
    """A worker computes in its own thread: a team of its own would take the cores from the model's."""
    torch.set_num_threads(1)
