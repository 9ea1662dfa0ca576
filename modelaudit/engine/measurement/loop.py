"""The loop over a group's samples, chunk by chunk: it yields events and knows no listener."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence

import numpy as np

from ...language.boundary import contained, failure_text
from ...language.errors import AuditError
from ..images.batches import Chunk, ContextBatch, PendingChunk
from ..inference.precision import settle
from ..planning.plan import PassAsk
from .events import (
    ChunkMeasured,
    Ended,
    EndedEarly,
    Event,
    ImagesCounted,
    Look,
    PassFailed,
    SampleChanged,
    SampleUnusable,
    StoreRead,
)
from .passes import PassRunner
from .store_writer import keep_precision

#: samples that are looked up in the store at once
_BLOCK = 1024
#: chunks that are decoded ahead
_AHEAD = 2


class MeasurementLoop:
    """Measures the passes of a runner on all of its samples.

    ``end``: so many images count; fewer than all where a listener needed no more.

    Args:
        size: samples in a chunk.
    """

    def __init__(self, runner: PassRunner, *, size: int) -> None:
        self._runner = runner
        self._samples, self._builder, self._table = runner.samples, runner.builder, runner.table
        self._size = size
        self._contents: dict[int, str | None] = {}
        self._tried: set[str] = set()
        self._left: deque[int] = deque()
        self._known = 0
        self._counted = 0
        self._stopped = False
        self.end = len(runner.samples)

    def events(self) -> Iterator[Event]:
        """Measure everything; what is stored is read, what is missing is computed."""
        ahead: deque[PendingChunk] = deque()
        for event in self._pending():
            if not isinstance(event, PendingChunk):
                yield event
                continue
            ahead.append(event)
            if len(ahead) > _AHEAD:
                yield from self._step(ahead.popleft())
        while ahead and not self._stopped:
            yield from self._step(ahead.popleft())
        for pending in ahead:
            pending.give_up()
        if self._stopped:
            yield from self._stop()
        yield Ended()
        self._table.give_up_unchanged()

    def _pending(self) -> Iterator[Event | PendingChunk]:
        """The chunks in which something is left to do, their decoding begun."""
        for first in range(0, len(self._samples), _BLOCK):
            if self._stopped:
                return
            positions = range(first, min(first + _BLOCK, len(self._samples)))
            event = StoreRead(positions, set(positions))
            if self._runner.stores:
                event = StoreRead(positions, (yield from self._read_store(positions)))
            yield event
            left = self._table.readable(sorted(event.needed))
            self._left.extend(left)
            self._known = positions.stop
            yield from self._look()
            for start in range(0, len(left), self._size):
                if self._stopped:
                    return
                part = left[start : start + self._size]
                chosen = [self._samples[at] for at in part]
                self._runner.prefetch(chosen)
                yield self._builder.begin(chosen, part)

    def _read_store(self, positions: range) -> Generator[Event, None, set[int]]:
        """Read what is stored of some samples; those of which something is missing."""
        samples = [self._samples[at] for at in positions]
        known = self._runner.lookup.outcomes(samples)
        for at, sample in zip(positions, samples, strict=True):
            if sample.id in self._builder.unusable:
                yield self._miss(at)
        readable = self._table.readable(positions)
        self._fill(readable)
        return self._runner.needed(readable) | {at for at, found in zip(positions, known, strict=True) if not found}

    def _fill(self, positions: Sequence[int], *, decode: bool = False) -> None:
        contents = self._builder.contents.of([self._samples[at] for at in positions])
        self._contents.update(zip(positions, contents, strict=True))
        self._runner.fill(positions, decode=decode)

    def _step(self, pending: PendingChunk) -> Iterator[Event]:
        """One chunk through every pass that has something left to do."""
        chunk = self._builder.finish(pending)
        yield from self._note(pending, chunk)
        self._runner.begin_chunk()
        self._try_models(chunk)
        for ask in list(self._table.passes):
            if ask in self._table.passes:
                try:
                    yield from self._runner.measure(ask, chunk)
                except BaseException as error:  # recorded in full: the cases that need it are errors, others go on
                    message = failure_text(contained(error))
                    self._table.give_up_pass(ask, message)
                    yield PassFailed(ask, message)
        done = set(pending.positions)
        while self._left and self._left[0] in done:
            self._left.popleft()
        yield from self._look()
        yield ChunkMeasured(chunk, pending.samples)

    def _look(self) -> Iterator[Event]:
        """Tell how many first images are complete, and which of them count."""
        look = Look(self._left[0] if self._left else self._known)
        yield look
        if look.end is not None and not self._stopped:
            self._stopped, self.end = True, look.end
            yield from self._stop()
        until = min(look.complete, self.end)
        if until > self._counted:
            first, self._counted = self._counted, until
            yield ImagesCounted(range(first, until))

    def _stop(self) -> Iterator[Event]:
        """Forget what was measured of images that count for nothing."""
        self._table.forget_unreadable(range(self.end, len(self._samples)))
        yield EndedEarly(self.end)

    def _note(self, pending: PendingChunk, chunk: Chunk) -> Iterator[Event]:
        """What decoding found: samples that cannot be used, and files that changed since they were looked up."""
        readable = set(chunk.positions)
        for at in pending.positions:
            if at not in readable:
                yield self._miss(at)
        changed: list[int] = []
        for at, sample, prepared in zip(chunk.positions, chunk.samples, chunk.prepared, strict=True):
            content = prepared.decoded.content
            self._builder.contents.note(sample, content)
            if self._runner.stores and self._contents.get(at) != content:
                self._table.forget(at)
                changed.append(at)
                yield SampleChanged(at)
        if changed:
            self._fill(changed, decode=True)

    def _miss(self, at: int) -> SampleUnusable:
        sample = self._samples[at]
        reason = self._builder.unusable[sample.id][0]
        self._table.miss(at, reason)
        return SampleUnusable(at, sample, reason)

    def _try_models(self, chunk: Chunk) -> None:
        """Before a model's first pass: whether its logits are a function of the image."""
        positions = np.asarray(chunk.positions, dtype=np.intp)
        needed = [ask.model for ask in self._table.passes if self._table.needed(ask, positions).any()]
        for key in [key for key in dict.fromkeys(needed) if key not in self._tried]:
            self._tried.add(key)
            model = self._runner.models[key]
            if model.loaded.answers is not None:  # nothing is run
                continue
            try:
                model.check_repeatable(self._builder.scene(chunk, model.loaded.preprocessing).pixels)
            except BaseException as error:
                self._table.give_up_model(key, failure_text(contained(error)))


def settle_precisions(runner: PassRunner, *, size: int) -> None:
    """Where something faster than float32 may be tried: as an earlier run found, else on the first `size` samples."""
    for key, model in runner.models.items():
        asks = [ask for ask in runner.table.passes if ask.model == key]
        if len(model.candidates) < 2:
            continue
        known = runner.lookup.precision(model, asks)
        if known is not None:
            model.run_in(known[0], *known[1])
            continue
        first = range(min(size, len(runner.samples)))
        chunk = runner.builder.finish(runner.builder.begin([runner.samples[at] for at in first], first))
        shown: list[tuple[PassAsk, ContextBatch]] = []
        for ask in asks if chunk.samples else ():
            try:
                shown.append((ask, runner.builder.show(chunk, ask.context, model.loaded.preprocessing)))
            except AuditError:  # the pass itself raises it, and takes down what needs it
                continue
        settle(model, shown, chunk)
        keep_precision(runner.lookup, model, asks)
