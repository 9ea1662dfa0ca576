"""LabelMe: its shapes as it draws them, images beside the JSON files or in them, and files that make no sense."""

from __future__ import annotations

import base64
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import encoded, save
from data.trees import write
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import UnusableSample, content_of, decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import DataSet

HEIGHT, WIDTH = 40, 60
PICTURE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def shape(label: str, kind: str, points: Any, **parts: Any) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "description": "",
        "shape_type": kind,
        "flags": {},
        **parts,
    }


def rectangle(label: str, left: float, top: float, right: float, bottom: float, **parts: Any) -> dict[str, Any]:
    return shape(label, "rectangle", [[left, top], [right, bottom]], **parts)


def polygon(label: str, left: float, top: float, right: float, bottom: float, **parts: Any) -> dict[str, Any]:
    return shape(label, "polygon", [[left, top], [right, top], [right, bottom], [left, bottom]], **parts)


def document(*shapes: Any, **parts: Any) -> dict[str, Any]:
    base = {
        "version": "5.4.1",
        "flags": {},
        "shapes": list(shapes),
        "imagePath": "part 1.jpg",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
    }
    return {**base, **parts}


def opened(root: Path, content: Any, options: str = "") -> DataSet:
    save(root / "line" / "part 1.jpg", PICTURE)
    write(root / "line" / "part 1.json", content if isinstance(content, str | bytes) else json.dumps(content))
    return open_data(f"labelme:line{options}", root=root)


def mask_of(data: DataSet) -> NDArray[np.uint8]:
    (sample,) = data.samples
    mask = decode(sample).mask
    assert mask is not None
    return mask


def box(left: int, top: int, right: int, bottom: int, value: int = 1) -> NDArray[np.uint8]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top:bottom, left:right] = value
    return mask


@pytest.mark.parametrize(
    ("one", "expected", "kind"),
    [
        (polygon("bolt", 5, 4, 25, 14), box(5, 4, 25, 14), "polygon"),
        (rectangle("bolt", 5.2, 3.8, 24.6, 14.1), box(5, 4, 25, 14), "box"),
        (rectangle("bolt", 25, 14, 5, 4), box(5, 4, 25, 14), "box"),
        (shape("bolt", "rectangle", [[5, 4], [25, 4], [25, 14], [5, 14]]), box(5, 4, 25, 14), "box"),
        ({**polygon("bolt", 5, 4, 25, 14), "shape_type": None}, box(5, 4, 25, 14), "polygon"),
    ],
    ids=["polygon", "rectangle", "corners the other way round", "four corners", "no type"],
)
def test_shapes_become_the_object(tmp_path: Path, one: Any, expected: NDArray[np.uint8], kind: str) -> None:
    data = opened(tmp_path, document(one))
    (sample,) = data.samples
    assert (sample.id, sample.label, sample.mask_kind) == ("part 1.jpg", "bolt", kind)
    assert np.array_equal(mask_of(data), expected)
    assert any("box for a mask" in note for note in data.notes) == (kind == "box")


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation", "rectangle", "polygon"])
def test_a_turned_rectangle_is_its_four_corners(tmp_path: Path, kind: str) -> None:
    data = opened(tmp_path, document(shape("bolt", kind, [[30, 6], [44, 20], [30, 34], [16, 20]], direction=0.785)))
    across, down = np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5
    expected = np.abs(across[None, :] - 30) + np.abs(down[:, None] - 20) <= 14
    assert (mask_of(data) == expected).mean() > 0.98 and data.samples[0].mask_kind == "polygon"


def test_a_circle_is_its_centre_and_a_point_of_its_edge(tmp_path: Path) -> None:
    mask = mask_of(opened(tmp_path, document(shape("bolt", "circle", [[30, 20], [30 + 12, 20 + 5]]))))
    rows, columns = np.nonzero(mask)
    assert mask.sum() == pytest.approx(math.pi * 13**2, rel=0.02)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (7, 32, 17, 42)
    assert not mask[7, 17] and mask[20, 30]


def pixels(array: NDArray[Any]) -> str:
    return base64.b64encode(encoded(Image.fromarray(array))).decode()


L_SHAPED = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 1]], dtype=np.uint8)


@pytest.mark.parametrize("array", [L_SHAPED, L_SHAPED * np.uint8(255), L_SHAPED == 1], ids=["0/1", "0/255", "1 bit"])
def test_a_mask_fills_the_frame_of_its_points_both_included(tmp_path: Path, array: NDArray[Any]) -> None:
    data = opened(tmp_path, document(shape("bolt", "mask", [[10, 20], [12, 23]], mask=pixels(array))))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[20:24, 10:13] = L_SHAPED
    assert np.array_equal(mask_of(data), expected)
    assert data.samples[0].mask_kind == "mask"


