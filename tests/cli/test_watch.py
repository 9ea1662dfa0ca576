"""``modelaudit watch run`` and ``watch status``: what is counted, said and written, whatever happens meanwhile."""

from __future__ import annotations

import io
import json
import os
import random
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cli.watched import begun
from monitoring.lines import BrightnessScorer, brightness_monitor, camera, groups_of, opened, same
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from modelaudit.cli import main
from modelaudit.monitoring import monitor as watching
from modelaudit.monitoring.alarm_record import read_alarm
from modelaudit.monitoring.monitor import NewImage
from modelaudit.monitoring.monitor_file import UnitRule, write_monitor

ORDINARY = np.random.default_rng(7).uniform(0.2, 0.6, 200).tolist()
BRIGHT = np.random.default_rng(8).uniform(0.5, 0.9, 40).tolist()
RUN = ("watch", "run", "monitor.json", "--images", "in")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A monitor in an empty folder, and a model that takes no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watching, "Scorer", lambda *_: BrightnessScorer())
    monkeypatch.setattr(watching, "monitored_model", lambda *_: (None, "cpu"))
    write_monitor(brightness_monitor(), tmp_path / "monitor.json")
    (tmp_path / "in").mkdir()
    return tmp_path


def lines(text: str, key: str = "image") -> list[dict[str, Any]]:
    return [one for line in text.splitlines() if key in (one := json.loads(line))]


