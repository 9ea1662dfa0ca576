"""JSON of others: plain, finite, shallow, each key once; or an error with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from language.hostile_texts import JSON_VALUES

from modelaudit.language.errors import DataError
from modelaudit.language.json_file import MOST_LEVELS, json_of, read_json


@pytest.mark.parametrize("value", JSON_VALUES.values(), ids=JSON_VALUES)
def test_a_hostile_value_is_refused_with_its_line(tmp_path: Path, value: str) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"good": "\\ud83d\\ude00",\n "list": [1, 2.5, {"x": null}],\n\n "bad": ' + value + "}")
    with pytest.raises(DataError, match=r"a\.json:4: is not valid JSON: "):
        read_json(path, DataError)


def test_the_complaint_says_what_leads_to_the_value() -> None:
    with pytest.raises(DataError, match=r"f:1: .*: annotations\[1\]\.box\[2\]: 1e999 is not finite"):
        json_of('{"annotations": [{"box": [1, 2]}, {"box": [1, "a,b", 1e999]}]}', "f", DataError)
    with pytest.raises(DataError, match=r"f:8: is not valid JSON: the key 'b' occurs twice in one object; keep one"):
        json_of('{"a": {"b": "a\\"b"},\n"b": 1, "b": 2}', "f", DataError, first_line=7)


@pytest.mark.parametrize("text", ['{"name": "line', '"a\nb"', "{]"])
def test_the_column_of_a_syntax_error_is_given_once(text: str) -> None:
    with pytest.raises(DataError, match=r"^f:1: is not valid JSON: [^.]+(?<! at) at column \d+$"):
        json_of(text, "f", DataError)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32-le"])
def test_what_json_may_hold_is_read_as_python_reads_it(tmp_path: Path, encoding: str) -> None:
    value = {"ä": [1, -2.5, 1e300, 10**38, None, True, "x\U0001f600", {}], "deep": json.loads("[" * 90 + "]" * 90)}
    path = tmp_path / "a.json"
    path.write_text(json.dumps(value, ensure_ascii=encoding == "utf-32-le"), encoding=encoding)
    assert read_json(path, DataError) == value


def test_depth_is_refused_from_the_first_level_too_many() -> None:
    for levels, refused in ((MOST_LEVELS, False), (MOST_LEVELS + 1, True)):
        text = "[" * levels + "]" * levels
        if refused:
            with pytest.raises(DataError, match="more than 100"):
                json_of(text, "f", DataError)
        else:
            json_of(text, "f", DataError)


@pytest.mark.parametrize("text", [b"", b"{", b'{"a": "\xff"}', b"\x00\x00", b"[1,]", b'"a\nb"', b"nul", b"\xff\xfe{}"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(DataError, match=r"^f:1: is not valid JSON"):
        json_of(text, "f", DataError)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(DataError, match=r"a\.json: has 1099511627776 bytes; at most"):
        read_json(path, DataError)
