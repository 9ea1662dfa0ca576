"""Pascal VOC in the layouts of other tools, how their boxes count, and what is said of layouts that are not known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.pictures import save
from data.test_voc import DOG, HEIGHT, WIDTH, element, mask_of, opened, voc, xml
from data.trees import write
from numpy.typing import NDArray

from modelaudit.language.errors import DataError


def plain(root: Path, name: str, annotation: str, image: str | None = None) -> None:
    write(root / f"{name}.xml", annotation)
    save(root / (image or f"{name}.jpg"), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))


def stated(label: str, outline: str, file_name: str = "") -> str:
    return f"<annotation><filename>{file_name}</filename><object><name>{label}</name>{outline}</object></annotation>"


def bounds(left: object, top: object, right: object, bottom: object) -> str:
    sides = {"xmin": left, "ymin": top, "xmax": right, "ymax": bottom}
    return f"<bndbox>{''.join(f'<{side}>{value}</{side}>' for side, value in sides.items())}</bndbox>"


def block(left: int, top: int, right: int, bottom: int) -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize(
    ("option", "expected"),
    [("", block(4, 2, 10, 8)), ("?boxes=edges", block(4, 2, 10, 8)), ("?boxes=pixels", block(3, 1, 10, 8))],
)
def test_boxes_of_other_tools_are_edges_unless_it_is_said(
    tmp_path: Path, option: str, expected: NDArray[np.uint8]
) -> None:
    plain(tmp_path / "VOCdevkit" / "VOC2012", "a", stated("dog", bounds("4.0", "2.0", 10, 8)))
    data = opened(tmp_path, option)
    assert np.array_equal(mask_of(data), expected)
    assert any("edges that count from 0 (?boxes=pixels" in note for note in data.notes) == (not option)


def test_in_vocs_folders_a_coordinate_of_0_says_that_boxes_are_edges(tmp_path: Path) -> None:
    voc(tmp_path, stated("dog", bounds(0, 2, 10, 8)), None, None)
    assert np.array_equal(mask_of(opened(tmp_path)), block(0, 2, 10, 8))


def test_a_polygon_is_finer_than_a_box_and_may_stand_alone(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((4, 2), (10, 2), (10, 8), (7, 8), (7, 5), (4, 5)))
    expected = block(4, 2, 10, 8)
    expected[5:8, 4:7] = 0
    plain(base, "a", stated("dog", f"<polygon>{points}</polygon>"))
    assert opened(tmp_path).samples[0].mask_kind == "polygon" and np.array_equal(mask_of(opened(tmp_path)), expected)
    assert np.array_equal(mask_of(opened(tmp_path, "?masks=box")), block(4, 2, 10, 8))
    plain(base, "a", stated("dog", "<deleted>1</deleted>" + bounds(1, 1, 3, 3)).replace("</object>", "</object>", 1))
    with pytest.raises(DataError, match=r"no image of 1 .*has an object"):
        opened(tmp_path)
    plain(base, "a", stated("dog", "<robndbox/>"))
    with pytest.raises(DataError, match=r"a\.xml:1: the object 'dog' has no bndbox and no polygon; it has a robndbox"):
        opened(tmp_path)


def test_of_images_with_one_name_the_nearest_belongs_to_the_annotation(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for split, label in (("train", "dog"), ("val", "cat")):
        write(base / split / "annotations" / "a.xml", stated(label, bounds(4, 2, 10, 8)))
        save(base / split / "images" / "a.jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    assert {one.id: one.label for one in opened(tmp_path).samples} == {
        "train/images/a.jpg": "dog",
        "val/images/a.jpg": "cat",
    }
    assert [one.label for one in opened(tmp_path, "?split=val").samples] == ["cat"]
    with pytest.raises(DataError, match="no folder or list 'vall'; did you mean 'val'"):
        opened(tmp_path, "?split=vall")
    write(base / "a.xml", stated("cow", bounds(4, 2, 10, 8)))
    with pytest.raises(DataError, match=r"its image may be .*\?images="):
        opened(tmp_path)


def test_the_image_is_that_of_the_annotations_name_or_that_it_states(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    plain(base, "a", stated("dog", bounds(4, 2, 10, 8), "other.bmp"))
    plain(base, "b", stated("cat", bounds(4, 2, 10, 8), r"C:\\photos\\c.JPEG"), "c.png")
    write(base / "d.xml", stated("cow", bounds(4, 2, 10, 8)))
    assert {one.id: one.label for one in opened(tmp_path).samples} == {"a.jpg": "dog", "c.png": "cat", "d.jpg": "cow"}


def test_lists_that_are_not_val_are_read_where_there_is_one(tmp_path: Path) -> None:
    base = voc(tmp_path)
    voc(tmp_path, xml(element("cat", DOG)), None, None, stem="2008_000001")
    lists = base / "ImageSets" / "Segmentation"
    (lists / "val.txt").unlink()
    write(lists / "default.txt", '"2008_000001"\n')
    assert [one.label for one in opened(tmp_path).samples] == ["cat"]
    assert "images of the only list, ImageSets/Segmentation/default.txt" in opened(tmp_path).notes
    write(lists / "Train.txt", "2007_000032\n")
    assert [one.label for one in opened(tmp_path, "?split=train").samples] == ["dog"]
    assert len(opened(tmp_path).samples) == 2
    assert any(
        "no list val.txt in ImageSets (?split= takes one of Train, default)" in n for n in opened(tmp_path).notes
    )


@pytest.mark.parametrize("line", ["2008_000001.jpg", "JPEGImages/2008_000001.jpg SegmentationClass/2008_000001.png"])
@pytest.mark.parametrize("place", ["ImageSets/Segmentation/train.txt", "train.txt"])
def test_a_list_may_name_the_image_with_its_folder_and_ending(tmp_path: Path, line: str, place: str) -> None:
    base = voc(tmp_path)
    voc(tmp_path, xml(element("cat", DOG)), None, None, stem="2008_000001")
    write(base / place, f"{line}\n")
    assert [one.label for one in opened(tmp_path, "?split=train").samples] == ["cat"]


def test_in_vocs_folders_the_image_may_be_in_another_folder_than_its_annotation_or_have_the_name_it_states(
    tmp_path: Path,
) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    write(base / "Annotations" / "dogs" / "a.xml", stated("dog", bounds(4, 2, 10, 8)))
    write(base / "Annotations" / "b.xml", stated("cat", bounds(4, 2, 10, 8), "c.bmp"))
    for name in ("a", "c"):
        save(base / "JPEGImages" / f"{name}.png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    assert {one.id: one.label for one in opened(tmp_path).samples} == {"a.png": "dog", "c.png": "cat"}


def test_annotations_in_other_folders_go_with_jpegimages_too(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    write(base / "xml" / "a.xml", stated("dog", bounds(4, 2, 10, 8)))
    save(base / "JPEGImages" / "a.png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    assert [one.id for one in opened(tmp_path).samples] == ["JPEGImages/a.png"]


@pytest.mark.parametrize(
    ("folder", "note"), [("images", "images are those in images"), ("photos", "have the names of")]
)
def test_images_in_another_folder_than_jpegimages_are_found(tmp_path: Path, folder: str, note: str) -> None:
    base = voc(tmp_path)
    (base / "JPEGImages").rename(base / folder)
    data = opened(tmp_path)
    assert [one.label for one in data.samples] == ["dog"] and any(note in one for one in data.notes)
    assert mask_of(data).any()


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"SegmentationClass/a.png": ""}, r"no image in .*JPEGImages, nor in another folder: .*\?images="),
        ({"Annotations/a.xml": "<annotation/>"}, r"1 annotations, and no image: .* holds 1 \.xml .*\?images="),
        (
            {"JPEGImages/a.png": ""},
            r"no layout of Pascal VOC: .* holds 1 \.png .*known are JPEGImages with",
        ),
        ({"obj.names": "a", "a.txt": ""}, "no layout of Pascal VOC: .* it looks like YOLO: write yolo:"),
        ({"x.json": '{"images": [], "annotations": []}'}, r"it looks like COCO: write coco:.*x\.json"),
        ({"x.json": '{"shapes": []}'}, "it looks like LabelMe's JSON: write labelme:"),
        ({"dog/a.png": "", "cat/a.png": ""}, "images in folders of their labels: write folder:"),
        ({"a.csv": ""}, r"holds 1 \.csv; known are .*the options \?images=, \?split=, \?names="),
        (
            {"annotations.xml": "<annotations/>", "a.png": ""},
            "it is CVAT's own format: export as COCO 1.0 or PASCAL VOC",
        ),
        (
            {"Annotations/a.xml": stated("a", bounds(1, 1, 3, 3)), "b.png": ""},
            "none of 1 images is there, e.g. .*a.jpg",
        ),
    ],
    ids=range(10),
)
def test_a_layout_that_is_not_known_says_what_is_there_and_the_way_out(
    tmp_path: Path, made: dict[str, str], message: str
) -> None:
    for name, content in made.items():
        write(tmp_path / "VOCdevkit" / "VOC2012" / name, content)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)
