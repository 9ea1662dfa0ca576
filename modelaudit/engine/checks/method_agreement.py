"""How far the maps of several methods agree on the same images: read off while the maps are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import torch

from ...language.checks import CheckSettings
from ...measures.agreement import spearman, top_iou
from ..images.donor_ranking import first_positions
from ..measurement.events import EndedEarly, Event, PassMeasured, SampleChanged, SampleUnusable, StoreRead
from ..measurement.passes import PassRunner
from ..measurement.store_writer import PassWriter
from ..planning.plan import MapAsk, PassAsk
from ..store.store import StoreBatch

#: rank correlation over pixels, IoU of the top pixels; NaN where a map is not valid or has no order
Values = tuple[float, float]
#: the share of the pixels that count as the top
TOP = 0.1


class MethodAgreement:
    """Compares maps on the first images of an audit's order, and costs no pass.

    Args:
        batch: what is to be stored.
    """

    def __init__(self, base: PassRunner, checks: CheckSettings, batch: StoreBatch) -> None:
        self._base = base
        self._writer = PassWriter(base.lookup, batch)
        self._positions = set(first_positions(base.samples, checks.agreement, base.builder.seed))
        self._values: dict[tuple[str, str, str, str], dict[int, Values]] = {}

    def on(self, event: Event) -> None:
        """Compare the maps that a pass of the audit has just made; nothing is ever computed for this alone."""
        if isinstance(event, StoreRead):
            self._read_store(event.positions)
        elif isinstance(event, PassMeasured):
            self._compare(event)
        elif isinstance(event, SampleUnusable | SampleChanged):
            self._forget(event.position)
        elif isinstance(event, EndedEarly):
            for at in [at for at in self._positions if at >= event.end]:
                self._forget(at)
            self._positions = {at for at in self._positions if at < event.end}

    def data(self) -> dict[str, tuple[float | None, float | None, int]]:
        """Means over the images on which both maps are there and have an order."""
        return {"|".join(key): _means(list(kept.values())) for key, kept in self._values.items() if kept}

    def _read_store(self, positions: Sequence[int]) -> None:
        chosen = [at for at in self._base.table.readable(positions) if at in self._positions]
        if not chosen or not self._base.stores:
            return
        samples, lookup = [self._base.samples[at] for at in chosen], self._base.lookup
        for ask in self._base.table.passes:
            for first, second in _pairs(ask):
                stored = lookup.contents(lookup.keys(ask).logits, ask, samples, _what(first, second))
                for at, content in zip(chosen, stored, strict=True):
                    if content is not None:
                        values = np.frombuffer(content, "<f8")
                        self._of(ask, first, second)[at] = (float(values[0]), float(values[1]))

    def _compare(self, event: PassMeasured) -> None:
        ask, part, maps = event.ask, event.part, event.values.maps
        rows = [row for row, at in enumerate(part.positions) if at in self._positions]
        at = torch.tensor(rows, device=event.values.logits.device)
        for first, second in _pairs(ask) if rows else ():
            if first not in maps or second not in maps:
                continue
            one, other = maps[first].maps.rows(at).values, maps[second].maps.rows(at).values
            ranks, top = spearman(one, other).tolist(), top_iou(one, other, TOP).tolist()
            for row, values in zip(rows, zip(ranks, top, strict=True), strict=True):
                self._of(ask, first, second)[part.positions[row]] = values
                if self._base.stores:
                    content, key = np.array(values, dtype="<f8").tobytes(), self._base.lookup.keys(ask).logits
                    self._writer.keep_content(key, ask, part.samples[row], _what(first, second), content)

    def _forget(self, at: int) -> None:
        for kept in self._values.values():
            kept.pop(at, None)

    def _of(self, ask: PassAsk, first: MapAsk, second: MapAsk) -> dict[int, Values]:
        return self._values.setdefault((ask.model, str(ask.context), str(first.method), str(second.method)), {})


def _what(first: MapAsk, second: MapAsk) -> str:
    return f"agreement {first.text} {second.text}"


def _pairs(ask: PassAsk) -> Iterator[tuple[MapAsk, MapAsk]]:
    """The maps of a pass that explain the same target, two by two in the order in which they were asked."""
    return ((one, other) for one, other in combinations(ask.maps, 2) if one.target == other.target)


def _means(values: list[Values]) -> tuple[float | None, float | None, int]:
    known = np.array([pair for pair in values if np.isfinite(pair).all()])
    if not len(known):
        return None, None, 0
    pixels, top = known.mean(axis=0).tolist()
    return pixels, top, len(known)
