"""Two tables of the same images: what may differ, and what is named."""

from __future__ import annotations

from typing import Any

import pytest

from modelaudit.acceptance.recomputed_values import differing_samples, differing_values, within_tolerance
from modelaudit.evidence.record import ColumnRecord, SampleRecord, TableRecord, ViewRecord

SHARE = ColumnRecord(measure="confidence", model="model:net", scale="mean", values=[0.25, 0.5])
NAMES = ("a.png", "b.png")


def table(column: ColumnRecord = SHARE, **sample: Any) -> TableRecord:
    """Two images, the second one as stated."""
    samples = [SampleRecord(id="a.png", label="red"), SampleRecord(id="b.png", **{"label": "red", **sample})]
    view = ViewRecord(model="model:net", indices=[0, 0], areas=[0.25, 0.25], predicted=[0, 0])
    return TableRecord(data="data:x", samples=samples, columns=[column], views=[view])


def said(then: TableRecord, now: TableRecord) -> list[tuple[str, str, str | None, str | None]]:
    compared, values = differing_values(then, now, NAMES, {})
    assert compared == 2
    return [(one.what, one.where, one.recorded, one.found) for one in [*differing_samples(then, now, NAMES), *values]]


@pytest.mark.parametrize(
    ("column", "near", "far"),
    [
        ({"scale": "proportion"}, 1.0, 1 - 1e-9),
        ({}, 1 - 0.9e-4, 1 - 1.1e-4),
        ({"low": -4.0, "high": 4.0}, 1 + 7e-4, 1 + 9e-4),
        ({"high": None}, 1 + 0.9e-3, 1 + 1.1e-3),
        ({"low": None}, 1 - 0.9e-3, 1 - 1.1e-3),
    ],
    ids=["0 or 1", "share", "wider range", "no upper end", "no lower end"],
)
def test_values_may_differ_by_the_stated_tolerance_and_no_more(column: dict[str, Any], near: float, far: float) -> None:
    stated = SHARE.model_copy(update=column)
    for one, other in ((1.0, near), (near, 1.0)):
        assert within_tolerance(stated, one, other)
    for one, other in ((1.0, far), (far, 1.0)):
        assert not within_tolerance(stated, one, other)


def test_numbers_near_zero_may_differ_by_the_absolute_tolerance() -> None:
    unbounded = SHARE.model_copy(update={"high": None})
    assert within_tolerance(unbounded, 0.0, 0.9e-4) and not within_tolerance(unbounded, 0.0, 1.1e-4)


def test_equal_tables_differ_in_nothing() -> None:
    missing = SHARE.model_copy(update={"values": [0.25, None], "missing": {1: "no mask"}})
    assert said(table(), table()) == said(table(missing), table(missing)) == []


@pytest.mark.parametrize(
    ("now", "recorded", "found"),
    [
        ({"values": [0.25, 0.75]}, "0.5", "0.75"),
        ({"values": [0.25, None], "missing": {1: "no mask"}}, "0.5", "no value (no mask)"),
    ],
    ids=["other value", "no value"],
)
def test_a_value_is_named_in_both_directions(now: dict[str, Any], recorded: str, found: str) -> None:
    other = table(SHARE.model_copy(update=now))
    assert said(table(), other) == [("value", "b.png", recorded, found)]
    assert said(other, table()) == [("value", "b.png", found, recorded)]


def test_another_reason_for_no_value_is_named() -> None:
    one, other = (
        table(SHARE.model_copy(update={"values": [0.25, None], "missing": {1: why}}))
        for why in ("no mask", "too small")
    )
    assert said(one, other) == [("value", "b.png", "no value (no mask)", "no value (too small)")]


@pytest.mark.parametrize(
    ("part", "value"), [("scale", "proportion"), ("low", -1.0), ("high", 2.0)], ids=["scale", "low", "high"]
)
def test_the_scale_and_the_range_of_a_measure_are_compared(part: str, value: Any) -> None:
    """A record that states a wider range does not get its tolerance."""
    found = said(table(SHARE.model_copy(update={part: value})), table())
    assert found == [(part, "confidence", str(value), str(getattr(SHARE, part)))]


def test_the_tolerance_is_that_of_the_measure_and_not_of_the_record() -> None:
    wide = SHARE.model_copy(update={"high": 1e6, "values": [0.25, 0.75]})
    assert ("value", "b.png", "0.75", "0.5") in said(table(wide), table())


@pytest.mark.parametrize(
    ("part", "value"), [("label", "green"), ("group", "dark"), ("cluster", "lot 2"), ("columns", {"lot": "2"})]
)
def test_what_is_known_of_a_sample_is_compared(part: str, value: Any) -> None:
    ((what, where, _, found),) = said(table(), table(**{part: value}))
    assert (what, where, found) == (part, "b.png", str(value))


@pytest.mark.parametrize(
    ("part", "value", "what"),
    [
        ("indices", [0, 1], "class of the label"),
        ("predicted", [0, 1], "prediction"),
        ("areas", [0.25, 0.2502], "object's share"),
        ("areas", [0.25, None], "object's share"),
    ],
)
def test_how_a_model_sees_a_sample_is_compared(part: str, value: list[Any], what: str) -> None:
    now = table()
    seen = now.model_copy(update={"views": [now.views[0].model_copy(update={part: value})]})
    assert [(one[0], one[1]) for one in said(table(), seen)] == [(what, "b.png")]
    assert [(one[0], one[1]) for one in said(seen, table())] == [(what, "b.png")]


def test_an_area_may_be_rounded_and_predictions_may_be_left_out() -> None:
    now = table()
    view = now.views[0].model_copy(update={"areas": [0.25, 0.25009], "predicted": []})
    assert said(table(), now.model_copy(update={"views": [view]})) == []


def test_samples_that_were_not_drawn_are_not_compared() -> None:
    other = table(SHARE.model_copy(update={"values": [0.25, 0.75]}), label="green")
    assert list(differing_samples(table(), other, ["a.png"])) == []
    assert differing_values(table(), other, ["a.png"], {}) == (1, [])
