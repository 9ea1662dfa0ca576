"""Labels that are declared to have no object: which expectations their images leave, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelaudit import Audit, column, correct, label, object_area
from modelaudit.contexts import lighting, swap_background
from modelaudit.language.errors import ExpressionError
from modelaudit.language.without_object import left_out, needs_masks, require_labels
from modelaudit.language.yaml_file import load_audit_file
from modelaudit.measures import accuracy, background_dependence, confidence, flip_rate, worst_group_accuracy

swapped = swap_background("other_class")


@pytest.mark.parametrize(
    ("expression", "reads"),
    [
        (accuracy, False),
        (accuracy - accuracy.under(lighting(3)), False),
        (confidence.where(correct), False),
        (accuracy.under(swapped), True),
        (2 * accuracy - accuracy.under(swapped), True),
        (accuracy.under(lighting(3) | swapped), True),
        (background_dependence("gradcam"), True),
        (accuracy.where(object_area < 0.1), True),
        (accuracy.where(~(object_area < 0.1) | correct), True),
        (accuracy.under(lighting(3, region="object")), True),
        (worst_group_accuracy(swapped), True),
        (worst_group_accuracy(), False),
    ],
    ids=str,
)
def test_an_expression_needs_masks_where_one_of_its_terms_does(expression: Any, reads: bool) -> None:
    assert needs_masks(expression) is reads
    assert left_out(expression, ["good"]) == ({"good"} if reads else set())


def audit(**options: Any) -> Audit:
    return Audit("demo:sound", "demo:", **{"without_object": ["good", "free"], **options})


@pytest.mark.parametrize(
    "expectation",
    [
        background_dependence("gradcam").where(label("good")) < 0.4,
        accuracy.where(label("good")) - accuracy.under(swapped).where(label("bad")) < 0.1,
        flip_rate.under(swapped).where(label("good") & correct) < 0.1,
        flip_rate.under(swapped).where(label("good") | label("free")) < 0.1,
    ],
    ids=str,
)
def test_an_expectation_that_is_left_without_images_is_refused_when_it_is_stated(expectation: Any) -> None:
    with pytest.raises(ExpressionError, match=r"left without images.*'free', 'good'"):
        audit().expect(expectation)
    audit(without_object=()).expect(expectation)


@pytest.mark.parametrize(
    "expectation",
    [
        accuracy.where(label("good")) > 0.9,
        accuracy.under(lighting(3)).where(label("good")) > 0.9,
        flip_rate.under(swapped).where(label("good") | label("bad")) < 0.1,
        flip_rate.under(swapped).where(column("camera") == "good") < 0.1,
        flip_rate.under(swapped).where(~label("good")) < 0.1,
    ],
    ids=str,
)
def test_an_expectation_that_keeps_images_is_taken(expectation: Any) -> None:
    assert audit().expect(expectation).expectation == expectation


def test_the_long_form_names_the_labels_and_is_as_it_was_without_them() -> None:
    plain, declared = audit(without_object=()), audit(without_object=["good", "free", "good"])
    before, after = (one.expect(accuracy > 0.5) for one in (plain, declared))
    assert declared.without_object == ("free", "good")
    assert before.long_form(before.expectation).endswith("must_fail=False, importance=major")
    assert after.long_form(after.expectation) == f"{before.long_form(before.expectation)}, without_object=[free, good]"
    assert before.fingerprint(before.expectation) != after.fingerprint(after.expectation)


@pytest.mark.parametrize("labels", ["good", 3, None, [""], [True], [["good"]]], ids=repr)
def test_what_is_not_a_list_of_labels_is_refused(labels: Any) -> None:
    with pytest.raises(ExpressionError, match="without_object"):
        audit(without_object=labels)


def test_a_label_that_the_data_do_not_have_is_refused_with_the_nearest() -> None:
    require_labels(["good", "0"], {"good", "0", "1"})
    with pytest.raises(ExpressionError, match=r"'god'; did you mean 'good'\?"):
        require_labels(["god"], {"good", "bad"})


def test_a_yaml_file_declares_the_same(tmp_path: Path) -> None:
    file = tmp_path / "line.audit.yaml"
    file.write_text(
        "model: m\ndata: 'demo:'\nwithout_object: [good, 7]\nexpect: {a: accuracy > 0.5}\n", encoding="utf-8"
    )
    (one,) = load_audit_file(file, allow_code=False)
    assert one.case.audit.without_object == ("7", "good")
