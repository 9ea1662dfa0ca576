from __future__ import annotations

import numpy as np
import pytest

from modelaudit import Audit, Preprocessing, Sample
from modelaudit.contexts import lighting
from modelaudit.language import ExpressionError
from modelaudit.measures import accuracy, background_dependence, flip_rate


def test_an_audit_loads_nothing_when_it_is_stated() -> None:
    Audit("torchvision:no_such_model@NOWHERE", "folder:no/such/folder").expect(accuracy > 0.9)


def test_expect_takes_expectations_only() -> None:
    audit = Audit("m", "d")
    for wrong in (accuracy, accuracy == 1.0, 0.9, None):
        with pytest.raises(ExpressionError, match="expect\\(\\) got"):
            audit.expect(wrong)  # type: ignore[arg-type]


def test_an_unknown_model_name_suggests_the_nearest() -> None:
    audit = Audit({"candidate": "a", "current": "b"}, "d")
    with pytest.raises(ExpressionError, match="did you mean 'candidate'"):
        audit.expect(accuracy.of("candidat") > 0.9)


def test_flip_rate_without_a_context_says_what_is_missing() -> None:
    with pytest.raises(ExpressionError, match=r"add \.under"):
        Audit("m", "d").expect(flip_rate < 0.1)


@pytest.mark.parametrize("confidence", [0.5, 1.0, 95, -1, True, "0.95"])
def test_confidence_is_between_a_half_and_one(confidence: object) -> None:
    with pytest.raises(ExpressionError, match="confidence"):
        Audit("m", "d", confidence=confidence)  # type: ignore[arg-type]
    with pytest.raises(ExpressionError, match="confidence"):
        Audit("m", "d").expect(accuracy > 0.9, confidence=confidence)  # type: ignore[arg-type]


def test_about_suggests_the_nearest() -> None:
    with pytest.raises(ExpressionError, match="did you mean 'this_set'"):
        Audit("m", "d", about="thisset")  # type: ignore[arg-type]


def test_with_several_models_an_expectation_becomes_one_a_model() -> None:
    case = Audit({"candidate": "a", "current": "b"}, "d").expect(accuracy - accuracy.under(lighting(2)) < 0.1)
    assert [(name, str(expectation)) for name, expectation in case.variants()] == [
        ("candidate", "accuracy.of(candidate) - accuracy.under(lighting(2)).of(candidate) < 0.1"),
        ("current", "accuracy.of(current) - accuracy.under(lighting(2)).of(current) < 0.1"),
    ]


def test_a_comparison_of_models_is_one_case() -> None:
    case = Audit({"a": "x", "b": "y"}, "d").expect(accuracy.of("a") - accuracy.of("b") > -0.02)
    assert [name for name, _ in case.variants()] == [None]


def test_a_generator_of_samples_is_read_once_and_kept() -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    audit = Audit("m", (Sample(str(at), picture, 0) for at in range(3)))
    assert [sample.id for sample in audit.data] == [sample.id for sample in audit.data] == ["0", "1", "2"]


def test_options_may_differ_between_models() -> None:
    small, large = Preprocessing(resize=64), Preprocessing(resize=224)
    audit = Audit({"a": "x", "b": "y"}, "d", preprocessing={"a": small, "b": large})
    assert audit.option_of("preprocessing", "a") is small
    assert audit.option_of("preprocessing", "b") is large
    assert Audit("x", "d", preprocessing=small).option_of("preprocessing", "model") is small


def test_a_case_knows_the_clause_and_the_confidence_it_was_given() -> None:
    audit = Audit("m", "d", confidence=0.9)
    assert audit.expect(background_dependence("gradcam") < 0.4, clause="4.2").clause == "4.2"
    assert audit.expect(accuracy > 0.9).confidence == 0.9
    assert audit.expect(accuracy > 0.9, confidence=0.99).confidence == 0.99


def test_pools_are_data_by_name_and_samples_in_them_are_read_once_and_kept() -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    pools = {"night shift": "folder:data/night", "new line": (Sample(str(at), picture, 0) for at in range(2))}
    audit = Audit("m", "d", pools=pools)
    assert audit.pools["night shift"] == "folder:data/night"
    assert [one.id for one in audit.pools["new line"]] == [one.id for one in audit.pools["new line"]] == ["0", "1"]
    assert Audit("m", "d").pools == {}


@pytest.mark.parametrize(
    ("pools", "message"),
    [
        ("folder:data/night", "give a dict of data by name"),
        ({"": "folder:x"}, "give the pool a name"),
        ({3: "folder:x"}, "give the pool a name"),
        ({"night": ""}, "must name data, e.g. 'photos:data/new_line'"),
        ({"night": None}, "must name data"),
    ],
)
def test_pools_that_are_none_are_refused(pools: object, message: str) -> None:
    with pytest.raises(ExpressionError, match=message):
        Audit("m", "d", pools=pools)  # type: ignore[arg-type]


def test_reviewed_by_stands_in_the_long_form_and_without_it_nothing_changes() -> None:
    audit, swapped = Audit("m", "d"), accuracy.under(lighting(2)) > 0.9
    plain, reviewed = audit.expect(swapped), audit.expect(swapped, reviewed_by=2)
    assert "reviewed_by" not in plain.long_form(swapped)
    assert reviewed.long_form(swapped) == f"{plain.long_form(swapped)}, reviewed_by=2"
    assert reviewed.fingerprint(swapped) != audit.expect(swapped, reviewed_by=3).fingerprint(swapped)


@pytest.mark.parametrize("number", [0, 10, -1, True, 2.0, "2"])
def test_reviewed_by_is_a_number_of_people(number: object) -> None:
    with pytest.raises(ExpressionError, match="reviewed_by"):
        Audit("m", "d").expect(accuracy.under(lighting(2)) > 0.9, reviewed_by=number)  # type: ignore[arg-type]


def test_what_has_neither_a_heat_map_nor_a_change_cannot_be_reviewed() -> None:
    audit = Audit("m", "d")
    with pytest.raises(ExpressionError, match="nothing to review"):
        audit.expect(accuracy > 0.9, reviewed_by=2)
    audit.expect(background_dependence("gradcam") < 0.4, reviewed_by=2)
