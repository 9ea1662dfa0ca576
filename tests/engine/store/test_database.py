"""A store that is damaged, full, in the way, newer, or written by two at once: a run goes on, and no value is wrong."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from engine.store.test_store import KEY, NAMES, OTHER, filled

from modelaudit.engine.store.location import FILE
from modelaudit.engine.store.ownership import APPLICATION_ID
from modelaudit.engine.store.store import Store, StoreBatch

WRITER = """
import sys
from pathlib import Path
from modelaudit.engine.store.store import StoreBatch, Key, Store
store, start = Store(Path(sys.argv[1])), int(sys.argv[2])
print("ready", flush=True)
for number in range(start, start + int(sys.argv[3])):
    batch = StoreBatch()
    for part in range(20):
        batch.number(Key(b"k" * 16, "values"), b"%08d%08d" % (number, part), number + part / 100)
    batch.content(Key(b"c" * 16, "logits"), b"%016d" % number, b"x" * 4000)
    assert store.commit(batch), store.notes
    print(number, flush=True)
"""


def writer(folder: Path, start: int, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(folder), str(start), str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(folder: Path) -> dict[int, int]:
    """How many numbers of each batch are there; all of them are right."""
    store = Store(folder)
    counts: dict[int, int] = {}
    for name, value in store.all_cells(KEY).items():
        number, part = int(name[:8]), int(name[8:])
        assert value == number + part / 100
        counts[number] = counts.get(number, 0) + 1
    assert store.notes == []
    store.close()
    return counts


def test_a_killed_writer_leaves_whole_batches_and_all_that_it_said_it_wrote(tmp_path: Path) -> None:
    draw, start = random.Random(0), 0
    for _ in range(6):
        process = writer(tmp_path, start, 10_000)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        said = [int(process.stdout.readline()) for _ in range(draw.randrange(2, 40))]
        time.sleep(draw.uniform(0, 0.01))  # in the midst of a batch
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout.read().splitlines() if line.isdigit()]
        process.wait()
        counts = written(tmp_path)
        assert set(counts.values()) <= {20}
        assert set(said[:-1]) <= set(counts)  # the last line may have been cut
        start += 10_000
    assert len(counts) > 6


def test_two_processes_write_at_once(tmp_path: Path) -> None:
    both = [writer(tmp_path, start, 60) for start in (0, 30)]
    for process in both:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert written(tmp_path) == dict.fromkeys(range(90), 20)


def test_two_threads_of_two_stores_write_at_once(tmp_path: Path) -> None:
    def work(start: int) -> None:
        store = Store(tmp_path)
        for number in range(start, start + 40):
            batch = StoreBatch()
            for part in range(20):
                batch.number(KEY, b"%08d%08d" % (number, part), number + part / 100)
            assert store.commit(batch)
        store.close()

    threads = [threading.Thread(target=work, args=(start,)) for start in (0, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert written(tmp_path) == dict.fromkeys(range(60), 20)


def damaged(folder: Path) -> list[Path]:
    return list(folder.glob("store.damaged-*.sqlite"))


@pytest.mark.parametrize("how", ["cut off", "empty", "no tables", "zeros"])
def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(tmp_path: Path, how: str) -> None:
    filled(tmp_path).close()
    file = tmp_path / FILE
    whole = file.read_bytes()
    if how == "no tables":
        with sqlite3.connect(file) as connection:
            connection.execute("DROP TABLE cells")
        connection.close()
    else:
        contents = {
            "cut off": whole[: len(whole) // 2],
            "empty": b"",
            "zeros": whole[:100] + bytes(len(whole) - 100),
        }
        file.write_bytes(contents[how])
    store = Store(tmp_path)
    found = store.cells([KEY], NAMES[:100])[0]
    assert np.array_equal(found.values[found.found], (np.arange(100) / 7)[found.found])
    if how != "cut off":
        assert not found.found.any()
    batch = StoreBatch()
    batch.number(KEY, NAMES[120], 4.0)
    assert store.commit(batch)
    assert store.cells([KEY], NAMES[120:121])[0].values[0] == 4.0
    store.close()
    if how != "empty":
        assert len(damaged(tmp_path)) == 1 and "was damaged" in store.notes[0]
    assert Store(tmp_path).cells([KEY], NAMES[120:121])[0].values[0] == 4.0


def test_garbage_anywhere_in_the_file_never_makes_a_wrong_value(tmp_path: Path) -> None:
    expected, draw = np.arange(100) / 7, random.Random(3)
    filled(tmp_path).close()
    whole = (tmp_path / FILE).read_bytes()
    noticed = 0
    for _ in range(60):
        broken = bytearray(whole)
        at = draw.randrange(len(whole))
        broken[at : at + draw.choice([1, 8, 300])] = draw.randbytes(8)
        for file in tmp_path.iterdir():
            if file.name.startswith("store"):
                file.unlink()
        (tmp_path / FILE).write_bytes(broken)
        store = Store(tmp_path)
        found = store.cells([KEY], NAMES[:100])[0]
        assert np.array_equal(found.values[found.found], expected[found.found]) and not found.reasons
        for name, content in enumerate(store.contents(OTHER, NAMES[:100])):
            assert content in (None, bytes([name]) * 50)
        batch = StoreBatch()
        batch.number(KEY, NAMES[120], 4.0)
        store.commit(batch)
        noticed += bool(store.notes)
        store.close()
    assert noticed > 20


def test_a_full_disk_ends_storing_and_nothing_else(tmp_path: Path) -> None:
    store = filled(tmp_path)
    assert store._database is not None
    store._database.ask(lambda connection: connection.execute("PRAGMA max_page_count=1").fetchone(), None)
    batch = StoreBatch()
    for name in NAMES:
        batch.content(KEY, name, b"x" * 10_000)
    assert not store.commit(batch)
    assert not store.active and "full" in store.notes[0] and "were not stored" in store.notes[0]
    assert not store.commit(batch) and len(store.notes) == 1
    assert Store(tmp_path).cells([KEY], NAMES[:100])[0].found.all()


def test_a_place_that_cannot_be_written_ends_storing_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store, batch = Store(tmp_path / "file" / "store"), StoreBatch()
    batch.number(KEY, NAMES[0], 1.0)
    assert not store.cells([KEY], NAMES[:1])[0].found.any() and not store.commit(batch)
    (note,) = store.notes
    assert str(tmp_path / "file") in note and "were not stored" in note


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    filled(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("PRAGMA user_version=999")
    connection.close()
    store = Store(tmp_path)
    assert not store.cells([KEY], NAMES[:1])[0].found.any()
    assert not store.active and "later version" in store.notes[0] and not damaged(tmp_path)
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("SELECT COUNT(*) FROM cells").fetchone() == (100,)
    connection.close()


def test_a_store_of_an_earlier_layout_begins_anew(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("CREATE TABLE cells(old)")
        connection.execute("PRAGMA user_version=1")
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.close()
    store = filled(tmp_path)
    assert store.cells([KEY], NAMES[:1])[0].found.all() and store.notes == []


def test_a_store_that_is_cleared_while_it_is_used_is_begun_anew(tmp_path: Path) -> None:
    store = filled(tmp_path)
    for file in tmp_path.glob("store.*"):
        file.unlink()
    batch = StoreBatch()
    batch.number(KEY, NAMES[120], 4.0)
    store.commit(batch)
    store.close()
    assert not Store(tmp_path).cells([KEY], NAMES[:1])[0].found.any()
