"""A group measured by workers: shards of its samples first, whose values go to the store, then what is left."""

from __future__ import annotations

import tempfile
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ...data import declare_without_object, open_data
from ...language.boundary import contained
from ...language.errors import ResultsError
from ...language.progress import Advance, Progress
from ...language.sample import DataSet, Sample
from ..planning.plan import PlanGroup
from ..results.measured import Measured, PassCounts
from ..results.settings import Settings
from ..store.store import Store
from .messages import (
    Finish,
    FromWorker,
    ImagesStored,
    MeasureShard,
    Ready,
    StoreCall,
    Task,
    TaskDone,
    TaskFailed,
    WorkerEnded,
)
from .remote_store import answer
from .shard_work import shared_out

#: shards of a group for every worker: the last ones to end wait for less than a tenth of the work
SHARDS_A_WORKER = 16
#: micro-batches of a shard at most: what a node that dies takes with it
BATCHES_A_SHARD = 64
#: workers that end one after the other without anything done, before the run gives up
ENDS = 20
#: the same before a first worker was ready: then it is not an image that ends them
FAILED_STARTS = 3


class Workers(Protocol):
    """Processes that measure, here or elsewhere. Each waits for an answer to every message of its own.

    ``kind``: what the record calls them; ``count``: how many, at places from 0 on.
    """

    kind: str
    count: int

    def start(self, place: int) -> None:
        """Let a worker start at a place whose worker is gone or never was; its first message is :class:`Ready`."""

    def send(self, place: int, reply: object) -> None:
        """Answer the last message of a worker: a task, None to let it go, or what the store says."""

    def wait(self) -> tuple[int, FromWorker]:
        """The next message of any worker that was started or answered; :class:`WorkerEnded` where it is gone."""

    def stop(self) -> None:
        """End them all, whatever they do."""


@dataclass(frozen=True)
class WorkersUsed:
    """Who measured: what the record says of it."""

    kind: str
    count: int
    device: str
    device_name: str
    threads: int
    micro_batch: int


class MeasuringWorkers:
    """Measures groups by workers; they are started with the first group, and kept until :meth:`close`.

    Args:
        store: of the run, to which this process alone writes: what is in it is not measured again. One that keeps
            nothing is replaced by one that lives as long as this object, in `folder`.
        folder: of the run.
    """

    def __init__(self, workers: Workers, store: Store, folder: Path) -> None:
        self._workers = workers
        self._stack = ExitStack()
        if not store.active:
            folder.mkdir(parents=True, exist_ok=True)
            place = self._stack.enter_context(tempfile.TemporaryDirectory(prefix=".values-", dir=folder))
            store = Store(Path(place))
            self._stack.callback(store.close)
        self._store = store
        self._waiting: set[int] = set()
        self._started = False
        self._first: Ready | None = None

    def measure(self, group: PlanGroup, settings: Settings, progress: Progress, data: DataSet | None) -> Measured:
        """Everything that a group asks, by all workers.

        Args:
            data: those of the group where they were listed before.

        Raises:
            ResultsError: workers do not start, or end again and again; what they wrote is in the text.
        """
        samples, shared = _shared_samples(group, settings, data)
        if not self._started:
            for place in range(self._workers.count):
                self._workers.start(place)
            self._started = True
        size = settings.resolved_micro_batch() if self._first is None else self._first.micro_batch
        work = ShardedGroup(group.digest, samples, shards(shared, self._workers.count, size), size)
        with progress.task(group.key.removeprefix("data:"), len(samples)) as advance:
            while work.measured is None:
                for place in sorted(self._waiting):
                    task = work.next_task(place)
                    if task is not None:
                        self._waiting.discard(place)
                        self._workers.send(place, task)
                place, message = self._workers.wait()
                self._take(work, place, message, advance)
        return work.finished()

    @property
    def used(self) -> WorkersUsed | None:
        """Who measured; None where nobody was ready yet."""
        if self._first is None:
            return None
        one = self._first
        return WorkersUsed(
            self._workers.kind, self._workers.count, one.device, one.device_name, one.threads, one.micro_batch
        )

    def close(self) -> None:
        """End the workers."""
        self._workers.stop()
        self._stack.close()

    def _take(self, work: ShardedGroup, place: int, message: FromWorker, advance: Advance) -> None:
        if isinstance(message, StoreCall):
            self._workers.send(place, answer(self._store, message))
        elif isinstance(message, ImagesStored):
            work.stored(place, message, advance)
            self._workers.send(place, None)
        elif isinstance(message, WorkerEnded):
            work.worker_ended(place, message, ready=self._first is not None)
            self._workers.start(place)
        else:
            if isinstance(message, Ready):
                self._agree(message)
            elif isinstance(message, TaskFailed):
                work.failed(place, message)
            else:
                work.done(place, message)
            self._waiting.add(place)

    def _agree(self, ready: Ready) -> None:
        if self._first is None:
            self._first = ready
        elif (ready.device_name, ready.threads, ready.micro_batch) != (
            self._first.device_name,
            self._first.threads,
            self._first.micro_batch,
        ):
            raise ResultsError(
                f"the workers differ: one has {_told(self._first)}, another {_told(ready)}; values of both in one run "
                "would not be equal to the bit. Choose workers of one kind, or give --audit-micro-batch"
            )


