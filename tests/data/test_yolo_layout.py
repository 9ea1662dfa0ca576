"""YOLO in the layouts of tools: lists, paths of other computers, labels elsewhere, and lines of other kinds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.test_yolo import BOLT, NUT, box, image, line, mask_of, opened
from data.trees import write

from modelaudit.language.errors import DataError


def plain(base: Path, name: str = "a", labels: str = BOLT) -> None:
    """An image with its labels beside it."""
    image(base / f"{name}.jpg")
    write(base / f"{name}.txt", labels)


def test_the_corners_of_a_turned_box_are_a_polygon(tmp_path: Path) -> None:
    line(tmp_path, "0 0.5 0.1 0.75 0.5 0.5 0.9 0.25 0.5")
    data = opened(tmp_path)
    mask = mask_of(data)
    assert data.samples[0].mask_kind == "polygon" and mask[20, 16] == mask[5, 30] == 1 and mask[6, 18] == 0


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("0 0.5 0.5 0.2 0.2 0.5 0.5 2", r"a\.txt:1: is a pose \(a box and 1 points"),
        ("0 0.5 0.5 0.2 0.2 0.4 0.5 2 0.5 0.5 0", "is a pose .a box and 2 points"),
        ("0 0.5 0.5 0.2 0.2 0.9", "the confidence of a prediction, or the angle of a turned box"),
        ("921 874 954 870 957 892 923 895 bolt 0", "a turned box in DOTA's format"),
        ("bolt 0.5 0.5 0.2 0.2", "'bolt' is not a number"),
    ],
)
def test_a_line_of_another_kind_is_refused_by_its_name(tmp_path: Path, labels: str, message: str) -> None:
    line(tmp_path, labels)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_a_polygon_of_five_corners_is_no_pose(tmp_path: Path) -> None:
    line(tmp_path, "0 0 0 1 0 1 1 0.5 1 0 1")
    assert mask_of(opened(tmp_path)).all()


@pytest.mark.parametrize("part", ["train: images/val", "train: ../line/images/val", "valid: val.txt", "extra: val.txt"])
def test_a_part_that_is_alone_is_read_unasked(tmp_path: Path, part: str) -> None:
    base = line(tmp_path, yaml=f"{part}\nnames: [bolt, nut]\n")
    write(base / "val.txt", "data/images/val/a.jpg\n")
    data = opened(tmp_path)
    assert [one.id for one in data.samples] == ["images/val/a.jpg"]
    assert f"images of {part.partition(':')[0]!r} in data.yaml, its only part" in data.notes


def test_a_part_that_is_not_there_gives_way_unless_it_is_asked_for(tmp_path: Path) -> None:
    line(tmp_path, yaml="train: images/val\nval: ../valid/images\nnames: [bolt, nut]\n")
    assert "data.yaml names '../valid/images' for 'val', where nothing is" in opened(tmp_path).notes
    with pytest.raises(DataError, match=r"data\.yaml: val: nothing at .*\?images=DIR .*\?root=DIR"):
        opened(tmp_path, "?split=val")


@pytest.mark.parametrize("home", ["/home/user/line", r"C:\\Users\\me\\line", "//server/share/line"])
def test_paths_of_another_computer_are_looked_for_in_the_folder_of_the_file(tmp_path: Path, home: str) -> None:
    base = line(tmp_path, yaml=f"train: '{home}/images/val'\nval: '{home}/val.txt'\nnames: [bolt, nut]\n")
    write(base / "val.txt", f"{home}/images/val/a.jpg\n{home}/images/val/missing.jpg\n")
    data = opened(tmp_path, "?split=train")
    assert [one.id for one in data.samples] == ["images/val/a.jpg"]
    assert any(f"nothing is at {home}" in note and "was taken" in note for note in data.notes)
    assert [one.id for one in opened(tmp_path).samples] == ["images/val/a.jpg"]


def test_a_path_of_thousands_of_folders_ends_in_an_error(tmp_path: Path) -> None:
    line(tmp_path, yaml=f"train: /{'a/' * 20_000}b\nnames: [bolt, nut]\n")
    with pytest.raises(DataError, match="train: nothing at"):
        opened(tmp_path)


def test_obj_data_names_the_classes_and_the_lists(tmp_path: Path) -> None:
    base = tmp_path / "line"
    for name, labels in (("a", BOLT), ("b", NUT)):
        plain(base / "obj_train_data", name, labels)
    write(base / "obj.data", "classes = 2\ntrain = data/train.txt\nvalid = data/valid.txt\nnames = data/obj.names\n")
    write(base / "obj.names", "bolt\nnut\n")
    write(base / "train.txt", "data/obj_train_data/a.jpg\n")
    write(base / "valid.txt", "data/obj_train_data/b.jpg\n")
    assert [one.label for one in opened(tmp_path, body="line").samples] == ["nut"]
    assert [one.label for one in opened(tmp_path, "?split=train", "line").samples] == ["bolt"]
    assert [one.label for one in opened(tmp_path, "?split=train", "line/obj.data").samples] == ["bolt"]
    (base / "train.txt").unlink()
    (base / "valid.txt").unlink()
    data = opened(tmp_path, body="line")
    assert len(data.samples) == 2 and any("all images below" in note for note in data.notes)
    (base / "obj.data").unlink()
    assert len(opened(tmp_path, body="line").samples) == 2
    assert len(opened(tmp_path, "?split=train", "line").samples) == 2


def test_images_may_be_elsewhere_than_their_labels(tmp_path: Path) -> None:
    base = line(tmp_path)
    (base / "images" / "val").rename(tmp_path / "photos")
    image(tmp_path / "photos" / "b.jpg")
    data = opened(tmp_path, "?images=photos", "line")
    assert [(one.id, one.label) for one in data.samples] == [("a.jpg", "bolt")]
    assert np.array_equal(mask_of(data), box(3, 2, 27, 18))
    assert "1 images have no label file and were left out, e.g. 'b.jpg'" in data.notes
    assert not any("b.jpg" in note for note in opened(tmp_path, "?images=photos&split=val", "line").notes)
    write(base / "labels" / "train" / "a.txt", NUT)
    with pytest.raises(DataError, match=r"a\.jpg has the labels .* and "):
        opened(tmp_path, "?images=photos", "line")
    assert opened(tmp_path, "?images=photos&split=train", "line").samples[0].label == "nut"


def test_labels_in_a_folder_of_another_name_are_paired_by_name_where_no_others_are(tmp_path: Path) -> None:
    base = line(tmp_path)
    (base / "labels" / "val").rename(base / "txt")
    data = opened(tmp_path)
    assert [one.label for one in data.samples] == ["bolt"] and any("paired by name" in note for note in data.notes)
    line(tmp_path, None, name="b")
    line(tmp_path, NUT, name="c")
    write(base / "txt" / "b.txt", BOLT)
    assert [one.id for one in opened(tmp_path).samples] == ["images/val/c.jpg"]  # the usual places are enough


def test_labels_may_be_beside_the_images_in_a_folder_of_that_name(tmp_path: Path) -> None:
    base = line(tmp_path, NUT)
    plain(base / "images" / "val", "b")
    data = opened(tmp_path)
    assert {one.id: one.label for one in data.samples} == {"images/val/a.jpg": "nut", "images/val/b.jpg": "bolt"}


@pytest.mark.parametrize(
    ("made", "body", "message"),
    [
        ({"line/a.xml": "<annotation/>", "line/a.png": ""}, "line", "it looks like Pascal VOC: write voc:"),
        ({"line/x.json": '{"images": [], "categories": []}'}, "line", r"it looks like COCO: write coco:.*x\.json"),
        ({"line/a.jpg": "", "line/a.txt": "0"}, "line", r"holds 1 \.jpg, 1 \.txt; known are .*write .*names=bolt,nut"),
        ({"line/in/data.yaml": "names: [a]"}, "line", r"did you mean yolo:line/in\?"),
        ({"line/obj.names": "a", "line/x.csv": ""}, "line", r"no image in .*line: .*1 \.csv.*known are data\.yaml"),
        (
            {"line/train.txt": ""},
            "line/train.txt",
            r"train\.txt is neither a YAML file nor obj\.data; write .*yolo:line",
        ),
        ({"line/obj.data": "train = a"}, "line", r"obj\.data: has no names = file"),
        ({"line/a/classes.txt": "a", "line/b/classes.txt": "b"}, "line", "name other classes"),
    ],
    ids=range(8),
)
def test_a_layout_that_is_not_known_says_what_is_there_and_the_way_out(
    tmp_path: Path, made: dict[str, str], body: str, message: str
) -> None:
    for name, content in made.items():
        write(tmp_path / name, content)
    with pytest.raises(DataError, match=message):
        opened(tmp_path, body=body)
