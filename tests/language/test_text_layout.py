"""Text in the columns of a terminal."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.language.text_layout import NO_BREAK, columns_of, laid_out, widest_word, wrapped

LETTERS = st.text(st.sampled_from("ab 0.(,マ背景、。（）"), max_size=60)


@settings(max_examples=200, deadline=None)
@given(LETTERS, st.integers(8, 40))
def test_lines_are_as_wide_as_told_lose_nothing_and_break_no_word(text: str, width: int) -> None:
    lines = wrapped(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(columns_of(line) <= max(width, widest_word(text)) for line in lines)
    for line, after in pairwise(lines):
        assert not (line[-1:].isascii() and after[:1].isascii() and f"{line}{after}" in text), "a word was broken"


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("see audits/audit_line_a.py::decides_on_the_part", 20, ["see", "audits/audit_line_a.py::decides_on_the_part"]),
        ("正解率は9.7ポイント低下", 12, ["正解率は", "9.7ポイント", "低下"]),
        ("基準（5以下）。次", 8, ["基準", "（5以", "下）。次"]),
        (f"9.7 points (1.6{NO_BREAK}to{NO_BREAK}18.8)", 16, ["9.7 points", "(1.6 to 18.8)"]),
        ("", 10, [""]),
    ],
)
def test_where_a_line_ends(text: str, width: int, lines: list[str]) -> None:
    assert wrapped(text, width) == lines


ROWS = [
    ("verdict", "name", "value", "reason"),
    ("FAIL", "drops", "9.7 points (1.6 to 18.8)", ""),
    ("INCONCLUSIVE", "a_name_that_is_longer_than_its_column", "0.17", "too few images: about 140 more"),
]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_a_table_keeps_to_its_width_and_its_columns_begin_below_each_other(width: int) -> None:
    rows = laid_out(ROWS, width, least=(0, 10, 6, 8), keys=2, tall=9)
    assert max(columns_of(line) for row in rows for line in row) <= max(width, 14 + len(ROWS[2][1]))
    heading = rows[0][0]
    assert rows[1][0][heading.index("value") :].startswith("9.7")
    assert any(line[heading.index("reason") :].startswith("too") for line in rows[2])
    for word in ("a_name_that_is_longer_than_its_column", "INCONCLUSIVE", "images:"):
        assert sum(line.split().count(word) for row in rows for line in row) == 1


def test_wide_letters_are_aligned_too() -> None:
    rows = laid_out([("判定", "値"), ("不合格", "1"), ("FAIL", "2")], 80, least=(0, 0), keys=1, tall=1)
    assert [columns_of(row[0]) - columns_of(row[0].split()[-1]) for row in rows] == [8, 8, 8]


def test_a_column_without_a_text_is_left_out_and_a_tall_cell_is_cut() -> None:
    rows = laid_out([("a", "b", "why"), ("1", "", "w " * 30)], 20, least=(0, 0, 4), keys=1, tall=2)
    assert rows[0] == ["a  why"]
    assert len(rows[1]) == 2 and rows[1][1].endswith(" ...")
