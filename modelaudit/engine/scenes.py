"""Chunks of samples: decoded once, put through each geometry once, under each context once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..contexts import Rendered, Scene, apply, can_lend, donor_rule, needs_mask
from ..data import Decoded, UnusableSample, apply_geometry, decode
from ..language import registry
from ..language.errors import ContextError, DataError
from ..language.reasons import Missing
from ..language.sample import Preprocessing, Sample
from ..language.spec import Composed, Context
from .donors import DonorPool
from .measured import Passes

_DONORS_KEPT = 64
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
        self._samples = samples
        self._seed = seed
        self._device = device
        self._passes = passes
        self._pools: dict[str, DonorPool] = {}
        self._donors: OrderedDict[str, Decoded] = OrderedDict()
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
        rule = donor_rule(context)
        lent = torch.ones(len(chunk.samples), dtype=torch.bool, device=self._device)
        if rule is not None:
            donors, lent = self._donors_of(chunk, context, rule, preprocessing)
            scene = Scene(scene.pixels, scene.mask, scene.ids, scene.seed, donors)
        done: Rendered = apply(context, scene)
        assert scene.mask is not None
        changed = (done.pixels != scene.pixels).flatten(1).any(1)
        mask = scene.mask if done.mask is None else done.mask
        without = bare if needs_mask(context) else torch.zeros_like(bare)
        return Shown(done.pixels, mask, without, (done.impossible | ~lent) & ~without, changed)

    def _scene(self, samples: Sequence[Sample], decoded: Sequence[Decoded], preprocessing: Preprocessing) -> Scene:
        pixels, masks = [], []
        for found in decoded:
            image, mask = apply_geometry(found, preprocessing)
            pixels.append(image)
            masks.append(torch.zeros(image.shape[1:], dtype=torch.uint8) if mask is None else mask)
        sizes = {tuple(image.shape[1:]): sample.id for image, sample in zip(pixels, samples, strict=True)}
        if len(sizes) > 1:
            some = ", ".join(f"{name} is {height} x {width}" for (height, width), name in list(sizes.items())[:2])
            raise DataError(
                f"images differ in size after the model's geometry ({some}); give Preprocessing(resize=...)"
            )
        ids = tuple(sample.id for sample in samples)
        return Scene(torch.stack(pixels).to(self._device), torch.stack(masks).to(self._device), ids, self._seed)

    def _donors_of(
        self, chunk: Chunk, context: Context, rule: str, preprocessing: Preprocessing
    ) -> tuple[Scene, Tensor]:
        """One donor a sample, and whether there is any; a sample without one stands in for it."""
        pool = self._pool(context)
        chosen: list[tuple[Sample, Decoded]] = []
        lent: list[bool] = []
        for sample, own in zip(chunk.samples, chunk.decoded, strict=True):
            donor = self._first_lending(pool, sample, rule, context, preprocessing)
            lent.append(donor is not None)
            chosen.append(donor if donor is not None else (sample, own))
        if not any(lent) and chunk.samples:
            self._explain_no_donor(context, rule)
        scene = self._scene([one for one, _ in chosen], [found for _, found in chosen], preprocessing)
        return scene, torch.tensor(lent, device=self._device)

    def _first_lending(
        self, pool: DonorPool, sample: Sample, rule: str, context: Context, preprocessing: Preprocessing
    ) -> tuple[Sample, Decoded] | None:
        """The first donor in rank that can be decoded, has a mask, and has a background to lend."""
        for donor in pool.ranked(sample, rule):
            found = self._donor(donor)
            if found is None or found.mask is None:
                continue
            scene = self._scene([donor], [found], preprocessing)
            if bool(can_lend(context, scene).all()):
                return donor, found
        return None

    def _donor(self, sample: Sample) -> Decoded | None:
        if sample.id in self._donors:
            self._donors.move_to_end(sample.id)
            return self._donors[sample.id]
        found = _decoded(sample)
        if isinstance(found, UnusableSample):
            return None
        self._donors[sample.id] = found
        if len(self._donors) > _DONORS_KEPT:
            self._donors.popitem(last=False)
        return found

    def _pool(self, context: Context) -> DonorPool:
        parts = context.parts if isinstance(context, Composed) else (context,)
        name = next(registry.entry_of(part).name for part in parts if donor_rule(part) is not None)
        if name not in self._pools:
            self._pools[name] = DonorPool(self._samples, seed=self._seed, name=name)
        return self._pools[name]

    def _explain_no_donor(self, context: Context, rule: str) -> None:
        """Data that can lend nothing at all are an error of the question; a single sample is an undefined value."""
        labels = {str(sample.label) for sample in self._samples}
        if rule == "other_class" and len(labels) < 2:
            raise ContextError(f"'{context}' takes backgrounds from other classes, and the data have one: {labels}")
        if len(self._samples) < 2:
            raise ContextError(f"'{context}' takes backgrounds from other images, and the data have one image")


def _decoded(sample: Sample) -> Decoded | UnusableSample:
    try:
        return decode(sample)
    except UnusableSample as error:
        return error
