"""What a planted dependence is made of, kept of some images while they are measured.

Of a pass whose logits are judged: the logits, and the background in so few numbers that a linear readout of them is
a property of the background's pixels. Of a measure of maps: its values with evidence added on the background, in
several strengths. No pass of a model is run for it, unless values were stored at a time when nothing was kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ..attribution import Maps
from ..contexts.base import alone
from ..language import registry
from ..language.checks import Checks
from ..language.sample import BACKGROUND, IGNORE
from ..measures.base import tries_backgrounds
from ..measures.regions import Regions
from .donors import first_positions
from .explaining import what_went_wrong
from .models import Explained, Look, RunningModel
from .plan import ColumnAsk, PassAsk, original_context
from .reading import ChunkValues, labels_of, seen_of
from .rows import Place, place_of
from .scenes import Chunk, Shown
from .store.store import Batch

if TYPE_CHECKING:
    from .measuring import Measuring

#: the background is told by its mean colours on a grid of so many cells a side
CELLS = 16
FEATURES = 3 * CELLS * CELLS
#: maps are planted on at most so many images, in these strengths (relative to the map's own positive sum)
MAP_IMAGES = 200
STRENGTHS = tuple(0.05 * 2**step for step in range(9))
#: luminance of linear RGB (Rec. 709), of pixel values as they are: linear in the pixels is what counts here
_LUMINANCE = (0.2126, 0.7152, 0.0722)
_WHAT = "plant"


@dataclass(frozen=True)
class Answer:
    """What a model answered on one image, logits [C], and what it saw of the background, [FEATURES]; float32 both."""

    logits: NDArray[np.float32]
    background: NDArray[np.float32]


def features(pixels: Tensor, mask: Tensor) -> Tensor:
    """[n, 768]: the mean of each cell of a 16 x 16 grid and each channel, everything but the background set to 0.

    Args:
        pixels: [n, 3, H, W] in [0, 1].
        mask: [n, H, W] uint8.
    """
    only = pixels * (mask == BACKGROUND)[:, None]
    return alone(lambda images: adaptive_avg_pool2d(images, CELLS), only).flatten(1)


def brightness(pixels: Tensor, mask: Tensor) -> Tensor:
    """[n, H, W]: the luminance of background pixels, 0 elsewhere."""
    weights = torch.tensor(_LUMINANCE, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    return (pixels * weights).sum(1) * (mask == BACKGROUND)


def with_evidence(maps: Maps, pixels: Tensor, mask: Tensor, strength: float) -> Maps:
    """The maps plus evidence B proportional to the background's brightness, with ``sum B = strength * sum P``.

    P is the positive part outside of the ignored ring; of a map on cells both are sums over cells, and the brightness
    is averaged over each. A map with no positive part gets the brightness itself.
    """
    bright = brightness(pixels, mask)
    if maps.coarse is None:
        size, own = None, maps.values
        positive = own.nan_to_num(0.0, 0.0, 0.0).clamp_min(0) * (mask != IGNORE)
    else:
        size, own = (mask.shape[1], mask.shape[2]), maps.coarse
        bright = alone(lambda one: adaptive_avg_pool2d(one[:, None], list(own.shape[1:]))[:, 0], bright)  # type: ignore[arg-type]
        positive = own.nan_to_num(0.0, 0.0, 0.0)
    there, light = _sums(positive), _sums(bright)
    scale = torch.where(there > 0, there, light) / torch.where(light > 0, light, 1.0)
    planted = own + (strength * scale).to(own.dtype)[:, None, None] * bright.to(own.dtype)
    return Maps(planted) if size is None else Maps.on_grid(planted, size)


def _sums(maps: Tensor) -> Tensor:
    return alone(lambda one: one.flatten(1).sum(1, dtype=torch.float64), maps)


def reads_logits(column: ColumnAsk) -> bool:
    """Whether a measure is read off logits alone, of the image and its original."""
    declares = registry.entry_of(column.spec).declares
    return column.map is None and not (declares.needs_mask or declares.needs_attribution or declares.backgrounds)


class Planting:
    """Collects beside a measurement; it goes along with its passes as variants do.

    ``answers``: by pass and position. ``planted``: by (model, column key) and position, [len(STRENGTHS)] values, NaN
    where the measure is undefined.
    """

    def __init__(self, base: Measuring, checks: Checks) -> None:
        seed = base.stage.seed
        self._base = base
        self.positions = _chosen(base, checks.plant, seed)
        self.map_positions = _chosen(base, min(checks.plant, MAP_IMAGES), seed)
        self.answers: dict[Place, dict[int, Answer]] = {}
        self.planted: dict[tuple[str, str], dict[int, NDArray[np.float64]]] = {}
        self.failed: dict[tuple[str, str], str] = {}

    def first(self, count: int) -> Mapping[int, None]:
        """The positions of the first `count` images of the audit's fixed random order, of those that are kept of."""
        return {at: None for at in _chosen(self._base, count, self._base.stage.seed) if at in self.positions}

    def look_up(self, positions: Iterable[int]) -> set[int]:
        """Read what is stored of these images; those of which something is missing."""
        chosen = [at for at in positions if at in self.positions and not self._base.rows.unreadable[at]]
        if chosen and self._base.keeps:
            for ask in self._base.passes:
                self._recall(ask, chosen)
        return {at for ask in self._base.passes for at in chosen if self._lacks(ask, at)}

    def miss(self, at: int) -> None:
        """Nothing is kept of a sample that cannot be decoded."""
        self.forget(at)

    def forget(self, at: int) -> None:
        """As if nothing were known of a sample."""
        for kept in (*self.answers.values(), *self.planted.values()):
            kept.pop(at, None)  # type: ignore[attr-defined]

    def cut(self, end: int) -> None:
        """Leave out all images from `end` on."""
        for at in [at for at in self.positions if at >= end]:
            self.forget(at)
        self.positions = {at: None for at in self.positions if at < end}
        self.map_positions = {at: None for at in self.map_positions if at < end}

    def along(self, ask: PassAsk, part: Chunk, found: ChunkValues, batch: Batch) -> None:
        """Keep what a pass of the audit has just found."""
        rows = [row for row, at in enumerate(part.positions) if at in self.positions]
        if not rows:
            return
        if self._judged(ask):
            self._keep_answers(ask, part, found, rows, batch)
        for column in ask.columns:
            if column.map in found.maps and not tries_backgrounds(column.spec):
                of_maps = [row for row in rows if part.positions[row] in self.map_positions]
                self._keep_planted(ask, column, part, found, of_maps, batch)

    def step(self, chunk: Chunk, batch: Batch) -> None:
        """Run again what values were stored of, but nothing was kept of."""
        for ask in list(self._base.passes):
            rows = [row for row, at in enumerate(chunk.positions) if at in self.positions and self._lacks(ask, at)]
            columns = tuple(column for column in ask.columns if self._is_map(ask, column))
            if rows:
                try:
                    self._base.read_along(replace(ask, columns=columns), chunk, rows, batch)
                except Exception as error:  # recorded: the plant is not made, the audit itself goes on
                    for column in ask.columns:
                        self.failed[ask.model, column.key] = what_went_wrong(error)

    def write(self, batch: Batch) -> None:
        """Everything is kept as it comes."""

    def _is_map(self, ask: PassAsk, column: ColumnAsk) -> bool:
        known = (ask.model, column.key) not in self.failed
        return known and column.map is not None and not tries_backgrounds(column.spec)

    def _judged(self, ask: PassAsk) -> bool:
        """Whether anybody judges the logits of a pass: a column of its own, or one that compares with the original."""
        whole = [column for one in self._base.passes if place_of(one) == place_of(ask) for column in one.columns]
        if any(reads_logits(column) for column in whole):
            return True
        others = [one for one in self._base.passes if one.model == ask.model]
        return ask.context == original_context() and any(
            registry.entry_of(column.spec).declares.needs_original for one in others for column in one.columns
        )

    def _lacks(self, ask: PassAsk, at: int) -> bool:
        if self._judged(ask) and at not in self.answers.get(place_of(ask), {}):
            return not any((ask.model, column.key) in self.failed for column in ask.columns)
        return at in self.map_positions and any(
            at not in self.planted.get((ask.model, column.key), {})
            for column in ask.columns
            if self._is_map(ask, column)
        )

    def _recall(self, ask: PassAsk, positions: Sequence[int]) -> None:
        samples, recall = [self._base.samples[at] for at in positions], self._base.recall
        keys = recall.keys(ask)
        if self._judged(ask):
            logits, kept = recall.logits(ask, samples), recall.contents(keys.logits, ask, samples, _WHAT)
            answers = self.answers.setdefault(place_of(ask), {})
            for at, row, content in zip(positions, logits, kept, strict=True):
                if row is not None and content is not None:
                    answers[at] = Answer(row.numpy().astype(np.float32), np.frombuffer(content, "<f4"))
        for column in ask.columns:
            if self._is_map(ask, column) and column.key in keys.columns:
                values = self.planted.setdefault((ask.model, column.key), {})
                contents = recall.contents(keys.columns[column.key], ask, samples, _WHAT)
                found = zip(positions, contents, strict=True)
                values.update({at: np.frombuffer(content, "<f8") for at, content in found if content is not None})

    def _keep_answers(self, ask: PassAsk, part: Chunk, found: ChunkValues, rows: Sequence[int], batch: Batch) -> None:
        shown = found.shown.rows(torch.tensor(rows, device=found.shown.pixels.device))
        background = features(shown.pixels, shown.mask).masked_fill(shown.bare[:, None], 0.0)
        answers = self.answers.setdefault(place_of(ask), {})
        for number, row in enumerate(rows):
            logits = found.logits[row].detach().cpu().float().numpy().copy()
            answers[part.positions[row]] = Answer(logits, background[number].cpu().float().numpy().copy())
            if self._base.keeps:
                content = answers[part.positions[row]].background.astype("<f4").tobytes()
                key = self._base.recall.keys(ask).logits
                self._base.recall.keep_content(batch, key, ask, part.samples[row], _WHAT, content)

    def _keep_planted(
        self, ask: PassAsk, column: ColumnAsk, part: Chunk, found: ChunkValues, rows: Sequence[int], batch: Batch
    ) -> None:
        if not rows or (ask.model, column.key) in self.failed:
            return
        try:
            values = _read_planted(column, self._base.models[ask.model], part, found, rows)
        except Exception as error:  # recorded: the plant is not made, the audit itself goes on
            self.failed[ask.model, column.key] = what_went_wrong(error)
            return
        kept, keys = self.planted.setdefault((ask.model, column.key), {}), self._base.recall.keys(ask).columns
        for row, of_image in zip(rows, values, strict=True):
            kept[part.positions[row]] = of_image
            if self._base.keeps and column.key in keys:
                content = of_image.astype("<f8").tobytes()
                self._base.recall.keep_content(batch, keys[column.key], ask, part.samples[row], _WHAT, content)


