"""The images of a chunk under changes that a search proposes: many different ones in one micro-batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from ...contexts import ContextInput, apply
from ...contexts.filling import without_object
from ...contexts.light import Exposure, WhiteBalance
from ...contexts.surroundings import (
    DAYLIGHT,
    BackgroundPatch,
    DonorPatch,
    Surroundings,
    colour_of,
    in_boxes,
    mixed,
    shares_of,
)
from ...language.sample import BACKGROUND, Preprocessing, Sample
from ...language.spec import Context
from ...models import precision_context
from ..images.batches import BatchBuilder, Chunk, ContextBatch
from .change_search import DOSES, ChangeSpace, ProposedChange


class ImageUnderChange(NamedTuple):
    """One picture of a micro-batch.

    Args:
        row: of the image in its chunk.
        change: what is done to it; None where its `pixels` [3, H, W] are there already.
        donor: the image that lends the background of the change, where one does.
    """

    row: int
    change: ProposedChange | None
    donor: Sample | None = None
    pixels: Tensor | None = None


class ChangeRenderer:
    """Shows the images of a chunk under changes of a space.

    Args:
        shown: the original images.
        batch: the most pictures at once; they lie in one place, and are overwritten by the next ones.
    """

    def __init__(
        self,
        search: Surroundings,
        part: Chunk,
        shown: ContextBatch,
        builder: BatchBuilder,
        preprocessing: Preprocessing,
        batch: int,
    ) -> None:
        self._search, self._part, self._shown = search, part, shown
        self._builder, self._preprocessing = builder, preprocessing
        self.background = shown.mask == BACKGROUND
        self.fixed = [builder.show(part, one, preprocessing) for one in search.contexts]
        self._masks = self.background.cpu().numpy()
        self._room = torch.empty_like(shown.pixels[:1]).expand(batch, -1, -1, -1).contiguous()
        self._lent: dict[str, Tensor] = {}
        self._colours = torch.tensor(
            [colour_of(one) for one in search.colours], dtype=torch.float32, device=shown.pixels.device
        ).reshape(-1, 3)
        self._colour_values = self._colours.cpu().numpy()[:, :, None, None]

    def space(self, row: int, donors: int) -> ChangeSpace:
        """What can be changed of one image, which has so many donors."""
        search, background = self._search, self._masks[row]
        smallest, largest = search.sides(*background.shape)
        contexts = {
            number: area
            for number, shown in enumerate(self.fixed)
            if not shown.validity.impossible[row] and (area := self.changed_share(row, shown.pixels[row]))
        }
        return ChangeSpace(
            background=background,
            colours=len(search.colours),
            donors=donors,
            exposures=2 if search.stops else 0,
            temperatures=len(search.kelvin),
            contexts=contexts,
            smallest=smallest,
            largest=largest,
        )

    def changed_share(self, row: int, pixels: Tensor) -> float:
        """The share of an image's background that differs from the original."""
        background = self.background[row]
        other = (pixels != self._shown.pixels[row]).any(dim=0) & background
        return float(other.sum()) / max(int(background.sum()), 1)

    def context(self, change: ProposedChange) -> Context:
        """The context that makes a change: what a user writes to see it again."""
        search, dose = self._search, change.dose / DOSES
        if change.kind == "context":
            return search.contexts[change.number]
        if change.kind == "exposure":
            return Exposure(round((-1, 1)[change.number] * search.stops * dose, 4), region="background")
        if change.kind == "kelvin":
            return WhiteBalance(_kelvin(search.kelvin[change.number], dose), region="background")
        assert change.box is not None
        height, width = self.background.shape[1:]
        top, left, tall, wide = shares_of(change.box, height, width)
        if change.kind == "donor":
            assert search.donors is not None
            return DonorPatch(search.donors, top, left, tall, wide, dose, rank=change.number)
        return BackgroundPatch(top, left, tall, wide, search.colours[change.number], dose)

    def pixels(self, images: Sequence[ImageUnderChange], rows: Tensor) -> Tensor:
        """[m, 3, H, W]: every image under its change.

        Args:
            rows: [m] those of the images.
        """
        with precision_context("float32"):
            pixels = torch.index_select(self._shown.pixels, 0, rows, out=self._room[: len(images)])
            self._prepare([one.donor for one in images if one.donor is not None])
            patches = [at for at, one in enumerate(images) if one.change is not None and one.change.box is not None]
            if patches and pixels.device.type == "cpu":  # most patches are small: only what is in them is touched
                self._patch_one_by_one(pixels, images, patches)
            elif patches:
                pixels[patches] = self._patched(pixels[patches], rows[patches], [images[at] for at in patches])
            if len(patches) < len(images):
                self._apply(pixels, images, rows)
        return pixels

    def _apply(self, pixels: Tensor, images: Sequence[ImageUnderChange], rows: Tensor) -> None:
        """Put in what is no patch: pictures that are there, and contexts of the whole background."""
        by_context: dict[Context, list[int]] = {}
        for at, one in enumerate(images):
            if one.pixels is not None:
                pixels[at] = one.pixels
            elif one.change is not None and one.change.kind == "context":
                pixels[at] = self.fixed[one.change.number].pixels[one.row]
            elif one.change is not None and one.change.box is None:
                by_context.setdefault(self.context(one.change), []).append(at)
        for context, places in by_context.items():
            ids = tuple(self._part.samples[images[at].row].id for at in places)
            scene = ContextInput(pixels[places], self._shown.mask[rows[places]], ids, self._builder.seed)
            pixels[places] = apply(context, scene).pixels

    def _patched(self, pixels: Tensor, rows: Tensor, images: Sequence[ImageUnderChange]) -> Tensor:
        """Patches of all kinds in one operation."""
        changes = [cast(ProposedChange, one.change) for one in images]
        edges = [(one.box.top, one.box.bottom, one.box.left, one.box.right) for one in changes if one.box is not None]
        boxes = torch.tensor(edges, device=pixels.device)
        where = self.background[rows].unsqueeze(1) & in_boxes(boxes, pixels.shape[2], pixels.shape[3])
        doses = torch.tensor([one.dose / DOSES for one in changes], dtype=pixels.dtype, device=pixels.device)
        colours = [one.number if one.kind == "colour" else 0 for one in changes]
        target = self._colours[colours][:, :, None, None] if len(self._colours) else torch.zeros_like(pixels)
        lent = [(at, one.donor.id) for at, one in enumerate(images) if one.donor is not None]
        if lent:
            target = target.expand_as(pixels).clone()
            target[[at for at, _ in lent]] = torch.stack([self._lent[name] for _, name in lent])
        return mixed(pixels, where, target, doses[:, None, None, None])

    def _patch_one_by_one(self, pixels: Tensor, images: Sequence[ImageUnderChange], patches: Sequence[int]) -> None:
        """As :meth:`_patched`, in place and to the bit, since every operation is one on single values.

        NumPy, whose calls on small arrays cost a tenth of torch's.
        """
        shown = pixels.numpy()
        for at in patches:
            row, one, donor, _ = images[at]
            assert one is not None and one.box is not None
            tall, wide = slice(one.box.top, one.box.bottom), slice(one.box.left, one.box.right)
            part, where = shown[at, :, tall, wide], self._masks[row, tall, wide]
            if donor is not None:
                target = self._lent[donor.id].numpy()[:, tall, wide]
            else:
                target = self._colour_values[one.number]
            if one.dose != DOSES:
                target = part + np.float32(one.dose / DOSES) * (target - part)
                np.clip(target, 0.0, 1.0, out=target)
            np.copyto(part, target, where=where)

    def _prepare(self, donors: Sequence[Sample]) -> None:
        """The backgrounds of donors, without their objects."""
        new = list({one.id: one for one in donors if one.id not in self._lent}.values())
        if new:
            scene = self._builder.donors.scene(new, self._preprocessing)
            filled, _ = without_object(scene, DonorPatch(cast(str, self._search.donors)).fill)
            self._lent.update(zip((one.id for one in new), filled, strict=True))


def _kelvin(most: float, dose: float) -> float:
    """A temperature between daylight and `most`: even steps of 1/T, as of the eye and of filters."""
    return float(round(1.0 / (1.0 / DAYLIGHT + dose * (1.0 / most - 1.0 / DAYLIGHT))))
