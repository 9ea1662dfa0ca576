"""Label maps: one output a label, several outputs a label, and outputs that mean none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modelaudit.data import LabelMap, label_map, labels_of
from modelaudit.data.label_map import NONE, read_labels
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet, Sample

CLASSES = ("beagle", "pug", "tabby", "siamese", "tench", "crane")
_IMAGE = np.zeros((2, 2, 3), dtype=np.uint8)


def data(*labels: str | int, **more: Any) -> DataSet:
    return DataSet(tuple(Sample(str(at), _IMAGE, label) for at, label in enumerate(labels)), **more)


def found(samples: DataSet, given: Any = None, classes: Any = CLASSES, outputs: int = 6) -> LabelMap:
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
        ("m.csv", "label,class\na,b\na,b\n", "m.csv:3: the class 'b' stands twice"),
        ("m.csv", "label,class\n", "maps no label"),
        ("m.csv", "", "m.csv:1: the columns are None"),
        ("m.json", "{", "no JSON"),
        ("m.json", "[1]", "give an object"),
        ("m.json", '{"a": 1, "a": 2}', "stands twice"),
        ("m.json", '{"a": []}', "at least one class"),
    ],
)
def test_a_file_that_is_no_map_says_where(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_labels(tmp_path / name)
    with pytest.raises(DataError, match="cannot be read"):
        read_labels(tmp_path / "missing.csv")
