"""The worst background: what one background says, and where the measure can be asked for."""

from __future__ import annotations

import pytest
import torch

from modelaudit.contexts import gaussian_noise, lighting, original, swap_background
from modelaudit.language import Audit, ExpressionError, Missing, parse
from modelaudit.language.parser import parse_expression
from modelaudit.language.strata import correct, label
from modelaudit.measures import accuracy, adversarial_background_rate
from modelaudit.measures.base import MeasureInput
from modelaudit.measures.behaviour import AdversarialBackgroundRate, read_adversarial_background

SPEC = AdversarialBackgroundRate()
#: right or wrong on the original, right or wrong on the background
RIGHT, WRONG, BROKEN = [2.0, 1.0], [1.0, 2.0], [torch.nan, 0.0]


def read(first: list[list[float]], second: list[list[float]], **more: object) -> tuple[list[float], list[bool]]:
    labels = torch.zeros(len(first), dtype=torch.long)
    seen = MeasureInput(torch.tensor(second), labels, torch.tensor(first), **more)  # type: ignore[arg-type]
    reading = read_adversarial_background(SPEC, seen)
    return reading.values.tolist(), reading.undefined[Missing.NON_FINITE_LOGITS].tolist()


def test_only_a_right_answer_can_be_flipped() -> None:
    values, broken = read([RIGHT, RIGHT, WRONG, WRONG], [RIGHT, WRONG, RIGHT, WRONG])
    assert values == [0, 1, 0, 0] and not any(broken)


def test_a_logit_that_is_not_finite_leaves_no_value() -> None:
    assert read([RIGHT, BROKEN], [BROKEN, WRONG])[1] == [True, True]


def test_another_output_of_the_same_label_is_no_flip() -> None:
    """Outputs 0 and 1 mean the label, output 2 means none."""
    merged = torch.tensor([0, 0, -1])
    first = [[3.0, 2.0, 1.0]] * 3
    second = [[3.0, 2.0, 1.0], [2.0, 3.0, 1.0], [1.0, 2.0, 3.0]]
    assert read(first, second, merged=merged)[0] == [0, 0, 1]


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
