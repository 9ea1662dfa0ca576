"""How far the maps of several methods agree on the same images: read off while the maps are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...language.checks import CheckSettings
from ...measures.agreement import spearman, top_iou
from ..images.batches import Chunk
from ..images.donor_ranking import first_positions
from ..inference.values import ChunkValues
from ..planning.plan import MapAsk, PassAsk
from ..store.store import StoreBatch

if TYPE_CHECKING:
    from ..measurement.loop import Measuring

#: rank correlation over pixels, IoU of the top pixels; NaN where a map is not valid or has no order
Values = tuple[float, float]
#: the share of the pixels that count as the top
TOP = 0.1


class Accord:
    """Collects beside a measurement, on the first images of its order, and costs no pass.

    ``found``: by (model, context, method, method) and position.
    """

    def __init__(self, base: Measuring, checks: CheckSettings) -> None:
        self._base = base
        self.positions = set(first_positions(base.samples, checks.agreement, base.stage.seed))
        self.found: dict[tuple[str, str, str, str], dict[int, Values]] = {}

    def look_up(self, positions: Iterable[int]) -> set[int]:
        """Read what is stored of these images; nothing is ever computed for this alone."""
        chosen = [at for at in positions if at in self.positions and not self._base.rows.unreadable[at]]
        if chosen and self._base.keeps:
            samples, recall = [self._base.samples[at] for at in chosen], self._base.recall
            for ask in self._base.passes:
                for first, second in _pairs(ask):
                    what = f"agreement {first.text} {second.text}"
                    for at, content in zip(
                        chosen, recall.contents(recall.keys(ask).logits, ask, samples, what), strict=True
                    ):
                        if content is not None:
                            values = np.frombuffer(content, "<f8")
                            self._of(ask, first, second)[at] = (float(values[0]), float(values[1]))
        return set()

    def miss(self, at: int) -> None:
        """Nothing is kept of a sample that cannot be decoded."""
        self.forget(at)

    def forget(self, at: int) -> None:
        """As if nothing were known of a sample."""
        for kept in self.found.values():
            kept.pop(at, None)

    def cut(self, end: int) -> None:
        """Leave out all images from `end` on."""
        for at in [at for at in self.positions if at >= end]:
            self.forget(at)
        self.positions = {at for at in self.positions if at < end}

    def along(self, ask: PassAsk, part: Chunk, found: ChunkValues, batch: StoreBatch) -> None:
        """Compare the maps that a pass of the audit has just made."""
        rows = [row for row, at in enumerate(part.positions) if at in self.positions]
        at = torch.tensor(rows, device=found.logits.device)
        for first, second in _pairs(ask) if rows else ():
            if first not in found.maps or second not in found.maps:
                continue
            one, other = found.maps[first].maps.rows(at).values, found.maps[second].maps.rows(at).values
            ranks, top = spearman(one, other).tolist(), top_iou(one, other, TOP).tolist()
            for number, row in enumerate(rows):
                values = (ranks[number], top[number])
                self._of(ask, first, second)[part.positions[row]] = values
                if self._base.keeps:
                    what, key = f"agreement {first.text} {second.text}", self._base.recall.keys(ask).logits
                    content = np.array(values, dtype="<f8").tobytes()
                    self._base.recall.keep_content(batch, key, ask, part.samples[row], what, content)

    def step(self, chunk: Chunk, batch: StoreBatch) -> None:
        """There is nothing to do apart from the passes of the audit."""

    def write(self, batch: StoreBatch) -> None:
        """Everything is kept as it comes."""

    def data(self) -> dict[str, tuple[float | None, float | None, int]]:
        """Means over the images on which both maps are there and have an order."""
        return {"|".join(key): _means(list(kept.values())) for key, kept in self.found.items() if kept}

    def _of(self, ask: PassAsk, first: MapAsk, second: MapAsk) -> dict[int, Values]:
        return self.found.setdefault((ask.model, str(ask.context), str(first.method), str(second.method)), {})


def _pairs(ask: PassAsk) -> Iterator[tuple[MapAsk, MapAsk]]:
    """The maps of a pass that explain the same target, two by two in the order in which they were asked."""
    return ((one, other) for one, other in combinations(ask.maps, 2) if one.target == other.target)


def _means(values: list[Values]) -> tuple[float | None, float | None, int]:
    known = np.array([pair for pair in values if np.isfinite(pair).all()])
    if not len(known):
        return None, None, 0
    pixels, top = known.mean(axis=0).tolist()
    return pixels, top, len(known)
