from __future__ import annotations

import math

import numpy as np
import pytest

from modelaudit.contexts import gaussian_noise, lighting, mirror, paste_back, swap_background
from modelaudit.language import Expectation, ExpressionError, correct, label, misclassified, object_area
from modelaudit.language.expression import Arithmetic, Measure
from modelaudit.measures import accuracy, background_dependence, confidence


def test_refining_an_expression_refines_every_measure_in_it() -> None:
    refined = (accuracy - confidence).of("a").under(lighting(2)).where(correct)
    for measure in refined.measures():
        assert (measure.model, measure.context, measure.stratum) == ("a", lighting(2), correct)


def test_numbers_stay_as_they_are_when_refined() -> None:
    assert str((1 - accuracy).under(lighting(2)) < 0.1) == "1 - accuracy.under(lighting(2)) < 0.1"


def test_a_second_context_is_an_error_that_shows_the_composition() -> None:
    with pytest.raises(ExpressionError, match=r"lighting\(2\) \| gaussian_noise\(1\)"):
        accuracy.under(lighting(2)).under(gaussian_noise(1))


def test_strata_said_twice_are_joined() -> None:
    assert accuracy.where(correct).where(label("cat")) == accuracy.where(correct & label("cat"))


def test_a_context_may_be_given_by_its_class_or_its_name() -> None:
    assert accuracy.under(paste_back) == accuracy.under(paste_back()) == accuracy.under("paste_back")
    assert accuracy.under(paste_back | lighting(2)) == accuracy.under(paste_back() | lighting(2))


def test_two_contexts_by_their_bare_names_are_an_error_that_says_how_to_write_them() -> None:
    # Python makes a type of two classes; of one and the same class it makes that class
    with pytest.raises(ExpressionError, match=r"write mirror\(\) \| paste_back\(\)"):
        accuracy.under(mirror | paste_back)  # type: ignore[arg-type]


def test_numbers_of_numpy_are_numbers() -> None:
    assert (accuracy > np.float32(0.25)) == (accuracy > 0.25) and (accuracy > np.int64(0)) == (accuracy > 0)
    assert str(accuracy * np.float32(0.5) > 0) == "accuracy * 0.5 > 0"


def test_an_expectation_has_no_truth_value() -> None:
    with pytest.raises(ExpressionError, match="no truth value"):
        bool(accuracy > 0.9)


def test_chaining_is_an_error() -> None:
    with pytest.raises(ExpressionError, match=r"two expectations|no truth value"):
        0.1 < accuracy < 0.4  # noqa: B015


def test_an_expression_has_no_truth_value() -> None:
    with pytest.raises(ExpressionError, match="compare it with a number"):
        bool(accuracy - confidence)


def test_a_stratum_is_no_expectation_and_has_no_truth_value() -> None:
    assert not isinstance(object_area < 0.1, Expectation)
    with pytest.raises(ExpressionError, match="write & for and"):
        0.1 < object_area < 0.4  # noqa: B015


@pytest.mark.parametrize("threshold", [math.nan, math.inf, -math.inf])
def test_thresholds_are_finite(threshold: float) -> None:
    with pytest.raises(ExpressionError, match="finite"):
        accuracy > threshold  # noqa: B015


@pytest.mark.parametrize("threshold", ["0.9", None, True, [0.9]])
def test_thresholds_are_numbers(threshold: object) -> None:
    with pytest.raises(ExpressionError, match="not a number"):
        accuracy > threshold  # type: ignore[operator] # noqa: B015


def test_comparing_two_measures_shows_the_difference_to_write() -> None:
    with pytest.raises(ExpressionError, match=r"accuracy - \(confidence\) > 0"):
        accuracy > confidence  # type: ignore[operator] # noqa: B015


def test_division_by_a_zero_constant_is_an_error() -> None:
    with pytest.raises(ExpressionError, match="divided by zero"):
        accuracy / 0


def test_foreign_operands_are_errors() -> None:
    with pytest.raises(ExpressionError, match="cannot stand in an expression"):
        accuracy + "1"  # type: ignore[operator]


def test_long_form_states_defaults_and_versions() -> None:
    text = (background_dependence("integrated_gradients").under(swap_background("other_class")) < 0.4).long_form()
    assert text == (
        "background_dependence@1(methods=[integrated_gradients@3(steps=auto, baseline=black, tolerance=0.05)], "
        "target=prediction)"
        ".under(swap_background@2(donors=other_class, feather=1, fill=inpaint, rank=0, max_donor_object=0.8)) < 0.4"
    )


def test_a_default_said_aloud_changes_neither_text_nor_fingerprint() -> None:
    plain = accuracy.under(swap_background("random")) > 0.5
    spoken = accuracy.under(swap_background("random", feather=1.0, fill="inpaint")) > 0.5
    assert str(plain) == str(spoken)
    assert plain.fingerprint() == spoken.fingerprint()


def test_holds_follows_the_comparison() -> None:
    assert (accuracy < 0.5).holds(0.4) and not (accuracy < 0.5).holds(0.5) and (accuracy <= 0.5).holds(0.5)
    assert (accuracy > 0.5).holds(0.6) and not (accuracy > 0.5).holds(0.5) and (accuracy >= 0.5).holds(0.5)


def test_misclassified_is_not_correct() -> None:
    assert accuracy.where(misclassified) != accuracy.where(correct)


def test_operators_build_the_tree_they_say() -> None:
    tree = 1 - accuracy / 2
    assert isinstance(tree, Arithmetic) and tree.op == "-"
    assert isinstance(tree.right, Arithmetic) and tree.right.op == "/"
    assert [type(leaf) for leaf in tree.measures()] == [Measure]
