"""The default expectations fit the data and the model."""

from __future__ import annotations

import itertools

import pytest
from starter.subjects import subject

from modelaudit.language import registry
from modelaudit.starter.expectations import good_label, starting_expectations
from modelaudit.starter.subject import Subject

EVERY = [
    subject(objects=objects, method=method, groups=groups, labels=labels)
    for objects, method, groups, labels in itertools.product(
        ("mask", "box", "none"),
        ("gradcam", "integrated_gradients", "occlusion"),
        (0, 3),
        ({"bolt": 30, "nut": 30}, {"bolt": 90, "nut": 10}, {"bolt": 9}, {"good": 20, "bad": 20}),
    )
]


@pytest.mark.parametrize("one", EVERY, ids=range(len(EVERY)))
def test_six_to_eight_expectations_are_stated(one: Subject) -> None:
    found = starting_expectations(one)
    assert 6 <= len(found) <= 8
    assert len({expectation.name for expectation in found}) == len(found)
    for expectation in found:
        one.audit().expect(expectation.expectation)


def test_without_masks_nothing_that_needs_one_is_asked() -> None:
    for expectation in (found for one in EVERY if one.objects == "none" for found in starting_expectations(one)):
        for measure in expectation.expectation.expression.measures():
            assert not registry.entry_of(measure.spec).declares.needs_mask
            if measure.context is not None:
                assert not registry.entry_of(measure.context).declares.needs_mask(measure.context)


def texts(one: Subject) -> str:
    return "\n".join(expectation.text for expectation in starting_expectations(one))


def test_the_questions_follow_the_data() -> None:
    assert "background_dependence(gradcam)" in texts(subject())
    assert "background_dependence(occlusion)" in texts(subject(method="occlusion"))
    assert "energy_pointing_game" in texts(subject(objects="box"))
    assert "swap_background(random)" in texts(subject(labels={"bolt": 9}))
    assert "worst_group_accuracy(by=group)" in texts(subject(groups=2))
    assert "worst_group_accuracy" not in texts(subject(groups=1))


def test_where_a_label_says_good_misses_and_false_alarms_are_asked() -> None:
    assert "miss_rate(good)" in texts(subject(labels={"good": 30, "scratched": 30}))
    assert "false_alarm_rate('No defect')" in texts(subject(labels={"No defect": 30, "dented": 9}))
    assert "miss_rate" not in texts(subject())


def test_the_limit_without_the_object_follows_the_most_frequent_label() -> None:
    assert "accuracy.under(remove_object) < 0.7" in texts(subject())
    assert "accuracy.under(remove_object) < 0.45" in texts(subject(labels=dict.fromkeys("abcd", 5)))
    assert "remove_object" not in texts(subject(labels={"bolt": 90, "nut": 10}))
    assert "remove_object) < 0.7" in texts(subject(labels={"good": 90, "a": 5, "b": 5}, without_object=("good",)))


@pytest.mark.parametrize("label", ["good", "OK", "defect_free", "No defect", "良品", "normal"])
def test_a_label_of_parts_without_defect_is_recognised(label: str) -> None:
    assert good_label(subject(labels={label: 5, "scratched": 5, "dented": 2})) == label


@pytest.mark.parametrize("labels", [{"good": 5}, {"good": 5, "ok": 5}, {"bolt": 5, "nut": 5}])
def test_elsewhere_none_is(labels: dict[str, int]) -> None:
    assert good_label(subject(labels=labels)) is None
