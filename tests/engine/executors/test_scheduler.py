"""Shards of a group are given out until every image is stored, whichever workers end."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.engine.executors.messages import Finish, ImagesStored, MeasureShard, TaskDone, TaskFailed, WorkerEnded
from modelaudit.engine.executors.scheduler import ENDS, FAILED_STARTS, ShardedGroup, shards
from modelaudit.engine.results.measured import Measured, MeasuredSamples, PassCounts
from modelaudit.language.errors import ResultsError
from modelaudit.language.sample import Sample

CHUNK = 4
GONE = WorkerEnded("by signal 9", "")


def group(count: int, workers: int) -> ShardedGroup:
    samples = [Sample(f"{at}", np.zeros((2, 2, 3), np.uint8), "a") for at in range(count)]
    return ShardedGroup("g", samples, shards(range(count), workers, CHUNK), CHUNK)


def empty() -> Measured:
    return Measured(
        group="g",
        data=None,
        samples=MeasuredSamples.of(()),
        models=[],
        columns=[],
        galleries={},
        failures={},
        passes=PassCounts(stored=100),
    )


@given(
    count=st.integers(0, 90),
    workers=st.integers(1, 4),
    poisoned=st.sets(st.integers(0, 89), max_size=3),
    seed=st.integers(0, 10_000),
)
def test_every_image_is_stored_once_or_ends_its_worker_alone(
    count: int, workers: int, poisoned: set[int], seed: int
) -> None:
    """Workers measure in chunks; they end at a poisoned image, and now and then for no reason between two chunks."""
    draw, work = random.Random(seed), group(count, workers)
    stored: list[int] = []
    killed = 0
    for _ in range(10_000):
        place = draw.randrange(workers)
        if place in work.running:
            continue
        task = work.next_task(place)
        if isinstance(task, Finish):
            work.done(place, TaskDone(empty()))
            break
        if task is None:
            continue
        for start in range(0, len(task.positions), CHUNK):
            part = task.positions[start : start + CHUNK]
            if poisoned & set(part) or (len(task.positions) > 1 and killed < 5 and draw.random() < 0.1):
                killed += not poisoned & set(part)
                work.worker_ended(place, GONE, ready=True)
                break
            stored.extend(part)
            work.stored(place, ImagesStored(start + len(part), PassCounts(forward=start + len(part))), lambda _: None)
        else:
            work.done(place, TaskDone())
    at_fault = {at for at in poisoned if at < count}
    assert sorted(stored) == [at for at in range(count) if at not in at_fault]
    assert set(work.lost) == {str(at) for at in at_fault}
    assert work.measured is not None
    assert work.finished().passes.forward == len(stored)


def test_a_sample_alone_ends_two_workers_before_it_is_given_up() -> None:
    work = group(1, 1)
    for _ in range(2):
        assert isinstance(work.next_task(0), MeasureShard)
        assert not work.lost
        work.worker_ended(0, GONE, ready=True)
    assert work.lost == {"0": "the process that measured it ended, twice: by signal 9"}
    assert work.next_task(0) == Finish("g", work.lost)


@pytest.mark.parametrize(("ready", "most"), [(True, ENDS), (False, FAILED_STARTS)])
def test_workers_that_end_again_and_again_end_the_measurement(ready: bool, most: int) -> None:
    work = group(100, 1)
    for _ in range(most - 1):
        work.worker_ended(0, WorkerEnded("with exit status 1", "no such module"), ready=ready)
    with pytest.raises(ResultsError, match=f"{most} workers ended .* with exit status 1; .*no such module"):
        work.worker_ended(0, WorkerEnded("with exit status 1", "no such module"), ready=ready)


def test_a_shard_that_fails_leaves_the_group_to_the_last_task() -> None:
    work = group(100, 1)
    work.next_task(0)
    work.failed(0, TaskFailed("out of memory"))
    assert isinstance(work.next_task(0), Finish)
    with pytest.raises(ResultsError, match="out of memory"):
        work.failed(0, TaskFailed("out of memory"))


def test_a_last_task_whose_worker_ends_is_given_anew() -> None:
    work = group(0, 2)
    assert work.next_task(0) == Finish("g", {})
    assert work.next_task(1) is None
    work.worker_ended(0, GONE, ready=True)
    assert work.next_task(1) == Finish("g", {})


def test_what_the_run_computed_is_not_told_as_found_in_the_store() -> None:
    work = group(4, 1)
    work.next_task(0)
    work.stored(0, ImagesStored(4, PassCounts(values=40, stored=10, decoded=4)), lambda _: None)
    work.done(0, TaskDone())
    work.next_task(0)
    work.done(0, TaskDone(empty()))
    assert work.finished().passes.stored == 100 - 30
    assert work.finished().passes.decoded == 4
