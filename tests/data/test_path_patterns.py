"""Regular expressions of users: as Python reads them, and none that hangs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from data.pictures import image_array, mask_array, save

from modelaudit.data import open_data, path_patterns
from modelaudit.data.path_patterns import check_pattern, first_groups
from modelaudit.language.errors import DataError

LONG = "a" * 60 + "!"


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*)*x", r"^(\w+\s?)*$", r"((a?){30}){30}b"])
def test_a_pattern_that_would_hang_is_refused_with_option_and_name(
    monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.setattr(path_patterns, "SECONDS", 1.4)
    began = time.monotonic()
    with pytest.raises(DataError, match=r"^group=.*still being searched for after 1 s in 'a{60}!'"):
        first_groups(pattern, ["lot/1.png", LONG, "b"], f"group=path:{pattern}")
    assert time.monotonic() - began < 30


def test_data_whose_option_would_hang_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(path_patterns, "SECONDS", 1.4)
    save(tmp_path / "images" / "nut" / f"{LONG}.png", image_array(mask_array()))
    for option in ("group", "cluster", "attribute.lot"):
        with pytest.raises(DataError, match=rf"{option}=path:\(a\+\)\+\$.*in 'nut/a+!\.png'"):
            open_data(f"photos:images?{option}=path:(a+)+$", root=tmp_path)


@pytest.mark.parametrize("pattern", ["(" * 2000 + ")" * 2000, "(", "a{" + "9" * 40 + "}", "[z-a]", "*"])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(DataError, match=r"^named: not a valid pattern"):
        check_pattern(pattern, "named")


def test_honest_patterns_find_what_python_finds() -> None:
    names = ["lot7/cam1/a.png", "lot8/cam2/ä 0b.png", "\U0001f600", ""]
    for pattern, wanted in {
        r"lot\d": ["lot7", "lot8", None, None],
        r"(?P<x>cam(?:1|3))|(0b)": ["cam1", "0b", None, None],
        r"^(.?)": ["l", "l", "\U0001f600", ""],
        r"(?i)LOT(?=8)|\bä": [None, "lot", None, None],
        r"[[:alpha:]]": [None] * 4,
    }.items():
        assert first_groups(pattern, names, "") == wanted
    assert first_groups("a", [], "") == []
