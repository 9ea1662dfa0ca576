"""The record of an alarm is read as it was written, and nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from monitoring.sample_alarm import sample_alarm

from modelaudit.language.errors import MonitorError
from modelaudit.monitoring.alarm_record import ALARM_NAME, read_alarm


def test_an_alarm_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = sample_alarm()
    (tmp_path / ALARM_NAME).write_text(written.model_dump_json(indent=1), encoding="utf-8")
    assert read_alarm(tmp_path) == read_alarm(tmp_path / ALARM_NAME) == written


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"format": "modelaudit-alarm/2"}', "not the record of an alarm"),
        ('{"format": "modelaudit-alarm/1", "format": "modelaudit-alarm/1"}', "not the record of an alarm"),
        ("", "not the record of an alarm"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / ALARM_NAME).write_text(content, encoding="utf-8")
    with pytest.raises(MonitorError, match=said) as raised:
        read_alarm(tmp_path)
    assert str(tmp_path / ALARM_NAME) in str(raised.value)


def test_a_folder_without_one_is_named(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match="give the folder of an alarm"):
        read_alarm(tmp_path)
