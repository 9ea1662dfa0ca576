"""What the measurement of a group tells: the loop yields these events, and listeners hear them in order.

Two events ask something. A listener that needs more images decoded adds them to :attr:`StoreRead.needed`; one that
needs no more than the first images sets :attr:`Look.end`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from ...language.reasons import Missing
from ...language.sample import Sample
from ..images.batches import Chunk
from ..inference.values import PassValues
from ..planning.plan import PassAsk


@dataclass(frozen=True)
class SampleUnusable:
    """A sample that cannot be decoded."""

    position: int
    sample: Sample
    reason: Missing


@dataclass(frozen=True)
class SampleChanged:
    """A sample whose content is another one than when its stored values were read: these hold no more."""

    position: int


@dataclass
class StoreRead:
    """What is stored of some samples was read; ``needed`` are those of them that are still to be decoded."""

    positions: range
    needed: set[int]


@dataclass(frozen=True)
class PassMeasured:
    """A pass over some images of a chunk: ``part`` are these, and ``rows`` their rows in the chunk."""

    ask: PassAsk
    part: Chunk
    rows: tuple[int, ...]
    values: PassValues


@dataclass(frozen=True)
class PassFailed:
    """A pass that could not be measured and is given up, with all that needs it."""

    ask: PassAsk
    message: str


@dataclass
class Look:
    """All of the first ``complete`` images are measured; ``end``: after how many of them the rest is not needed."""

    complete: int
    end: int | None = None


@dataclass(frozen=True)
class EndedEarly:
    """Images from ``end`` on count for nothing, whatever was measured of them."""

    end: int


@dataclass(frozen=True)
class ImagesCounted:
    """These images are measured, and count."""

    positions: range


@dataclass(frozen=True)
class ChunkMeasured:
    """Every pass was measured on a chunk; ``samples`` are all that were to be decoded for it."""

    chunk: Chunk
    samples: tuple[Sample, ...]


@dataclass(frozen=True)
class Ended:
    """Nothing more is decoded."""


Event = (
    SampleUnusable
    | SampleChanged
    | StoreRead
    | PassMeasured
    | PassFailed
    | Look
    | EndedEarly
    | ImagesCounted
    | ChunkMeasured
    | Ended
)


class Listener(Protocol):
    """Who wants more of a measurement than its values: built before the loop starts, handed over in a tuple."""

    def on(self, event: Event) -> None:
        """Hear of one event; most listeners care for a few of them."""
        ...


def dispatch(events: Iterable[Event], listeners: tuple[Listener, ...]) -> None:
    """Run a loop to its end: every listener hears of every event, in the order of the tuple."""
    for event in events:
        for listener in listeners:
            listener.on(event)