@dataclass
class SampleShard:
    """Positions that one worker measures, how many of them are stored, and what that cost."""

    positions: Sequence[int]
    done: int = 0
    counts: PassCounts = field(default_factory=PassCounts)

    @property
    def rest(self) -> Sequence[int]:
        return self.positions[self.done :]


@dataclass
class ShardedGroup:
    """What is left to do of a group, who does what, and what came of it.

    ``chunk``: images that are measured at a time. ``ends``: of a sample that was measured alone, the workers that
    ended there.
    """

    digest: str
    samples: Sequence[Sample]
    shards: deque[SampleShard]
    chunk: int
    running: dict[int, SampleShard | None] = field(default_factory=dict)
    ends: Counter[int] = field(default_factory=Counter)
    lost: dict[str, str] = field(default_factory=dict)
    counts: PassCounts = field(default_factory=PassCounts)
    ends_in_turn: int = 0
    finishing: bool = False
    measured: Measured | None = None

    def next_task(self, place: int) -> Task | None:
        """What a waiting worker does next; None: others are still at it."""
        if self.shards:
            shard = self.shards.popleft()
            self.running[place] = shard
            return MeasureShard(self.digest, shard.positions)
        if self.running or self.finishing:
            return None
        self.finishing = True
        self.running[place] = None
        return Finish(self.digest, self.lost)

    def stored(self, place: int, message: ImagesStored, advance: Advance) -> None:
        """Some images of a shard are safe."""
        shard = self.running[place]
        assert shard is not None
        advance(message.done - shard.done)
        shard.done, shard.counts = message.done, message.counts
        self.ends_in_turn = 0

    def done(self, place: int, message: TaskDone) -> None:
        """A task ended well."""
        self._close(self.running.pop(place))
        self.ends_in_turn = 0
        if message.measured is not None:
            self.measured = message.measured

    def failed(self, place: int, message: TaskFailed) -> None:
        """A shard that fails as a whole is left to the last task, which says what is wrong with the group."""
        shard = self.running.pop(place)
        if shard is None:
            raise ResultsError(message.message)
        self._close(shard)
        self.shards.clear()

    def worker_ended(self, place: int, message: WorkerEnded, *, ready: bool) -> None:
        """Take up again what a worker left; an image that ends worker after worker is given up.

        Its chunk is measured in single images: the one at fault is found by the second end, and left out after that.

        Raises:
            ResultsError: it goes on like that, or no worker ever started.
        """
        self.ends_in_turn += 1
        if self.ends_in_turn >= (ENDS if ready else FAILED_STARTS):
            raise ResultsError(
                f"{self.ends_in_turn} workers ended one after the other, the last one {message.how}; what it wrote: "
                f"{message.said or 'nothing'}"
            )
        shard = self.running.pop(place, None)
        if shard is None:
            self.finishing = False  # it had no task, or the last one, which is given anew
            return
        self._close(shard)
        rest = shard.rest
        if len(shard.positions) > 1:
            if len(rest) > self.chunk:
                self.shards.appendleft(SampleShard(rest[self.chunk :]))
            self.shards.extendleft(SampleShard([position]) for position in rest[: self.chunk])
        elif rest:
            self.ends[rest[0]] += 1
            if self.ends[rest[0]] < 2:
                self.shards.append(SampleShard(rest))
            else:
                self.lost[self.samples[rest[0]].id] = f"the process that measured it ended, twice: {message.how}"

    def finished(self) -> Measured:
        """What was measured, with what all the workers spent on it."""
        assert self.measured is not None
        last, shards = self.measured.passes, self.counts
        computed = shards.values - shards.stored
        passes = last.model_copy(
            update={
                "decoded": last.decoded + shards.decoded,
                "forward": last.forward + shards.forward,
                "backward": last.backward + shards.backward,
                "tried": last.tried + shards.tried,
                "stored": max(0, last.stored - computed),
            }
        )
        return self.measured.model_copy(update={"passes": passes})

    def _close(self, shard: SampleShard | None) -> None:
        if shard is None:
            return
        for name in ("decoded", "forward", "backward", "tried", "values", "stored"):
            setattr(self.counts, name, getattr(self.counts, name) + getattr(shard.counts, name))


def shards(shared: Sequence[int], workers: int, size: int) -> deque[SampleShard]:
    """Runs of neighbours, whole micro-batches: files of one shard of the data are read in one place."""
    count = len(shared)
    batches = max(1, min(BATCHES_A_SHARD, -(-count // (size * workers * SHARDS_A_WORKER))))
    step = batches * size
    return deque(SampleShard(shared[at : at + step]) for at in range(0, count, step))


def _shared_samples(
    group: PlanGroup, settings: Settings, data: DataSet | None
) -> tuple[Sequence[Sample], Sequence[int]]:
    """The samples, and the positions that are shared out; none where data cannot be opened: the last task says why."""
    try:
        found = open_data(group.reference, root=settings.root, quiet=True) if data is None else data
        found = declare_without_object(found, group.without_object)
    except BaseException as error:
        contained(error)
        return (), ()
    return shared_out(group, found, settings)


def _told(ready: Ready) -> str:
    return f"{ready.device_name} with {ready.threads} threads and a micro-batch of {ready.micro_batch}"
