"""What is said of single images: a proportion of one image in words, and of which method a value is."""

from __future__ import annotations

from pathlib import Path

import pytest
from report.sample_record import LIGHTING, ORIGINAL, OTHER_CLASS, case, decision, draw_gallery, measure, record, worded

from modelaudit.evidence.record import ArithmeticNode, CaseRecord, ImageValue, Node, NumberNode
from modelaudit.report import render_html
from modelaudit.report.image_values import area_text, image_caption, image_value, over_methods

EN, JA = worded("en"), worded("ja")
MAPS = measure("background_dependence", methods=["gradcam", "saliency"])
ONE_MAP = measure("background_dependence", methods=["gradcam"])


def minus(left: Node, right: Node) -> ArithmeticNode:
    return ArithmeticNode(op="-", left=left, right=right)


def stated(left: Node, op: str = "<", threshold: float = 0.4) -> CaseRecord:
    return case("a", left, op, threshold, "PASS")


@pytest.mark.parametrize(
    ("left", "value", "english", "japanese"),
    [
        (measure(), 1.0, "right", "正解"),
        (measure("accuracy", LIGHTING), 0.0, "wrong", "不正解"),
        (measure("flip_rate", LIGHTING), 1.0, "answer changed", "予測が変化"),
        (measure("flip_rate", LIGHTING), 0.0, "answer kept", "予測は変化なし"),
        (minus(measure(), measure("accuracy", LIGHTING)), 1.0, "right before, wrong under the change", None),
        (minus(measure(), measure("accuracy", LIGHTING)), 0.0, "no difference", "正誤に差なし"),
        (minus(measure(), measure("accuracy", LIGHTING)), -1.0, "wrong before, right under the change", None),
        (minus(measure("accuracy", LIGHTING), measure()), -1.0, "right before, wrong under the change", None),
        (
            minus(measure("accuracy", ORIGINAL), measure("accuracy", LIGHTING)),
            1.0,
            None,
            "元画像では正解、変更後は不正解",
        ),
    ],
)
def test_a_proportion_of_one_image_is_a_word(
    left: Node, value: float, english: str | None, japanese: str | None
) -> None:
    one = stated(left)
    assert english is None or image_value(one, value, EN) == image_caption(one, value, EN) == english
    assert japanese is None or image_value(one, value, JA) == image_caption(one, value, JA) == japanese


@pytest.mark.parametrize(
    ("left", "value", "number"),
    [
        (MAPS, 1.0, "1.000"),
        (measure(), 0.5, "50.0%"),
        (minus(measure(), measure("accuracy", model="other")), 1.0, "100.0 points"),
        (minus(measure("accuracy", LIGHTING), measure("accuracy", OTHER_CLASS)), 1.0, "100.0 points"),
        (minus(measure(), measure("accuracy", LIGHTING, stratum="correct")), 1.0, "100.0 points"),
        (minus(measure(), measure("flip_rate", LIGHTING)), 1.0, "100.0 points"),
        (minus(measure(), NumberNode(value=1.0)), 0.0, "0.0 points"),
        (ArithmeticNode(op="/", left=measure("accuracy", LIGHTING), right=measure()), 1.0, "1.000"),
    ],
)
def test_what_no_word_says_stays_a_number(left: Node, value: float, number: str) -> None:
    assert image_value(stated(left), value, EN) == number


def test_the_value_of_several_methods_says_which_one_it_is() -> None:
    assert image_caption(stated(MAPS), 0.648, EN) == "value 0.648 (largest over the methods)"
    assert image_caption(stated(MAPS, ">="), 0.648, EN) == "value 0.648 (smallest over the methods)"
    assert image_caption(stated(MAPS), 0.648, JA) == "値 0.648（手法間の最大値）"
    assert image_caption(stated(ONE_MAP), 0.648, EN) == "value 0.648"
    assert over_methods(stated(minus(MAPS, ONE_MAP)), EN) == "from the largest of each measure over the methods"
    assert over_methods(stated(measure()), EN) == ""


@pytest.mark.parametrize(
    ("area", "text"),
    [
        (0.83, "object 83% of the image"),
        (0.0998, "object 10% of the image"),
        (0.0342, "object 3.4% of the image"),
        (None, ""),
    ],
)
def test_the_area_is_told_to_two_digits_and_not_where_it_is_unknown(area: float | None, text: str) -> None:
    assert area_text(area, EN) == text


def test_rows_and_worst_images_are_told_alike(tmp_path: Path) -> None:
    row = draw_gallery(tmp_path)[0].model_copy(update={"value": 0.0, "object_area": 0.834})
    worst = [ImageValue(sample="gear/IMG_0001.jpg", value=0.0)]
    found = decision("FAIL", 0.2, 0.1, 0.3)
    right = case("a", measure(), ">", 0.9, "FAIL", gallery=[row], worst=worst, decision=found)
    html = render_html(record(cases=[right]), tmp_path)
    assert html.count('<span class="fact">object 83% of the image ·</span> <span class="fact">wrong</span>') == 1
    assert html.count("<span>wrong</span>") == 1
    html = render_html(record(cases=[right]), tmp_path, language="ja")
    assert html.count('<span class="fact">対象物は画像の83% ·</span> <span class="fact">不正解</span>') == 1
    assert html.count("<span>不正解</span>") == 1
    maps = case("a", MAPS, "<", 0.4, "FAIL", worst=[ImageValue(sample="b", value=0.7)], decision=found)
    assert "largest over the methods</span><ol" in render_html(record(cases=[maps]), tmp_path)
