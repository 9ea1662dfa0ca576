"""The values of single images: how they are spread around the limit, and by class, group and size of the object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report.sample_record import OTHER_CLASS, case, decision, measure, record, worded

from modelaudit.evidence.record import (
    ArithmeticNode,
    CaseRecord,
    ColumnRecord,
    RunRecord,
    SampleRecord,
    TableRecord,
    ViewRecord,
)
from modelaudit.report import render_html
from modelaudit.report.distribution import DistributionView, _columns, distribution_view
from modelaudit.report.figures import axis_of

EN, JA = worded("en"), worded("ja")
LABELS = ["gear", "bolt"] * 6
AREAS = [at / 20 for at in range(1, 13)]
DEPENDENCE = "background_dependence(gradcam)"


def stated(left: Any, op: str = "<", threshold: float = 0.4, **changed: Any) -> CaseRecord:
    found = decision("FAIL", 0.5, 0.4, 0.6)
    return case("a", left, op, threshold, "FAIL", decision=found, model_names={"": "m0"}, **changed)


def run_of(one: CaseRecord, *, groups: list[str | None] | None = None, **columns: list[float | None]) -> RunRecord:
    """A run of one case on twelve images, with the values of its columns."""
    samples = [
        SampleRecord(id=f"{at:02}.jpg", label=label, group=None if groups is None else groups[at])
        for at, label in enumerate(LABELS)
    ]
    found = [ColumnRecord(measure=name, model="m0", scale="mean", values=values) for name, values in columns.items()]
    view = ViewRecord(model="m0", indices=[0] * 12, areas=[*AREAS])
    table = TableRecord(data="d0", samples=samples, columns=found, views=[view], labels=["bolt", "gear"])
    return record(cases=[one]).model_copy(update={"tables": [table]})


def shown(run: RunRecord) -> DistributionView:
    found = distribution_view(run, 0, EN)
    assert found is not None
    return found


MAPS = measure("background_dependence", methods=["gradcam"])


def test_numbers_are_a_histogram_with_the_limit_and_say_how_many_images_are_beyond_it() -> None:
    values: list[float | None] = [at / 12 for at in range(12)]
    found = shown(run_of(stated(MAPS), **{DEPENDENCE: values}))
    assert found.bars == () and found.histogram is not None
    assert found.histogram.described.startswith("7 of 12 images are beyond the limit")
    assert "(median 0.458)" in found.histogram.described
    assert found.histogram.path.count("M") == 12  # twelve values apart


@pytest.mark.parametrize("op", ["<", ">"])
def test_the_worst_stands_first(op: str) -> None:
    values: list[float | None] = [0.8 if label == "gear" else 0.1 for label in LABELS]
    by_class, by_size = shown(run_of(stated(MAPS, op), **{DEPENDENCE: values})).divisions
    assert (by_class.title, by_size.title) == ("By class", "By size of the object")
    rows = [("gear", "0.800", "6"), ("bolt", "0.100", "6")]
    assert [(row.label, row.mean, row.images) for row in by_class.subgroups] == (rows if op == "<" else rows[::-1])
    assert [row.images for row in by_size.subgroups] == ["4", "4", "4"]


def test_shares_of_right_answers_are_counted_in_words() -> None:
    changed = measure("accuracy", OTHER_CLASS).model_copy(update={"under": OTHER_CLASS.text})
    drop = ArithmeticNode(op="-", left=measure(), right=changed)
    swapped = "accuracy.under(swap_background(other_class))"
    values: dict[str, list[float | None]] = {"accuracy": [1.0] * 11 + [0.0], swapped: [0.0] * 3 + [1.0] * 9}
    found = shown(run_of(stated(drop, "<", 0.05), **values))
    assert found.histogram is None
    assert [(bar.label, bar.count) for bar in found.bars] == [
        ("right before, wrong under the change", "3"),
        ("no difference", "8"),
        ("wrong before, right under the change", "1"),
    ]


def test_what_a_single_image_is_or_is_not_is_counted_where_no_word_says_it() -> None:
    shares = ArithmeticNode(op="-", left=measure(), right=measure("flip_rate"))
    values: dict[str, list[float | None]] = {"accuracy": [1.0] * 12, "flip_rate": [0.0] * 9 + [1.0] * 3}
    found = shown(run_of(stated(shares, ">", 0.5), **values))
    assert found.histogram is None
    assert [(bar.label, bar.count) for bar in found.bars] == [("0.0 points", "3"), ("100.0 points", "9")]


def test_groups_divide_where_there_are_several_and_a_single_one_does_not() -> None:
    values: list[float | None] = [at / 12 for at in range(12)]
    one = run_of(stated(MAPS), groups=["line 1"] * 12, **{DEPENDENCE: values})
    assert [division.title for division in shown(one).divisions] == ["By class", "By size of the object"]
    two = run_of(stated(MAPS), groups=["line 1", None, "line 2"] * 4, **{DEPENDENCE: values})
    by_group = shown(two).divisions[1]
    assert by_group.title == "By group" and [row.images for row in by_group.subgroups] == ["4", "4"]


def test_of_several_methods_the_value_is_that_which_speaks_most_against() -> None:
    maps = measure("background_dependence", methods=["gradcam", "saliency"])
    columns: dict[str, list[float | None]] = {
        "background_dependence(gradcam)": [0.1] * 6 + [0.9] * 6,
        "background_dependence(saliency)": [0.7] * 6 + [0.2] * 6,
    }
    found = shown(run_of(stated(maps), **columns))
    assert found.of == "largest over the methods" and found.histogram is not None
    assert found.histogram.described.startswith("12 of 12 images")


def test_images_without_a_value_are_in_no_count() -> None:
    values: list[float | None] = [None, *(0.5 for _ in range(11))]
    by_class = shown(run_of(stated(MAPS, threshold=0.6), **{DEPENDENCE: values})).divisions[0]
    assert {row.label: row.images for row in by_class.subgroups} == {"gear": "5", "bolt": "6"}


def test_what_was_not_measured_and_an_older_record_have_none() -> None:
    bare = MAPS.model_copy(update={"specs": []})
    for one in (stated(bare), case("a", MAPS, "<", 0.4, None)):
        assert distribution_view(run_of(one, **{DEPENDENCE: [0.5] * 12}), 0, EN) is None
    assert distribution_view(record(cases=[stated(MAPS)]), 0, EN) is None


@given(st.lists(st.floats(0, 1), min_size=2, max_size=60), st.floats(0, 1))
def test_every_image_is_in_one_column_and_no_column_crosses_the_limit(values: list[float], limit: float) -> None:
    axis = axis_of([*values, limit])
    if axis is None:
        return
    counts, left, width = _columns(np.array(values), limit, axis)
    assert counts.sum() == len(values)
    edges = left + width * np.arange(len(counts) + 1)
    assert np.abs(edges - 100 * (limit - axis.low) / (axis.high - axis.low)).min() < 1e-6


def test_it_stands_in_the_report_in_both_languages(tmp_path: Path) -> None:
    values: list[float | None] = [at / 12 for at in range(12)]
    run = run_of(stated(MAPS), **{DEPENDENCE: values})
    html = render_html(run, tmp_path)
    assert html.count('<div class="distribution ') == 1
    assert "7 of 12 images are beyond the limit" in html and "12枚中7枚が基準値を超えています" in html
