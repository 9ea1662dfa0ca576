from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from monitoring.monitors import small_monitor
from pydantic import ValidationError

from modelaudit.language.errors import MonitorError
from modelaudit.monitoring.monitor_file import (
    ArrayRecord,
    PromiseRecord,
    UnitRule,
    json_schema,
    read_monitor,
    write_monitor,
)


def test_a_monitor_that_is_read_is_the_one_that_was_written(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "monitor.json"
    written = write_monitor(small_monitor(), file)
    assert len(written.digest) == 64
    assert read_monitor(file) == written
    assert [path.name for path in file.parent.iterdir()] == ["monitor.json"]


def test_the_digest_names_the_content() -> None:
    monitor = small_monitor().sealed()
    assert monitor.sealed().digest == monitor.digest
    assert monitor.model_copy(update={"seed": 1}).sealed().digest != monitor.digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.update(seed=7), "was changed since it was written"),
        (lambda it: it.update(format="modelaudit-monitor/2"), "'modelaudit-monitor/2'"),
        (lambda it: it.pop("format"), "not a monitor of the format"),
        (lambda it: it.update(extra=1), "not a monitor: .*"),
        (lambda it: it["statistics"].pop(), "must have each statistic once"),
        (lambda it: it["statistics"][0]["edges"].reverse(), "do not ascend"),
        (lambda it: it["statistics"][0]["counts"][""].pop(), "3 counts of '' for 4 bins"),
        (lambda it: it["statistics"][0].update(distance=None), "surroundings: needs a distance"),
        (lambda it: it["reference"]["groups"].update(camera=3), "the counts of every group"),
    ],
)
def test_a_monitor_that_was_changed_is_refused(tmp_path: Path, change: Any, said: str) -> None:
    file = tmp_path / "monitor.json"
    write_monitor(small_monitor(), file)
    content = json.loads(file.read_text(encoding="utf-8"))
    change(content)
    file.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(MonitorError, match=rf"(?s)monitor\.json.*{said}"):
        read_monitor(file)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'"monitor"', b"\xff", b'{"format": NaN}'])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(MonitorError, match=r"run\.json.*not a monitor"):
        read_monitor(file)


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(MonitorError, match=r"monitor\.json.*modelaudit watch fit"):
        read_monitor(tmp_path / "monitor.json")


@given(arrays.arrays(np.float32, arrays.array_shapes(max_dims=2), elements=st.floats(-1e6, 1e6, width=32)))
def test_an_array_comes_back_to_the_bit(values: np.ndarray[Any, Any]) -> None:
    back = ArrayRecord.model_validate_json(ArrayRecord.of(values).model_dump_json()).array()
    assert back.dtype == np.float64
    assert np.array_equal(back, values)


@pytest.mark.parametrize(
    "content",
    [{"shape": [2], "float32": "AAAA"}, {"shape": [1], "float32": "AADAfw=="}, {"shape": [1], "float32": "?"}],
)
def test_an_array_that_is_not_whole_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ArrayRecord.model_validate(content)


def test_a_probability_of_false_alarms_is_below_one() -> None:
    assert PromiseRecord(kind="run_length", value=10_000).value == 10_000
    for value in (0.0, 1.0):
        with pytest.raises(ValidationError):
            PromiseRecord(kind="false_alarms", value=value)


def test_lots_by_number_or_time_have_a_size() -> None:
    assert UnitRule(kind="frames", size=50).size == 50
    for wrong in ({"kind": "frames"}, {"kind": "each", "size": 5}, {"kind": "minutes", "size": 0}):
        with pytest.raises(ValidationError):
            UnitRule.model_validate(wrong)


def test_masked_surroundings_of_a_monitor_without_masks_are_an_error() -> None:
    monitor = small_monitor()
    assert monitor.statistic("light", masked=True).name == "light"
    with pytest.raises(MonitorError, match="fitted to images without masks"):
        monitor.statistic("surroundings", masked=True)


def test_the_schema_names_the_format_and_what_must_be_there() -> None:
    schema = json_schema()
    assert schema["properties"]["format"]["const"] == "modelaudit-monitor/1"
    assert {"statistics", "model", "reference", "promise"} <= set(schema["required"])
