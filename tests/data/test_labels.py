"""Labels meet classes by map, name or index, and what meets nothing or two things is an error."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.data import class_indices
from modelaudit.language.errors import DataError

CLASSES = ("tench, Tinca tinca", "Chihuahua", "Japanese spaniel", "great_white shark", "crane", "crane")


def indices(*labels: str | int, **options: Any) -> list[int]:
    given_options: dict[str, Any] = {"classes": CLASSES, "outputs": 6, "mapping": None, **options}
    found = class_indices(labels, **given_options)
    return [found[label] for label in labels]


@pytest.mark.parametrize(
    ("label", "index"),
    [
        ("Chihuahua", 1),
        ("chihuahua", 1),
        ("japanese_spaniel", 2),
        ("Great-White Shark", 3),
        ("tench", 0),
        ("tinca tinca", 0),
        ("tench, Tinca tinca", 0),
        (3, 3),
        ("3", 3),
        ("1_chihuahua", 1),
        ("01-Chihuahua", 1),
        ("2_japanese_chin", 2),
    ],
)
def test_a_label_meets_its_class(label: str | int, index: int) -> None:
    assert indices(label) == [index]


def test_without_class_names_indices_are_enough() -> None:
    assert indices("151_chihuahua", 7, "9", classes=None, outputs=1000) == [151, 7, 9]


@pytest.mark.parametrize(
    "mapping", [{"dog": "Chihuahua"}, {"dog": 1}, {"dog": "1"}, {"dog": "chihuahua", "unused": "tench"}], ids=str
)
def test_the_mapping_leads_to_names_and_indices(mapping: dict[str, Any]) -> None:
    assert indices("dog", mapping=mapping) == [1]


def test_the_mapping_goes_before_the_name_and_reads_numbers_as_texts_do() -> None:
    assert indices("Chihuahua", mapping={"Chihuahua": 2}) == [2]
    assert indices(4, "5", mapping={"4": 0, 5: 1}) == [0, 1]


def test_a_class_called_by_a_number_goes_before_the_index() -> None:
    assert indices("2", "0", classes=("2", "1", "0"), outputs=3) == [0, 2]
    assert indices("2_cat", "1_dog", classes=("1_dog", "2_cat"), outputs=2) == [1, 0]


@pytest.mark.parametrize(
    ("label", "options", "message"),
    [
        ("Chihuahuas", {}, "did you mean 'Chihuahua'"),
        ("zzz", {"classes": None}, "names are not known"),
        ("crane", {}, "4, 5 alike"),
        (6, {}, "outputs 0 to 5"),
        (-1, {}, "outputs 0 to 5"),
        ("6", {}, "outputs 0 to 5"),
        ("151_chihuahua", {}, "151"),
        ("0_chihuahua", {}, "leads with index 0"),
        ("dog", {"mapping": {"dog": "Chihuahuo"}}, "did you mean 'Chihuahua'"),
        ("dog", {"mapping": {"dog": 17}}, "17"),
        ("dog", {"mapping": {"dog": None}}, "by name or by index"),
        ("²", {}, "meet no class"),
        ("", {}, "samples without a label"),
    ],
)
def test_what_meets_nothing_or_two_things_is_an_error(label: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        indices(label, **options)


def test_the_error_lists_all_that_is_unknown_and_the_ways_out() -> None:
    with pytest.raises(DataError) as caught:
        indices("chihuahua", "a1", "a2", "a3", "a4", "a5", "a6", "a7")
    message = str(caught.value)
    assert "7 of 8 labels" in message and "and 2 more" in message
    assert all(way in message for way in ("classes=", "labels=", "151_chihuahua"))


def test_a_leading_index_can_tell_classes_of_one_name_apart() -> None:
    assert indices("5_crane", "1_chihuahua") == [5, 1]


def test_leading_indices_of_another_numbering_are_refused() -> None:
    with pytest.raises(DataError, match="another numbering"):
        indices("00_dog", "01_bird", "03_reptile")
    codes = tuple(f"n0208562{digit}" for digit in range(3))
    assert indices("00_dog", classes=codes, outputs=3) == [0]


names = st.lists(st.text(st.characters(codec="utf-8", exclude_characters=","), min_size=1), min_size=1, unique=True)


@given(names)
def test_every_class_is_met_by_its_own_name_unless_two_look_alike(classes: list[str]) -> None:
    for index, name in enumerate(classes):
        try:
            assert class_indices([name], classes=classes, outputs=len(classes), mapping=None) == {name: index}
        except DataError as error:
            assert "alike" in str(error)


@given(st.integers(1, 2000), st.data())
def test_indices_are_met_exactly_within_the_outputs(outputs: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(-5, 3000))
    if 0 <= index < outputs:
        assert class_indices([index], classes=None, outputs=outputs, mapping=None) == {index: index}
    else:
        with pytest.raises(DataError):
            class_indices([index], classes=None, outputs=outputs, mapping=None)
