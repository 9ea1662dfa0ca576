"""Measures of answers, on one background or the worst of several."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.contexts import gaussian_noise, lighting, original, swap_background
from modelaudit.language import Audit, registry
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Measure
from modelaudit.language.parser import parse, parse_expression
from modelaudit.language.reasons import Missing
from modelaudit.language.strata import correct, label
from modelaudit.measures import accuracy, adversarial_background_rate, confidence, flip_rate, margin, top_k_accuracy
from modelaudit.measures.base import MeasureInput, MeasureOutput
from modelaudit.measures.behaviour import AdversarialBackgroundRate, read_adversarial_background

LOGITS = torch.tensor([[2.0, 1.0, 0.0], [0.0, 0.0, 3.0], [1.0, 1.0, 0.0]])


def read(measure: Measure, seen: MeasureInput) -> MeasureOutput:
    return registry.entry_of(measure.spec).function(measure.spec, seen)


def test_accuracy_is_one_where_the_largest_logit_is_the_labels() -> None:
    reading = read(accuracy, MeasureInput(LOGITS, torch.tensor([0, 1, 1])))
    assert reading.values.tolist() == [1.0, 0.0, 0.0]
    assert reading.values.dtype == torch.float64


def test_equal_logits_count_for_the_lowest_index() -> None:
    assert read(accuracy, MeasureInput(torch.zeros(1, 50), torch.tensor([0]))).values.tolist() == [1.0]


def test_confidence_is_the_softmax_probability_of_the_label() -> None:
    reading = read(confidence, MeasureInput(LOGITS, torch.tensor([1, 2, 2])))
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
    values = read(confidence, MeasureInput(rows, labels)).values
    assert float(values.sum()) == pytest.approx(1.0)
    assert torch.allclose(values, read(confidence, MeasureInput(rows + shift, labels)).values, atol=1e-9)


def test_flip_rate_compares_predictions_and_not_labels() -> None:
    original = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 9.0], [5.0, 1.0, 0.0]])
    reading = read(flip_rate, MeasureInput(LOGITS, torch.tensor([1, 1, 1]), original_logits=original))
    assert reading.values.tolist() == [1.0, 0.0, 0.0]


def test_flip_rate_without_original_logits_is_an_error() -> None:
    with pytest.raises(ValueError, match="original"):
        read(flip_rate, MeasureInput(LOGITS, torch.tensor([0, 0, 0])))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("measure", [accuracy, confidence, flip_rate])
def test_a_logit_that_is_not_finite_leaves_no_number(measure: Measure, bad: float) -> None:
    logits = LOGITS.clone()
    logits[1, 0] = bad
    reading = read(measure, MeasureInput(logits, torch.tensor([0, 2, 0]), original_logits=LOGITS))
    assert reading.undefined[Missing.NON_FINITE_LOGITS].tolist() == [False, True, False]
    assert reading.values.isnan().tolist() == [False, True, False]


def test_broken_logits_on_the_original_leave_no_flip() -> None:
    original = LOGITS.clone()
    original[0, 0] = math.nan
    reading = read(flip_rate, MeasureInput(LOGITS, torch.tensor([0, 2, 0]), original_logits=original))
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


class TestManyOutputsOneLabel:
    """Outputs 0 and 1 mean the label of class 0, output 2 that of class 2, 3 and 4 none."""

    merged = torch.tensor([0, 0, 2, -1, -1])

    def seen(
        self, logits: list[list[float]], labels: list[int], original: list[list[float]] | None = None
    ) -> MeasureInput:
        before = None if original is None else torch.tensor(original)
        return MeasureInput(torch.tensor(logits), torch.tensor(labels), before, merged=self.merged)

    def test_any_of_the_labels_outputs_is_right_and_none_of_these_is_wrong(self) -> None:
        rows = [[0.0, 9, 1, 1, 1], [9.0, 0, 1, 1, 1], [0.0, 0, 9, 1, 1], [0.0, 0, 1, 9, 1], [0.0, 0, 1, 1, 9]]
        assert read(accuracy, self.seen(rows, [0] * 5)).values.tolist() == [1, 1, 0, 0, 0]
        assert read(accuracy, self.seen(rows, [2] * 5)).values.tolist() == [0, 0, 1, 0, 0]

    def test_the_confidence_is_the_sum_over_the_labels_outputs(self) -> None:
        logits = [[1.0, 2.0, 3.0, 4.0, 5.0]]
        share = torch.tensor(logits).double().softmax(1)[0]
        found = read(confidence, self.seen(logits, [0])).values
        assert float(found) == pytest.approx(float(share[0] + share[1]))

    def test_another_output_of_the_same_label_is_no_flip_and_neither_is_another_of_none(self) -> None:
        one = [[9.0, 0, 0, 0, 0], [0.0, 0, 0, 9, 0], [0.0, 9, 0, 0, 0], [0.0, 0, 9, 0, 0]]
        two = [[0.0, 9, 0, 0, 0], [0.0, 0, 0, 0, 9], [0.0, 0, 9, 0, 0], [0.0, 0, 0, 9, 0]]
        assert read(flip_rate, self.seen(two, [0] * 4, one)).values.tolist() == [0, 0, 1, 1]


def ranked(logits: list[float], label: int, meanings: list[int]) -> int:
    """The place of a label among the distinct meanings, strongest first, the lowest output first among equal ones."""
    order = sorted(range(len(logits)), key=lambda output: (-logits[output], output))
    return list(dict.fromkeys(meanings[output] for output in order)).index(label)


@given(
    st.lists(st.tuples(st.sampled_from([-2.0, 0.0, 0.5, 3.0]), st.integers(-1, 3)), min_size=2, max_size=9),
    st.integers(1, 5),
)
def test_top_k_counts_distinct_meanings(outputs: list[tuple[float, int]], k: int) -> None:
    """By hand over random label maps with many ties; a class is the lowest output that means it."""
    logits = [logit for logit, _ in outputs]
    lowest = {kind: next(at for at, (_, other) in enumerate(outputs) if other == kind) for _, kind in outputs}
    meanings = [-1 if kind < 0 else lowest[kind] for _, kind in outputs]
    for own in {meaning for meaning in meanings if meaning >= 0}:
        seen = MeasureInput(torch.tensor([logits]), torch.tensor([own]), merged=torch.tensor(meanings))
        assert read(top_k_accuracy(k), seen).values.tolist() == [float(ranked(logits, own, meanings) < k)]
        if k == 1:
            assert read(accuracy, seen).values.tolist() == [float(ranked(logits, own, meanings) < 1)]


def test_top_k_without_label_map_is_the_usual_one_and_top_1_is_accuracy() -> None:
    logits = torch.randn(200, 10, generator=torch.Generator().manual_seed(0))
    seen = MeasureInput(logits, torch.arange(200) % 10)
    usual = (logits.topk(3).indices == seen.labels[:, None]).any(dim=1)
    assert read(top_k_accuracy(3), seen).values.tolist() == usual.double().tolist()
    assert read(top_k_accuracy(1), seen).values.tolist() == read(accuracy, seen).values.tolist()
    assert read(top_k_accuracy(10), seen).values.tolist() == [1.0] * 200


def test_the_margin_is_to_the_strongest_output_that_means_something_else() -> None:
    labels = torch.tensor([0, 0, 1])
    assert read(margin, MeasureInput(LOGITS, labels)).values.tolist() == [1.0, -3.0, 0.0]
    # outputs 0 and 1 mean one label, 2 means none: a runner-up that means the same is none
    merged = torch.tensor([0, 0, -1])
    assert read(margin, MeasureInput(LOGITS, torch.tensor([0, 0, 0]), merged=merged)).values.tolist() == [
        2.0,
        -3.0,
        1.0,
    ]
    with pytest.raises(ValueError, match="every output"):
        read(margin, MeasureInput(LOGITS, torch.tensor([0, 0, 0]), merged=torch.tensor([0, 0, 0])))


def test_broken_logits_have_no_rank_and_no_margin() -> None:
    broken = torch.tensor([[1.0, math.nan, 0.0], [1.0, 0.0, math.inf], [2.0, 1.0, 0.0]])
    for measure in (margin, top_k_accuracy(2)):
        reading = read(measure, MeasureInput(broken, torch.tensor([0, 0, 0])))
        assert reading.undefined[Missing.NON_FINITE_LOGITS].tolist() == [True, True, False]


def test_k_is_a_whole_number_and_stands_in_the_text() -> None:
    assert str(top_k_accuracy(5)) == "top_k_accuracy(5)"
    assert parse("top_k_accuracy(5) > 0.9").expression == top_k_accuracy(5)
    for k in (0, -1, 1.5, True, "5"):
        with pytest.raises(ExpressionError, match="integer from 1"):
            top_k_accuracy(k)  # type: ignore[arg-type]


SPEC = AdversarialBackgroundRate()
#: right or wrong on the original, right or wrong on the background
RIGHT, WRONG, BROKEN = [2.0, 1.0], [1.0, 2.0], [torch.nan, 0.0]


def flipped(first: list[list[float]], second: list[list[float]], **more: object) -> tuple[list[float], list[bool]]:
    labels = torch.zeros(len(first), dtype=torch.long)
    seen = MeasureInput(torch.tensor(second), labels, torch.tensor(first), **more)  # type: ignore[arg-type]
    reading = read_adversarial_background(SPEC, seen)
    return reading.values.tolist(), reading.undefined[Missing.NON_FINITE_LOGITS].tolist()


def test_only_a_right_answer_can_be_flipped() -> None:
    values, broken = flipped([RIGHT, RIGHT, WRONG, WRONG], [RIGHT, WRONG, RIGHT, WRONG])
    assert values == [0, 1, 0, 0] and not any(broken)


def test_a_logit_that_is_not_finite_leaves_no_value() -> None:
    assert flipped([RIGHT, BROKEN], [BROKEN, WRONG])[1] == [True, True]


def test_another_output_of_the_same_label_is_no_flip() -> None:
    """Outputs 0 and 1 mean the label, output 2 means none."""
    merged = torch.tensor([0, 0, -1])
    first = [[3.0, 2.0, 1.0]] * 3
    second = [[3.0, 2.0, 1.0], [2.0, 3.0, 1.0], [1.0, 2.0, 3.0]]
    assert flipped(first, second, merged=merged)[0] == [0, 0, 1]


def test_without_original_logits_it_says_so() -> None:
    with pytest.raises(ValueError, match="original_logits is missing"):
        read_adversarial_background(SPEC, MeasureInput(torch.zeros(1, 2), torch.zeros(1, dtype=torch.long)))


@pytest.mark.parametrize(
    "text",
    [
        "adversarial_background_rate.under(swap_background(other_class)).where(correct) < 0.5",
        "adversarial_background_rate(backgrounds=20).under(swap_background('pool:a b')).where(correct) < 0.5",
    ],
)
def test_texts_come_back_and_say_which_images_it_is_defined_over(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(text.replace(".where(correct)", "")) == parse(text)


def test_a_further_stratum_is_one_of_the_right_ones() -> None:
    bolts = adversarial_background_rate().under(swap_background("random")).where(label("bolt"))
    assert str(bolts).endswith(".where(correct & label(bolt))")
    assert bolts.where(correct) == bolts


def test_the_default_is_all_backgrounds() -> None:
    assert adversarial_background_rate() == parse_expression("adversarial_background_rate(backgrounds=None)")


@pytest.mark.parametrize("backgrounds", [0, -1, 1.5, True, "all"])
def test_the_number_of_backgrounds_is_a_whole_number(backgrounds: object) -> None:
    with pytest.raises(ExpressionError, match="adversarial_background_rate: backgrounds must be"):
        adversarial_background_rate(backgrounds)  # type: ignore[arg-type]


@pytest.mark.parametrize("context", [lighting(3), gaussian_noise(1) | lighting(1), original()])
def test_a_context_that_borrows_no_background_is_refused_when_it_is_stated(context: object) -> None:
    with pytest.raises(ExpressionError, match=r"tries the backgrounds of several images.*swap_background"):
        Audit("m", "d").expect(adversarial_background_rate(3).under(context) < 0.5)  # type: ignore[arg-type]


def test_without_a_context_it_is_refused_too() -> None:
    with pytest.raises(ExpressionError, match=r"add \.under\(context\)"):
        Audit("m", "d").expect(adversarial_background_rate() < 0.5)


def test_a_composition_with_a_swap_may_be_asked_and_may_stand_in_arithmetic() -> None:
    measure = adversarial_background_rate(3).under(swap_background("random") | lighting(2))
    case = Audit("m", "d").expect(measure - (1 - accuracy) < 0.5)
    assert "adversarial_background_rate(backgrounds=3)" in str(case.expectation)


def test_of_a_multilabel_model_every_row_asks_for_its_own_label() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5], [2.0, -1.0, 0.5], [0.5, 3.0, -2.0]])
    labels = torch.tensor([0, 1, 0])
    seen = MeasureInput(logits, labels, original_logits=-logits, threshold=0.5)
    assert read(accuracy, seen).values.tolist() == [1.0, 0.0, 1.0]  # a logit at the threshold has found its label
    assert read(margin, seen).values.tolist() == [1.5, -1.5, 0.0]
    assert torch.allclose(read(confidence, seen).values, torch.tensor([2.0, -1.0, 0.5]).double().sigmoid())
    assert read(flip_rate, seen).values.tolist() == [1.0, 1.0, 1.0]
    assert seen.classes_of(logits).tolist() == [0, -1, 0]
    assert seen.predicts(logits, [2]).tolist() == [True, True, False]
    assert seen.predicts(logits, [1, 2]).tolist() == [True, True, True]
    # of several outputs that mean a label the strongest counts
    merged = MeasureInput(logits, torch.tensor([0, 2, 0]), merged=torch.tensor([0, 0, 2]), threshold=0.5)
    assert read(margin, merged).values.tolist() == [1.5, 0.0, 2.5]
    assert merged.predicts(logits, [0]).tolist() == [True, True, True]
