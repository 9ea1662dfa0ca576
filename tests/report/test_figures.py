"""The drawing of an interval against its threshold."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from report.sample_record import case, decision, measure, worded

from modelaudit.report.figures import interval_text, plot_of

EN, JA = worded("en"), worded("ja")
_shares = st.floats(0, 1)


@given(_shares, _shares, _shares, _shares, st.sampled_from(["<", "<=", ">", ">="]))
def test_what_is_drawn_lies_on_the_side_on_which_it_is(a: float, b: float, c: float, threshold: float, op: str) -> None:
    lower, estimate, upper = sorted((a, b, c))
    plot = plot_of(case("a", measure(), op, threshold, "FAIL", decision=decision("FAIL", estimate, lower, upper)), EN)
    assume(plot is not None)
    assert plot is not None
    (row,) = plot.rows
    assert row.bar is not None and row.estimate is not None
    assert 0 <= row.bar[0] <= row.estimate <= row.bar[1] <= 100
    for value, at in ((lower, row.bar[0]), (estimate, row.estimate), (upper, row.bar[1])):
        assert (value - threshold) * (at - plot.threshold) >= 0
    width = plot.allowed_to - plot.allowed_from
    assert (plot.allowed_from == 0) is (op in ("<", "<=") or plot.threshold == 0)
    assert width == pytest.approx(plot.threshold if op in ("<", "<=") else 100 - plot.threshold)


def test_the_interval_that_is_drawn_is_named_after_its_two_bounds() -> None:
    found = decision("PASS", 0.123, 0.081, 0.179)
    assert interval_text(found, "percent", 1, EN) == "range 8.1% to 17.9%, 5% risk of error on each side"
    assert interval_text(found, "percent", 1, JA) == "範囲 8.1%～17.9%、片側の誤り確率5%"
    assert interval_text(found.model_copy(update={"confidence": 0.99}), "number", 3, EN).endswith(
        "1% risk of error on each side"
    )


def test_a_single_bound_is_named_and_runs_to_the_edge() -> None:
    found = decision("INCONCLUSIVE", 0.3, None, 0.5)
    assert interval_text(found, "number", 3, EN) == "95% upper bound 0.500"
    assert interval_text(found, "number", 3, JA) == "95%信頼上限 0.500"
    plot = plot_of(case("a", measure(), "<", 0.4, "INCONCLUSIVE", decision=found), EN)
    assert plot is not None
    assert plot.rows[0].bar == (0.0, plot.rows[0].ends[0])


def test_an_exact_value_has_no_interval() -> None:
    assert interval_text(decision("PASS", 0.3, 0.3, 0.3), "number", 3, EN) == ""


def test_several_methods_are_several_rows() -> None:
    parts = [decision("PASS", 0.3, 0.2, 0.35, method="gradcam"), decision("FAIL", 0.5, 0.45, 0.6, method="saliency")]
    stated = case("a", measure(), "<", 0.4, "FAIL", decision=decision("FAIL", 0.5, 0.45, 0.6, parts=parts))
    plot = plot_of(stated, EN)
    assert plot is not None
    assert [(row.label, row.kind) for row in plot.rows] == [("Grad-CAM", "pass"), ("Saliency", "fail")]


def test_nothing_measured_draws_nothing() -> None:
    assert plot_of(case("a", measure(), "<", 0.4, "ERROR"), EN) is None
    assert plot_of(case("a", measure(), "<", 0.4, "ERROR", decision=decision("ERROR", None, None, None)), EN) is None


def test_numbers_whose_axis_has_no_finite_length_are_not_drawn() -> None:
    far = 1.4497525281147708e308
    found = case("a", measure("margin"), "<", 0.0, "FAIL", decision=decision("FAIL", None, None, far))
    assert plot_of(found, EN) is None