@pytest.mark.parametrize(
    ("points", "mask", "message"),
    [
        ([[10, 20], [13, 23]], pixels(L_SHAPED), "its points frame 4 x 4 pixels"),
        ([[58, 20], [60, 23]], pixels(L_SHAPED), "reaches out of the image of 60 x 40"),
        ([[10, 20], [12, 23]], "no base64!", "not valid base64"),
        ([[10, 20], [12, 23]], base64.b64encode(b"no image").decode(), "is not a PNG"),
        ([[10, 20], [12, 23]], pixels(np.dstack([L_SHAPED] * 3)), "shape (4, 3, 3)"),
    ],
    ids=["another size", "outside", "no base64", "no image", "coloured"],
)
def test_a_mask_that_does_not_fit_is_refused(tmp_path: Path, points: Any, mask: str, message: str) -> None:
    data = opened(tmp_path, document(shape("bolt", "mask", points, mask=mask)))
    with pytest.raises(UnusableSample) as caught:
        decode(data.samples[0])
    contradicts = message.startswith(("its points", "reaches out"))
    assert caught.value.reason is (Missing.CONTRADICTION if contradicts else Missing.UNREADABLE_MASK)
    assert message in str(caught.value) and "shape 0" in str(caught.value)


def test_a_mask_at_a_part_of_a_pixel_has_the_size_of_its_picture(tmp_path: Path) -> None:
    data = opened(tmp_path, document(shape("bolt", "mask", [[9.6, 20.4], [11.6, 23.4]], mask=pixels(L_SHAPED))))
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[20:24, 10:13] = L_SHAPED
    assert np.array_equal(mask_of(data), expected)


def test_lines_and_points_have_no_area_and_are_counted(tmp_path: Path) -> None:
    lines = [shape("scratch", "linestrip", [[1, 1], [5, 5], [9, 1]]), shape("scratch", "line", [[1, 1], [5, 5]])]
    points = [shape("hole", "point", [[3, 3]]), shape("hole", "points", [[3, 3], [4, 4]])]
    data = opened(tmp_path, document(*lines, *points, polygon("bolt", 5, 4, 25, 14), lines[0]))
    assert data.samples[0].label == "bolt" and np.array_equal(mask_of(data), box(5, 4, 25, 14))
    assert data.notes == ("shapes without an area were skipped: 1 x line, 2 x linestrip, 1 x point, 1 x points",)


def beside_others(root: Path, *shapes: Any, options: str = "", **parts: Any) -> DataSet:
    """Data of "part 1.jpg" with a good shape, and of "b.jpg" with these shapes."""
    save(root / "line" / "b.jpg", PICTURE)
    write(root / "line" / "b.json", json.dumps(document(*shapes, imagePath="b.jpg", **parts)))
    return opened(root, document(polygon("bolt", 5, 4, 25, 14)), options)


STAR = shape("bolt", "star", [[1, 1], [9, 9]])


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (STAR, "shape 1 is a 'star'"),
        (shape("bolt", "cuboid", [[1, 1]] * 8), "shape 1 is a 'cuboid'"),
        (shape("bolt", "polygon", [[1, 1], [2, 2]]), "a polygon of 2 points"),
        (shape("bolt", "mask", [[1, 1], [2, 2]]), "a mask without pixels"),
        (shape("bolt", "circle", [[1, 1]]), "a circle of 1 points"),
    ],
    ids=["star", "cuboid", "two points", "no pixels", "one point"],
)
@pytest.mark.parametrize("options", ["", "?objects=largest", "?objects=all", "?objects=each"])
def test_a_shape_that_cannot_be_read_concerns_its_image_alone(
    tmp_path: Path, broken: Any, message: str, options: str
) -> None:
    data = beside_others(tmp_path, polygon("bolt", 5, 4, 25, 14), broken, options=options)
    other, good = data.samples
    assert (other.label, good.label) == ("bolt", "bolt")
    with pytest.raises(UnusableSample, match=message) as caught:
        decode(other)
    assert caught.value.reason is Missing.UNREADABLE_MASK
    assert np.array_equal(decode(good).mask, box(5, 4, 25, 14))
    assert any(note.startswith("1 images have a shape that cannot be read") and "b.json" in note for note in data.notes)


