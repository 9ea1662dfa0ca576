from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from language.expressions import contexts, expectations

from modelaudit.attribution import integrated_gradients
from modelaudit.contexts import lighting, swap_background
from modelaudit.language import (
    Expectation,
    ExpressionError,
    UnknownNameError,
    correct,
    object_area,
    parse,
    parse_context,
)
from modelaudit.language.errors import AuditError
from modelaudit.measures import accuracy, background_dependence, confidence


@given(expectations)
def test_canonical_text_parses_back_to_the_same_expectation(expectation: Expectation) -> None:
    assert parse(str(expectation)) == expectation


@given(expectations)
def test_canonical_text_of_what_was_parsed_is_the_same_text(expectation: Expectation) -> None:
    assert str(parse(str(expectation))) == str(expectation)


@given(expectations)
def test_equal_expectations_have_equal_fingerprints_and_long_forms(expectation: Expectation) -> None:
    again = parse(str(expectation))
    assert again.long_form() == expectation.long_form()
    assert again.fingerprint() == expectation.fingerprint()
    assert hash(again) == hash(expectation)


@given(contexts)
def test_contexts_parse_back(context: object) -> None:
    assert parse_context(str(context)) == context


def test_the_example_of_the_design_has_the_canonical_text_of_the_design() -> None:
    expectation = background_dependence("integrated_gradients").under(swap_background("other_class")) < 0.40
    assert str(expectation) == "background_dependence(integrated_gradients).under(swap_background(other_class)) < 0.4"


def test_composed_contexts_and_method_arguments_are_read() -> None:
    text = (
        "background_dependence(integrated_gradients(steps=32)).under(swap_background(other_class) | lighting(2)) < 0.4"
    )
    assert parse(text) == (
        background_dependence(integrated_gradients(steps=32)).under(swap_background("other_class") | lighting(2)) < 0.4
    )


def test_a_number_on_the_left_is_the_comparison_turned_round() -> None:
    assert parse("0.9 < accuracy") == (accuracy > 0.9)


def test_arithmetic_keeps_its_parentheses() -> None:
    for text in (
        "accuracy - (accuracy - confidence) < 0",
        "accuracy - accuracy - confidence < 0",
        "(accuracy + confidence) / accuracy > 1",
        "accuracy / (accuracy / confidence) > 1",
        "2 * (accuracy - 0.5) > 0.1",
    ):
        assert str(parse(text)) == text


def test_negation_is_a_product_with_minus_one() -> None:
    assert parse("-accuracy < 0") == (-accuracy < 0)
    assert str(-(accuracy + confidence) < 0) == "-1 * (accuracy + confidence) < 0"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("acuracy > 0.9", "did you mean 'accuracy'"),
        ("background_dependence(gradcamm) < 0.4", "did you mean 'gradcam'"),
        ("accuracy.under(swap_backgruond(random)) > 0.9", "did you mean 'swap_background'"),
        ("accuracy.under(swap_background(otherclass)) > 0.9", "did you mean 'other_class'"),
        ("accuracy.undr(lighting(2)) > 0.9", "did you mean 'under'"),
        ("accuracy.under(lighting(severty=2)) > 0.9", "did you mean 'severity'"),
        ("accuracy.where(corect) > 0.9", "correct"),
    ],
)
def test_wrong_names_suggest_the_nearest(text: str, hint: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert hint in str(caught.value)
    assert text in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "no comparison"),
        ("0.1 < accuracy < 0.4", "chained"),
        ("accuracy == 0.9", "only < <= > >="),
        ("accuracy ** 2 > 0.9", "know + - * /"),
        ("accuracy > confidence", "compares with a number"),
        ("accuracy > ", "column"),
        ("1 < 2", "measures nothing"),
        ("accuracy / 0 > 1", "divided by zero"),
        ("accuracy > 1e999", "finite"),
        ("accuracy.under(lighting(2)).under(gaussian_noise(1)) > 0", "compose them"),
        ("accuracy.of(a).of(b) > 0", "say .of once"),
        ("accuracy.under(lighting(9)) > 0", "1"),
        ("accuracy.where(object_area < 2) > 0", "from 0 to 1"),
        ("accuracy.of(*[1]) > 0", "argument"),
        ("accuracy.under(lighting(**{})) > 0", "write the arguments out"),
        ("background_dependence() < 0.4", "at least one method"),
        ("__import__('os').system('true') > 0", "unknown"),
        ("(lambda: 1)() > 0", "cannot read"),
        ("[accuracy][0] > 0", "cannot read"),
        ("accuracy.under(3) > 0", "context"),
    ],
)
def test_what_cannot_mean_anything_is_a_clear_error(text: str, message: str) -> None:
    with pytest.raises(AuditError) as caught:
        parse(text)
    assert message.lower() in str(caught.value).lower()


def test_nesting_beyond_the_interpreter_is_an_error_of_ours() -> None:
    with pytest.raises(ExpressionError, match="nested"):
        parse("(" * 5000 + "accuracy" + ")" * 5000 + " > 0")


@given(st.text(max_size=60))
def test_any_text_either_parses_or_is_an_error_of_ours(text: str) -> None:
    try:
        expectation = parse(text)
    except AuditError:
        return
    assert parse(str(expectation)) == expectation


def test_nothing_is_evaluated() -> None:
    for text in ("open('x', 'w') > 0", "accuracy.under(open('x')) > 0", "accuracy.where(exit()) > 0"):
        with pytest.raises(ExpressionError):
            parse(text)


def test_unknown_names_are_their_own_error() -> None:
    with pytest.raises(UnknownNameError):
        parse("nothing_like_it > 0")


def test_canonical_text_is_python_of_the_same_grammar() -> None:
    text = str(confidence.under(lighting(2)).of("a b").where(correct & (object_area < 0.1)) > 0.5)
    ast.parse(text, mode="eval")
    assert text == "confidence.under(lighting(2)).of('a b').where(correct & (object_area < 0.1)) > 0.5"
