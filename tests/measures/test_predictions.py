"""What the model calls the images: a label's share, misses and false alarms."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.contexts import lighting
from modelaudit.language import registry
from modelaudit.language.errors import ExpressionError, UnknownNameError
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse, parse_expression
from modelaudit.language.reasons import Missing
from modelaudit.language.strata import correct, label
from modelaudit.measures import accuracy, false_alarm_rate, miss_rate, predicted
from modelaudit.measures.base import MeasureInput, MeasureOutput
from modelaudit.measures.predictions import PredictedClass, read_predicted_class

NAMED = {"free": 0, "scratch": 1, "dent": 2, 0: 0, 1: 1, 2: 2}
#: called free, scratch, dent, free (equal logits count for the lowest index)
LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 1.0, 2.0], [1.0, 1.0, 0.0]])
LABELS = torch.tensor([1, 1, 0, 0])


def read(measure: Measure, seen: MeasureInput) -> MeasureOutput:
    return registry.entry_of(measure.spec).function(measure.spec, seen)


def seen(logits: torch.Tensor = LOGITS, merged: list[int] | None = None) -> MeasureInput:
    return MeasureInput(
        logits, LABELS[: len(logits)], named=NAMED, merged=None if merged is None else torch.tensor(merged)
    )


@pytest.mark.parametrize(
    ("measure", "values"),
    [
        (predicted("free"), [1, 0, 0, 1]),
        (predicted("scratch", "dent"), [0, 1, 1, 0]),
        (predicted(2), [0, 0, 1, 0]),
        (miss_rate(good="free"), [1, 0, 0, 1]),
        (miss_rate(good=["free", "dent"]), [1, 0, 1, 1]),
        (false_alarm_rate(good="free"), [0, 1, 1, 0]),
    ],
)
def test_values_say_what_the_image_is_called(measure: Measure, values: list[float]) -> None:
    assert read(measure, seen()).values.tolist() == values


def test_outputs_that_mean_one_label_are_one_name_and_those_that_mean_none_are_never_good() -> None:
    merged = [0, 0, -1]  # the outputs free and scratch mean one label, dent none
    assert read(predicted("free"), seen(merged=merged)).values.tolist() == [1, 1, 0, 1]
    assert read(miss_rate(good="free"), seen(merged=merged)).values.tolist() == [1, 1, 0, 1]
    assert read(false_alarm_rate(good="free"), seen(merged=merged)).values.tolist() == [0, 0, 1, 0]


@pytest.mark.parametrize("measure", [predicted("free"), miss_rate(good="free"), false_alarm_rate(good="free")])
def test_without_finite_logits_nothing_is_called_anything(measure: Measure) -> None:
    broken = LOGITS.clone()
    broken[1, 2] = torch.nan
    assert read(measure, seen(broken)).undefined[Missing.NON_FINITE_LOGITS].tolist() == [False, True, False, False]


@given(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=1, max_size=8))
def test_every_image_is_called_by_one_class_and_good_or_not(rows: list[list[int]]) -> None:
    logits = torch.tensor(rows, dtype=torch.float32)
    inputs = MeasureInput(logits, torch.zeros(len(rows), dtype=torch.long), named=NAMED)
    shares = [read(predicted(name), inputs).values for name in ("free", "scratch", "dent")]
    assert (sum(shares) == 1).all()
    assert (read(miss_rate(good="free"), inputs).values + read(false_alarm_rate(good="free"), inputs).values == 1).all()
    classes = read_predicted_class(PredictedClass(), inputs).values
    assert [bool(shares[int(one)][at]) for at, one in enumerate(classes)] == [True] * len(rows)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("predicted(free)", "predicted(free)"),
        ("predicted(scratch, dent, scratch)", "predicted(dent, scratch)"),
        ("predicted('no defect', 3)", "predicted(3, 'no defect')"),
        ("miss_rate(good=free)", "miss_rate(good=free).where(~label(free))"),
        ("miss_rate(free)", "miss_rate(good=free).where(~label(free))"),
        ("miss_rate(good=[ok, free])", "miss_rate(good=[free, ok]).where(~(label(free) | label(ok)))"),
        ("miss_rate(good=[free])", "miss_rate(good=free).where(~label(free))"),
        ("false_alarm_rate(good=free)", "false_alarm_rate(good=free).where(label(free))"),
        (
            "false_alarm_rate(good=[ok, free]).where(correct)",
            "false_alarm_rate(good=[free, ok]).where((label(free) | label(ok)) & correct)",
        ),
    ],
)
def test_one_meaning_has_one_text(text: str, canonical: str) -> None:
    assert str(parse_expression(text)) == canonical
    assert parse_expression(canonical) == parse_expression(text)


def test_they_are_refined_and_compared_as_every_measure() -> None:
    missed = miss_rate(good="free")
    expectation = missed.under(lighting(3)).of("new").where(correct) - missed.of("old").where(correct) < 0.02
    assert parse(str(expectation)) == expectation
    assert [leaf.stratum for leaf in expectation.expression.measures()] == [~label("free") & correct] * 2


def test_the_long_form_names_the_good_labels() -> None:
    assert miss_rate(good="free").long_form() == "miss_rate@1(good=free).where(~label(free))"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("predicted()", "name a label"),
        ("miss_rate()", "the argument good is missing; it takes good"),
        ("miss_rate(good=[])", "name a label"),
        ("miss_rate(good=True)", "is not a label"),
        ("miss_rate(bad=free)", "unknown argument .bad.; it takes good"),
        ("false_alarm_rate(good=0.5)", "is not a label"),
    ],
)
def test_what_is_no_label_is_an_error_that_says_what_to_write(text: str, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        parse_expression(text)


def test_the_number_of_the_predicted_class_is_for_no_expectation() -> None:
    with pytest.raises(UnknownNameError, match="predicted_class"):
        parse("predicted_class > 1")
    assert "predicted_class" not in registry.names("measure")


def test_accuracy_of_two_labels_is_what_is_neither_missed_nor_a_false_alarm() -> None:
    """On good and bad images of two classes: right = not missed on the bad, no false alarm on the good."""
    inputs = MeasureInput(LOGITS[:, :2], LABELS, named={"free": 0, "scratch": 1})
    right = read(accuracy, inputs).values
    wrong = torch.where(
        LABELS == 0,
        read(false_alarm_rate(good="free"), inputs).values,
        read(miss_rate(good="free"), inputs).values,
    )
    assert (right + wrong == 1).all()