@pytest.mark.parametrize("broken", [{**STAR, "label": "nut"}, {**STAR, "label": ""}, 5, None], ids=str)
def test_an_image_whose_label_a_broken_shape_leaves_open_is_left_out(tmp_path: Path, broken: Any) -> None:
    data = beside_others(tmp_path, polygon("bolt", 5, 4, 25, 14), broken)
    assert [sample.id for sample in data.samples] == ["part 1.jpg"]
    assert any("so their label is open, and were left out" in note for note in data.notes)


def test_of_each_label_only_that_of_the_broken_shape_is_unusable(tmp_path: Path) -> None:
    data = beside_others(tmp_path, polygon("nut", 5, 4, 25, 14), STAR, options="?objects=each")
    assert [sample.id for sample in data.samples] == ["b.jpg#bolt", "b.jpg#nut", "part 1.jpg#bolt"]
    assert np.array_equal(decode(data.samples[1]).mask, box(5, 4, 25, 14))
    with pytest.raises(UnusableSample, match="star"):
        decode(data.samples[0])


def test_what_is_labelled_to_be_ignored_or_background_is_no_object(tmp_path: Path) -> None:
    ignored, background = rectangle("__ignore__", 1, 20, 50, 38), rectangle("_background_", 0, 0, 60, 40)
    data = opened(tmp_path, document(polygon("bolt", 5, 4, 25, 14), ignored, background))
    assert data.samples[0].label == "bolt"
    assert np.array_equal(mask_of(data), box(5, 4, 25, 14) + box(1, 20, 50, 38, 255))
    assert beside_others(tmp_path, ignored, background).samples[-1].id == "part 1.jpg"


@pytest.mark.parametrize("sides", [(None, WIDTH), (0, 0), (float(HEIGHT), float(WIDTH)), (str(HEIGHT), str(WIDTH))])
def test_sides_may_be_missing_or_written_otherwise(tmp_path: Path, sides: Any) -> None:
    data = opened(tmp_path, document(polygon("bolt", 5, 4, 25, 14), imageHeight=sides[0], imageWidth=sides[1]))
    assert np.array_equal(mask_of(data), box(5, 4, 25, 14))


SCENE = (
    polygon("nut", 2, 2, 22, 12),
    polygon("bolt", 25, 2, 37, 14),
    polygon("bolt", 40, 20, 54, 30),
    polygon("screw", 2, 30, 6, 36),
)
NUT, BOLT, LAST = box(2, 2, 22, 12), box(25, 2, 37, 14), box(40, 20, 54, 30)


@pytest.mark.parametrize(
    ("option", "label", "expected"),
    [
        ("", "bolt", BOLT + LAST),
        ("?objects=largest", "nut", NUT),
        ("?objects=all", "bolt", NUT + BOLT + LAST + box(2, 30, 6, 36)),
    ],
    ids=["label", "largest", "all"],
)
def test_of_several_labels_the_largest_counts(
    tmp_path: Path, option: str, label: str, expected: NDArray[np.uint8]
) -> None:
    data = opened(tmp_path, document(*SCENE), option)
    assert data.samples[0].label == label and np.array_equal(mask_of(data), expected)
    assert any("several categories" in note and "'part 1.jpg'" in note for note in data.notes)


def test_shapes_of_one_group_are_one_object(tmp_path: Path) -> None:
    parts = [dict(one, group_id=4) if one["label"] == "bolt" else one for one in SCENE]
    data = opened(tmp_path, document(*parts), "?objects=largest")
    assert data.samples[0].label == "bolt" and np.array_equal(mask_of(data), BOLT + LAST)
    alone = [dict(one, group_id=number) for number, one in enumerate(SCENE[1:3])]
    data = opened(tmp_path, document(*alone), "?objects=largest")
    assert np.array_equal(mask_of(data), BOLT + LAST * np.uint8(255))


def test_the_label_may_be_the_flag_of_the_image(tmp_path: Path) -> None:
    flags = {"scratched": True, "good": False}
    data = opened(tmp_path, document(polygon("part", 2, 2, 22, 12), flags=flags), "?labels=flag")
    assert data.samples[0].label == "scratched" and np.array_equal(mask_of(data), NUT)
    assert opened(tmp_path, document(polygon("part", 2, 2, 22, 12), flags=flags)).samples[0].label == "part"
    for flags in ({}, {"a": True, "b": True}, {"a": 1}):
        with pytest.raises(DataError, match=r"part 1\.json: . flags of the image are set.*needs one"):
            opened(tmp_path, document(polygon("part", 2, 2, 22, 12), flags=flags), "?labels=flag")


