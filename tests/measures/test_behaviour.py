"""Accuracy, confidence and flip rate: right numbers, and no number from broken logits."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.language import registry
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse
from modelaudit.language.reasons import Missing
from modelaudit.measures import accuracy, confidence, flip_rate
from modelaudit.measures.base import Reading, Seen

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 0.0]])


def read(measure: Measure, seen: Seen) -> Reading:
    return registry.entry_of(measure.spec).function(measure.spec, seen)


def test_accuracy_is_one_where_the_largest_logit_is_the_labels() -> None:
    reading = read(accuracy, Seen(LOGITS, torch.tensor([0, 1, 1])))
    assert reading.values.tolist() == [1.0, 0.0, 0.0]
    assert reading.values.dtype == torch.float64


def test_equal_logits_count_for_the_lowest_index() -> None:
    assert read(accuracy, Seen(torch.zeros(1, 50), torch.tensor([0]))).values.tolist() == [1.0]


def test_confidence_is_the_softmax_probability_of_the_label() -> None:
    reading = read(confidence, Seen(LOGITS, torch.tensor([1, 2, 2])))
    expected = [
        math.exp(1) / (math.exp(2) + math.exp(1) + 1),
        math.exp(3) / (math.exp(3) + 2),
        1 / (2 * math.exp(1) + 1),
    ]
    assert reading.values.tolist() == pytest.approx(expected, abs=1e-15)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=6), st.floats(-1e3, 1e3, width=32))
def test_confidences_of_all_classes_sum_to_one_and_ignore_a_shift(logits: list[float], shift: float) -> None:
    rows = torch.tensor([logits]).double().expand(len(logits), -1)
    labels = torch.arange(len(logits))
    values = read(confidence, Seen(rows, labels)).values
    assert float(values.sum()) == pytest.approx(1.0)
    assert torch.allclose(values, read(confidence, Seen(rows + shift, labels)).values, atol=1e-9)


def test_flip_rate_compares_predictions_and_not_labels() -> None:
    original = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 9.0], [5.0, 1.0, 0.0]])
    reading = read(flip_rate, Seen(LOGITS, torch.tensor([1, 1, 1]), original_logits=original))
    assert reading.values.tolist() == [1.0, 0.0, 0.0]


def test_flip_rate_without_original_logits_is_an_error() -> None:
    with pytest.raises(ValueError, match="original"):
        read(flip_rate, Seen(LOGITS, torch.tensor([0, 0, 0])))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("measure", [accuracy, confidence, flip_rate])
def test_a_logit_that_is_not_finite_leaves_no_number(measure: Measure, bad: float) -> None:
    logits = LOGITS.clone()
    logits[1, 0] = bad
    reading = read(measure, Seen(logits, torch.tensor([0, 2, 0]), original_logits=LOGITS))
    assert reading.undefined[Missing.NON_FINITE_LOGITS].tolist() == [False, True, False]
    assert reading.values.isnan().tolist() == [False, True, False]


def test_broken_logits_on_the_original_leave_no_flip() -> None:
    original = LOGITS.clone()
    original[0, 0] = math.nan
    reading = read(flip_rate, Seen(LOGITS, torch.tensor([0, 2, 0]), original_logits=original))
    assert reading.undefined[Missing.NON_FINITE_LOGITS].tolist() == [True, False, False]


def test_flip_rate_declares_that_it_needs_a_context_and_the_original() -> None:
    declares = registry.find("measure", "flip_rate").declares
    assert declares.needs_context and declares.needs_original


@pytest.mark.parametrize("text", ["accuracy > 0.9", "confidence > 0.5", "accuracy - confidence < 0.1"])
def test_behaviour_measures_have_canonical_texts(text: str) -> None:
    assert str(parse(text)) == text


def test_behaviour_measures_take_no_arguments() -> None:
    with pytest.raises(ExpressionError, match="accuracy"):
        parse("accuracy(gradcam) > 0.9")
