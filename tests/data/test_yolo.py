"""YOLO: polygons and boxes in shares of the upright image, the layouts there are, and lines that are no labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import save
from data.trees import write
from numpy.typing import NDArray

from modelaudit.data import decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.sample import DataSet

HEIGHT, WIDTH = 40, 60
YAML = "path: .  # dataset root\ntrain: images/train\nval: images/val\ntest:\nnames:\n  0: bolt\n  1: nut\n"
BOLT = "0 0.05 0.05 0.45 0.05 0.45 0.45 0.05 0.45"  # 3, 2 to 27, 18
NUT = "1 0.75 0.5 0.3 0.4"  # 36, 12 to 54, 28


def box(left: int, top: int, right: int, bottom: int, value: int = 1) -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = value
    return mask


def image(path: Path) -> Path:
    return save(path, np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def line(root: Path, labels: str | None = BOLT, yaml: str = YAML, split: str = "val", name: str = "a") -> Path:
    image(root / "line" / "images" / split / f"{name}.jpg")
    if labels is not None:
        write(root / "line" / "labels" / split / f"{name}.txt", labels)
    write(root / "line" / "data.yaml", yaml)
    return root / "line"


def opened(root: Path, options: str = "", body: str = "line/data.yaml") -> DataSet:
    return open_data(f"yolo:{body}{options}", root=root)


def mask_of(data: DataSet) -> NDArray[np.uint8]:
    mask = decode(data.samples[0]).mask
    assert mask is not None
    return mask


@pytest.mark.parametrize(
    ("labels", "label", "kind", "expected"),
    [
        (BOLT, "bolt", "polygon", box(3, 2, 27, 18)),
        (NUT, "nut", "box", box(36, 12, 54, 28)),
        ("0.0 0.5 0.5 1 1\n", "bolt", "box", box(0, 0, WIDTH, HEIGHT)),
        ("1\t0.75  0.5 0.3 0.4\r\n\r\n", "nut", "box", box(36, 12, 54, 28)),
        ("\ufeff" + NUT, "nut", "box", box(36, 12, 54, 28)),
        ("0 0.95 0.5 0.2 0.4", "bolt", "box", box(51, 12, 60, 28)),
    ],
    ids=["polygon", "box", "whole image", "tabs and empty lines", "byte order mark", "reaches out"],
)
def test_a_line_is_a_polygon_or_a_box(
    tmp_path: Path, labels: str, label: str, kind: str, expected: NDArray[np.uint8]
) -> None:
    line(tmp_path, labels)
    data = opened(tmp_path)
    (sample,) = data.samples
    assert (sample.id, sample.label, sample.mask_kind) == ("images/val/a.jpg", label, kind)
    assert np.array_equal(mask_of(data), expected)


def test_polygons_and_boxes_may_stand_in_one_file(tmp_path: Path) -> None:
    line(tmp_path, f"{BOLT}\n0 0.75 0.5 0.3 0.4\n")
    data = opened(tmp_path)
    assert np.array_equal(mask_of(data), box(3, 2, 27, 18) + box(36, 12, 54, 28))
    assert data.samples[0].mask_kind == "box"  # of several kinds the coarsest
    assert any("box for a mask" in note for note in data.notes)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", box(3, 2, 27, 18) + box(0, 36, 6, 40)),
        ("?objects=largest", box(3, 2, 27, 18) + box(0, 36, 6, 40, 255)),
        ("?objects=all", box(3, 2, 27, 18) + box(0, 36, 6, 40) + box(36, 12, 54, 28)),
    ],
    ids=["label", "largest", "all"],
)
def test_of_several_classes_the_largest_counts(tmp_path: Path, option: str, expected: NDArray[np.uint8]) -> None:
    line(tmp_path, f"{NUT}\n{BOLT}\n0 0.05 0.95 0.1 0.1\n")
    data = opened(tmp_path, option)
    assert data.samples[0].label == "bolt" and np.array_equal(mask_of(data), expected)
    assert any("several categories" in note for note in data.notes)


def test_every_class_of_an_image_is_a_sample_where_each_is_asked_for(tmp_path: Path) -> None:
    line(tmp_path, f"{NUT}\n{BOLT}\n0 0.05 0.95 0.1 0.1\n")
    data = opened(tmp_path, "?objects=each")
    bolt, nut = data.samples
    assert (bolt.id, bolt.label, nut.label) == (f"{bolt.cluster}#bolt", "bolt", "nut") and bolt.cluster == nut.cluster
    masks = [decode(sample).mask for sample in data.samples]
    assert np.array_equal(masks[0], box(3, 2, 27, 18) + box(0, 36, 6, 40))
    assert np.array_equal(masks[1], box(36, 12, 54, 28))
    assert "2 labels of 1 images, each label a sample of its own" in data.notes


def test_areas_are_compared_in_pixels_of_one_image(tmp_path: Path) -> None:
    line(tmp_path, "0 0.5 0.5 0.2 0.9\n1 0 0 0.45 0 0.45 0.45 0 0.45\n")
    assert opened(tmp_path).samples[0].label == "nut"  # 0.2025 against 0.18 of the image


def test_the_split_is_val_unless_it_is_said(tmp_path: Path) -> None:
    line(tmp_path)
    line(tmp_path, NUT, split="train", name="b")
    assert [one.id for one in opened(tmp_path).samples] == ["images/val/a.jpg"]
    assert "images of 'val' in data.yaml (?split= takes another of train, val)" in opened(tmp_path).notes
    data = opened(tmp_path, "?split=train")
    assert [one.id for one in data.samples] == ["images/train/b.jpg"]
    assert not any("?split=" in note for note in data.notes)
    with pytest.raises(DataError, match=r"no 'test'.*one of train, val"):
        opened(tmp_path, "?split=test")


def test_images_without_labels_are_counted_and_named(tmp_path: Path) -> None:
    line(tmp_path)
    line(tmp_path, None, name="b")
    line(tmp_path, "\n", name="c")
    notes = opened(tmp_path).notes
    assert "1 images have no label file and were left out, e.g. 'images/val/b.jpg'" in notes
    assert "1 images have a label file without objects and were left out, e.g. 'images/val/c.jpg'" in notes
    (tmp_path / "line" / "labels" / "val" / "a.txt").unlink()
    with pytest.raises(DataError, match=r"no image has an object; looked e\.g\. in .*labels.val.a\.txt"):
        opened(tmp_path)


@pytest.mark.parametrize("names", ["names: [bolt, nut]", "names:\n- bolt\n- 'nut'", "nc: 2\nnames: {0: bolt, 1: nut}"])
def test_names_are_a_list_or_a_mapping(tmp_path: Path, names: str) -> None:
    line(tmp_path, NUT, f"val: images/val\n{names}\n")
    assert opened(tmp_path).samples[0].label == "nut"


def test_roboflow_writes_paths_that_lead_one_folder_too_high(tmp_path: Path) -> None:
    image(tmp_path / "line" / "valid" / "images" / "a.jpg")
    write(tmp_path / "line" / "valid" / "labels" / "a.txt", NUT)
    write(
        tmp_path / "line" / "data.yaml", "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['bolt', 'nut']\n"
    )
    assert [(one.id, one.label) for one in opened(tmp_path).samples] == [("valid/images/a.jpg", "nut")]
    assert opened(tmp_path, "?names=a,b&split=valid", "line").samples[0].label == "b"


def test_a_list_of_images_and_a_list_of_places(tmp_path: Path) -> None:
    base = line(tmp_path, yaml="val: val.txt\nnames: [bolt, nut]\n")
    line(tmp_path, NUT, "val: val.txt\ntest: [images/val, images/train]\nnames: [bolt, nut]\n", split="train", name="b")
    write(base / "val.txt", f"./images/train/b.jpg\n\n{base / 'images' / 'val' / 'a.jpg'}\n")
    expected = ["images/train/b.jpg", "images/val/a.jpg"]
    assert [one.id for one in opened(tmp_path).samples] == expected
    assert [one.id for one in opened(tmp_path, "?split=test").samples] == expected


def test_path_is_where_the_parts_are_or_the_folder_of_the_file(tmp_path: Path) -> None:
    image(tmp_path / "sets" / "line" / "images" / "val" / "a.jpg")
    write(tmp_path / "sets" / "line" / "labels" / "val" / "a.txt", NUT)
    text = "path: line\nval: images/val\nnames: [bolt, nut]\n"
    write(tmp_path / "sets" / "line.yaml", text)
    write(tmp_path / "sets" / "line" / "data.yaml", text)
    beside = opened(tmp_path, body="sets/line.yaml")
    inside = opened(tmp_path, body="sets/line")
    assert [one.id for one in beside.samples] == ["line/images/val/a.jpg"]
    assert [one.id for one in inside.samples] == ["images/val/a.jpg"]
    assert "data.yaml says path: line, where nothing is; its own folder was taken" in inside.notes


def test_a_path_out_of_the_folder_is_refused_and_another_way_said(tmp_path: Path) -> None:
    line(tmp_path, NUT)
    write(tmp_path / "yaml" / "line.yaml", YAML.replace("path: .", "path: ../line"))
    with pytest.raises(DataError, match=r"outside of the data"):
        opened(tmp_path, body="yaml/line.yaml")
    data = opened(tmp_path, "?names=yaml/line.yaml&split=val", "line")
    assert [(one.id, one.label) for one in data.samples] == [("images/val/a.jpg", "nut")]


def test_labels_are_next_to_images_without_a_folder_of_images(tmp_path: Path) -> None:
    image(tmp_path / "line" / "val" / "a.jpg")
    write(tmp_path / "line" / "val" / "a.txt", NUT)
    write(tmp_path / "line" / "data.yaml", "val: val\nnames: [bolt, nut]\n")
    assert [one.id for one in opened(tmp_path).samples] == ["val/a.jpg"]


@pytest.mark.parametrize("file", ["classes.txt", "labels/classes.txt", "obj.names"])
def test_a_folder_has_its_names_in_a_file(tmp_path: Path, file: str) -> None:
    base = line(tmp_path, NUT)
    (base / "data.yaml").unlink()
    write(base / file, "bolt\nnut\n")
    assert [(one.id, one.label) for one in opened(tmp_path, body="line").samples] == [("images/val/a.jpg", "nut")]


@pytest.mark.parametrize("names", ["a,b", "other.txt", "other.yaml"])
def test_names_may_be_given_by_the_reference(tmp_path: Path, names: str) -> None:
    base = line(tmp_path, NUT)
    write(base / "other.txt", "a\nb\n")
    write(base / "other.yaml", "names: [a, b]\n")
    assert opened(tmp_path, f"?names={names}").samples[0].label == "b"
    assert opened(tmp_path, f"?names={names}", "line").samples[0].label == "b"


def test_the_mask_is_drawn_on_the_image_as_it_is_when_it_is_read(tmp_path: Path) -> None:
    base = line(tmp_path, NUT)
    (sample,) = opened(tmp_path).samples
    save(base / "images" / "val" / "a.jpg", np.full((2 * HEIGHT, WIDTH, 3), 90, np.uint8))
    decoded = decode(sample)
    assert decoded.mask is not None and decoded.mask.shape == (2 * HEIGHT, WIDTH)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0 0.5 0.5 0.2", "3 numbers after the class"),
        ("0 0.5 0.5 0.2 0.2 0.9", "5 numbers after the class.*confidence"),
        ("0 0.1 0.1 0.2 0.2 0.3 0.3 0.4", "7 numbers"),
        ("0", "0 numbers"),
        ("bolt 0.5 0.5 0.2 0.2", "'bolt' is not a number"),
        ("0,0.5,0.5,0.2,0.2", "'0,0.5,0.5,0.2,0.2' is not a number"),
        ("0 0.5 0.5 0.2 nan", "'nan' is not a number"),
        ("2 0.5 0.5 0.2 0.2", "class 2 has no name; the names are of the classes 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class -1"),
        ("0.5 0.5 0.5 0.2 0.2", "class 0.5"),
        ("0 30 20 10 10", "30 is outside of the image"),
        ("0 0.1 0.1 0.9 0.1 0.9 1.5", "1.5 is outside of the image"),
        ("0 0.5 0.5 0 0.2", "a box of 0 x 0.2 holds nothing"),
        ("0 0.5 0.5 0.2 -0.005", "a box of 0.2 x -0.005"),
    ],
)
def test_an_invalid_line_is_refused_with_its_number(tmp_path: Path, labels: str, message: str) -> None:
    line(tmp_path, f"{BOLT}\n\n{labels}\n")
    with pytest.raises(DataError, match=rf"labels.val.a\.txt:3: {message}"):
        opened(tmp_path)


ALIASES = "a: &a [x, x]\nb: &b [*a, *a]\nnames: [*b]\nval: images/val\n"


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("val: [", r"data\.yaml:\d: is not valid YAML"),
        ("- a", "must be a mapping"),
        ("", "must be a mapping"),
        ("val: images/val\n", "names must be .*, got None"),
        ("val: images/val\nnames: bolt\n", "names must be .*, got 'bolt'"),
        ("val: images/val\nnames: []\n", "has no class name"),
        ("val: images/val\nnames: {a: bolt}\n", "names must be .*, got {'a': 'bolt'}"),
        ("val: images/val\nnames: [yes, nut]\n", "0 must be .*, got True.*put it in quotes"),
        ("val: images/val\nnames: [bolt, ' ']\n", "1 must be .*, got ' '"),
        (
            "val: images/val\nnames:\n  0: bolt\n  0: nut\n",
            r"data\.yaml:4: the key '0' stands twice; the first is",
        ),
        ("val: images/val\nnc: 3\nnames: [bolt, nut]\n", "nc is 3, and there are 2 names"),
        (ALIASES, r"data\.yaml:2: the alias \*a is not read"),
        ("val: !!python/object/apply:os.getcwd []\nnames: [a]\n", r"data\.yaml:1: the tag .*getcwd is not read"),
        ("val: images/nowhere\nnames: [bolt, nut]\n", "val: nothing at"),
        ("val: 7\nnames: [bolt, nut]\n", "a list of them, got 7"),
        ("names: [bolt, nut]\n", "no train, val or test; write yolo:DIR"),
        ("val: images/val\nkpt_shape: [17, 3]\nnames: [bolt]\n", "kpt_shape: labels of poses"),
        ("val: /etc\nnames: [bolt, nut]\n", "outside of the data"),
        ("val: ../../..\nnames: [bolt, nut]\n", "outside of the data"),
    ],
    ids=range(19),
)
def test_a_yaml_file_that_makes_no_sense_is_refused(tmp_path: Path, yaml: str, message: str) -> None:
    line(tmp_path, yaml=yaml)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_two_images_for_one_label_file_are_refused(tmp_path: Path) -> None:
    base = line(tmp_path)
    image(base / "images" / "val" / "a.png")
    with pytest.raises(DataError, match="share the labels"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("yolo:nowhere.yaml", "No such file"),
        ("yolo:nowhere", "no folder at"),
        ("yolo:empty", "no YAML file, and no classes.txt or"),
        ("yolo:two", "has 2 YAML files"),
        ("yolo:line?names=bolt,nut&split=test", r"no folder at .*images.test or .*test.images.* no list at"),
        ("yolo:line?names=nowhere.txt", "no file at"),
        ("yolo:line?name=a", "did you mean 'names'"),
        ("yolo:line?split=vall", "no 'vall'; did you mean 'val'"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(tmp_path: Path, reference: str, message: str) -> None:
    line(tmp_path)
    (tmp_path / "empty").mkdir()
    for name in "ab":
        write(tmp_path / "two" / f"{name}.yaml", YAML)
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_a_folder_of_images_without_any_is_refused(tmp_path: Path) -> None:
    base = line(tmp_path)
    for path in (base / "images").rglob("*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match="no image in"):
        opened(tmp_path)


def test_names_on_disk_in_either_form_of_unicode_find_their_labels(tmp_path: Path) -> None:
    decomposed: Any = "Tra\u0308ger"
    line(tmp_path, NUT, name=decomposed)
    (sample,) = opened(tmp_path).samples
    assert sample.id == "images/val/Träger.jpg" and decode(sample).mask is not None