@pytest.mark.parametrize("path", ["../images/a.jpg", "..\\images\\a.jpg", "./../images/a.jpg"])
def test_images_are_found_relative_to_their_json_file(tmp_path: Path, path: str) -> None:
    save(tmp_path / "line" / "images" / "a.jpg", PICTURE)
    write(tmp_path / "line" / "json" / "a.json", json.dumps(document(SCENE[0], imagePath=path)))
    data = open_data("labelme:line", root=tmp_path)
    (sample,) = data.samples
    assert sample.id == "images/a.jpg" and decode(sample).mask is not None
    assert data.notes == (), "the same file by way of images/ is no other image"


def test_images_elsewhere_are_found_by_their_last_part(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "a.jpg", PICTURE)
    write(tmp_path / "json" / "a.json", json.dumps(document(SCENE[0], imagePath="C:\\work\\a.jpg")))
    (sample,) = open_data("labelme:json?images=photos", root=tmp_path).samples
    assert sample.id == "a.jpg" and decode(sample).image.shape == PICTURE.shape


@pytest.mark.parametrize(
    ("json_file", "image", "stated"),
    [
        ("line/a.json", "line/a.jpg", "C:\\work\\photos\\a.jpg"),
        ("line/a.json", "line/a.jpg", "/home/me/photos/a.jpg"),
        ("line/a.json", "line/a.jpg", "..\\..\\elsewhere\\a.jpg"),
        ("line/json/a.json", "line/images/a.jpg", "a.jpg"),
        ("line/annotations/a.json", "line/a.jpg", "D:/a.jpg"),
        ("line/sub/a.json", "line/JPEGImages/a.jpg", "a.jpg"),
    ],
    ids=["drive", "absolute", "upwards", "images beside", "above", "of all"],
)
def test_images_are_found_in_the_usual_places(tmp_path: Path, json_file: str, image: str, stated: str) -> None:
    save(tmp_path / image, PICTURE)
    write(tmp_path / json_file, json.dumps(document(SCENE[0], imagePath=stated)))
    data = open_data("labelme:line", root=tmp_path)
    (sample,) = data.samples
    assert sample.image == tmp_path / image and sample.id == image.removeprefix("line/")
    assert np.array_equal(mask_of(data), NUT)
    assert any(f"taken from {Path(image).parent}," in note for note in data.notes)


def test_images_that_are_nowhere_are_an_error_that_names_the_option(tmp_path: Path) -> None:
    write(tmp_path / "line" / "a.json", json.dumps(document(SCENE[0], imagePath="sub\\a.jpg")))
    with pytest.raises(DataError, match=r"in none of the usual places.*a\.jpg.*\?images=DIR"):
        open_data("labelme:line", root=tmp_path)
    data = opened(tmp_path, document(SCENE[0]))  # one of two is there
    assert [sample.id for sample in data.samples] == ["part 1.jpg", "sub/a.jpg"]


@pytest.mark.parametrize("stated", ["C:\\work\\gone.jpg", "../../images/gone.jpg", "/home/me/gone.jpg"])
def test_an_image_in_its_json_file_needs_no_path(tmp_path: Path, stated: str) -> None:
    data = opened(tmp_path, {**embedded(), "imagePath": stated})
    assert data.samples[0].id == "gone.jpg" and np.array_equal(mask_of(data), NUT)


def embedded(**parts: Any) -> dict[str, Any]:
    stored = base64.b64encode(encoded(Image.fromarray(PICTURE))).decode()
    return document(SCENE[0], imagePath="gone.jpg", imageData=stored, **parts)


@pytest.mark.parametrize("sides", [HEIGHT, None])
def test_an_image_without_file_is_taken_from_its_json_file(tmp_path: Path, sides: int | None) -> None:
    size = {} if sides else {"imageHeight": None, "imageWidth": None}
    data = opened(tmp_path, embedded(**size))
    (sample,) = data.samples
    decoded = decode(sample)
    assert sample.id == "gone.jpg" and np.array_equal(decoded.image, PICTURE)
    assert decoded.mask is not None and np.array_equal(decoded.mask, NUT)
    assert data.notes == ("1 images have no file and were taken from their JSON file (imageData), e.g. 'gone.jpg'",)
    assert content_of(sample, {}) == decoded.content


def test_the_file_is_taken_where_it_is_there(tmp_path: Path) -> None:
    data = opened(tmp_path, {**embedded(), "imagePath": "part 1.jpg"})
    assert data.samples[0].image == tmp_path / "line" / "part 1.jpg" and data.notes == ()


