"""Texts of others look like what they are: nothing moves, colours, reorders or hides, and honest names stay."""

from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.data.base import UnusableSample
from modelaudit.language.boundary import contained, failure_text
from modelaudit.language.errors import AuditError, DataError, after, first_line
from modelaudit.language.plain_text import LONGEST_LINE, folded, plain, plain_lines, quoted_lines
from modelaudit.language.reasons import Missing

#: what nobody may send to a terminal or a page
HOSTILE = "\x00\a\b\t\n\v\f\r\x1b\x7f\x85\x9b\xad\u200b\u200e\u202e\u2028\u2066\u3164\ufeff\ud800\U000e0041\ufe0f\u034f"


@pytest.mark.parametrize(
    "honest",
    [
        "DSC_0042 (1).jpg",
        "写真／検査_ネジ　欠け.png",
        "ゔぁいおりん・ば\u3099",
        "葛\U000e0100城市",
        "Žluťoučký kůň é e\u0301",
        "❤️ ☎︎ 5️⃣ 👍🏽",
        "👩\u200d🔬",
        "می\u200cخواهم",
        "क्\u200dष हिन्दी ภาษาไทย",
        "שָׁלוֹם عَرَبِيّ",
        "a\u00a0b",
    ],
)
def test_honest_names_stay_as_they_are(honest: str) -> None:
    assert plain(honest) == honest


@pytest.mark.parametrize("letter", HOSTILE)
def test_hidden_characters_are_spelled_out(letter: str) -> None:
    escaped = f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"
    assert plain(f"a{letter}b") == f"a{escaped}b"


@pytest.mark.parametrize("name", ["a\u200db", "写\u200d真", "a\ufe0f", "x\ufe0f\ufe0f", "\U000e0100"])
def test_joiners_and_selectors_stay_where_they_join_or_select_alone(name: str) -> None:
    assert "\\u" in plain(name).lower()


def test_marks_do_not_pile_up_into_other_lines() -> None:
    assert sum(map(unicodedata.combining, plain("a" + "\u0301" * 50))) == 8 * 230


def test_what_is_long_is_cut_in_the_middle() -> None:
    shown = plain("start" + "x" * 100_000 + "end")
    assert len(shown) < LONGEST_LINE + 50
    assert shown.startswith("startx") and shown.endswith("xend") and "98008 characters left out" in shown


@given(st.text(st.characters() | st.sampled_from(HOSTILE)))
def test_a_plain_text_is_one_printable_line_and_stays_what_it_is(text: str) -> None:
    shown = plain(text)
    assert not any(unicodedata.category(one) in ("Cc", "Cs", "Zl", "Zp", "Co") for one in shown)
    assert not set(shown) & set(HOSTILE) - {"\ufe0f"}
    assert len(shown.splitlines()) <= 1
    assert plain(shown) == shown
    shown.encode()


@given(st.text(st.characters() | st.sampled_from(HOSTILE)))
def test_no_line_of_another_library_looks_like_one_of_ours(text: str) -> None:
    first, *rest = quoted_lines(text)
    assert all(line.startswith("| ") for line in rest)
    assert all(plain(line) == line for line in (first, *rest, folded(text)))
    assert "\n" not in folded(text)


def test_lines_of_ours_stay_lines() -> None:
    assert plain_lines("measured\n\tby \x1b[1mgradcam") == "measured\n    by \\u001b[1mgradcam"


FORGED = "x.png (0)\n\x1b[32m===== 5 passed in 3.21s =====\x1b[0m"


def test_an_error_shows_each_of_its_arguments_as_one_line() -> None:
    error = DataError(f"{FORGED}: cannot be read", "  put it back")
    assert (
        str(error)
        == "x.png (0)\\u000a\\u001b[32m===== 5 passed in 3.21s =====\\u001b[0m: cannot be read\n  put it back"
    )
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    unusable = UnusableSample(Missing.UNREADABLE_IMAGE, FORGED)
    assert str(pickle.loads(pickle.dumps(unusable))) == str(unusable)
    assert len(str(unusable).splitlines()) == 1


def test_the_lines_of_an_error_go_on_into_another() -> None:
    inner = AuditError("put a module before it:", "    class Grey(nn.Module): ...")
    outer = AuditError(*after(f"{FORGED}: ", str(inner)))
    assert str(outer).endswith(": put a module before it:\n    class Grey(nn.Module): ...")
    assert str(outer).count("\n") == 1


def test_no_line_of_a_traceback_is_forged() -> None:
    try:
        try:
            raise KeyError("first\n===== 1 passed =====")
        except KeyError as error:
            raise ValueError(FORGED) from error
    except ValueError as error:
        text = failure_text(contained(error))
    assert not [line for line in text.splitlines() if line.lstrip().startswith("=====")]
    assert "\x1b" not in text
    assert "direct cause" in text and "| ===== 5 passed in 3.21s =====" in text
    assert text.splitlines()[0] == "ValueError: x.png (0) ===== 5 passed in 3.21s ====="


def test_the_first_line_of_an_error_is_plain() -> None:
    assert first_line(OSError("\x1b[31mno such \u202efile\x1b[0m\nsecond")) == "no such \\u202efile"
