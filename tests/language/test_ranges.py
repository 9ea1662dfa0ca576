"""Between which values a left side lies, and thresholds that it can never reach."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit import parse, parse_expression
from modelaudit.language.composite import Extreme
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Arithmetic, Expression, Number
from modelaudit.language.ranges import range_of, refuse_per_cent
from modelaudit.measures import accuracy, confidence, flip_rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("accuracy", (0, 1)),
        ("accuracy - accuracy.under(blur(2))", (-1, 1)),
        ("1 - accuracy", (0, 1)),
        ("accuracy * 100", (0, 100)),
        ("-accuracy", (-1, 0)),
        ("accuracy / confidence", (-math.inf, math.inf)),
        ("accuracy / (2 - accuracy)", (0, 1)),
        ("margin", (-math.inf, math.inf)),
        ("0 * margin", (0, 0)),
        ("worst_group_accuracy()", (0, 1)),
        ("relative_foreground_sensitivity(gaussian_noise(3, region=object), gaussian_noise(3))", (-1, 1)),
        ("accuracy.under(fade(each=[0, 0.5, 1])).area()", (0, 1)),
    ],
)
def test_ranges_are_those_of_interval_arithmetic(text: str, expected: tuple[float, float]) -> None:
    assert range_of(parse_expression(text)) == pytest.approx(expected)


def test_the_least_of_several_is_below_each_of_them() -> None:
    assert range_of(Extreme("minimum", (accuracy * 2, accuracy - 1))) == (-1, 0)


leaves = {accuracy: st.floats(0, 1), confidence: st.floats(0, 1), flip_rate: st.floats(0, 1)}
expressions = st.recursive(
    st.sampled_from(list(leaves)) | st.integers(-3, 3).map(float).map(Number),
    lambda parts: st.builds(Arithmetic, st.sampled_from(["+", "-", "*"]), parts, parts),
    max_leaves=6,
)


def value_of(expression: Expression, values: dict[Expression, float]) -> float:
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Arithmetic):
        left, right = value_of(expression.left, values), value_of(expression.right, values)
        return {"+": left + right, "-": left - right, "*": left * right}[expression.op]
    return values[expression]


@given(expressions, st.fixed_dictionaries(leaves))
def test_no_value_lies_outside_of_the_range(expression: Expression, values: dict[Expression, float]) -> None:
    low, high = range_of(expression)
    assert low - 1e-9 <= value_of(expression, values) <= high + 1e-9


@pytest.mark.parametrize(
    "text", ["accuracy >= 1", "accuracy > 0", "margin > 90", "accuracy * 100 > 90", "accuracy < 1"]
)
def test_a_threshold_within_the_range_is_kept(text: str) -> None:
    refuse_per_cent(parse(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy > 90", r"cannot hold for any model: accuracy lies between 0 and 1; did you mean 0\.90\?"),
        ("flip_rate.under(blur(2)) < 5", r"holds for any model: .* did you mean 0\.05\?"),
        ("accuracy - accuracy.under(blur(2)) > -2", r"holds for any model: .*between -1 and 1; did you mean -0\.02\?"),
        ("accuracy > 1.0001", "cannot hold for any model"),
        ("accuracy >= 9000", "between 0 and 1$"),
    ],
)
def test_a_threshold_outside_of_the_range_is_refused(text: str, said: str) -> None:
    with pytest.raises(ExpressionError, match=said):
        refuse_per_cent(parse(text))
