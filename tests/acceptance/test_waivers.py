"""``waivers.yaml``: what is refused and how that is said, and which waiver of an expectation counts when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from evidence.test_states import ended

from modelaudit.acceptance.waivers import (
    Waiver,
    WaiversFile,
    json_schema,
    read_waivers,
    unfit,
    waiver_at,
    waiver_record,
)
from modelaudit.language.errors import AcceptanceError

ROBUST = """
- expectation: audits/audit_line.py::robust
  owner: Tanaka, line A
  reason: The lamps are replaced in March.
  issued: 2026-11-01T09:00:00+09:00
  expires: 2027-03-31T23:59:59+09:00
"""
EXPIRES = "expires: 2027-03-31T23:59:59+09:00"


def read(folder: Path, text: str) -> WaiversFile:
    file = folder / "waivers.yaml"
    file.write_text(text, encoding="utf-8")
    found = read_waivers([file])
    assert found is not None
    return found


def test_a_waiver_is_read_with_its_times_and_covers_no_error_unless_it_says_so(tmp_path: Path) -> None:
    found = read(tmp_path, ROBUST)
    (waiver,) = found.waivers
    assert found.lines == (2,)
    assert waiver.expires == datetime(2027, 3, 31, 14, 59, 59, tzinfo=UTC)
    assert waiver.expires.utcoffset() == timedelta(hours=9)
    (erring,) = read(tmp_path, f"{ROBUST}  errors: true\n").waivers
    record, now = waiver_record(waiver), waiver.issued
    assert record.covers("FAIL", now) and not record.covers("ERROR", now)
    assert waiver_record(erring).covers("ERROR", now)
    assert not record.covers("FAIL", now - timedelta(seconds=1)) and not record.covers("FAIL", waiver.expires)
    assert read_waivers([]) is None and read(tmp_path, "").waivers == ()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (EXPIRES, "expires: 2027-03-31", "6: expires: 2027-03-31 is a date alone; add time and zone: 2027-03-31T00:00"),
        (EXPIRES, "expires: '2027-03-31'", "6: expires: 2027-03-31 is a date alone"),
        (EXPIRES, "expires: 2027-03-31T12:00:00", "6: expires: 2027-03-31T12:00:00 has no time zone; write 2027-03"),
        (EXPIRES, "expires: in March", "6: expires: must be a date and time, got 'in March'; write 2026-12-31T23"),
        (EXPIRES, "expires: 2027", "6: expires: must be a date and time, got 2027"),
        (EXPIRES, "expires: 2026-10-31T12:00:00Z", "6: expires: must be after issued (2026-11-01T09:00:00+09:00), got"),
        ("  owner: Tanaka, line A\n", "", "2: owner: is missing"),
        ("owner:", "onwer:", "3: onwer: unknown key; did you mean 'owner'?"),
        ("The lamps are replaced in March.", "''", "4: reason: must not be empty"),
        (ROBUST, "waivers: []", "1: must be a list of waivers"),
        (EXPIRES, f"{EXPIRES}\n  errors: 'yes'", "7: errors: must be true or false, got 'yes'"),
    ],
)
def test_a_mistake_is_named_with_line_and_field(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in ROBUST
    with pytest.raises(AcceptanceError) as raised:
        read(tmp_path, ROBUST.replace(old, new, 1))
    assert f"waivers.yaml:{said}" in str(raised.value)


def test_an_expectation_has_one_waiver_at_a_time(tmp_path: Path) -> None:
    renewed = ROBUST.replace("issued: 2026-11-01T09", "issued: 2027-03-31T09").replace("expires: 2027", "expires: 2028")
    with pytest.raises(AcceptanceError, match=r"waivers.yaml:8: audits/.*::robust: .* the waiver of line 2"):
        read(tmp_path, ROBUST + renewed)
    after = ROBUST + renewed.replace("issued: 2027-03-31T09:00:00", "issued: 2027-03-31T23:59:59")
    old, new = read(tmp_path, after).waivers
    for moment, counts in (
        (old.issued - timedelta(1), old),
        (old.expires - timedelta(1), old),
        (new.issued, new),
        (new.expires, new),
    ):
        assert waiver_at((new, old), moment) == {old.expectation: counts}
    with pytest.raises(AcceptanceError, match="here are several"):
        read_waivers([tmp_path / "waivers.yaml", tmp_path / "waivers.yml"])


def declared(name: str, **changed: Any) -> Any:
    return ended("FAIL", **changed).model_copy(update={"id": f"audits/audit_line.py::{name}"})


@pytest.mark.parametrize(
    ("case", "said"),
    [
        (declared("robust", importance="critical"), "robust is critical, which cannot be waived"),
        (declared("robust", must_fail=True), "robust is of a known-bad model"),
        (declared("robustt"), "no expectation is 'audits/audit_line.py::robust'; did you mean"),
        (declared("robust[new]"), "is stated of several models; waive it for each that needs it: audits/audit_line.py"),
    ],
    ids=["critical", "known-bad", "unknown", "models"],
)
def test_what_cannot_be_waived_is_named(tmp_path: Path, case: Any, said: str) -> None:
    found = read(tmp_path, ROBUST)
    (text,) = unfit(found, [case], lambda _: False)
    assert text.startswith(f"{found.path}:2: expectation: ") and said in text
    assert not unfit(found, [declared("robust")], lambda _: False)


def test_of_a_file_that_was_not_read_nobody_knows(tmp_path: Path) -> None:
    assert not unfit(read(tmp_path, ROBUST), [], lambda file: file == "audits/audit_line.py")


def test_the_signed_content_is_one_for_one_waiver(tmp_path: Path) -> None:
    (waiver,) = read(tmp_path, ROBUST).waivers
    assert waiver.content() == Waiver.model_validate(waiver.model_dump(mode="json")).content()
    assert waiver.content().startswith(b'{"errors":false,"expectation":"audits/audit_line.py::robust","expires":"2027')
    moved = waiver.model_copy(update={"expires": waiver.expires.astimezone(UTC) + timedelta(1)})
    assert moved.content() != waiver.content()


def test_the_published_schema_knows_every_key_and_forbids_others() -> None:
    schema = json_schema()
    entry = schema["$defs"]["Waiver"]
    assert schema["type"] == "array" and entry["additionalProperties"] is False
    assert set(entry["properties"]) == set(Waiver.model_fields)
    assert entry["required"] == ["expectation", "owner", "reason", "issued", "expires"]