def test_every_image_of_a_folder_is_a_line_and_the_next_call_has_none(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera(here / "in", ORDINARY[:70])
    assert main([*RUN, "--json"]) == 0
    found = lines(capsys.readouterr().out)
    assert [one["image"] for one in found] == [f"{k:05d}.png" for k in range(70)]
    assert [one["unit"] for one in found] == [*range(1, 71)]
    assert set(found[0]["evidence"]) == {"surroundings", "light", "confidence", "classes"}
    assert main([*RUN, "--json"]) == 0
    assert lines(capsys.readouterr().out) == []


def test_an_alarm_is_written_and_stays_one_until_somebody_has_taken_note_of_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera(here / "in", BRIGHT)
    assert main([*RUN]) == 1
    out = capsys.readouterr().out
    assert "ALARM 1: " in out and max(map(len, out.splitlines())) <= 80
    folders = sorted((here / "alarms").iterdir())
    record = read_alarm(folders[0])
    assert (folders[0] / "alarm.html").is_file()
    assert record.units <= 40 and record.evidence >= record.threshold
    assert main([*RUN]) == 1  # nothing is new, and the alarm stands
    for number in range(1, len(folders) + 1):
        assert main(["watch", "status", "monitor.json"]) == 1
        acknowledge = ["watch", "status", "monitor.json", "--acknowledge", str(number), "--by", "M. Sato"]
        main([*acknowledge, "--because", "new lamp"])
    out = capsys.readouterr().out
    assert "Acknowledged by M. Sato" in out and "new lamp" in out
    assert main([*RUN]) == 0
    assert main(acknowledge) == 2
    assert "M. Sato has taken note of it already" in capsys.readouterr().err


def test_a_folder_of_alarms_that_cannot_be_written_loses_no_alarm(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    camera(here / "in", BRIGHT)
    (here / "alarms").write_text("a file")
    assert main([*RUN, "--json"]) == 1
    out, err = capsys.readouterr()
    assert "alarms" in err and "cannot be" in err
    raised = lines(out, "alarm")
    assert raised and {one["folder"] for one in raised} == {None}
    assert main([*RUN]) == 1
    assert "could not be written yet" in capsys.readouterr().out
    (here / "alarms").unlink()
    assert main(["watch", "status", "monitor.json"]) == 1
    assert len([*(here / "alarms").iterdir()]) == len(raised)
    assert "could not be written yet" not in capsys.readouterr().out


def test_images_in_the_folder_of_the_alarms_are_not_watched(here: Path) -> None:
    camera(here / "in", BRIGHT)
    for _ in range(2):
        main([*RUN, "--alarms", "in/alarms"])
    assert [*(here / "in" / "alarms").rglob("*.png")]
    with opened(here) as monitor:
        assert monitor.status().images == 40


def test_a_folder_is_followed_until_the_process_is_ended(here: Path) -> None:
    camera(here / "in", ORDINARY[:5])
    watched = begun(here, *RUN, "--follow", "--every", "0.05", "--json", "--metrics", "m.txt")
    watched.wait_for(lambda text: len(lines(text)) == 5)
    whole = camera(here / "later", [0.3])[0].read_bytes()
    half = here / "in" / "half.png"
    half.write_bytes(whole[: len(whole) // 2])
    os.utime(half, (1_700_000_000,) * 2)
    (here / "in" / "empty.jpg").touch()
    os.utime(here / "in" / "empty.jpg", (1_700_000_000,) * 2)
    watched.wait_for(lambda text: len(lines(text, "problem")) == 2)
    half.write_bytes(whole)
    camera(here / "in", [0.35], first=3)  # in the place of another
    text = watched.wait_for(lambda text: len([one for one in lines(text) if "unit" in one]) == 7)
    assert {one["image"] for one in lines(text)[5:] if "unit" in one} == {"half.png", "00003.png"}
    assert watched.ended(signal.SIGTERM) == 0
    assert len(lines(watched.out.read_text(), "problem")) == 2  # each said once, however often it was tried
    families = {one.name: one for one in text_string_to_metric_families((here / "m.txt").read_text())}
    assert [sample.value for sample in families["modelaudit_watch_images"].samples] == [7]
    assert families["modelaudit_watch_unreadable_images"].samples[0].value == 1


def test_standard_input_names_images(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    camera(here / "in", ORDINARY[:3])
    given = [b"in/00000.png", b'{"image": "in/00001.png", "group": "camera 1"}', b"{", b"", b"\xff", b"in/00002.png"]
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(given))))
    assert main(["watch", "run", "monitor.json", "--stdin", "--json"]) == 0
    found = lines(capsys.readouterr().out)
    assert [(one["image"], one["group"]) for one in found if "unit" in one] == [
        ("in/00000.png", ""),
        ("in/00001.png", "camera 1"),
        ("in/00002.png", ""),
    ]
    assert [one["image"] for one in found if "problem" in one] == ["line 3", "\\udcff"]


def test_an_image_that_is_named_too_early_is_read_later(here: Path) -> None:
    source, sink = os.pipe()
    watched = begun(
        here,
        *("watch", "run", "monitor.json", "--stdin", "--json"),
        before=lambda: setattr(__import__("sys"), "stdin", os.fdopen(source)),
    )
    os.write(sink, b"in/00000.png\n")
    watched.wait_for(lambda text: len(lines(text, "problem")) == 1)
    camera(here / "in", [0.3])
    watched.wait_for(lambda text: any("unit" in one for one in lines(text)))
    os.close(sink)
    os.close(source)
    assert watched.ended(signal.SIGTERM) == 0


def test_lots_are_found_in_the_path_and_closed_when_that_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_monitor(brightness_monitor(unit=UnitRule(kind="stated")), here / "monitor.json")
    for name in ("s1", "s2"):
        camera(here / "in", ORDINARY[:4], name=name)
    assert main([*RUN]) == 2
    assert "--lot-by folder" in capsys.readouterr().err
    assert main([*RUN, "--lot-by", "folder"]) == 0
    assert "4 images of a lot that is not complete yet" in " ".join(capsys.readouterr().out.split())
    assert main([*RUN, "--lot-by", "folder", "--close-lots"]) == 0
    with opened(here) as monitor:
        assert (monitor.status().groups[0].lots, monitor.status().groups[0].open_images) == (2, 0)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (("run", "nowhere.json", "--images", "in"), "nowhere.json: cannot be read"),
        (("run", "monitor.json", "--images", "nowhere"), "--images nowhere: is not a folder"),
        (("run", "monitor.json", "--stdin", "--follow"), "are about --images"),
        (("run", "monitor.json", "--images", "in", "--group-by", "("), "--group-by (: not a valid pattern"),
        (("run", "monitor.json", "--images", "in", "--masked"), "--masks DIR"),
        (("status", "monitor.json"), "no image has been watched yet"),
        (("status", "monitor.json", "--by", "me"), "--acknowledge N takes --by NAME"),
    ],
)
def test_a_call_that_cannot_mean_anything(
    given: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["watch", *given]) == 2
    assert complaint in capsys.readouterr().err


def test_an_alarm_that_is_not_there_cannot_be_acknowledged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera(here / "in", BRIGHT)
    main([*RUN])
    assert main(["watch", "status", "monitor.json", "--acknowledge", "99", "--by", "me"]) == 2
    assert "there is no such alarm; there are: 1" in capsys.readouterr().err


