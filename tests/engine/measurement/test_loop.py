"""The loop tells what happens, in order, and does what the answers of listeners ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from engine.small_audits import MICRO_BATCH, Broken, Net, audit, groups_of, sample, samples
from torch import nn

from modelaudit.contexts import swap_background
from modelaudit.data import label_map
from modelaudit.engine.images.batches import BatchBuilder
from modelaudit.engine.images.contents import SampleContents
from modelaudit.engine.inference.running_model import RunningModel
from modelaudit.engine.measurement.events import (
    ChunkMeasured,
    Ended,
    EndedEarly,
    Event,
    ImagesCounted,
    Look,
    PassFailed,
    PassMeasured,
    SampleUnusable,
    StoreRead,
    dispatch,
)
from modelaudit.engine.measurement.loop import MeasurementLoop
from modelaudit.engine.measurement.passes import PassRunner
from modelaudit.engine.measurement.store_lookup import StoreLookup
from modelaudit.engine.measurement.store_writer import StoreWriter
from modelaudit.engine.measurement.value_table import ValueTable
from modelaudit.engine.results.measured import PassCounts
from modelaudit.engine.store.file_digests import FileDigests
from modelaudit.engine.store.store import Store, StoreBatch
from modelaudit.language import DataSet, Sample
from modelaudit.measures import accuracy, flip_rate
from modelaudit.models import frozen_on, open_model

COUNT = 10


@dataclass
class Heard:
    """Keeps every event; asks for nothing unless it is told to."""

    needs: frozenset[int] = frozenset()
    end: int | None = None
    events: list[Event] = field(default_factory=list)

    def on(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, StoreRead):
            event.needed |= self.needs & set(event.positions)
        if isinstance(event, Look) and self.end is not None and event.complete >= self.end:
            event.end = self.end

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


@contextmanager
def running(
    model: nn.Module, data: list[Sample], folder: Path | None = None
) -> Iterator[tuple[PassRunner, MeasurementLoop, Store]]:
    """A loop over the originals and one swap of some samples."""
    one = audit(model, data)
    (group,) = groups_of(right=one.expect(accuracy > 0.5), flips=one.expect(flip_rate.under(SWAP) < 0.5))
    store, counts = Store(folder), PassCounts()
    contents = SampleContents(FileDigests(store) if store.active else None)
    with BatchBuilder(data, seed=0, device="cpu", passes=counts, store=store, contents=contents) as builder:
        (ask,) = group.models.values()
        loaded = open_model(ask.reference, root=Path(), preprocessing=ask.preprocessing, classes=ask.classes)
        with frozen_on(loaded, "cpu"):
            labels = label_map(DataSet(tuple(data)), classes=loaded.classes, outputs=loaded.outputs, given=None)
            models = {ask.key: RunningModel(loaded, "cpu", labels, MICRO_BATCH, counts)}
            lookup = StoreLookup(store, builder, models, group.passes, group.key)
            runner = PassRunner(data, models, builder, lookup, ValueTable(group.passes, len(data)))
            builder.prepare_for([loaded.preprocessing])
            yield runner, MeasurementLoop(runner, size=MICRO_BATCH), store
    store.close()


SWAP = swap_background("other_class")


def test_every_image_is_measured_under_every_context_and_counted_once_in_order() -> None:
    heard = Heard()
    with running(Net(), samples(COUNT)) as (runner, loop, _):
        dispatch(loop.events(), (heard,))
    passes = [(str(event.ask.context), event.part.positions) for event in heard.of(PassMeasured)]
    for context in ("original", str(SWAP)):
        assert [at for name, positions in passes if name == context for at in positions] == list(range(COUNT))
    assert [at for event in heard.of(ImagesCounted) for at in event.positions] == list(range(COUNT))
    assert len(heard.of(ChunkMeasured)) == 3 and isinstance(heard.events[-1], Ended)
    assert loop.end == COUNT and runner.table.failures == {}
    assert all(column.done.all() for column in runner.table.columns.values())


def test_listeners_hear_in_the_order_of_the_tuple() -> None:
    order: list[str] = []

    @dataclass
    class Named:
        name: str

        def on(self, event: Event) -> None:
            if isinstance(event, Ended):
                order.append(self.name)

    with running(Net(), samples(3)) as (_, loop, _):
        dispatch(loop.events(), (Named("first"), Named("second")))
    assert order == ["first", "second"]


@pytest.mark.parametrize("end", [1, MICRO_BATCH, MICRO_BATCH + 2])
def test_a_look_that_needs_no_more_ends_the_measurement_and_forgets_what_is_beyond(end: int) -> None:
    heard = Heard(end=end)
    with running(Net(), samples(40)) as (runner, loop, _):
        dispatch(loop.events(), (heard,))
    assert loop.end == end and EndedEarly(end) in heard.events
    assert [at for event in heard.of(ImagesCounted) for at in event.positions] == list(range(end))
    for column in runner.table.columns.values():
        assert column.done.tolist() == [at < end for at in range(40)]
    assert max(at for event in heard.of(PassMeasured) for at in event.part.positions) < 40 - MICRO_BATCH


def test_an_image_that_a_listener_needs_is_decoded_though_its_values_are_stored(tmp_path: Path) -> None:
    data, net = samples(COUNT), Net()
    with running(net, data, tmp_path) as (runner, loop, _):
        batch = StoreBatch()
        writer = StoreWriter(runner.lookup, batch, runner.builder, (), runner.models)
        dispatch(loop.events(), (writer,))
    again, asking = Heard(), Heard(needs=frozenset({2, 7}))
    for heard in (again, asking):
        with running(net, data, tmp_path) as (runner, loop, _):
            dispatch(loop.events(), (heard,))
            assert all(column.stored.all() for column in runner.table.columns.values())
    assert again.of(ChunkMeasured) == [] and again.of(PassMeasured) == []
    assert [event.chunk.positions for event in asking.of(ChunkMeasured)] == [(2, 7)]
    assert [at for event in asking.of(ImagesCounted) for at in event.positions] == list(range(COUNT))


def test_a_sample_that_cannot_be_decoded_is_told_with_its_reason_and_counts() -> None:
    data = [sample(0), sample(1, image=Path("no/such.png")), sample(2)]
    heard = Heard()
    with running(Net(), data) as (runner, loop, _):
        dispatch(loop.events(), (heard,))
    (unusable,) = heard.of(SampleUnusable)
    assert (unusable.position, unusable.reason) == (1, "unreadable_image")
    assert runner.table.unreadable.tolist() == [False, True, False]
    assert [at for event in heard.of(ImagesCounted) for at in event.positions] == [0, 1, 2]


def test_a_pass_that_fails_is_told_and_takes_down_what_needs_it() -> None:
    class SecondTime(Net):
        """Raises from its fifth batch on: it is tried and run on originals before that."""

        calls = 0

        def forward(self, pixels: Any) -> Any:
            type(self).calls += len(pixels) > 1
            if type(self).calls > 4:
                raise ZeroDivisionError("the belt stands still")
            return super().forward(pixels)

    heard = Heard()
    with running(SecondTime(), samples(COUNT)) as (runner, loop, _):
        dispatch(loop.events(), (heard,))
    assert heard.of(PassFailed) and "the belt stands still" in heard.of(PassFailed)[0].message
    assert all("the belt stands still" in message for message in runner.table.failures.values())


def test_a_model_that_cannot_be_run_at_all_leaves_no_pass_to_measure() -> None:
    heard = Heard()
    with running(Broken(), samples(COUNT)) as (runner, loop, _):
        dispatch(loop.events(), (heard,))
    assert runner.table.passes == [] and heard.of(PassMeasured) == []
    assert [at for event in heard.of(ImagesCounted) for at in event.positions] == list(range(COUNT))
