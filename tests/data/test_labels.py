"""Labels match classes by map, name or index; whatever matches none or two is an error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelaudit.data import LabelMap, class_indices, label_map, labels_of
from modelaudit.data.labels import NONE, read_labels
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet, Sample

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
def test_a_label_matches_its_class(label: str | int, index: int) -> None:
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
        ("²", {}, "match no class"),
        ("", {}, "samples without a label"),
    ],
)
def test_a_label_that_matches_no_class_or_two_is_an_error(label: Any, options: dict[str, Any], message: str) -> None:
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


SIX_CLASSES = ("beagle", "pug", "tabby", "siamese", "tench", "crane")
_IMAGE = np.zeros((2, 2, 3), dtype=np.uint8)


def data(*labels: str | int, **more: Any) -> DataSet:
    return DataSet(tuple(Sample(str(at), _IMAGE, label) for at, label in enumerate(labels)), **more)


def found(samples: DataSet, given: Any = None, classes: Any = SIX_CLASSES, outputs: int = 6) -> LabelMap:
    return label_map(samples, classes=classes, outputs=outputs, given=given)


def test_single_classes_leave_every_output_a_class_of_its_own() -> None:
    assert found(data("pug", 4)) == LabelMap({"pug": 1, 4: 4})
    assert found(data("hound"), {"hound": "beagle"}) == LabelMap({"hound": 0})
    assert found(data("hound"), {"hound": ["beagle"]}) == LabelMap({"hound": 0})


def test_many_outputs_mean_one_label_and_the_rest_none() -> None:
    map_ = found(data("dog", "cat"), {"dog": ["pug", 0], "cat": ("tabby", "3")})
    assert map_ == LabelMap({"dog": 0, "cat": 2}, (0, 0, 2, 2, NONE, NONE))
    assert map_.code("dog") != map_.code("cat")
    assert map_.code("dog") != found(data("dog", "cat"), {"dog": [0, 1, 4], "cat": [2, 3]}).code("dog")


def test_labels_that_are_not_in_the_map_meet_their_class_by_name() -> None:
    map_ = found(data("dog", "tench"), {"dog": ["pug", "beagle"]})
    assert map_ == LabelMap({"dog": 0, "tench": 4}, (0, 0, NONE, NONE, 4, NONE))


def test_a_label_of_the_map_that_no_image_has_keeps_its_outputs_together() -> None:
    map_ = found(data("dog"), {"dog": ["pug", "beagle"], "cat": ["tabby", "siamese"]})
    assert map_.merged == (0, 0, 2, 2, NONE, NONE) and "cat" not in map_.indices


def test_two_names_of_the_same_outputs_are_one_class() -> None:
    map_ = found(data("dog", "Hund"), {"dog": [0, 1], "Hund": ["pug", "beagle"]})
    assert map_.indices == {"dog": 0, "Hund": 0}


def test_numbers_meet_their_texts() -> None:
    assert found(data(7), {"7": ["pug", "tabby"]}).indices == {7: 1}
    assert found(data("7"), {7: ["pug", "tabby"]}).indices == {"7": 1}


def test_a_data_sets_own_map_is_for_models_of_its_outputs_and_after_the_audits() -> None:
    own = data("dog", label_map={"dog": (0, 1), "fish": (4,)}, outputs=6)
    assert found(own) == LabelMap({"dog": 0}, (0, 0, NONE, NONE, 4, NONE))
    assert found(own, {"dog": 3}) == LabelMap({"dog": 3})
    assert found(own, classes=("fish", "dog"), outputs=2) == LabelMap({"dog": 1})


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"dog": [0, 1], "cat": [1, 2]}, "class 1 of the model would mean both"),
        ({"dog": []}, "at least one class"),
        ({"dog": [0, 17]}, "outputs 0 to 5"),
        ({"dog": ["pug", "pugg"]}, "pug"),
        ({"dog": [0, None]}, "by name or by index"),
    ],
)
def test_a_map_that_contradicts_itself_or_the_model_is_an_error(given: Any, says: str) -> None:
    with pytest.raises(DataError, match=says):
        found(data("dog", "cat"), {"cat": [2], **given})


def test_maps_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text('{"dog": ["pug", 0], "cat": "tabby"}', encoding="utf-8")
    (tmp_path / "map.csv").write_text(
        '\ufefflabel,class,remark\r\ndog,pug,\r\ndog,0,x\r\n"a, b",tabby,\r\n', encoding="utf-8"
    )
    assert labels_of("map.json", tmp_path) == {"dog": ("pug", 0), "cat": ("tabby",)}
    assert read_labels(tmp_path / "map.csv") == {"dog": ("pug", "0"), "a, b": ("tabby",)}
    assert labels_of({"a": 1}, tmp_path) == {"a": 1} and labels_of(None, tmp_path) is None


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "label,klass\na,b\n", "m.csv:1: the columns"),
        ("m.csv", "label,class\na,b\n,c\n", "m.csv:3: give one label"),
        ("m.csv", "label,class\na,b,c\n", "m.csv:2: give one label"),
        ("m.csv", "label,class\na,b\na,b\n", "m.csv:3: the class 'b' occurs twice"),
        ("m.csv", "label,class\n", "maps no label"),
        ("m.csv", "", "m.csv:1: the columns are None"),
        ("m.json", "{", "not valid JSON"),
        ("m.json", "[1]", "give an object"),
        ("m.json", '{"a": 1, "a": 2}', "occurs twice"),
        ("m.json", '{"a": []}', "at least one class"),
    ],
)
def test_an_invalid_label_map_is_refused_with_its_line(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_labels(tmp_path / name)
    with pytest.raises(DataError, match="No such file"):
        read_labels(tmp_path / "missing.csv")
