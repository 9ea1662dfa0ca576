from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from monitoring.lines import brightness_monitor, camera, groups_of, opened, picture, same
from PIL import Image

from modelaudit.language.errors import MonitorError
from modelaudit.monitoring.monitor import BATCH, MOST_GROUPS, Monitor, NewImage
from modelaudit.monitoring.monitor_file import PromiseRecord, UnitRule

DRAWS = np.random.default_rng(7)
ORDINARY = DRAWS.uniform(0.2, 0.6, 400).tolist()
BRIGHT = DRAWS.uniform(0.5, 0.9, 60).tolist()


def images(paths: list[Path], **of_all: str) -> list[NewImage]:
    return [NewImage(path, id=path.name, **of_all) for path in paths]


def test_an_image_is_scored_and_counted(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        update = monitor.update(picture(0.3), id="0001.png")
    assert (update.id, update.group, update.counted, update.unit, update.late) == ("0001.png", "", True, 1, False)
    assert update.scores["light"] == pytest.approx(0.3, abs=1e-3)
    assert (update.predicted, update.alarm) == ("bolt", None)
    assert set(update.evidence) == {"surroundings", "light", "confidence", "classes"}


def test_a_line_as_the_reference_raises_no_alarm_and_a_brighter_one_does(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        before = monitor.update_many(NewImage(picture(light)) for light in ORDINARY)
        assert not any(update.alarms for update in before)
        after = monitor.update_many(NewImage(picture(light)) for light in BRIGHT)
        raised = [alarm for update in after for alarm in update.alarms]
        assert {alarm.statistic for alarm in raised} >= {"surroundings", "light", "confidence"}
        status = monitor.status()
        assert [one.number for one in status.open_alarms] == [*range(1, len(raised) + 1)]
        chart = next(one for one in status.charts if one.statistic == "light")
        assert chart.alarmed and abs(chart.change_at - 401) < 10
        with monitor.state.reading() as tables:
            kept = tables.alarm_images(1)
        assert kept[-1].unit == status.alarms[0].unit
        assert kept[-1].picture is not None and kept[-1].picture.startswith(b"\xff\xd8")


def test_under_a_promise_of_false_alarms_a_chart_alarms_once(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        monitor.update_many(NewImage(picture(light)) for light in BRIGHT * 4)
        counts = [(one.group, one.statistic) for one in monitor.status().alarms]
    assert len(counts) == len(set(counts)) > 0


def test_under_a_promise_of_a_run_length_a_chart_begins_anew_after_an_alarm(tmp_path: Path) -> None:
    monitor = brightness_monitor(promise=PromiseRecord(kind="run_length", value=1000))
    with opened(tmp_path, monitor) as watch:
        watch.update_many(NewImage(picture(light)) for light in BRIGHT * 4)
        status = watch.status()
    assert sum(one.statistic == "light" for one in status.alarms) > 1
    assert not status.alarms_once


def test_an_image_is_counted_once_by_name_and_content(tmp_path: Path) -> None:
    (path,) = camera(tmp_path / "in", [0.3])
    with opened(tmp_path) as monitor:
        assert monitor.update(path).counted
        again = monitor.update(path)
        assert (again.counted, again.problem) == (False, None)
        os.utime(path, (1_800_000_000,) * 2)  # touched
        assert not monitor.update(path).counted
        camera(tmp_path / "in", [0.31])  # another image in its place
        assert monitor.update(path).counted
        camera(tmp_path / "in", [0.3])  # and the first one again
        assert not monitor.update(path).counted
        assert monitor.status().images == 2


def test_a_camera_that_hangs_is_seen(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        monitor.update_many(images(camera(tmp_path / "in", [0.3] * 200)))
        status = monitor.status()
    assert status.images == 200
    assert "light" in {one.statistic for one in status.alarms}


def test_what_has_no_name_is_counted_every_time(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        assert [monitor.update(picture(0.3)).id for _ in range(2)] == ["image 1", "image 2"]
        assert monitor.update(Image.fromarray(picture(0.3))).counted


def test_an_image_twice_in_one_batch_is_counted_once(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        updates = monitor.update_many([NewImage(picture(0.3), id="a"), NewImage(picture(0.3), id="a")])
    assert [one.counted for one in updates] == [True, False]


@pytest.mark.parametrize("content", [b"", b"no image", None])
def test_what_cannot_be_read_is_noted_until_it_can(tmp_path: Path, content: bytes | None) -> None:
    (path,) = camera(tmp_path / "in", [0.3])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    with opened(tmp_path) as monitor:
        update = monitor.update(path)
        assert not update.counted and "00000.png" in (update.problem or "")
        status = monitor.status()
        assert (status.unreadable, status.images) == (1, 0)
        assert status.named_unreadable == ((str(path), update.problem),)
        path.write_bytes(whole)
        assert monitor.update(path).counted
        assert monitor.status().unreadable == 0


def test_a_missing_file_is_noted(tmp_path: Path) -> None:
    with opened(tmp_path) as monitor:
        assert "nowhere.png" in (monitor.update(tmp_path / "nowhere.png").problem or "")


def test_a_group_without_reference_images_is_compared_with_its_own_beginning(tmp_path: Path) -> None:
    monitor = brightness_monitor(groups=("camera 1", "camera 2"))
    with opened(tmp_path, monitor) as watch:
        for group in ("camera 2", "new", "newer"):
            watch.update(picture(0.3), group=group)
        status = watch.status()
    compared = {one.group: one.compared_with for one in status.groups}
    assert compared == {"camera 2": "audited_images", "new": "own_beginning", "newer": "own_beginning"}
    log_threshold = {one.group: one.log_threshold for one in status.charts}
    # of the error of 0.05 the two known groups share 0.9, and the k-th new one has 0.1 / (k (k + 1)); 4 statistics
    assert np.exp(-log_threshold["camera 2"]) == pytest.approx(0.05 * 0.9 / 2 / 4)
    assert np.exp(-log_threshold["new"]) == pytest.approx(0.05 * 0.1 / 2 / 4)
    assert np.exp(-log_threshold["newer"]) == pytest.approx(0.05 * 0.1 / 6 / 4)


def test_without_groups_in_the_reference_each_group_is_compared_with_all_of_it(tmp_path: Path) -> None:
    with opened(tmp_path) as watch:
        updates = [watch.update(picture(light), group=name) for light in BRIGHT for name in ("a", "b")]
        assert {one.compared_with for one in watch.status().groups} == {"audited_images"}
    assert {alarm.group for one in updates for alarm in one.alarms} == {"a", "b"}


def test_a_pattern_that_makes_a_group_of_each_image_is_stopped(tmp_path: Path) -> None:
    with opened(tmp_path) as watch:
        with watch.state.reading() as tables:
            watch._latest = tables.revision, {f"{k}": watch._rules.begin(f"{k}", {}) for k in range(MOST_GROUPS)}
        with pytest.raises(MonitorError, match="its group 'one more' is one of more than 1000"):
            watch.update(picture(0.3), group="one more", id="a")
        with watch.state.reading() as tables:
            assert tables.groups() == {}


def test_an_open_lot_survives_a_restart_and_adds_nothing_before_it_is_complete(tmp_path: Path) -> None:
    monitor = brightness_monitor(unit=UnitRule(kind="stated"))
    with opened(tmp_path, monitor) as watch:
        watch.update_many(NewImage(picture(0.3), lot="shift 1") for _ in range(3))
        assert {one.units for one in watch.status().charts} == {0}
    with opened(tmp_path, monitor) as watch:
        assert watch.status().groups[0].open_images == 3
        watch.update(picture(0.3), lot="shift 1")
        update = watch.update(picture(0.3), lot="shift 2")
        assert update.unit == 2
        group = watch.status().groups[0]
        assert (group.lots, group.open_images, group.images) == (1, 1, 5)
        late = watch.update(picture(0.9), lot="shift 1")
        assert (late.late, late.unit, late.counted) == (True, None, True)
        assert watch.status().groups[0].late == 1
        assert watch.close_lots() == []
        assert {one.units for one in watch.status().charts} == {2}


def test_a_monitor_of_lots_must_be_told_the_lot(tmp_path: Path) -> None:
    with opened(tmp_path, brightness_monitor(unit=UnitRule(kind="stated"))) as watch:
        with pytest.raises(MonitorError, match=r"'a': units of this monitor are stated lots.* give lot="):
            watch.update_many([NewImage(picture(0.3), lot="x"), NewImage(picture(0.3), id="a")])
        assert watch.status().images == 0


def test_a_folder_is_a_lot(tmp_path: Path) -> None:
    paths = [path for name in ("s1", "s2") for path in camera(tmp_path / "in", [0.3] * 3, name=name)]
    with opened(tmp_path, brightness_monitor(unit=UnitRule(kind="folder"))) as watch:
        updates = watch.update_many(NewImage(path) for path in paths)
    assert [one.unit for one in updates] == [1, 1, 1, 2, 2, 2]


def test_lots_of_minutes_go_by_the_time_of_the_file_or_by_one_that_is_given(tmp_path: Path) -> None:
    paths = camera(tmp_path / "in", [0.3] * 130)  # one second apart
    with opened(tmp_path, brightness_monitor(unit=UnitRule(kind="minutes", size=1))) as watch:
        assert [one.unit for one in watch.update_many(images(paths))][::30] == [1, 1, 2, 2, 3]
        assert watch.update(picture(0.3), time=5.0).unit == 4  # a clock that was set back
        assert watch.status().groups[0].clock_jumps == 1


def test_the_evidence_does_not_depend_on_batches_or_restarts(tmp_path: Path) -> None:
    paths = camera(tmp_path / "in", ORDINARY[:150])
    for name, size in (("whole", 150), ("pieces", 7)):
        for start in range(0, len(paths), size):
            with opened(_folder(tmp_path, name)) as watch:
                watch.update_many(images(paths[start : start + size]))
    with opened(tmp_path / "whole") as whole, opened(tmp_path / "pieces") as pieces:
        assert same(groups_of(whole)[""], groups_of(pieces)[""])


def test_two_monitors_of_one_state_see_what_the_other_has_counted(tmp_path: Path) -> None:
    paths = camera(tmp_path / "in", ORDINARY[:40])
    with opened(tmp_path) as one, opened(tmp_path) as other:
        for path in paths:
            first, second = (one, other) if random.random() < 0.5 else (other, one)
            assert first.update(path, id=path.name).counted
            assert not second.update(path, id=path.name).counted
        assert one.status() == other.status()
    with opened(_folder(tmp_path, "alone")) as alone:
        alone.update_many(images(paths))
        with opened(tmp_path) as both:
            assert same(groups_of(alone)[""], groups_of(both)[""])


def test_threads_share_a_monitor(tmp_path: Path) -> None:
    with opened(tmp_path) as watch, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda light: watch.update(picture(light)), ORDINARY[:120]))
        assert watch.status().images == 120
        assert {one.units for one in watch.status().charts} == {120}
        assert same(watch._latest[1][""], groups_of(watch)[""])


def _folder(root: Path, name: str) -> Path:
    (root / name).mkdir(exist_ok=True)
    return root / name


def _watch(folder: Path, paths: list[Path], pace: float) -> None:
    with opened(folder) as monitor:
        for start in range(0, len(paths), 8):
            monitor.update_many(images(paths[start : start + 8]))
            time.sleep(pace)


def _started(folder: Path, paths: list[Path], pace: float) -> multiprocessing.process.BaseProcess:
    child = multiprocessing.get_context("fork").Process(target=_watch, args=(folder, paths, pace))
    child.start()
    return child


def test_processes_that_are_killed_at_any_moment_count_every_image_once(tmp_path: Path) -> None:
    paths = camera(tmp_path / "in", [*ORDINARY[:300], *BRIGHT])
    with opened(_folder(tmp_path, "alone")) as alone:
        alone.update_many(images(paths))
    killed, moments = 0, random.Random(3)
    _folder(tmp_path, "killed")
    while killed < 20:
        child = _started(tmp_path / "killed", paths, 0.01)
        child.join(moments.uniform(0.05, 0.35))
        if child.exitcode is None:
            os.kill(child.pid or 0, signal.SIGKILL)
            killed += 1
        child.join()
        if child.exitcode == 0:
            break
    with opened(tmp_path / "killed") as watch, opened(tmp_path / "alone") as alone:
        watch.update_many(images(paths))
        assert watch.status().images == len(paths)
        assert same(groups_of(watch)[""], groups_of(alone)[""])
        assert [(one.statistic, one.unit) for one in watch.status().alarms] == [
            (one.statistic, one.unit) for one in alone.status().alarms
        ]
    assert killed > 3


def test_two_processes_on_one_folder_count_every_image_once(tmp_path: Path) -> None:
    paths = camera(tmp_path / "in", ORDINARY[:200])
    children = [_started(tmp_path, order, 0.0) for order in (paths, paths[::-1])]
    for child in children:
        child.join()
        assert child.exitcode == 0
    with opened(tmp_path) as watch:
        status = watch.status()
        assert status.images == len(paths)
        assert {one.units for one in status.charts} == {len(paths)}
        group = groups_of(watch)[""]
        counted = sum(group.charts["light"].counts) - sum(watch.monitor.statistic("light").counts[""])
        assert counted == len(paths)


def test_a_batch_is_scored_together(tmp_path: Path) -> None:
    sizes: list[int] = []
    with opened(tmp_path) as watch:
        assert isinstance(watch, Monitor)
        scored = watch._scorer.score
        watch._scorer.score = lambda samples, **given: (sizes.append(len(samples)), scored(samples, **given))[1]  # type: ignore[method-assign]
        watch.update_many(NewImage(picture(0.3)) for _ in range(BATCH + 3))
    assert sizes == [BATCH, 3]
