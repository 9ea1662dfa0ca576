"""YAML of others: plain data with its lines; or an error with the line."""

from __future__ import annotations

from pathlib import Path

import pytest
from language.hostile_texts import YAML_VALUES

from modelaudit.language.errors import AuditFileError
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.language.yaml_reader import read_yaml

AUDIT = "model: demo:sound\ndata: demo:?images=60\nexpect:\n  a:\n    that: accuracy > 0.5\n    clause: {}\n"


@pytest.mark.parametrize("keys", [True, False], ids=["text keys", "any keys"])
@pytest.mark.parametrize("value", YAML_VALUES.values(), ids=YAML_VALUES)
def test_a_hostile_value_is_refused_with_its_line(tmp_path: Path, value: str, keys: bool) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"good: [1, 2.5, yes, 2026-01-31, null, 0x1f]\nlist:\n- x\nbad: {value}\n")
    with pytest.raises(AuditFileError, match=r"a\.yaml:(4|5\d): "):
        read_yaml(path, AuditFileError, text_keys=keys)


@pytest.mark.parametrize("value", [*YAML_VALUES.values(), "[" * 300, "\x00", "\x1b[31m"])
def test_an_audit_file_with_a_hostile_value_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.audit.yaml"
    path.write_text(AUDIT.replace("{}", value.replace("\n", "\n      ")))
    with pytest.raises(AuditFileError, match=r"a\.audit\.yaml:\d+: "):
        load_audit_file(path, allow_code=False)


@pytest.mark.parametrize("mark", ["_x", '""', "a b", "__class__", "a.b", "{_x: why}", '{"": why}', "1"])
def test_a_mark_that_pytest_cannot_have_is_refused_with_its_line(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "a.audit.yaml"
    path.write_text(AUDIT.replace("clause: {}", f"marks: [{mark}]"))
    with pytest.raises(AuditFileError, match=r"a\.audit\.yaml:[56]: "):
        load_audit_file(path, allow_code=False)


@pytest.mark.parametrize(
    "expectation",
    [
        "accuracy > 1" + "0" * 400,
        "accuracy > 1e400",
        "accuracy - 1" + "0" * 400 + " > 0",
        "accuracy.under(lighting(1" + "0" * 400 + ")) > 0.5",
        "accuracy > " + "9" * 5000,
        "accuracy > " + "(" * 5000,
        "accuracy > " + "-" * 5000 + "1",
        "accuracy.where(object_area < 1e999) > 0.5",
        "accuracy.where(column('\\ud800') == 'a') > 0.5",
    ],
    ids=lambda text: text[:40],
)
def test_a_hostile_expectation_is_refused_with_its_line(tmp_path: Path, expectation: str) -> None:
    path = tmp_path / "a.audit.yaml"
    path.write_text(AUDIT.replace("{}", "x").replace("accuracy > 0.5", f'"{expectation}"'))
    with pytest.raises(AuditFileError, match=r"a\.audit\.yaml:5: "):
        load_audit_file(path, allow_code=False)


def test_plain_data_are_read_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes('\ufeffa: [1, 2.5]\r\nnames:\r\n  0: ä\r\n  1: "\\U0001F600"\r\nlast: !!str 5\r\n'.encode())
    found = read_yaml(path, AuditFileError, text_keys=False)
    assert found.value == {"a": [1, 2.5], "names": {0: "ä", 1: "\U0001f600"}, "last": "5"}
    assert [found.lines[where] for where in [("a",), ("names", "1"), ("last",)]] == [1, 4, 5]
