"""Donors as a context is given them: decoded, in the model's geometry, and with a background to lend."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..contexts import Scene, can_lend, donor_rule
from ..data import Decoded, UnusableSample, decode
from ..language import registry
from ..language.errors import ContextError
from ..language.sample import Preprocessing, Sample
from ..language.spec import Composed, Context
from .donors import DonorPool

_SCENES_KEPT = 128
MakeScene = Callable[[Sequence[Sample], Sequence[Decoded], Preprocessing], Scene]


@dataclass
class Lending:
    """Chooses donors among all samples of a data set, and remembers the last ones it prepared.

    Args:
        samples: the whole data set, whatever the run's limit is; those without a mask cannot lend.
        make_scene: decoded samples to a scene in a geometry.
    """

    samples: Sequence[Sample]
    seed: int
    make_scene: MakeScene
    _pools: dict[str, DonorPool] = field(default_factory=dict)
    _scenes: OrderedDict[Any, Scene] = field(default_factory=OrderedDict)
    _unusable: set[str] = field(default_factory=set)
    _refused: set[Any] = field(default_factory=set)

    def donors(
        self, samples: Sequence[Sample], own: Scene, context: Context, preprocessing: Preprocessing
    ) -> tuple[Scene, Tensor]:
        """One donor a sample, and [n] bool whether there is any; a sample without one stands in for it.

        Raises:
            ContextError: no sample of the data set could ever have a donor.
        """
        rule = donor_rule(context)
        assert rule is not None
        self._refuse_hopeless(context, rule)
        pool = self._pool(context)
        chosen = [self._first(pool, sample, rule, context, preprocessing) for sample in samples]
        scenes = [scene if scene is not None else _one(own, at) for at, scene in enumerate(chosen)]
        lent = torch.tensor([scene is not None for scene in chosen], device=own.pixels.device)
        return _joined(scenes), lent

    def _first(
        self, pool: DonorPool, sample: Sample, rule: str, context: Context, preprocessing: Preprocessing
    ) -> Scene | None:
        """The first donor in rank that can be decoded and has a background to lend."""
        for donor in pool.ranked(sample, rule):
            asked = (donor.id, preprocessing.geometry(), context)
            if donor.mask is None or donor.id in self._unusable or asked in self._refused:
                continue
            scene = self._scene(donor, preprocessing)
            if scene is not None and bool(can_lend(context, scene).all()):
                return scene
            self._refused.add(asked)
        return None

    def _scene(self, donor: Sample, preprocessing: Preprocessing) -> Scene | None:
        key = (donor.id, preprocessing.geometry())
        if key in self._scenes:
            self._scenes.move_to_end(key)
            return self._scenes[key]
        try:
            found = decode(donor)
        except UnusableSample:  # counted and named where the sample itself is measured
            self._unusable.add(donor.id)
            return None
        self._scenes[key] = self.make_scene([donor], [found], preprocessing)
        if len(self._scenes) > _SCENES_KEPT:
            self._scenes.popitem(last=False)
        return self._scenes[key]

    def _pool(self, context: Context) -> DonorPool:
        parts = context.parts if isinstance(context, Composed) else (context,)
        name = next(registry.entry_of(part).name for part in parts if donor_rule(part) is not None)
        if name not in self._pools:
            self._pools[name] = DonorPool(self.samples, seed=self.seed, name=name)
        return self._pools[name]

    def _refuse_hopeless(self, context: Context, rule: str) -> None:
        """Data that can lend nothing at all are an error of the question; a single sample is an undefined value."""
        able = [sample for sample in self.samples if sample.mask is not None]
        labels = {str(sample.label) for sample in able}
        if not able:
            raise ContextError(f"'{context}' takes backgrounds from other images, and no image has a mask; add masks")
        if len(able) < 2:
            raise ContextError(f"'{context}' takes backgrounds from other images, and only {able[0].id!r} has a mask")
        if rule == "other_class" and len(labels) < 2:
            raise ContextError(f"'{context}' takes backgrounds from other classes, and the data have only {labels}")


def _one(scene: Scene, at: int) -> Scene:
    mask = None if scene.mask is None else scene.mask[at : at + 1]
    return Scene(scene.pixels[at : at + 1], mask, scene.ids[at : at + 1], scene.seed)


def _joined(scenes: Sequence[Scene]) -> Scene:
    masks = [scene.mask for scene in scenes if scene.mask is not None]
    ids = tuple(name for scene in scenes for name in scene.ids)
    return Scene(torch.cat([scene.pixels for scene in scenes]), torch.cat(masks), ids, scenes[0].seed)
