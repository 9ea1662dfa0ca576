"""The run record: what is written is what is read, whole or not at all, and nothing else is taken for one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from report.sample_record import record

from modelaudit.evidence import record as record_module
from modelaudit.evidence.record import (
    RECORD_NAME,
    SCHEMA_VERSION,
    ColumnRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
    read_record,
    write_record,
)
from modelaudit.language import ResultsError


@pytest.fixture
def full() -> RunRecord:
    """With every ending a case can have, and a table with every kind of value."""
    column = ColumnRecord(
        measure="accuracy", model="model:m", scale="proportion", values=[1.0, None, 1 / 3], missing={1: "no_mask"}
    )
    samples = [SampleRecord(id=f"図/{at}.png", label="鉄", group=None, object_area=0.1 * at) for at in range(3)]
    return record().model_copy(update={"tables": [TableRecord(data="data:d", samples=samples, columns=[column])]})


def test_what_is_written_is_read_back_to_the_bit(full: RunRecord, tmp_path: Path) -> None:
    path = write_record(full, tmp_path / "not" / "there" / "yet")
    assert path.name == RECORD_NAME
    assert read_record(path) == read_record(path.parent) == full
    assert {case.verdict for case in full.cases} >= {"PASS", "FAIL", "INCONCLUSIVE", "ERROR"}


def test_a_record_is_plain_json_that_anyone_can_read(full: RunRecord, tmp_path: Path) -> None:
    def refuse(constant: str) -> Any:
        raise AssertionError(f"{constant} is no JSON")

    document = json.loads(write_record(full, tmp_path).read_text(encoding="utf-8"), parse_constant=refuse)
    assert document["schema_version"] == SCHEMA_VERSION
    assert document["tables"][0]["columns"][0]["values"] == [1.0, None, 1 / 3]
    assert document["tables"][0]["columns"][0]["missing"] == {"1": "no_mask"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_nan_and_infinity_are_refused_when_the_record_is_made(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        ColumnRecord(measure="m", model="model:m", scale="mean", values=[value])
    with pytest.raises(ValidationError, match="finite"):
        SampleRecord(id="a", label="b", object_area=value)


@pytest.mark.parametrize("version", [0, SCHEMA_VERSION + 1, "1", None])
def test_another_schema_version_is_refused_by_both_numbers(full: RunRecord, tmp_path: Path, version: object) -> None:
    path = write_record(full, tmp_path)
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "schema_version": version}), encoding="utf-8")
    with pytest.raises(ResultsError, match=rf"{RECORD_NAME}: has schema version .*reads {SCHEMA_VERSION}"):
        read_record(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a run record"),
        ("{", "not a run record"),
        ("[]", "not a run record"),
        ("3", "not a run record"),
        ("{}", "has schema version None"),
        ('{"schema_version": 2}', "not a run record"),
        ('{"schema_version": 2, "id": 3}', "not a run record"),
    ],
)
def test_what_is_no_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / RECORD_NAME).write_text(text, encoding="utf-8")
    with pytest.raises(ResultsError, match=rf"{RECORD_NAME}:.* {message}"):
        read_record(tmp_path)


def test_the_first_places_of_a_damaged_record_are_named_with_a_way_out(full: RunRecord, tmp_path: Path) -> None:
    document = json.loads(write_record(full, tmp_path).read_text(encoding="utf-8"))
    del document["id"]
    document["cases"][0]["verdict"] = "MAYBE"
    document |= {"models": 3, "seeds\x1b[1m": [1], "seed": [1] * 1000}
    (tmp_path / RECORD_NAME).write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ResultsError) as failed:
        read_record(tmp_path)
    said = str(failed.value).partition(f"{RECORD_NAME}: not a run record: ")[2]
    assert said.startswith("id: is missing; ") and "cases.0.verdict: must be 'PASS', 'FAIL'," in said
    assert said.endswith("; and 2 more; restore it, or run the audit again")
    assert "pydantic" not in said and "RunRecord" not in said and "\x1b" not in said and "\n" not in said


def test_bytes_that_are_not_text_are_not_a_record(tmp_path: Path) -> None:
    (tmp_path / RECORD_NAME).write_bytes(b"\xff\xfe{}")
    with pytest.raises(ResultsError, match=rf"{RECORD_NAME}:1: .*not a run record"):
        read_record(tmp_path)


def test_a_field_that_nobody_knows_or_a_number_that_is_none_is_refused(full: RunRecord, tmp_path: Path) -> None:
    path = write_record(full, tmp_path)
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "verdict": "PASS"}), encoding="utf-8")
    with pytest.raises(ResultsError, match="verdict"):
        read_record(path)
    document["tables"][0]["columns"][0]["values"][0] = float("nan")
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ResultsError, match="finite"):
        read_record(path)


@pytest.mark.parametrize("missing", ["nowhere", "nowhere/run.json"])
def test_a_missing_record_says_what_to_give(tmp_path: Path, missing: str) -> None:
    with pytest.raises(ResultsError, match=r"cannot be read \(No such file.*give a results folder or its run.json"):
        read_record(tmp_path / missing)


def test_a_write_that_breaks_off_leaves_the_old_record(
    full: RunRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills up half-way through the text."""
    write_record(full, tmp_path)
    write_text = Path.write_text

    def half(self: Path, data: str, **options: Any) -> int:
        write_text(self, data[: len(data) // 2], **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(record_module.Path, "write_text", half)
    with pytest.raises(OSError, match="No space left"):
        write_record(full.model_copy(update={"id": "another"}), tmp_path)
    monkeypatch.undo()
    assert read_record(tmp_path) == full


def test_a_record_cannot_be_changed_after_the_fact(full: RunRecord) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        full.overall = "PASS"
    with pytest.raises(ValidationError, match="frozen"):
        full.cases[0].verdict = "PASS"
