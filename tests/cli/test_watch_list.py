"""``modelaudit watch list``: later images are taken into the list of an alarm, and its page says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from monitoring.lines import camera, opened

from modelaudit.cli import main
from modelaudit.cli.watch_alarms import AlarmWriter
from modelaudit.cli.words import command_words
from modelaudit.monitoring.alarm_record import read_alarm
from modelaudit.monitoring.monitor import NewImage


def watched(folder: Path, *, written: bool) -> Path:
    """A line that becomes bright, watched on after its first alarm was written, if it was; the file of its monitor."""
    dim, bright = np.random.default_rng(1).uniform(0.2, 0.6, 60), np.linspace(0.8, 0.95, 60)
    files = camera(folder / "line", [*dim, *bright])
    with opened(folder) as watch:
        watch.update_many(map(NewImage, files[:75]))
        if written:
            writer = AlarmWriter(
                watch.monitor, folder / "monitor.json", watch.state, folder / "alarms", command_words("en")
            )
            assert all(problem is None for *_, problem in writer.write())
        watch.update_many(map(NewImage, files[75:]))
    return folder / "monitor.json"


def test_later_images_are_taken_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = watched(tmp_path, written=True)
    folder = next(file for file in (tmp_path / "alarms").iterdir() if read_alarm(file).number == 1)
    before = read_alarm(folder).audit_next
    assert main(["watch", "list", str(monitor), "1"]) == 0
    record = read_alarm(folder)
    assert before is not None and record.audit_next is not None
    assert record.audit_next.images == 121 - record.began.unit > before.images
    assert capsys.readouterr().out == f"{folder / 'audit_next.csv'}: {record.audit_next.images} images\n"
    assert f"the {record.audit_next.images} listed images" in (folder / "alarm.html").read_text(encoding="utf-8")


def test_alarms_that_are_not_there_or_not_written_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monitor = str(watched(tmp_path, written=False))
    assert main(["watch", "list", monitor, "99"]) == 2
    assert "alarm 99: there is no such alarm; there are: 1" in capsys.readouterr().err
    assert main(["watch", "list", monitor, "1"]) == 2
    assert "alarm 1: has no record yet; modelaudit watch status" in capsys.readouterr().err
    assert main(["watch", "list", monitor, "1", "--state", str(tmp_path / "other.sqlite")]) == 2
    assert "no image has been watched yet" in capsys.readouterr().err
