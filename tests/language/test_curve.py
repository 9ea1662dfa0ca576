"""Curves over doses: what they expand to, their texts, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.contexts import blur, fade, gaussian_noise, lighting, swap_background
from modelaudit.language import Measure
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import (
    Arithmetic,
    Expression,
    Number,
    OfCurve,
    at_dose,
    doses_of,
    expanded,
    open_doses,
)
from modelaudit.language.parser import parse, parse_context, parse_expression
from modelaudit.measures import accuracy, background_dependence, confidence

NOISES = gaussian_noise(each=[1, 3, 5])
CURVE = accuracy.under(NOISES)


def value(expression: Expression, points: dict[str, float]) -> float:
    """The expression where every measure has the value of its text."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Measure):
        return points[str(expression)]
    assert isinstance(expression, Arithmetic)
    left, right = value(expression.left, points), value(expression.right, points)
    return {"+": left + right, "-": left - right, "*": left * right}[expression.op]


def points(*heights: float) -> dict[str, float]:
    return {f"accuracy.under(gaussian_noise({dose}))": y for dose, y in zip((1, 3, 5), heights, strict=True)}


def test_a_series_stands_for_one_context_a_dose() -> None:
    assert NOISES.doses == (1, 3, 5)
    assert [str(NOISES.at_dose(dose)) for dose in NOISES.doses] == [f"gaussian_noise({dose})" for dose in (1, 3, 5)]
    assert [str(one) for one in CURVE.measures()] == list(points(0, 0, 0))


@given(a=st.floats(-1, 1), b=st.floats(-1, 1))
def test_the_slope_and_the_mean_height_of_a_line_are_its_own(a: float, b: float) -> None:
    line = points(*(a + b * dose for dose in (1, 3, 5)))
    assert value(expanded(CURVE.slope()), line) == pytest.approx(b, abs=1e-12)
    assert value(expanded(CURVE.area()), line) == pytest.approx(a + 3 * b, abs=1e-12)


def test_area_weighs_uneven_doses_by_their_distance() -> None:
    curve = accuracy.under(gaussian_noise(each=[1, 2, 5]))
    heights = {f"accuracy.under(gaussian_noise({dose}))": y for dose, y in ((1, 1.0), (2, 0.5), (5, 0.1))}
    assert value(expanded(curve.area()), heights) == pytest.approx((0.75 * 1 + 0.3 * 3) / 4)


def test_a_difference_of_curves_has_a_slope_too_and_single_measures_stay() -> None:
    fall = (accuracy - CURVE).slope()
    heights = {**points(0.9, 0.7, 0.5), "accuracy": 1.0}
    assert value(expanded(fall), heights) == pytest.approx(0.1)
    assert str(fall) == "(accuracy - accuracy.under(gaussian_noise(each=[1, 3, 5]))).slope()"


@pytest.mark.parametrize(
    "text",
    [
        "accuracy.under(gaussian_noise(each=[1, 3, 5])) > 0.5",
        "accuracy.under(gaussian_noise(each=[1, 3, 5])).slope() > -0.1",
        "accuracy.under(swap_background(random) | lighting(each=[1, 2])).where(correct).area() >= 0.8",
        "(accuracy - accuracy.under(lighting(each=[1, 2])).of(new)).slope() < 0.1",
        "accuracy.under(lighting(each=[1, 5])).slope() - accuracy.of(old).under(lighting(each=[1, 3])).slope() < 0.1",
        "background_dependence(gradcam, saliency).under(gaussian_noise(each=[1, 5])).area() < 0.4",
    ],
)
def test_canonical_texts_of_curves_parse_back(text: str) -> None:
    found = parse(text)
    assert parse(str(found)) == found
    assert "@" in found.long_form() and ("slope" in text) == ("slope()" in found.long_form())


def test_doses_may_be_computed() -> None:
    assert fade(each=np.linspace(0, 1, 5)) == fade(each=[0, 0.25, 0.5, 0.75, 1])
    assert gaussian_noise(each=range(1, 4)) == gaussian_noise(each=[1, 2, 3])
    for context in (gaussian_noise(np.int64(3)), fade(np.float32(0.5)), fade(each=list(np.linspace(0, 1, 3)))):
        assert parse_context(str(context)) == context and "np." not in str(context)


def test_one_dose_of_a_composition_keeps_its_other_parts() -> None:
    context = swap_background("random") | gaussian_noise(each=[1, 2])
    assert context.doses == (1, 2) and str(context.at_dose(2)) == "swap_background(random) | gaussian_noise(2)"
    assert parse_context(str(context)) == context


def test_an_open_curve_has_doses_and_a_gated_one_has_none() -> None:
    assert open_doses(accuracy - CURVE) == (1, 3, 5)
    assert open_doses(CURVE.slope() + CURVE.area()) == ()
    assert doses_of(accuracy) == ()
    assert str(at_dose(accuracy - CURVE, 3)) == "accuracy - accuracy.under(gaussian_noise(3))"


def test_doses_that_are_whole_numbers_in_one_series_meet_the_same_ones_of_another() -> None:
    difference = accuracy.under(blur(each=[1, 3])) - accuracy.under(gaussian_noise(each=[1, 3]))
    assert str(at_dose(difference, 3.0)) == "accuracy.under(blur(3)) - accuracy.under(gaussian_noise(3))"
    assert [str(one) for one in expanded(difference.slope()).measures()] == [
        f"accuracy.under({name}({dose}))" for dose in (1, 3) for name in ("blur", "gaussian_noise")
    ]


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: accuracy.slope(), "is not a curve"),
        (lambda: CURVE.slope().slope(), "one number already"),
        (lambda: accuracy.under(lighting(each=[1, 2])) - CURVE > 0, "different doses"),
        (lambda: gaussian_noise(each=[1, 2]) | lighting(each=[1, 2]), "2 series"),
        (lambda: gaussian_noise(), "the argument severity is missing"),
        (lambda: gaussian_noise(2, each=[1, 2]), "not both"),
        (lambda: gaussian_noise([1, 2]), r"severity=\[1, 2\]; write several doses as each="),
        (lambda: gaussian_noise(each=[1]), "at least two"),
        (lambda: gaussian_noise(each=[2, 1]), "that rise"),
        (lambda: gaussian_noise(each=3), "give a list"),
        (lambda: gaussian_noise(each=[1, 7]), "1 to 5"),
        (lambda: CURVE.under(lighting(1)), "under a context already"),
        (lambda: parse_expression("accuracy.under(lighting(each=[1, 2])).slope(2)"), "takes no argument"),
        (lambda: parse_expression("accuracy.slop()"), "slope"),
    ],
)
def test_what_is_no_curve_says_so(build: object, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        build()  # type: ignore[operator]


def test_refining_a_gated_curve_refines_the_curve() -> None:
    gated = background_dependence("gradcam").under(NOISES).slope()
    assert isinstance(gated, OfCurve)
    curve = "background_dependence(gradcam).under(gaussian_noise(each=[1, 3, 5]))"
    assert str(gated.of("new")) == f"{curve}.of(new).slope()"
    assert confidence.under(NOISES).slope() != gated
