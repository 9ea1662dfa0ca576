"""What is written is read back to the bit, or not at all."""

from __future__ import annotations

import math
import sqlite3
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from modelaudit.engine.results.measured import ImageFacts
from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.store import Key, Store, StoreBatch
from modelaudit.language import Missing

KEY, OTHER = Key(b"k" * 16, "values", "net", "original", "accuracy", "photos"), Key(b"o" * 16, "values")
NAMES = [bytes([at]) * 16 for at in range(200)]


def filled(folder: Path, count: int = 100) -> Store:
    store, batch = Store(folder), StoreBatch()
    for at, name in enumerate(NAMES[:count]):
        batch.number(KEY, name, at / 7, steps=at if at % 2 else None)
        batch.content(OTHER, name, bytes([at]) * 50)
    assert store.commit(batch)
    return store


rows = st.tuples(
    st.binary(min_size=16, max_size=16),
    st.floats(width=64),
    st.none() | st.sampled_from(list(Missing)),
    st.none() | st.integers(0, 2**40),
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.lists(rows, max_size=12, unique_by=lambda row: row[0]))
def test_numbers_come_back_to_the_bit(
    tmp_path_factory: pytest.TempPathFactory, given_rows: list[tuple[bytes, float, Missing | None, int | None]]
) -> None:
    store, batch = Store(tmp_path_factory.mktemp("store")), StoreBatch()
    for row in given_rows:
        batch.number(KEY, *row)
    store.commit(batch)
    asked = [row[0] for row in given_rows]
    (cells,) = store.cells([KEY], [None, *asked, b"\xff" * 16])
    store.close()
    assert not cells.found[0] and cells.found[1:-1].all()
    for at, (_, value, reason, steps) in enumerate(given_rows, start=1):
        packed = struct.pack("<d", cells.values[at])
        assert packed == struct.pack("<d", value) or (math.isnan(value) and math.isnan(cells.values[at]))
        assert cells.reasons.get(at) == reason
        assert cells.steps[at] == (-1 if steps is None else steps)


def test_what_is_there_stays(tmp_path: Path) -> None:
    store = filled(tmp_path)
    again = StoreBatch()
    again.number(KEY, NAMES[3], 99.0)
    again.content(OTHER, NAMES[3], b"another")
    assert store.commit(again)
    assert store.cells([KEY], [NAMES[3]])[0].values[0] == 3 / 7
    assert store.contents(OTHER, [NAMES[3]]) == [bytes([3]) * 50]


def test_keys_do_not_meet_and_unknown_samples_are_not_found(tmp_path: Path) -> None:
    store = filled(tmp_path)
    mine, other = store.cells([KEY, OTHER], [NAMES[0], None, NAMES[150]])
    assert mine.found.tolist() == [True, False, False] and not other.found.any()
    assert store.contents(KEY, [NAMES[0]]) == [None]
    assert store.all_cells(KEY) == {name: at / 7 for at, name in enumerate(NAMES[:100])}


def test_what_was_dropped_is_gone(tmp_path: Path) -> None:
    store = filled(tmp_path)
    one = StoreBatch()
    one.forget(OTHER, NAMES[1])
    store.commit(one)
    assert store.contents(OTHER, NAMES[:3]) == [bytes([0]) * 50, None, bytes([2]) * 50]
    store.drop([OTHER])
    assert store.contents(OTHER, NAMES[:3]) == [None, None, None]
    assert store.cells([KEY], NAMES[:3])[0].found.all()


def test_without_a_place_nothing_is_kept(tmp_path: Path) -> None:
    store, batch = Store(None), StoreBatch()
    batch.number(KEY, NAMES[0], 1.0)
    assert not store.active and not store.commit(batch)
    assert not store.cells([KEY], NAMES[:1])[0].found.any() and store.contents(KEY, NAMES[:1]) == [None]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE cells SET value = value + 1e-12 WHERE sample = ?",
        "UPDATE cells SET value = NULL WHERE sample = ?",
        "UPDATE cells SET value = 'much' WHERE sample = ?",
        "UPDATE cells SET reason = 'full_mask' WHERE sample = ?",
        "UPDATE cells SET steps = 8 WHERE sample = ?",
        "UPDATE cells SET key = key + 1 WHERE sample = ?",
    ],
)
def test_a_number_that_was_not_written_so_is_never_given_out(tmp_path: Path, change: str) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute(change, (NAMES[5],)).rowcount == 1
    connection.close()
    store = Store(tmp_path)
    for cells in store.cells([KEY, OTHER], NAMES[:100]):
        expected = np.arange(100) / 7
        assert np.array_equal(cells.values[cells.found], expected[cells.found])
        assert not cells.found[5]
    if "key" not in change:
        assert "was damaged" in store.notes[0]


def test_a_content_that_was_not_written_so_is_never_given_out(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE blobs SET content = x'00' WHERE sample = ?", (NAMES[5],))
    connection.close()
    store = Store(tmp_path)
    assert store.contents(OTHER, NAMES[:10]) == [None] * 10
    assert "was damaged" in store.notes[0]


FACTS = [
    ImageFacts(224, 200 + at, at / 9, math.nan if at % 2 else at / 10, True, False, at == 3, False, None)
    for at in range(8)
]


def with_facts(folder: Path) -> Store:
    store, batch = Store(folder), StoreBatch()
    for name, facts in zip(NAMES, FACTS, strict=False):
        batch.image(KEY, name, facts)
    assert store.commit(batch)
    return store


def test_facts_of_images_come_back(tmp_path: Path) -> None:
    found = with_facts(tmp_path).images(KEY, [*NAMES[:8], None, NAMES[9]])
    assert found[8:] == [None, None]
    assert [repr(facts) for facts in found[:8]] == [repr(facts) for facts in FACTS]  # NaN is not equal to itself


@pytest.mark.parametrize(
    "change",
    [
        "height = 225",
        "width = 'wide'",
        "area = area + 1e-12",
        "area = NULL",
        "kept = 0.5",
        "changed = 0",
        "impossible = 1",
        "without_mask = 1",
        "cropped = 1",
        "absent = 'no_mask'",
        "absent = 'no reason of ours'",
        "checksum = checksum + 1",
    ],
)
def test_facts_that_were_not_written_so_are_never_given_out(tmp_path: Path, change: str) -> None:
    with_facts(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute(f"UPDATE images SET {change} WHERE sample = ?", (NAMES[5],)).rowcount == 1
    connection.close()
    store = Store(tmp_path)
    assert store.images(KEY, NAMES[:8]) == [None] * 8
    assert "was damaged" in store.notes[0]
