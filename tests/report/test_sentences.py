"""Expectations in words: the common shapes read well, every other one is told literally, none raises."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report.sample_record import LIGHTING, ORIGINAL, OTHER_CLASS, case, decision, measure, worded

from modelaudit.evidence.record import ArithmeticNode, CaseRecord, ContextNode, MeasureNode, Node, NumberNode
from modelaudit.report.figures import plot_of
from modelaudit.report.naming import method_text
from modelaudit.report.sentences import digits_of, sentence, text_of, unit_of
from modelaudit.report.words import digits_for

EN, JA = worded("en"), worded("ja")


def minus(left: Node, right: Node) -> ArithmeticNode:
    return ArithmeticNode(op="-", left=left, right=right)


def context(name: str, **arguments: str | float | int | bool | None) -> ContextNode:
    told = ", ".join(f"{key}={value}" for key, value in arguments.items())
    return ContextNode(name=name, family="change", arguments=arguments, text=f"{name}({told})")


MAPS = measure("background_dependence", OTHER_CLASS, methods=["gradcam"])
SHAPES: list[tuple[Node, str, float, float | None, str, str]] = [
    (
        measure(),
        ">",
        0.9,
        0.95,
        "95.0% of the images are classified correctly; more than 90% is required.",
        "画像の95.0%が正しく分類されました（要求：90%超）。",
    ),
    (
        measure("accuracy", ORIGINAL),
        ">=",
        0.905,
        None,
        "The accuracy has no value; at least 90.5% is required.",
        "正解率の値は得られていません（要求：90.5%以上）。",
    ),
    (
        MAPS,
        "<",
        0.4,
        0.3123,
        "When the background is replaced by one of another class, the background dependence (Grad-CAM) is "
        "0.312; less than 0.40 is allowed.",
        "背景を別クラスの画像の背景に置き換えた場合、背景依存度（Grad-CAM）は0.312です（要求：0.40未満）。",
    ),
    (
        measure("background_share", OTHER_CLASS, methods=["gradcam"]),
        "<=",
        0.4,
        0.123,
        "When the background is replaced by one of another class, the share of the attribution on the "
        "background (Grad-CAM) is 12.3%; at most 40% is allowed.",
        "背景を別クラスの画像の背景に置き換えた場合、背景への寄与の割合（Grad-CAM）は12.3%です（要求：40%以下）。",
    ),
    (
        minus(measure(), measure("accuracy", OTHER_CLASS)),
        "<",
        0.05,
        0.121,
        "When the background is replaced by one of another class, the accuracy falls by 12.1 "
        "points; a fall of less than 5 points is allowed.",
        "背景を別クラスの画像の背景に置き換えた場合、正解率は12.1ポイント低下しました（要求：低下幅5ポイント未満）。",
    ),
    (
        minus(measure(), measure("accuracy", OTHER_CLASS)),
        "<",
        0.01,
        -0.02,
        "When the background is replaced by one of another class, the accuracy rises by 2.0 "
        "points; a fall of less than 1 point is allowed.",
        "背景を別クラスの画像の背景に置き換えた場合、正解率は2.0ポイント上昇しました（要求：低下幅1ポイント未満）。",
    ),
    (
        minus(measure("accuracy", LIGHTING), measure()),
        ">",
        -0.05,
        -0.031,
        "When the lighting of the whole image is changed (severity 3 of 5), the accuracy changes by −3.1 "
        "points; a change of "
        "more than −5 points is required.",
        "画像全体の照明を変えた場合（強度3/5段階）、正解率の変化量は−3.1ポイントです（要求：変化量−5ポイント超）。",
    ),
    (
        minus(measure(model="candidate"), measure(model="current")),
        ">",
        -0.02,
        0.004,
        "The difference in accuracy, model “candidate” minus model “current”, is 0.4 points; more than −2 "
        "points is required.",
        "正解率の差（モデル「candidate」－モデル「current」）は0.4ポイントです（要求：−2ポイント超）。",
    ),
    (
        minus(measure("accuracy", context("swap_background", donors="same_class")), measure("accuracy", OTHER_CLASS)),
        "<",
        0.1,
        0.07,
        "The difference in accuracy, background of another image of the same class minus background of another class, "
        "is 7.0 points; less than 10 points is allowed.",
        "正解率の差（同じクラスの別画像の背景－別クラスの背景）は7.0ポイントです（要求：10ポイント未満）。",
    ),
    (
        ArithmeticNode(op="/", left=measure("accuracy", OTHER_CLASS), right=measure()),
        ">",
        0.95,
        0.9,
        "The ratio of accuracy, background of another class to original images, is 0.900; more than 0.95 is required.",
        "正解率の比（別クラスの背景÷元画像）は0.900です（要求：0.95超）。",
    ),
    (
        measure(
            "flip_rate", OTHER_CLASS, context("gaussian_noise", severity=4, region="background"), stratum="correct"
        ),
        "<",
        0.1,
        0.25,
        "When the background is replaced by one of another class and then noise is added to the "
        "background (severity 4 of 5), among the images classified correctly on the original, the prediction "
        "changes on 25.0% of the images; less than 10% is allowed.",
        "背景を別クラスの画像の背景に置き換え、さらに背景にノイズを加えた場合（強度4/5段階）、"
        "元画像で正しく分類された画像では、画像の25.0%で予測が変わりました（要求：10%未満）。",
    ),
    (
        measure(model="new", stratum="label('big dog') & (object_area <= 0.1)"),
        ">",
        0.8,
        0.5,
        "With model “new”, among the images of class “big dog” and whose object takes at most 10% of the image, 50.0% "
        "of the images are classified correctly; more than 80% is required.",
        "モデル「new」では、クラス「big dog」の、かつ対象物の面積比が10%以下の画像では、"
        "画像の50.0%が正しく分類されました（要求：80%超）。",
    ),
    (
        measure(stratum="(~label(free) | group('line b')) & ~(column(camera, cam3) & (column(lux) < 300))"),
        ">",
        0.8,
        0.5,
        "Among the images (not of class “free” or of group “line b”) and other than those whose camera is “cam3” and "
        "whose lux is less than 300, 50.0% of the images are classified correctly; more than 80% is required.",
        "（クラス「free」以外の、またはグループ「line b」の）、かつcameraが「cam3」の、かつluxが300未満の"
        "画像を除く画像では、画像の50.0%が正しく分類されました（要求：80%超）。",
    ),
    (
        measure(stratum="~(label(free) | label(ok))"),
        ">",
        0.8,
        0.5,
        "Among the images not of class “free” or “ok”, 50.0% of the images are classified correctly; more than 80% "
        "is required.",
        "クラス「free」または「ok」以外の画像では、画像の50.0%が正しく分類されました（要求：80%超）。",
    ),
    (
        measure("accuracy", context("mean_fill", region="object")),
        "<",
        0.2,
        0.1,
        "When the object is filled with one mean colour, 10.0% of the images are classified correctly; less than 20% "
        "is allowed.",
        "対象物を平均色で塗りつぶした場合、画像の10.0%が正しく分類されました（要求：20%未満）。",
    ),
    (
        measure("accuracy", context("sandstorm", density=2)),
        ">",
        0.2,
        0.1,
        "When “sandstorm(density=2)” is applied to the images, 10.0% of the images are classified correctly; more than "
        "20% is required.",
        "画像に「sandstorm(density=2)」を適用した場合、画像の10.0%が正しく分類されました（要求：20%超）。",
    ),
    (
        ArithmeticNode(
            op="*",
            left=NumberNode(value=2),
            right=minus(
                measure(), ArithmeticNode(op="-", left=measure("flip_rate", OTHER_CLASS), right=NumberNode(value=0.5))
            ),
        ),
        "<",
        1,
        0.3,
        "“2 * (accuracy - (flip_rate.under(swap_background(other_class)) - 0.5))” is 0.300; less than 1.00 is allowed.",
        "“2 * (accuracy - (flip_rate.under(swap_background(other_class)) - 0.5))”は0.300です（要求：1.00未満）。",
    ),
]


@pytest.mark.parametrize(("left", "op", "threshold", "value", "english", "japanese"), SHAPES)
def test_common_shapes_read_as_sentences(
    left: Node, op: str, threshold: float, value: float | None, english: str, japanese: str
) -> None:
    stated = case("a", left, op, threshold, "FAIL", decision=decision("FAIL", value, None, None))
    assert sentence(stated, EN) == english
    assert sentence(stated, JA) == japanese


def test_the_words_of_the_user_take_the_place_of_the_sentence() -> None:
    stated = case("a", measure(), ">", 0.9, "PASS", says="It {must} 100% work")
    assert sentence(stated, EN) == sentence(stated, JA) == "It {must} 100% work"


def test_the_words_of_the_user_are_those_of_the_language_and_the_report_keeps_its_own_elsewhere() -> None:
    stated = case("a", measure(), ">", 0.9, "PASS", says={"en": "It works", "ja": "動く"})
    assert (sentence(stated, EN), sentence(stated, JA)) == ("It works", "動く")
    one = case("a", measure(), ">", 0.9, "PASS", says={"ja": "動く"})
    assert sentence(one, JA) == "動く" and sentence(one, EN) == sentence(case("a", measure(), ">", 0.9, "PASS"), EN)


@pytest.mark.parametrize("says", [None, "It {must} 100% work."])
def test_a_limited_claim_says_how_far_it_reaches_whatever_words_it_is_put_in(says: str | None) -> None:
    stated = case("a", measure(), ">", 0.9, "PASS", says=says)
    limited = stated.model_copy(update={"claim": "these_clusters"})
    reach = "This holds for the clusters and backgrounds of these images alone."
    assert sentence(limited, EN) == f"{sentence(stated, EN)} {reach}"
    assert sentence(limited, JA).startswith(sentence(stated, JA)) and sentence(limited, JA) != sentence(stated, JA)


def test_several_methods_are_told_by_their_values() -> None:
    parts = [decision("PASS", 0.31, 0.3, 0.32, method="gradcam"), decision("FAIL", 0.6, 0.5, 0.7, method="odd(k=2)")]
    node = measure("background_dependence", methods=["gradcam", "odd(k=2)"])
    stated = case("a", node, "<", 0.4, "FAIL", decision=decision("FAIL", 0.6, 0.5, 0.7, parts=parts))
    assert sentence(stated, EN) == (
        "The background dependence is 0.310 (Grad-CAM), 0.600 (odd (k=2)); less than 0.40 is allowed."
    )


def test_what_a_heat_map_explains_is_told_where_it_is_not_the_prediction() -> None:
    node = measure("background_dependence", methods=["gradcam(layer='a b')"], target="label")
    stated = case("a", node, "<", 0.4, "PASS", decision=decision("PASS", 0.3, 0.2, 0.35))
    assert sentence(stated, EN).startswith(
        "The background dependence (Grad-CAM (layer='a b'), explaining the labelled class) is 0.300"
    )
    assert "説明対象：正解クラス" in sentence(stated, JA)
    assert method_text("saliency of label", EN) == "Saliency of label"


def test_a_value_beside_its_threshold_is_not_rounded_onto_it() -> None:
    stated = case("a", measure(), "<=", 0.4, "FAIL", decision=decision("FAIL", 0.40004, 0.4, 0.41))
    assert sentence(stated, EN).startswith("40.004% of the images")
    assert digits_for([0.5], 0.4, "percent") == 1
    assert digits_for([0.4], 0.4, "number") == 3


def test_differences_of_shares_read_in_points_and_ratios_as_numbers() -> None:
    assert unit_of(measure()) == "percent"
    assert unit_of(minus(measure(), NumberNode(value=0.5))) == "points"
    assert unit_of(minus(minus(measure(), measure()), measure())) == "points"
    assert unit_of(minus(measure(), MAPS)) == "number"
    assert unit_of(ArithmeticNode(op="/", left=measure(), right=measure())) == "number"


_names = st.sampled_from(["accuracy", "flip_rate", "background_dependence", "margin", "其他", "<b>{x}%s", "label("])
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_texts = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["correct", "object_area < .1.2", "label('a & b')"]))
_contexts = st.lists(
    st.builds(
        ContextNode,
        name=st.sampled_from(
            ["swap_background", "gaussian_noise", "lighting", "mean_fill", "original", "paste_back", "fog"]
        ),
        family=st.just("change"),
        arguments=st.dictionaries(
            st.sampled_from(["donors", "severity", "region", "feather"]),
            st.one_of(st.sampled_from(["other_class", "object", "{0}"]), st.integers(), st.none(), st.booleans()),
        ),
        text=st.text(max_size=8),
    ),
    max_size=3,
)
_measures = st.builds(
    MeasureNode, measure=_names, methods=st.lists(_names, max_size=2), target=st.none(),
    scale=st.sampled_from(["proportion", "mean"]), better=st.sampled_from(["low", "high"]),
    contexts=_contexts, model=_texts, stratum=_texts, text=_names,
)  # fmt: skip
_trees: st.SearchStrategy[Node] = st.recursive(
    st.one_of(_measures, st.builds(NumberNode, value=_numbers)),
    lambda inner: st.builds(ArithmeticNode, op=st.sampled_from(["+", "-", "*", "/"]), left=inner, right=inner),
    max_leaves=5,
)
_maybe = st.one_of(st.none(), _numbers)


@settings(max_examples=200, deadline=None)
@given(_trees, st.sampled_from(["<", "<=", ">", ">="]), _numbers, st.tuples(_maybe, _maybe, _maybe), st.booleans())
def test_every_tree_and_every_value_can_be_told_and_drawn(
    left: Node, op: str, threshold: float, found: tuple[float | None, float | None, float | None], parted: bool
) -> None:
    parts = [decision("FAIL", *found, method="gradcam"), decision("PASS", *found)] if parted else []
    stated = case("a", left, op, threshold, "FAIL", decision=decision("FAIL", *found, parts=parts))
    for words in (EN, JA):
        assert len(sentence(stated, words)) > 10
        assert 1 <= digits_of(stated) <= 6
        plot = plot_of(stated, words)
        if plot is not None:
            places = [at for row in plot.rows for at in (row.estimate, *(row.bar or ()), *row.ends) if at is not None]
            places += [plot.threshold, plot.allowed_from, plot.allowed_to, *(tick.at for tick in plot.ticks)]
            assert all(0 <= at <= 100 for at in places)
            assert len(plot.ticks) <= 8
    assert text_of(left)


def of_model(node: Node, model: str) -> Node:
    """A left side with a model named in each of its measures."""
    if isinstance(node, ArithmeticNode):
        return minus(of_model(node.left, model), of_model(node.right, model))
    assert isinstance(node, MeasureNode)
    return node.model_copy(update={"model": model, "text": f"{node.text}.of({model})"})


FALL = minus(measure(), measure("accuracy", OTHER_CLASS))


def fell(left: Node) -> CaseRecord:
    return case("no_worse", left, "<", 0.02, "PASS", decision=decision("PASS", 0.01, 0.0, 0.02))


def test_a_fall_by_two_models_is_compared_in_words() -> None:
    left = minus(of_model(FALL, "candidate"), of_model(FALL, "baseline"))
    assert sentence(fell(left), EN) == (
        "When the background is replaced by one of another class, the difference in how far the accuracy falls, model "
        "“candidate” minus model “baseline”, is 1.0 points; less than 2 points is allowed."
    )


def test_any_other_quantity_by_two_models_is_compared_by_its_text() -> None:
    twice = minus(FALL, measure())
    left = minus(of_model(twice, "candidate"), of_model(twice, "baseline"))
    found = sentence(fell(left), EN)
    assert found.startswith(f"The difference in “{text_of(twice)}”, model “candidate” minus model “baseline”, is")


@pytest.mark.parametrize("other", [measure(), of_model(measure("accuracy", LIGHTING), "baseline"), NumberNode(value=1)])
def test_what_is_not_one_quantity_by_two_models_is_told_literally(other: Node) -> None:
    left = minus(of_model(FALL, "candidate"), other)
    assert f"“{text_of(left)}”" in sentence(fell(left), EN)
