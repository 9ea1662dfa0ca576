from __future__ import annotations

import multiprocessing
import resource
import signal
import sqlite3
from pathlib import Path

import pytest

from modelaudit.language.errors import MonitorError
from modelaudit.monitoring.state import RECENT, MonitorState, RecentImage

DIGEST = "a" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "monitor.state.sqlite"


def recent(frame: int) -> RecentImage:
    return RecentImage(
        frame, frame, f"{frame}.png", None, None, 0.0, {"light": 1.0}, "bolt", 0.5, {"hue": 0.1}, b"jpeg"
    )


def test_what_is_written_is_read_by_the_next_process(file: Path) -> None:
    state = MonitorState(file, DIGEST)
    with state.change() as change:
        change.note_seen([b"one", b"two", b"one"])
        change.write_group("camera 1", {"frames": 2})
        change.write_chart("camera 1", "light", {"units": 2, "log_evidence": 0.1})
        change.note_unreadable("x.png", "cut off", 5.0)
        change.note_closed_lot("camera 1", "shift 1")
        revision = change.advance()
    state.close()
    with MonitorState(file, DIGEST).reading() as tables:
        assert tables.has_seen(b"one") and not tables.has_seen(b"three")
        assert tables.groups() == {"camera 1": {"frames": 2}}
        assert tables.charts() == {("camera 1", "light"): {"units": 2, "log_evidence": 0.1}}
        assert tables.unreadable(5) == [("x.png", "cut off")]
        assert tables.lot_is_closed("camera 1", "shift 1") and not tables.lot_is_closed("camera 2", "shift 1")
        assert tables.revision == revision == 1


def test_a_change_that_raises_leaves_nothing(file: Path) -> None:
    state = MonitorState(file, DIGEST)
    with pytest.raises(ZeroDivisionError), state.change() as change:
        change.note_seen([b"one"])
        raise ZeroDivisionError
    with state.reading() as tables:
        assert not tables.has_seen(b"one")


def test_the_latest_images_of_each_group_are_kept_and_no_more(file: Path) -> None:
    state = MonitorState(file, DIGEST)
    with state.change() as change:
        for frame in range(1, RECENT + 11):
            change.note_recent("a", [recent(frame)])
        change.note_recent("b", [recent(1)])
    with state.reading() as tables:
        assert [one.frame for one in tables.recent("a")] == [*range(11, RECENT + 11)]
        assert tables.recent("b") == [recent(1)]


def test_an_alarm_keeps_its_images_until_its_record_is_written(file: Path) -> None:
    state = MonitorState(file, DIGEST)
    with state.change() as change:
        number = change.add_alarm("a", "light", 7, 1.0, {"log_evidence": 9.0}, [recent(1), recent(2)])
    with state.reading() as tables:
        (alarm,) = tables.alarms()
        assert (alarm.group, alarm.statistic, alarm.unit, alarm.folder) == ("a", "light", 7, None)
        assert alarm.content == {"log_evidence": 9.0}
        assert tables.alarm_images(number) == [recent(1), recent(2)]
    with state.change() as change:
        change.note_written(number, Path("alarms/1"))
    with state.reading() as tables:
        assert tables.alarms()[0].folder == str(Path("alarms/1"))
        assert tables.alarm_images(number) == []


def test_an_alarm_is_acknowledged_once_and_by_name(file: Path) -> None:
    state = MonitorState(file, DIGEST)
    with state.change() as change:
        number = change.add_alarm("a", "light", 7, 1.0, {}, [])
        assert change.acknowledge(number, "Sato", "new lamp", 2.0)
        assert not change.acknowledge(number, "Tanaka", None, 3.0)
    with state.reading() as tables:
        (alarm,) = tables.alarms()
        assert (alarm.acknowledged_by, alarm.acknowledged_at, alarm.because) == ("Sato", 2.0, "new lamp")


def test_the_state_of_another_monitor_is_refused(file: Path) -> None:
    MonitorState(file, DIGEST).close()
    with pytest.raises(MonitorError, match=r"another monitor .*aaaa instead of bbbb.*move the file away"):
        MonitorState(file, "b" * 64)


def test_surroundings_with_and_without_the_object_are_not_mixed(file: Path) -> None:
    MonitorState(file, DIGEST, masked=True).close()
    assert MonitorState(file, DIGEST).masked
    with pytest.raises(MonitorError, match="surroundings without the object"):
        MonitorState(file, DIGEST, masked=False)


def test_something_else_is_left_alone(file: Path) -> None:
    file.parent.mkdir()
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE accounts(name)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(MonitorError, match="holds something else"):
        MonitorState(file, DIGEST)
    assert file.read_bytes() == before


def test_a_damaged_state_is_not_replaced(file: Path) -> None:
    MonitorState(file, DIGEST).close()
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    file.write_bytes(content)
    with pytest.raises(MonitorError, match=r"is damaged .*restore it from a backup"):
        MonitorState(file, DIGEST)
    assert file.read_bytes() == bytes(content)


def test_a_later_version_is_refused(file: Path) -> None:
    MonitorState(file, DIGEST).close()
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version=2")
    connection.close()
    with pytest.raises(MonitorError, match="later version"):
        MonitorState(file, DIGEST)


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MonitorError, match="give another --state"):
        MonitorState(tmp_path / "file" / "state.sqlite", DIGEST)


def _fill(file: Path, most: int) -> None:
    """Write until no file may grow any more, then say in `file`.txt what was raised and what is left."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    state = MonitorState(file, DIGEST)
    with state.change() as change:
        change.note_seen([b"before"])
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    said = "nothing"
    try:
        for batch in range(10_000):
            with state.change() as change:
                change.note_seen(f"{batch}-{k}".encode() * 8 for k in range(200))
    except MonitorError as error:
        said = str(error)
    Path(f"{file}.txt").write_text(f"{batch}\n{said}", encoding="utf-8")


def test_where_nothing_more_can_be_written_the_state_stays_whole(file: Path) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_fill, args=(file, 300_000))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    failed, said = Path(f"{file}.txt").read_text().split("\n", 1)
    assert "monitor.state.sqlite" in said and "disk" in said
    with MonitorState(file, DIGEST).reading() as tables:
        assert tables.has_seen(b"before")
        for batch in range(int(failed)):
            assert tables.has_seen(f"{batch}-0".encode() * 8) and tables.has_seen(f"{batch}-199".encode() * 8)
        assert not any(tables.has_seen(f"{failed}-{k}".encode() * 8) for k in range(200))


def _begin(file: Path, number: int) -> None:
    for k in range(20):
        state = MonitorState(file, DIGEST)
        with state.change() as change:
            change.note_seen([f"{number}-{k}".encode()])
            change.advance()
        state.close()


def test_processes_that_begin_at_once_share_one_state(file: Path) -> None:
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_begin, args=(file, number)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    with MonitorState(file, DIGEST).reading() as tables:
        assert tables.revision == 60
        assert all(tables.has_seen(f"{number}-{k}".encode()) for number in range(3) for k in range(20))
