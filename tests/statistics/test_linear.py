"""The normal form of left sides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statistics_tables import named

from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Arithmetic, Measure, Number
from modelaudit.statistics.linear import normal_form

a, b, c = named("a"), named("b"), named("c")
MEANS = {"a": 0.37, "b": 0.81, "c": 0.55}

EXPRESSIONS = st.recursive(
    st.sampled_from([a, b, c]) | st.floats(-3, 3).filter(lambda x: abs(x) > 0.1).map(Number),
    lambda children: st.tuples(st.sampled_from("+-*/"), children, children).map(lambda parts: Arithmetic(*parts)),
    max_leaves=6,
)


def value(expression):
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Measure):
        return MEANS[expression.spec.name]
    left, right = value(expression.left), value(expression.right)
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / right if right else float("nan")}[
        expression.op
    ]


def linear_value(form):
    return form.constant + sum(k * MEANS[measure.spec.name] for measure, k in form.terms.items())


@settings(max_examples=40, deadline=None)
@given(EXPRESSIONS)
def test_the_normal_form_has_the_value_of_the_expression(expression):
    try:
        form, expected = normal_form(expression), value(expression)
    except (ExpressionError, ZeroDivisionError):
        return
    if form is None or expected != expected:
        return
    below = linear_value(form.denominator)
    if abs(below) > 1e-6:
        assert linear_value(form.numerator) / below == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_equal_measures_merge_and_cancel():
    form = normal_form(0.1 * a + 0.2 * a - 0.3 * a + 1)
    assert form.plain and not form.numerator.terms and form.numerator.constant == 1


@pytest.mark.parametrize(
    "expression", [1 - b / a, (a - b) / a, 2 * a / (b + c), 1 / a, a / b + c / b, (a / b) / (c / b)]
)
def test_a_shifted_or_scaled_ratio_is_a_ratio(expression):
    assert normal_form(expression) is not None and not normal_form(expression).plain


@pytest.mark.parametrize("expression", [a * b, a / b + b / c, a + b / c, (a / b) * c])
def test_what_is_no_ratio_of_linear_forms_has_no_normal_form(expression):
    assert normal_form(expression) is None


def test_dividing_by_measures_that_cancel_is_an_error():
    with pytest.raises(ExpressionError, match="cancel to 0"):
        normal_form(a / (b - b))
