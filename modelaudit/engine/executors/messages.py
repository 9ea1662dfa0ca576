"""What a run and its workers say to each other: references, positions and numbers, never pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..results.measured import Measured, PassCounts


@dataclass(frozen=True)
class MeasureShard:
    """Measure the passes of a group on some of its samples, into the store of the run.

    Args:
        group: the digest of its key.
        positions: of the samples among those of the group that are measured, rising.
    """

    group: str
    positions: Sequence[int]


@dataclass(frozen=True)
class Finish:
    """Measure what is left of a group, and hand over everything that was measured of it.

    Args:
        group: the digest of its key.
        lost: the samples that ended the worker which measured them, by id, with what is known of it.
    """

    group: str
    lost: Mapping[str, str] = field(default_factory=dict)


Task = MeasureShard | Finish


@dataclass(frozen=True)
class Ready:
    """A worker has collected the audits and waits for tasks.

    Args:
        micro_batch: images of a chunk.
        threads: of torch.
    """

    device: str
    device_name: str
    threads: int
    micro_batch: int


@dataclass(frozen=True)
class StoreCall:
    """A worker asks the store of the run: the name of a method of ``Store``, and its arguments."""

    method: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class ImagesStored:
    """So many of the first samples of the shard are in the store; ``counts``: what the shard cost up to there."""

    done: int
    counts: PassCounts


@dataclass(frozen=True)
class TaskDone:
    """A task came to its end. ``measured``: of :class:`Finish`."""

    measured: Measured | None = None


@dataclass(frozen=True)
class TaskFailed:
    """A task raised something that no case of its own accounts for."""

    message: str


@dataclass(frozen=True)
class WorkerEnded:
    """A worker is gone: how it ended, and the end of what it wrote."""

    how: str
    said: str = ""


FromWorker = Ready | StoreCall | ImagesStored | TaskDone | TaskFailed | WorkerEnded
