"""Composites: their texts, their refinements, and the algebra that they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from language.expressions import names, single_contexts, strata

from modelaudit.contexts import fade, gaussian_noise, original, snow, swap_background
from modelaudit.language import Audit, Measure, correct, label, parse, parse_expression
from modelaudit.language.composite import Composite, Extreme
from modelaudit.language.errors import ExpressionError
from modelaudit.language.expression import Arithmetic, Expression, Number, expanded, open_doses
from modelaudit.language.strata import Stratum
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.measures import (
    accuracy,
    mean_corruption_error,
    relative_foreground_sensitivity,
    worst_group_accuracy,
)
from modelaudit.measures.composites import ALEXNET_ERRORS

ON_OBJECT, BEHIND = gaussian_noise(3, region="object"), gaussian_noise(3)
RFS = relative_foreground_sensitivity(ON_OBJECT, BEHIND)


def value(expression: Expression, of: Any) -> float:
    """An expanded expression where every measure has the value ``of(measure)``; NaN where nothing is to be said."""
    if isinstance(expression, Number):
        return expression.value
    if isinstance(expression, Measure):
        return float(of(expression))
    if isinstance(expression, Extreme):
        parts = [value(part, of) for part in expression.parts]
        if expression.kind == "minimum":
            return min(parts)
        return max((part for part in parts if part == part), key=abs)
    assert isinstance(expression, Arithmetic)
    left, right = value(expression.left, of), value(expression.right, of)
    if expression.op == "/":
        return left / right if right else float("nan")
    return {"+": left + right, "-": left - right, "*": left * right}[expression.op]


@st.composite
def composites(draw: st.DrawFn) -> Expression:
    kind = draw(st.sampled_from(["sensitivity", "worst", "corruption"]))
    if kind == "sensitivity":
        both = draw(st.lists(single_contexts, min_size=2, max_size=2, unique=True))
        found: Expression = relative_foreground_sensitivity(*both)
    elif kind == "worst":
        some = draw(st.lists(single_contexts, max_size=3, unique=True))
        found = worst_group_accuracy(*some, by=draw(st.sampled_from(["label", "group"]) | names))
    else:
        chosen: Any = draw(st.lists(st.sampled_from(list(ALEXNET_ERRORS)), min_size=1, max_size=4, unique=True))
        baseline = draw(st.none() | names)
        severities: Any = (1, 2, 3, 4, 5)
        if baseline is not None:
            severities = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5, unique=True))
        region = draw(st.sampled_from(["whole", "background", "object"]))
        found = mean_corruption_error(chosen, severities, region, baseline=baseline)
    if draw(st.booleans()):
        found = found.of(draw(names))
    if draw(st.booleans()):
        found = found.where(draw(strata))
    return found


@given(composites(), st.sampled_from(["+", "-", "*", "/"]), st.booleans())
def test_every_composite_comes_back_from_its_text(left: Expression, op: Any, alone: bool) -> None:
    expectation = (left if alone else Arithmetic(op, accuracy, left)) > 0.5
    assert parse(str(expectation)) == expectation
    assert parse_expression(str(left)) == left


@pytest.mark.parametrize(
    ("left", "text"),
    [
        (mean_corruption_error(), "mean_corruption_error()"),
        (worst_group_accuracy(), "worst_group_accuracy()"),
        (worst_group_accuracy().under("fade(0.5)"), "worst_group_accuracy(fade(0.5))"),
        (
            worst_group_accuracy("original", swap_background("random") | BEHIND, by="line no").of("new").where(correct),
            "worst_group_accuracy(original, swap_background(random) | gaussian_noise(3), by='line no').of(new)"
            ".where(correct)",
        ),
        (RFS.of("b"), "relative_foreground_sensitivity(gaussian_noise(3, region=object), gaussian_noise(3)).of(b)"),
        (
            mean_corruption_error(["snow", "gaussian_noise"], [5, 1], baseline="old"),
            "mean_corruption_error(corruptions=[gaussian_noise, snow], severities=[1, 5], baseline=old)",
        ),
    ],
)
def test_the_canonical_text_leaves_out_what_is_usual(left: Expression, text: str) -> None:
    assert str(left) == text and parse_expression(text) == left


def test_the_long_form_states_every_argument_and_the_versions_of_what_is_measured() -> None:
    long = (mean_corruption_error(["snow"]).where(correct) < 1).long_form()
    assert long.startswith("mean_corruption_error@1(corruptions=[snow], severities=[1, 2, 3, 4, 5], region=whole, ")
    assert "baseline=None) of [accuracy@1().under(snow@1(severity=None, region=whole, each=[1, 2, 3, 4, 5]))]" in long
    assert ".where(correct) < 1" in long
    assert "swap_background@2(" in (worst_group_accuracy(swap_background("random")) > 0.5).long_form()


def test_a_refinement_is_that_of_every_measure_in_it() -> None:
    for left in (RFS, worst_group_accuracy(BEHIND), mean_corruption_error(["snow"], baseline="old")):
        refined = left.of("new").where(correct)
        own = [one for one in refined.measures() if one.model != "old"]
        assert own and all((one.model, one.stratum) == ("new", correct) for one in own)
    against = mean_corruption_error(["snow"], [2], baseline="old").of("new").where(correct)
    assert [str(one) for one in against.measures()] == [
        f"accuracy.under(snow(2, region=whole)).of({model}).where(correct)" for model in ("new", "old")
    ]


def test_several_models_make_one_case_each_and_the_baseline_stays() -> None:
    audit = Audit({"new": "timm:a", "old": "timm:b"}, "folder:x")
    case = audit.expect(mean_corruption_error(["snow"], baseline="old") < 1)
    assert [(name, str(one.expression)[-8:]) for name, one in case.variants()] == [
        ("new", ".of(new)"),
        ("old", ".of(old)"),
    ]
    with pytest.raises(ExpressionError, match="no model 'older'"):
        audit.expect(mean_corruption_error(["snow"], baseline="older") < 1)


@pytest.mark.parametrize(
    ("front", "back", "sensitivity"),
    [(0.5, 0.9, 2 / 3), (0.8, 0.9, 1 / 3), (0.2, 0.4, 1 / 3), (0, 0.5, 1), (1, 1, 0), (0, 0, 0), (0.9, 0.5, -2 / 3)],
)
def test_foreground_sensitivity_has_its_published_values(front: float, back: float, sensitivity: float) -> None:
    found = value(expanded(RFS), lambda one: front if one.context == ON_OBJECT else back)
    assert found == pytest.approx(sensitivity)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_foreground_sensitivity_is_the_larger_of_two_ratios(front: float, back: float) -> None:
    mean = (front + back) / 2
    expected = (back - front) / (2 * min(mean, 1 - mean))
    found = value(expanded(RFS), lambda one: front if one.context == ON_OBJECT else back)
    assert found == pytest.approx(expected, abs=1e-12) and -1 - 1e-9 <= found <= 1 + 1e-9


def test_the_corruption_error_of_alexnet_is_1_and_of_a_perfect_model_0() -> None:
    def alexnet(one: Measure) -> float:
        return 1 - ALEXNET_ERRORS[str(one.context).partition("(")[0]]

    everything = expanded(mean_corruption_error())
    assert value(everything, alexnet) == pytest.approx(1) and value(everything, lambda one: 1) == 0
    assert len(set(everything.measures())) == 75
    assert value(everything, lambda one: 0) == pytest.approx(sum(1 / error for error in ALEXNET_ERRORS.values()) / 15)


def test_the_corruption_error_against_a_model_is_the_mean_of_ratios() -> None:
    errors = {"snow": (0.2, 0.4), "fog": (0.3, 0.1)}

    def right(one: Measure) -> float:
        return 1 - errors[str(one.context).partition("(")[0]][one.model == "old"]

    against = mean_corruption_error(["snow", "fog"], [1, 3], baseline="old").of("new")
    assert value(expanded(against), right) == pytest.approx((0.5 + 3) / 2)


def test_the_worst_group_runs_over_groups_and_contexts() -> None:
    groups: dict[str, tuple[Stratum, ...]] = {"label": (label("a"), label("b")), "camera": (label("c"),)}
    least = expanded(worst_group_accuracy(original(), BEHIND).where(correct), groups.__getitem__)
    assert isinstance(least, Extreme)
    assert [str(one) for one in least.measures()] == [
        f"accuracy.under({context}).where(label({name}) & correct)"
        for name in "ab"
        for context in ("original", "gaussian_noise(3)")
    ]
    assert least.names[0] == "label(a) under original"
    column = expanded(worst_group_accuracy(by="camera"), groups.__getitem__)
    assert isinstance(column, Extreme) and column.names == ("label(c)",)


def test_a_sensitivity_under_two_series_is_a_curve_and_a_worst_group_takes_the_worst_dose() -> None:
    curve = relative_foreground_sensitivity(gaussian_noise(each=[1, 3], region="object"), gaussian_noise(each=[1, 3]))
    assert open_doses(curve) == (1, 3)
    assert len(set(curve.slope().measures())) == 4
    over_doses = worst_group_accuracy(fade(each=[0, 1]))
    assert open_doses(over_doses) == () and [str(one.context) for one in over_doses.measures()] == [
        "fade(0)",
        "fade(1)",
    ]
    both = over_doses - accuracy.under(snow(each=[2, 4]))
    assert open_doses(both) == (2, 4)


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: mean_corruption_error().under(BEHIND), "takes no .under"),
        (lambda: RFS.under(BEHIND), "takes no .under"),
        (lambda: worst_group_accuracy(BEHIND).under(fade(1)), r"compose: gaussian_noise\(3\) \| fade\(1\)"),
        (lambda: worst_group_accuracy(BEHIND, BEHIND), "named twice"),
        (lambda: worst_group_accuracy(by=""), "name of a column"),
        (lambda: RFS.of("a").of("b"), "of model 'a' already"),
        (lambda: relative_foreground_sensitivity(BEHIND, BEHIND), "degrade the object"),
        (lambda: mean_corruption_error(["snaw"]), "did you mean 'snow'"),
        (lambda: mean_corruption_error(["snow", "snow"]), "name each once"),
        (lambda: mean_corruption_error([]), "leave it out for all"),
        (lambda: mean_corruption_error(severities=[3]), "AlexNet's errors are means over all five"),
        (lambda: mean_corruption_error(severities=[3, 9], baseline="old"), "9 is not possible"),
        (lambda: mean_corruption_error(region="edge"), "region"),
        (lambda: mean_corruption_error(baseline=""), "name of a model"),
        (lambda: mean_corruption_error().slope(), "is not a curve"),
        (lambda: parse_expression("worst_group_acuracy()"), "did you mean 'worst_group_accuracy'"),
        (lambda: parse_expression("worst_group_accuracy(nose(3))"), "unknown .*'nose'"),
    ],
)
def test_what_cannot_be_meant_says_so(build: Any, says: str) -> None:
    with pytest.raises(ExpressionError, match=says):
        build()


def test_composites_are_stated_in_yaml(tmp_path: Path) -> None:
    file = tmp_path / "x.audit.yaml"
    file.write_text(
        "model: {new: 'timm:a', old: 'timm:b'}\ndata: folder:x\nexpect:\n"
        "  robust: mean_corruption_error(corruptions=[snow], baseline=old).of(new) < 1.05\n"
        "  fair: worst_group_accuracy(original, swap_background(random) | gaussian_noise(2), by='line no') > 0.8\n"
    )
    robust, fair = (one.case for one in load_audit_file(file, allow_code=False))
    assert robust.expectation == (mean_corruption_error(["snow"], baseline="old").of("new") < 1.05)
    wanted = worst_group_accuracy("original", swap_background("random") | gaussian_noise(2), by="line no")
    assert fair.expectation == (wanted > 0.8) and len(fair.variants()) == 2


def test_composites_are_expressions_as_any_other() -> None:
    assert isinstance(RFS, Composite)
    assert str(0.5 * RFS - worst_group_accuracy() / accuracy > 0).startswith("0.5 * relative_foreground_sensitivity(")
    with pytest.raises(ExpressionError, match="no truth value"):
        bool(RFS)