@pytest.mark.parametrize("text", [None, "!", base64.b64encode(b"nothing").decode()], ids=["gone", "no base64", "other"])
def test_an_embedded_image_that_changed_or_is_invalid_is_unreadable(tmp_path: Path, text: str | None) -> None:
    data = opened(tmp_path, embedded())
    content = {**embedded(), "imageData": text}
    write(tmp_path / "line" / "part 1.json", json.dumps(content))
    with pytest.raises(UnusableSample, match="was changed after it was read") as caught:
        decode(data.samples[0])
    assert caught.value.reason is Missing.UNREADABLE_IMAGE
    if text is not None:
        with pytest.raises(UnusableSample, match=r"part 1\.json: imageData (is not|cannot)"):
            decode(opened(tmp_path, content).samples[0])


def test_a_size_that_is_not_stated_is_that_of_the_image(tmp_path: Path) -> None:
    data = opened(tmp_path, document(SCENE[0], imageHeight=None, imageWidth=None))
    assert np.array_equal(mask_of(data), NUT)


def test_a_size_that_is_not_the_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnusableSample) as caught:
        decode(opened(tmp_path, document(SCENE[0], imageHeight=HEIGHT + 1)).samples[0])
    assert caught.value.reason is Missing.MASK_SIZE


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{\n\n", r"part 1\.json:3: is not valid JSON"),
        (b'{"shapes": "\xff"}', r"part 1\.json:1: .*not UTF-8"),
        ("[" * 100_000, r"part 1\.json:1: is not valid JSON: .*more than 100"),
        ("[]", "not a JSON object"),
        ({"images": [], "annotations": []}, "no list 'shapes'"),
        (document(SCENE[0], imagePath=None), "'imagePath'"),
        (document(SCENE[0], imageData=7), "neither null nor base64"),
        (document(SCENE[0], imageWidth=-1), "height and width"),
        (document(SCENE[0], flags=["a"]), "flags"),
        (document(SCENE[0], 5), "shape 1 must be an object"),
        (document({**SCENE[0], "label": None}), "shape 0 has the label None"),
        (document(shape("a", "star", [[1, 1]])), "shape 0 is a 'star'"),
        (document(shape("a", "polygon", [[1, 1], [2, 2]])), "a polygon of 2 points"),
        (document(shape("a", "polygon", [[1, 1], [2, "x"], [3, 3]])), r"must be a list of \[x, y\]"),
        (
            document(shape("a", "polygon", [[1, 1], [2, float("nan")], [3, 3]])),
            "NaN is not finite",
        ),
        (document(shape("a", "polygon", [1, 1, 2, 2])), r"must be a list of \[x, y\]"),
        (document(shape("a", "circle", [[1, 1]])), "a circle of 1 points"),
        (document(shape("a", "rectangle", [[1, 1], [5, 2], [5, 5]])), "a rectangle of 3 points"),
        (document(shape("a", "oriented_rectangle", [[1, 1], [5, 2]])), "it takes four"),
        (document(shape("a", "mask", [[1, 1], [2, 2]])), "a mask without pixels"),
        (document(rectangle("a", 1, 1, 2, 2, group_id=[1])), "group_id"),
        (document(shape("a", "line", [[1, 1], [2, 2]])), "no shape with an area in the 1 JSON files"),
    ],
    ids=range(22),
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(tmp_path, content)


def test_two_files_for_one_image_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "line" / "copy.json", json.dumps(document(SCENE[0])))
    with pytest.raises(DataError, match=r"part 1\.json and .*copy\.json are both of the image 'part 1\.jpg'"):
        opened(tmp_path, document(SCENE[0]))


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("labelme:nowhere", "no folder at"),
        ("labelme:empty", "no JSON file"),
        ("labelme:line?image=x", "did you mean 'images'"),
        ("labelme:line?labels=flags", "did you mean 'flag'"),
        ("labelme:line?objects=every", "label, largest"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(tmp_path: Path, reference: str, message: str) -> None:
    opened(tmp_path, document(SCENE[0]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_every_label_of_an_image_is_a_sample_where_each_is_asked_for(tmp_path: Path) -> None:
    content = document(rectangle("nut", 1, 1, 5, 5), polygon("bolt", 8, 2, 14, 8), rectangle("nut", 1, 8, 4, 10))
    data = opened(tmp_path, content, "?objects=each")
    assert [(one.id, one.label, one.cluster) for one in data.samples] == [
        ("part 1.jpg#bolt", "bolt", "part 1.jpg"),
        ("part 1.jpg#nut", "nut", "part 1.jpg"),
    ]
    assert not any("several categories" in note for note in data.notes)
    with pytest.raises(DataError, match="leave labels=flag out"):
        opened(tmp_path, content, "?objects=each&labels=flag")
