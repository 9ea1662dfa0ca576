"""Random expressions of the whole language."""

from __future__ import annotations

import string

from hypothesis import strategies as st

from modelaudit.contexts import gaussian_noise, lighting, mean_fill, original, paste_back, swap_background
from modelaudit.language import Expectation, Measure, column, correct, group, label, misclassified, object_area
from modelaudit.language.expression import Arithmetic, Expression, Number
from modelaudit.measures import accuracy, background_dependence, background_share, confidence, flip_rate

numbers = st.floats(allow_nan=False, allow_infinity=False, width=64)
thresholds = numbers | st.integers(-(10**9), 10**9)
names = st.text(string.ascii_letters + string.digits + " _-.'\"\\\n日本語é", min_size=1, max_size=12) | st.sampled_from(
    ["class", "True", "None", "correct", "accuracy", "a b", "no", "lambda"]
)
severities = st.integers(1, 5)

single_contexts = st.one_of(
    st.builds(
        swap_background,
        st.sampled_from(["same_class", "other_class", "random"]),
        feather=st.sampled_from([0.0, 1.5, 3]),
        fill=st.sampled_from(["tile", "mean"]),
    ),
    st.builds(gaussian_noise, severities, region=st.sampled_from(["background", "object", "whole"])),
    st.builds(lighting, severities),
    st.builds(mean_fill, st.sampled_from(["background", "object"])),
    st.builds(paste_back, feather=st.sampled_from([0.0, 2.0])),
    st.just(original()),
)
contexts = single_contexts | st.lists(single_contexts, min_size=2, max_size=3).map(
    lambda parts: parts[0] | parts[1] if len(parts) == 2 else parts[0] | parts[1] | parts[2]
)
areas = st.builds(
    lambda op, limit: {"<": object_area < limit, "<=": object_area <= limit, ">": object_area > limit}[op],
    st.sampled_from(["<", "<=", ">"]),
    st.floats(0, 1),
)
columns = st.one_of(
    st.builds(group, names),
    st.builds(lambda name, value: column(name) == value, names, names | st.integers(0, 9)),
    st.builds(lambda name, value: column(name) != value, names, names),
    st.builds(lambda name, limit: column(name) < limit, names, numbers),
    st.builds(lambda name, limit: column(name) >= limit, names, st.integers(-9, 10**9)),
)
single_strata = st.one_of(
    st.just(correct), st.just(misclassified), st.builds(label, names | st.integers(0, 999)), areas, columns
)
strata = st.recursive(
    single_strata,
    lambda parts: (
        st.builds(lambda a, b: a & b, parts, parts)
        | st.builds(lambda a, b: a | b, parts, parts)
        | st.builds(lambda a: ~a, parts)
    ),
    max_leaves=5,
)
methods = st.sampled_from(["gradcam", "saliency", "input_x_gradient", "integrated_gradients"]).map(str)


@st.composite
def attribution_measures(draw: st.DrawFn) -> Measure:
    build = draw(st.sampled_from([background_dependence, background_share]))
    chosen = draw(st.lists(methods, min_size=1, max_size=3, unique=True))
    return build(*chosen, target=draw(st.sampled_from(["prediction", "label", "margin", 7, "tabby cat"])))


@st.composite
def measures(draw: st.DrawFn) -> Expression:
    leaf: Expression = draw(st.sampled_from([accuracy, confidence, flip_rate]) | attribution_measures())
    if draw(st.booleans()):
        leaf = leaf.under(draw(contexts))
    if draw(st.booleans()):
        leaf = leaf.of(draw(names))
    if draw(st.booleans()):
        leaf = leaf.where(draw(strata))
    return leaf


expressions = st.recursive(
    measures() | numbers.map(Number),
    lambda parts: (
        st.builds(Arithmetic, st.sampled_from(["+", "-", "*"]), parts, parts)
        | st.builds(lambda a, b: Arithmetic("/", a, b), parts, measures())
    ),
    max_leaves=8,
).filter(lambda expression: next(expression.measures(), None) is not None)

expectations = st.builds(Expectation, expressions, st.sampled_from(["<", "<=", ">", ">="]), thresholds)