def _read_planted(
    column: ColumnAsk, model: RunningModel, part: Chunk, found: ChunkValues, rows: Sequence[int]
) -> NDArray[np.float64]:
    """[len(rows), len(STRENGTHS)]: the measure on planted maps, NaN where it is undefined."""
    assert column.map is not None
    at = torch.tensor(list(rows), device=found.logits.device)
    shown: Shown = found.shown.rows(at)
    own, regions = found.maps[column.map].maps.rows(at), Regions(shown.mask)
    labels = labels_of(model, [part.samples[row] for row in rows], shown.pixels.device)
    whole, model.original = model.original, None if model.original is None else model.original[at]
    try:
        values: list[NDArray[np.float64]] = []
        for strength in STRENGTHS:
            maps = {column.map: Explained(with_evidence(own, shown.pixels, shown.mask, strength), {})}
            reading = model.read(
                column, seen_of(column, model, Look(found.logits[at], maps, {}), labels, shown, regions)
            )
            of_all = reading.values.double()
            for flags in reading.undefined.values():
                of_all = of_all.masked_fill(flags, torch.nan)
            values.append(of_all.cpu().numpy())
    finally:
        model.original = whole
    return np.stack(values, axis=1)


def _chosen(base: Measuring, count: int, seed: int) -> Mapping[int, None]:
    """The positions of the first images of the audit's fixed random order."""
    return dict.fromkeys(first_positions(base.samples, count, seed))