def test_the_state_of_a_monitor_that_was_fitted_anew(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera(here / "in", ORDINARY[:3])
    assert main([*RUN]) == 0
    write_monitor(brightness_monitor(seed=1), here / "monitor.json")
    assert main([*RUN]) == 2
    assert "is the state of another monitor" in capsys.readouterr().err
    assert main([*RUN, "--state", "other.sqlite"]) == 0


def test_the_status_as_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera(here / "in", ORDINARY[:30])
    main([*RUN])
    capsys.readouterr()
    assert main(["watch", "status", "monitor.json", "--json", "--metrics", "m.prom"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["images"] == 30
    assert status["promise"] == {"kind": "false_alarms", "value": 0.05}
    assert {one["statistic"] for one in status["charts"]} == {"surroundings", "light", "confidence", "classes"}
    assert "modelaudit_watch_images_total" in (here / "m.prom").read_text()


def test_japanese(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    camera(here / "in", BRIGHT)
    main([*RUN, "--language", "ja"])
    assert "アラーム1" in capsys.readouterr().out
    main(["watch", "status", "monitor.json", "--language", "ja"])
    assert "正解ラベルが必要です" in capsys.readouterr().out


def _little_space() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_where_the_disk_is_full_the_watch_says_so_and_goes_on_from_there(here: Path) -> None:
    camera(here / "in", ORDINARY)
    full = begun(here, *RUN, before=_little_space)
    assert full.ended() == 2
    assert "monitor.state.sqlite" in full.err.read_text() and "disk" in full.err.read_text()
    assert begun(here, *RUN).ended() == 0
    assert_counted_once(here)


def assert_counted_once(here: Path, *, in_order: bool = True) -> None:
    """Every image of the folder was counted once; in the same order, the charts are those of a quiet run."""
    paths = sorted((here / "in").iterdir())
    with opened(here) as monitor:
        assert monitor.status().images == len(paths)
        assert {one.units for one in monitor.status().charts} == {len(paths)}
        found = groups_of(monitor)[""]
        raised = [(one.statistic, one.unit) for one in monitor.status().alarms]
    (here / "quiet").mkdir()
    with opened(here / "quiet") as quiet:
        quiet.update_many(NewImage(path, id=path.name) for path in paths)
        if in_order:
            assert same(found, groups_of(quiet)[""])
            assert raised == [(one.statistic, one.unit) for one in quiet.status().alarms]


@pytest.fixture
def moments() -> Iterator[random.Random]:
    seed = random.randrange(2**32)
    print(f"moments of the kills are drawn with seed {seed}")  # shown where the test fails
    yield random.Random(seed)


@pytest.mark.parametrize("most", [5, pytest.param(20, marks=pytest.mark.nightly)])
def test_a_watch_that_is_killed_again_and_again_counts_every_image_once(
    here: Path, moments: random.Random, most: int
) -> None:
    camera(here / "in", [*ORDINARY, *BRIGHT, *ORDINARY, *BRIGHT])
    kills = 0
    for _ in range(most):
        watched = begun(here, *RUN)
        watched.process.join(moments.uniform(0.02, 0.1 + 0.1 * kills))
        if watched.ended(signal.SIGKILL) != -signal.SIGKILL:
            break  # it had counted all
        kills += 1
    assert begun(here, *RUN).ended() == 1
    assert kills > 0
    assert_counted_once(here)
    folders = [*(here / "alarms").iterdir()]
    with opened(here) as monitor:
        alarms = monitor.status().alarms
        assert {one.folder for one in alarms} == {str(one) for one in folders}
    assert all(read_alarm(one).units for one in folders)


def test_two_watches_of_one_folder_some_of_them_killed(here: Path, moments: random.Random) -> None:
    camera(here / "in", ORDINARY)
    for _ in range(3):
        pair = [begun(here, *RUN, name=name) for name in ("one", "two")]
        time.sleep(moments.uniform(0.05, 0.4))
        moments.choice(pair).ended(signal.SIGKILL)
        statuses = [one.ended() for one in pair]
        assert set(statuses) <= {0, -signal.SIGKILL}
    assert begun(here, *RUN).ended() == 0
    assert_counted_once(here, in_order=False)
