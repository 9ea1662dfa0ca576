"""Strata: their algebra, its normal form, and the texts that say it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from language.expressions import strata

from modelaudit.language import ExpressionError, column, correct, group, label, misclassified, object_area
from modelaudit.language.parser import parse_expression, parse_stratum
from modelaudit.language.strata import Stratum, strata_of
from modelaudit.measures import accuracy

SMALL = object_area < 0.1


@given(strata)
def test_a_stratum_is_what_its_text_says(stratum: Stratum) -> None:
    assert parse_stratum(str(stratum)) == stratum


@given(strata)
def test_the_opposite_of_the_opposite_is_the_stratum(stratum: Stratum) -> None:
    assert ~~stratum == stratum
    assert set(strata_of(~~stratum)) == set(strata_of(stratum))


@given(strata)
def test_saying_a_stratum_twice_says_it_once(stratum: Stratum) -> None:
    assert (stratum & stratum, stratum | stratum) == (stratum, stratum)


@pytest.mark.parametrize(
    ("stratum", "text"),
    [
        (~label("free"), "~label(free)"),
        (~(label("a") | label("b")), "~(label(a) | label(b))"),
        (label("a") | (label("b") & correct), "label(a) | label(b) & correct"),
        ((label("a") | label("b")) & correct, "(label(a) | label(b)) & correct"),
        (label("a") | label("b") | label("a"), "label(a) | label(b)"),
        (correct | SMALL, "correct | (object_area < 0.1)"),
        (~correct, "misclassified"),
        (~misclassified, "correct"),
        (~SMALL, "object_area >= 0.1"),
        (~(object_area >= 0.1), "object_area < 0.1"),
        (~(column("exposure") <= 3), "column(exposure) > 3"),
        (column("camera") != "cam3", "~column(camera, cam3)"),
        (~(column("camera") != "cam3"), "column(camera, cam3)"),
        (~group("line b") & correct, "~group('line b') & correct"),
    ],
)
def test_canonical_texts_have_the_fewest_brackets(stratum: Stratum, text: str) -> None:
    assert str(stratum) == text
    assert parse_stratum(text) == stratum


@pytest.mark.parametrize(
    ("text", "stratum"),
    [
        ("not label(free)", ~label("free")),
        ("not label(free) and correct", ~label("free") & correct),
        ("not (label(a) or label(b))", ~(label("a") | label("b"))),
        ("label(a) or label(b) and correct", label("a") | (label("b") & correct)),
        ("object_area < 0.1 or correct", SMALL | correct),
        ("not object_area < 0.1", object_area >= 0.1),
        ("column(camera) != cam3", ~(column("camera") == "cam3")),
        ("not column(camera) != cam3", column("camera") == "cam3"),
        ("~~correct", correct),
    ],
)
def test_words_are_read_as_the_signs(text: str, stratum: Stratum) -> None:
    assert parse_stratum(text) == stratum


def test_words_stand_in_expressions_too() -> None:
    read = parse_expression("accuracy.where(label(a) or label(b)).where(not correct)")
    assert str(read) == "accuracy.where((label(a) | label(b)) & misclassified)"


def test_long_forms_of_strata_joined_by_and_are_as_they_were() -> None:
    said = accuracy.where(label("cat") & correct & SMALL)
    assert said.long_form() == "accuracy@1().where(label(cat) & correct & (object_area < 0.1))"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: not correct,
        lambda: correct and label("a"),
        lambda: correct or label("a"),
        lambda: 0.1 < object_area < 0.4,
    ],
)
def test_python_cannot_ask_whether_a_stratum_is_true(wrong: Callable[[], object]) -> None:
    with pytest.raises(ExpressionError, match=r"write & for and, \| for or, ~ for not"):
        wrong()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ~object_area,
        lambda: object_area & correct,
        lambda: correct | object_area,
        lambda: ~column("camera"),
        lambda: column("camera") | correct,
    ],
)
def test_quantities_are_compared_before_they_are_joined(wrong: Callable[[], object]) -> None:
    with pytest.raises(ExpressionError, match=r"compare|not a stratum"):
        wrong()


@pytest.mark.parametrize("text", ["correct & object_area < 0.1", "~object_area < 0.1", "correct + label(a)", "~1"])
def test_what_is_no_stratum_says_how_strata_are_joined(text: str) -> None:
    with pytest.raises(ExpressionError, match="brackets around comparisons"):
        parse_stratum(text)
