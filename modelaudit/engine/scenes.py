"""Chunks of samples: decoded once, put through each geometry once, under each context once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..contexts import Rendered, Scene, apply, donor_rule, needs_mask
from ..data import Decoded, UnusableSample, apply_geometry, decode
from ..language.errors import DataError
from ..language.reasons import Missing
from ..language.sample import Preprocessing, Sample
from ..language.spec import Context
from .lending import Lending
from .measured import Passes

_DECODERS = 2


@dataclass(frozen=True)
class Shown:
    """A chunk under one context, in one geometry.

    ``changed`` [n] bool: whether any pixel differs from the original. ``without_mask`` [n] bool: it needs
    a mask and there is none.
    """

    pixels: Tensor
    mask: Tensor
    without_mask: Tensor
    impossible: Tensor
    changed: Tensor


@dataclass
class Chunk:
    """The readable samples of a chunk; `positions` are theirs in the group's order."""

    samples: tuple[Sample, ...]
    positions: tuple[int, ...]
    decoded: tuple[Decoded, ...]
    scenes: dict[Any, Scene] = field(default_factory=dict)
    shown: dict[Any, Shown] = field(default_factory=dict)


class Stage:
    """Turns samples into batches of pixels under contexts.

    Args:
        samples: the whole data set: the donors of backgrounds come from all of it.
        unusable: filled with the samples that cannot be decoded, with reason and message.
    """

    def __init__(self, samples: Sequence[Sample], *, seed: int, device: str, passes: Passes) -> None:
        self._seed = seed
        self._device = device
        self._passes = passes
        self._lending = Lending(samples, seed, self._scene)
        self._sizes: dict[Any, tuple[tuple[int, int], str]] = {}
        self._workers = ThreadPoolExecutor(_DECODERS, thread_name_prefix="decode")
        self.unusable: dict[str, tuple[Missing, str]] = {}
        self.digests: dict[str, str] = {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.shutdown(cancel_futures=True)

    def chunk(self, samples: Sequence[Sample], first: int) -> Chunk:
        """Decode; samples that cannot be are noted in `unusable` and left out."""
        kept: list[tuple[Sample, int, Decoded]] = []
        for at, (sample, found) in enumerate(zip(samples, self._workers.map(_decoded, samples), strict=True)):
            self._passes.decoded += 1
            if isinstance(found, UnusableSample):
                self.unusable[sample.id] = (found.reason, str(found))
                self.digests[sample.id] = f"unusable:{found.reason}"
            else:
                self.digests[sample.id] = found.digest
                kept.append((sample, first + at, found))
        return Chunk(
            tuple(sample for sample, _, _ in kept), tuple(at for _, at, _ in kept), tuple(found for _, _, found in kept)
        )

    def show(self, chunk: Chunk, context: Context, preprocessing: Preprocessing) -> Shown:
        """The chunk under a context, computed once a geometry.

        Raises:
            ContextError, DataError: it cannot be shown so.
        """
        key = (preprocessing.geometry(), context)
        if key not in chunk.shown:
            chunk.shown[key] = self._shown(chunk, context, preprocessing)
        return chunk.shown[key]

    def scene(self, chunk: Chunk, preprocessing: Preprocessing) -> Scene:
        """The chunk on original images; the mask is all background where a sample has none."""
        key = preprocessing.geometry()
        if key not in chunk.scenes:
            chunk.scenes[key] = self._scene(chunk.samples, chunk.decoded, preprocessing)
        return chunk.scenes[key]

    def _shown(self, chunk: Chunk, context: Context, preprocessing: Preprocessing) -> Shown:
        scene = self.scene(chunk, preprocessing)
        bare = torch.tensor([found.mask is None for found in chunk.decoded], device=self._device)
        lent = torch.ones(len(chunk.samples), dtype=torch.bool, device=self._device)
        if donor_rule(context) is not None:
            donors, lent = self._lending.donors(chunk.samples, scene, context, preprocessing)
            scene = replace(scene, donors=donors)
        done: Rendered = apply(context, scene)
        assert scene.mask is not None
        changed = (done.pixels != scene.pixels).flatten(1).any(1)
        mask = scene.mask if done.mask is None else done.mask
        without = bare if needs_mask(context) else torch.zeros_like(bare)
        return Shown(done.pixels, mask, without, (done.impossible | ~lent) & ~without, changed)

    def _scene(self, samples: Sequence[Sample], decoded: Sequence[Decoded], preprocessing: Preprocessing) -> Scene:
        pixels: list[Tensor] = []
        masks: list[Tensor] = []
        for sample, found in zip(samples, decoded, strict=True):
            image, mask = apply_geometry(found, preprocessing)
            pixels.append(image)
            masks.append(torch.zeros(image.shape[1:], dtype=torch.uint8) if mask is None else mask)
            self._require_size(sample, image, preprocessing)
        ids = tuple(sample.id for sample in samples)
        return Scene(torch.stack(pixels).to(self._device), torch.stack(masks).to(self._device), ids, self._seed)

    def _require_size(self, sample: Sample, image: Tensor, preprocessing: Preprocessing) -> None:
        """All images of a geometry have one size, whatever chunk they are in."""
        size = (image.shape[1], image.shape[2])
        first, name = self._sizes.setdefault(preprocessing.geometry(), (size, sample.id))
        if size != first:
            raise DataError(
                f"images differ in size after the model's geometry ({name} is {first[0]} x {first[1]}, {sample.id} is "
                f"{size[0]} x {size[1]}); give Preprocessing(resize=...)"
            )


def _decoded(sample: Sample) -> Decoded | UnusableSample:
    try:
        return decode(sample)
    except UnusableSample as error:
        return error
