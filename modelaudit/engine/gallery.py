"""The few images that a case keeps for people to look at: worst, typical and best for its expectation.

They are chosen while the samples stream, so they cost no further pass and memory does not grow with the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from .measured import Picture, Row
from .plan import PlannedCase

WORST, TYPICAL, BEST = 3, 2, 2
_TYPICAL_POOL = 16
Draw = Callable[[], list[tuple[Picture, bytes]]]
Rank = Literal["worst", "typical", "best"]


@dataclass
class _Kept:
    badness: float
    order: str
    sample: str
    label: str
    value: float
    area: float | None
    pictures: list[tuple[Picture, bytes]]


@dataclass
class Gallery:
    """Keeps the rows of one case.

    An offered image is drawn only if it is kept; ties are broken by a hash of its id, not by its place in the data.
    """

    case: PlannedCase
    _worst: list[_Kept] = field(default_factory=list)
    _best: list[_Kept] = field(default_factory=list)
    _typical: list[_Kept] = field(default_factory=list)
    _values: list[float] = field(default_factory=list)

    def offer(self, sample: str, label: str, value: float, draw: Draw, *, area: float | None = None) -> None:
        """Consider one image with a defined value; `area` is its object's share, where there is a mask."""
        self._values.append(value)
        badness = value if self.case.asked.expectation.wants_low else -value
        candidate = _Kept(badness, tie_break(sample), sample, label, value, area, [])
        entered = [
            _enter(self._worst, WORST, candidate, sign=-1.0),
            _enter(self._best, WORST + BEST, candidate, sign=1.0),  # where all are equal, the worst are among them
            _enter(self._typical, _TYPICAL_POOL, candidate, sign=0.0),
        ]
        if any(entered):
            candidate.pictures.extend(draw())

    def rows(self, store: Callable[[bytes], str]) -> list[Row]:
        """The kept rows, worst first; no image twice."""
        if not self._values:
            return []
        middle = float(np.median(self._values))
        chosen: dict[str, tuple[Rank, _Kept]] = {}
        for kept in self._worst:
            chosen[kept.sample] = ("worst", kept)
        for kept in [kept for kept in self._best if kept.sample not in chosen][:BEST]:
            chosen[kept.sample] = ("best", kept)
        near = sorted(self._typical, key=lambda kept: (abs(kept.value - middle), kept.order))
        for kept in [kept for kept in near if kept.sample not in chosen][:TYPICAL]:
            chosen[kept.sample] = ("typical", kept)
        ranks: dict[Rank, int] = {"worst": 0, "typical": 1, "best": 2}
        ordered = sorted(chosen.values(), key=lambda pair: (ranks[pair[0]], -pair[1].badness, pair[1].order))
        return [_row(rank, kept, store) for rank, kept in ordered]


def tie_break(sample: str) -> str:
    """What orders images of equal value: nothing that has to do with their place in the data."""
    return hashlib.sha256(sample.encode()).hexdigest()


def _row(rank: Rank, kept: _Kept, store: Callable[[bytes], str]) -> Row:
    pictures = [picture.model_copy(update={"file": store(content)}) for picture, content in kept.pictures]
    return Row(
        rank=rank,
        sample=kept.sample,
        label=kept.label,
        value=kept.value,
        object_area=kept.area,
        pictures=pictures,
    )


def _enter(rows: list[_Kept], size: int, candidate: _Kept, *, sign: float) -> bool:
    """Insert where (sign * badness, order) is among the `size` smallest."""

    def key(kept: _Kept) -> tuple[float, str]:
        return (sign * kept.badness, kept.order)

    if len(rows) >= size and key(candidate) >= key(rows[-1]):
        return False
    rows.append(candidate)
    rows.sort(key=key)
    del rows[size:]
    return True
