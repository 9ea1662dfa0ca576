"""The table of requirements at the end of a run."""

from __future__ import annotations

from typing import Any

import pytest
from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.evidence.record import ArithmeticNode, CaseRecord, RunRecord
from modelaudit.language.text_layout import columns_of
from modelaudit.report.verdict_table import verdict_table
from modelaudit.report.words import words_of


def lines(run: RunRecord, language: str = "en", width: int = 120, **how: Any) -> list[str]:
    """The table as it is printed."""
    rows = verdict_table(run, words_of(language), width, **{"rows": 40, **how})
    return [line for row in rows for line in row.lines]


def right(name: str, verdict: str, estimate: float = 0.95, **changed: Any) -> CaseRecord:
    found = decision(verdict, estimate, estimate - 0.02, estimate + 0.02)
    return case(name, measure(), ">", 0.9, verdict, decision=found, **changed)


def test_a_reader_finds_verdict_name_value_limit_and_reason_worst_first() -> None:
    assert lines(record(), width=105) == [
        "verdict       requirement             measured (range)               limit       reason",
        "FAIL          survives_layout_change  12.1 points (8.7 to 16.1)      < 5 points",
        "ERROR         robust_to_dust          –                              > 90%       ContextError: dust(0.2)",
        f"{' ' * 81}changed no pixel in any",
        f"{' ' * 81}of 240 images; raise its",
        f"{' ' * 81}density, or take it out",
        "INCONCLUSIVE  survives_lighting       91.7% (88.1% to 94.4%)         > 90%       too few images: about",
        f"{' ' * 81}310 more, 550 in all",
        "PASS          decides_on_the_part     0.31 (0.29 to 0.33), Grad-CAM  < 0.40",
        "caught        shortcut_is_caught      5.8% (3.6% to 9.0%)            > 90%",
    ]


def test_the_same_in_japanese_with_the_columns_below_each_other() -> None:
    shown = lines(record(), "ja", 80)
    assert shown[1] == "不合格    survives_layout_change"
    assert "判定不能  survives_lighting" in "\n".join(shown)
    ends = [(line, line.find(value)) for line in shown for value in ("測定値", "12.1ポイント", "91.7%", "5.8%")]
    assert len({columns_of(line[:at]) for line, at in ends if at >= 0}) == 1


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_no_line_is_wider_than_the_terminal_and_names_stay_whole(width: int, language: str) -> None:
    shown = lines(record(), language, width)
    assert max(map(columns_of, shown)) <= width
    words = " ".join(shown).split()
    for name in ("survives_layout_change", "robust_to_dust", "survives_lighting", "decides_on_the_part"):
        assert words.count(name) == 1


def test_of_many_the_worst_are_shown_and_the_rest_is_counted() -> None:
    many = [right(f"limit_{n}", "PASS" if n % 40 else "FAIL") for n in range(200)]
    shown = lines(record(cases=many))
    assert len(shown) == 42 and shown[-1] == "and 160 met"
    assert [line.split()[0] for line in shown[1:6]] == ["FAIL"] * 5
    failing = [right(f"limit_{n}", "FAIL") for n in range(50)]
    assert lines(record(cases=failing))[-1] == "and 10 more not met"
    assert len(lines(record(cases=many), rows=None)) == 201


def test_a_quiet_run_shows_what_is_not_met() -> None:
    shown = lines(record(), met=False)
    assert [line.split()[0] for line in shown if line[0] != " "] == ["verdict", "FAIL", "ERROR", "INCONCLUSIVE", "and"]
    assert shown[-1] == "and 2 met"
    assert lines(record(cases=[right("holds", "PASS")]), met=False) == []


def test_a_known_bad_model_that_is_not_caught_comes_first() -> None:
    missed = right("must_be_caught", "PASS", must_fail=True, outcome="failed")
    shown = lines(record(cases=[right("holds", "PASS"), right("falls", "FAIL", 0.5), missed]))
    assert [line.split("  ")[0] for line in shown[1:]] == ["NOT caught", "FAIL", "PASS"]


def test_cases_of_one_name_stand_with_their_file() -> None:
    twice = [right("holds", "PASS", id=f"audits/{file}.py::holds") for file in ("a", "b")]
    assert [line.split()[1] for line in lines(record(cases=twice))[1:]] == ["audits/a.py::holds", "audits/b.py::holds"]


@pytest.mark.parametrize(
    ("lower", "upper", "said"),
    [(0.91, None, "95.0% (at least 91.0%)"), (None, 0.97, "95.0% (at most 97.0%)"), (0.95, 0.95, "95.0%")],
)
def test_the_range_says_which_bounds_there_are(lower: float | None, upper: float | None, said: str) -> None:
    one = case("one", measure(), ">", 0.9, "PASS", decision=decision("PASS", 0.95, lower, upper))
    assert [cell.strip() for cell in lines(record(cases=[one]))[1].split("  ") if cell] == [
        "PASS",
        "one",
        said,
        "> 90%",
    ]


def test_a_rise_where_a_fall_is_limited_keeps_its_sign() -> None:
    drop = ArithmeticNode(op="-", left=measure(), right=measure("accuracy", OTHER_CLASS))
    one = case("drop", drop, "<", 0.05, "PASS", decision=decision("PASS", -0.03, -0.05, -0.01, rule="tango"))
    assert "−3.0 points (−5.0 to −1.0)" in lines(record(cases=[one]))[1]


def test_without_anything_measured_there_is_no_table() -> None:
    assert lines(record(cases=[case("left_out", measure(), ">", 0.9, None)])) == []
