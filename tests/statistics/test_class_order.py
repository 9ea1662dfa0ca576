from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelaudit.statistics.class_order import class_order, reordered


def answers_of(labels: list[int], order: list[int], accuracy: float, seed: int) -> list[int | None]:
    """Those of a model that names class k `order[k]`, right in that share of the cases."""
    draws = np.random.default_rng(seed)
    classes = len(order)
    return [order[label] if draws.random() < accuracy else order[int(draws.integers(classes))] for label in labels]


@settings(max_examples=60, deadline=None)
@given(st.permutations(range(4)), st.integers(0, 1000))
def test_the_order_that_was_changed_is_found(order: list[int], seed: int) -> None:
    labels = [index % 4 for index in range(80)]
    found = class_order(labels, answers_of(labels, list(order), 0.9, seed))
    moved = {label: answer for label, answer in enumerate(order) if label != answer}
    if not moved:
        assert found is None
    else:
        assert found is not None and found.moved == moved and found.explained > 60


@pytest.mark.parametrize("classes", [2, 3, 10])
@pytest.mark.parametrize("images", [20, 60, 300])
def test_a_model_that_is_simply_bad_gets_no_advice(classes: int, images: int) -> None:
    draws = np.random.default_rng(images + classes)
    labels = [index % classes for index in range(images)]
    for _ in range(40):
        guesses = draws.integers(0, classes, images).tolist()
        found = class_order(labels, guesses)
        assert found is None or not (found.moved or found.below_chance)
        weak = [label if draws.random() < 0.3 else int(guess) for label, guess in zip(labels, guesses, strict=True)]
        found = class_order(labels, weak)
        assert found is None or not found.moved


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_model_that_always_says_the_same_is_not_explained_by_an_order(share: float) -> None:
    labels = [0] * round(100 * share) + [1] * round(100 - 100 * share)
    for answer in (0, 1):
        found = class_order(labels, [answer] * 100)
        assert found is not None and found.never == (1 - answer,) and not found.moved and not found.below_chance


def test_two_classes_that_were_swapped_among_many_are_found_although_the_accuracy_is_high() -> None:
    order = list(range(10))
    order[2], order[7] = 7, 2
    labels = [index % 10 for index in range(200)]
    found = class_order(labels, answers_of(labels, order, 0.95, 0))
    assert found is not None and found.moved == {2: 7, 7: 2} and not found.below_chance


def test_a_shift_by_one_output_is_found_though_it_leads_to_outputs_without_a_label() -> None:
    labels = [index % 3 for index in range(60)]
    found = class_order(labels, [label + 1 for label in labels])
    assert found is not None and found.moved == {0: 1, 1: 2, 2: 3}
    assert reordered(["a", "b", "c", "d"], found.moved) is None


def test_an_accuracy_below_chance_without_an_order_is_said() -> None:
    draws = np.random.default_rng(0)
    labels = [index % 4 for index in range(120)]
    wrong = [(label + int(draws.integers(1, 4))) % 4 for label in labels]
    found = class_order(labels, wrong)
    assert found is not None and found.below_chance and not found.moved and found.right == 0


def test_too_few_images_and_a_confusion_of_some_say_nothing() -> None:
    assert class_order([0, 1] * 9, [1, 0] * 9) is None
    assert class_order([0] * 30, [1] * 30) is None
    assert class_order([0, 1] * 15, [None] * 30) is None
    often = class_order([0] * 30 + [1] * 30, [1] * 18 + [0] * 12 + [1] * 30)
    assert often is None
    merged = class_order([0, 1] * 20, [-1] * 40)  # outputs that mean none of the labels
    assert merged is not None and merged.never == (0, 1) and not merged.moved


def test_an_order_that_explains_only_half_is_not_offered() -> None:
    labels = [0] * 100 + [1] * 100 + [2] * 100
    half = [1] * 50 + [0] * 10 + [2] * 40
    found = class_order(labels, [*half, *([0] * 50 + [1] * 10 + [2] * 40), *([2] * 100)])
    assert found is None or not found.moved
    clear = [1] * 75 + [0] * 5 + [2] * 20
    found = class_order(labels, [*clear, *([0] * 75 + [1] * 5 + [2] * 20), *([2] * 100)])
    assert found is not None and found.moved == {0: 1, 1: 0}


def test_names_trade_places_only_where_the_order_is_closed() -> None:
    assert reordered(["b", "a", "c"], {0: 1, 1: 0}) == ("a", "b", "c")
    assert reordered(["c", "a", "b"], {0: 2, 1: 0, 2: 1}) == ("a", "b", "c")
