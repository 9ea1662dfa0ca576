"""The COCO source: outlines of every kind, labels, and files that contradict themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import image_array, mask_array, save
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.objects import run_lengths as runs_in
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import DataSet

HEIGHT, WIDTH = 24, 32
TOP, LEFT, BOTTOM, RIGHT = 3, 4, 11, 16
OBJECT = (mask_array(HEIGHT, WIDTH) == 1).astype(np.uint8)
POLYGON = [[LEFT, TOP, RIGHT, TOP, RIGHT, BOTTOM, LEFT, BOTTOM]]
BOX = [LEFT, TOP, RIGHT - LEFT, BOTTOM - TOP]

IMAGE = {"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}


def run_lengths(mask: NDArray[np.uint8]) -> dict[str, Any]:
    flat = np.concatenate([[0], mask.flatten(order="F"), [2]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {"size": list(mask.shape), "counts": np.diff(np.concatenate([[0], edges])).tolist()}


def compressed(mask: NDArray[np.uint8]) -> dict[str, Any]:
    encoded = coco_mask.encode(np.asfortranarray(mask))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def annotation(**parts: Any) -> dict[str, Any]:
    base = {"id": 1, "image_id": 1, "category_id": 1, "segmentation": POLYGON, "area": 96, "iscrowd": 0}
    if not parts.get("segmentation"):
        base["bbox"] = BOX
    return {key: value for key, value in {**base, **parts}.items() if value is not None}


def document(*annotations: dict[str, Any], **parts: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": "a.png", "height": HEIGHT, "width": WIDTH}],
        "categories": [{"id": 1, "name": "bolt"}, {"id": 2, "name": "nut"}],
        "annotations": list(annotations),
        **parts,
    }


def opened(tmp_path: Path, content: Any, options: str = "") -> DataSet:
    save(tmp_path / "line" / "images" / "a.png", image_array(OBJECT))
    (tmp_path / "line" / "boxes.json").write_text(content if isinstance(content, str) else json.dumps(content))
    return open_data(f"coco:line/boxes.json{options}", root=tmp_path)


def mask_of(data: DataSet) -> NDArray[np.uint8]:
    mask = decode(data.samples[0]).mask
    assert mask is not None
    return mask


@pytest.mark.parametrize(
    ("segmentation", "kind"),
    [(POLYGON, "polygon"), (run_lengths(OBJECT), "rle"), (compressed(OBJECT), "rle"), (None, "box"), ([], "box")],
    ids=["polygon", "run lengths", "compressed", "box", "empty segmentation"],
)
@pytest.mark.parametrize("crowd", [0, 1])
def test_every_kind_of_outline_gives_the_object(tmp_path: Path, segmentation: Any, kind: str, crowd: int) -> None:
    data = opened(tmp_path, document(annotation(segmentation=segmentation, iscrowd=crowd)))
    (sample,) = data.samples
    assert (sample.id, sample.label, sample.mask_kind) == ("a.png", "bolt", kind)
    assert np.array_equal(mask_of(data), OBJECT)
    assert any("box for a mask" in note for note in data.notes) == (kind == "box")


def test_several_objects_of_the_label_are_united(tmp_path: Path) -> None:
    second = np.zeros_like(OBJECT)
    second[15:20, 20:30] = 1
    data = opened(tmp_path, document(annotation(), annotation(id=2, segmentation=compressed(second), area=50)))
    assert np.array_equal(mask_of(data), OBJECT | second)
    assert data.samples[0].mask_kind == "rle"


def test_the_largest_category_gives_the_label_and_the_others_are_background(tmp_path: Path) -> None:
    second = np.zeros_like(OBJECT)
    second[15:20, 20:30] = 1
    nuts = [annotation(id=i, category_id=2, segmentation=run_lengths(second), area=50) for i in (2, 3)]
    data = opened(tmp_path, document(annotation(), *nuts))
    assert data.samples[0].label == "nut"
    assert np.array_equal(mask_of(data), second)
    assert any(note.startswith("1 images have objects of several categories") for note in data.notes)


SECOND = np.zeros_like(OBJECT)
SECOND[14:24, 18:32] = 1
THIRD = np.zeros_like(OBJECT)
THIRD[0:4, 26:31] = 1
SCENE = (
    annotation(),
    annotation(id=2, segmentation=run_lengths(SECOND), area=140),
    annotation(id=3, category_id=2, segmentation=compressed(THIRD), area=20),
)


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("", OBJECT | SECOND),
        ("?objects=label", OBJECT | SECOND),
        ("?objects=largest", SECOND + OBJECT * np.uint8(255)),
        ("?objects=all", OBJECT | SECOND | THIRD),
    ],
    ids=["", "label", "largest", "all"],
)
def test_which_objects_are_the_object_is_an_option(tmp_path: Path, option: str, expected: NDArray[np.uint8]) -> None:
    data = opened(tmp_path, document(*SCENE), option)
    assert data.samples[0].label == "bolt"
    assert np.array_equal(mask_of(data), expected)
    fate = "all of them are object" if option.endswith("all") else "the others are background"
    assert any(fate in note and "'a.png'" in note for note in data.notes)


def test_the_largest_object_may_be_of_a_category_that_is_smaller_in_sum(tmp_path: Path) -> None:
    nut = annotation(id=3, category_id=2, segmentation=run_lengths(SECOND), area=140)
    second = np.zeros_like(OBJECT)
    second[14:22, 2:10] = 1
    bolts = [annotation(), annotation(id=2, segmentation=run_lengths(second), area=60)]
    assert opened(tmp_path, document(*bolts, nut)).samples[0].label == "bolt"
    data = opened(tmp_path, document(*bolts, nut), "?objects=largest")
    assert data.samples[0].label == "nut"
    assert np.array_equal(mask_of(data), SECOND)


#: an outline that cannot be drawn, so its area is not known either
BROKEN = [[1, 2, 3, 4, 5, 6, 7]]


def test_the_largest_object_is_not_guessed_without_areas(tmp_path: Path) -> None:
    unknown = {"area": None, "bbox": None, "segmentation": BROKEN}
    with pytest.raises(DataError, match=r"annotation 2.*objects=largest"):
        opened(tmp_path, document(annotation(), annotation(id=2, **unknown)), "?objects=largest")
    assert opened(tmp_path, document(annotation(**unknown)), "?objects=largest").samples[0].label == "bolt"


def crowd(mask: NDArray[np.uint8], **parts: Any) -> dict[str, Any]:
    """As COCO writes crowds: uncompressed run lengths."""
    return annotation(id=9, iscrowd=1, segmentation=run_lengths(mask), area=int(mask.sum()), **parts)


@pytest.mark.parametrize(
    ("option", "expected"),
    [("", OBJECT | SECOND), ("?crowd=object", OBJECT | SECOND), ("?crowd=ignore", OBJECT + SECOND * np.uint8(255))],
    ids=["", "object", "ignore"],
)
def test_crowds_are_objects_or_ignored(tmp_path: Path, option: str, expected: NDArray[np.uint8]) -> None:
    data = opened(tmp_path, document(annotation(), crowd(SECOND)), option)
    assert np.array_equal(mask_of(data), expected)
    assert any("1 crowds are ignored" in note for note in data.notes) == option.endswith("ignore")


def test_an_ignored_crowd_covers_no_object_and_gives_no_label(tmp_path: Path) -> None:
    data = opened(tmp_path, document(annotation(), crowd(np.ones_like(OBJECT))), "?crowd=ignore")
    assert np.array_equal(mask_of(data) == 1, OBJECT == 1) and (mask_of(data)[OBJECT == 0] == 255).all()
    other = opened(tmp_path, document(annotation(), crowd(SECOND, category_id=2)), "?crowd=ignore")
    assert other.samples[0].label == "bolt" and np.array_equal(mask_of(other), OBJECT)
    with pytest.raises(DataError, match="annotates no image"):
        opened(tmp_path, document(crowd(SECOND)), "?crowd=ignore")


def test_several_categories_without_areas_are_not_guessed(tmp_path: Path) -> None:
    parts = {"area": None, "bbox": None, "segmentation": BROKEN}
    with pytest.raises(DataError, match="area"):
        opened(tmp_path, document(annotation(**parts), annotation(id=2, category_id=2, **parts)))
    assert opened(tmp_path, document(annotation(**parts))).samples[0].label == "bolt"


@pytest.mark.parametrize("area", [None, 0, "0", "none"])
@pytest.mark.parametrize("form", [lambda mask: mask, run_lengths, compressed], ids=["polygon", "runs", "compressed"])
def test_an_area_that_is_not_stated_is_that_of_the_outline(tmp_path: Path, area: Any, form: Any) -> None:
    small, large = (form(mask) for mask in (OBJECT, SECOND))
    if not isinstance(small, dict):
        small, large = POLYGON, [[18, 14, 32, 14, 32, 24, 18, 24]]
    bolt = annotation(segmentation=small, area=area, bbox=None)
    nut = annotation(id=2, category_id=2, segmentation=large, area=area, bbox=[18, 14, 14, 10])
    data = opened(tmp_path, document(bolt, nut))
    assert data.samples[0].label == "nut" and np.array_equal(mask_of(data), SECOND)


INDEXED = [{"id": 1, "name": "bolt", "imagenet_index": 7}, {"id": 2, "name": "nut", "imagenet_index": 0}]


@pytest.mark.parametrize(
    ("categories", "options", "label"),
    [
        (INDEXED, "", 7),
        (INDEXED, "?labels=name", "bolt"),
        (INDEXED, "?labels=imagenet_index", 7),
        ([INDEXED[0], {"id": 2, "name": "nut"}], "", "bolt"),
    ],
)
def test_labels_are_indices_where_every_category_has_one(
    tmp_path: Path, categories: list[Any], options: str, label: str | int
) -> None:
    data = opened(tmp_path, document(annotation(), categories=categories), options)
    assert data.samples[0].label == label
    assert any("imagenet_index" in note for note in data.notes) == (label == 7 and not options)


def test_images_are_found_next_to_the_file_or_where_the_reference_says(tmp_path: Path) -> None:
    save(tmp_path / "photos" / "a.png", image_array(OBJECT))
    content = document(annotation())
    data = opened(tmp_path, content, "?images=photos")
    assert data.samples[0].image == tmp_path / "photos" / "a.png"
    (tmp_path / "flat.json").write_text(json.dumps(content))
    save(tmp_path / "a.png", image_array(OBJECT))
    assert open_data("coco:flat.json", root=tmp_path).samples[0].image == tmp_path / "a.png"


@pytest.mark.parametrize(
    ("file", "image", "name"),
    [
        ("d/ann/instances.json", "d/img/b.png", "b.png"),
        ("d/labels.json", "d/data/b.png", "b.png"),
        ("d/val/annotations.json", "d/val/images/b.png", "b.png"),
        ("d/annotations/train.json", "d/train/b.png", "b.png"),
        ("d/annotations/train.json", "d/train/images/b.png", "b.png"),
        ("d/annotations/instances_val.json", "d/images/val/sub/b.png", "sub/b.png"),
        ("d/x.json", "d/dataset_images/b.png", "b.png"),
        ("d/annotations/x.json", "d/images/camera 1/b.png", "b.png"),
        ("d/x.json", "d/images/b.png", "coco/images/b.png"),
        ("d/train/_annotations.coco.json", "d/train/b.png", "b.png"),
    ],
    ids=range(10),
)
def test_images_are_found_where_tools_put_them(tmp_path: Path, file: str, image: str, name: str) -> None:
    save(tmp_path / image, image_array(OBJECT))
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(json.dumps(document(annotation(), images=[{**IMAGE, "file_name": name}])))
    (sample,) = open_data(f"coco:{file}", root=tmp_path).samples
    assert sample.image == tmp_path / image and np.array_equal(decode(sample).mask, OBJECT)


@pytest.mark.parametrize(
    ("parts", "size"),
    [
        ({}, {"height": None, "width": None}),
        ({}, {"height": 0, "width": 0}),
        ({}, {"height": HEIGHT}),
        ({}, {"height": "", "width": WIDTH}),
        ({}, {"height": float(HEIGHT), "width": float(WIDTH)}),
        ({}, {"height": str(HEIGHT), "width": f"{WIDTH}.0"}),
        ({"segmentation": [], "bbox": [str(value) for value in BOX]}, {}),
        ({"segmentation": run_lengths(OBJECT)}, {}),
        ({"segmentation": compressed(OBJECT)}, {}),
        ({"segmentation": {**run_lengths(OBJECT), "size": [float(HEIGHT), float(WIDTH)]}}, {}),
        (
            {
                "segmentation": {
                    **compressed(OBJECT),
                    "counts": str(coco_mask.encode(np.asfortranarray(OBJECT))["counts"]),
                }
            },
            {},
        ),
        ({"segmentation": POLYGON[0]}, {}),
        ({"segmentation": [[[LEFT, TOP], [RIGHT, TOP], [RIGHT, BOTTOM], [LEFT, BOTTOM]]]}, {}),
        ({"segmentation": [*POLYGON, [], [1, 2, 3, 4]]}, {}),
        ({"segmentation": [[]], "bbox": BOX}, {}),
        ({"segmentation": [[LEFT, TOP, RIGHT, BOTTOM]], "bbox": BOX}, {}),
        ({"id": 1.0, "image_id": 1.0, "category_id": "1", "iscrowd": "0"}, {}),
        ({"iscrowd": False, "area": "96", "image_id": "1"}, {}),
        ({"iscrowd": None, "area": 0, "bbox": None}, {}),
    ],
    ids=range(19),
)
def test_fields_may_be_missing_or_written_otherwise(tmp_path: Path, parts: Any, size: Any) -> None:
    image = {"id": 1, "file_name": "a.png", **size}
    data = opened(tmp_path, document(annotation(**parts), images=[image]))
    assert np.array_equal(mask_of(data), OBJECT) and data.samples[0].label == "bolt"


def test_what_is_named_ignore_or_background_is_no_object(tmp_path: Path) -> None:
    names = ({"id": 0, "name": "__ignore__"}, {"id": 1, "name": "bolt"}, {"id": 2, "name": "_background_"})
    whole = annotation(id=2, category_id=2, segmentation=run_lengths(np.ones_like(OBJECT)), bbox=None, area=None)
    ignored = annotation(id=3, category_id=0, segmentation=run_lengths(SECOND), bbox=None, area=None)
    data = opened(tmp_path, document(annotation(), whole, ignored, categories=names))
    assert data.samples[0].label == "bolt"
    assert np.array_equal(mask_of(data), OBJECT + SECOND * np.uint8(255))
    assert any("'_background_'" in note for note in data.notes) and any("'__ignore__'" in note for note in data.notes)


@pytest.mark.parametrize("name", ["images/a.png", "images/bolt/a.png"])
def test_file_names_may_name_the_folder_of_the_images(tmp_path: Path, name: str) -> None:
    save(tmp_path / "line" / name, image_array(OBJECT))
    data = opened(tmp_path, document(annotation(), images=[{**IMAGE, "file_name": name}]))
    assert data.samples[0].image == tmp_path / "line" / name


def test_an_image_that_is_not_there_stays_a_sample_and_is_unreadable(tmp_path: Path) -> None:
    images = [IMAGE, {**IMAGE, "id": 2, "file_name": "gone.png"}]
    data = opened(tmp_path, document(annotation(), annotation(image_id=2), images=images))
    assert len(data.samples) == 2 and not data.notes
    with pytest.raises(UnusableSample, match=r"gone\.png") as caught:
        decode(data.samples[1])
    assert caught.value.reason is Missing.UNREADABLE_IMAGE


def test_an_image_of_another_size_than_annotated_is_refused(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png", "height": HEIGHT + 2, "width": WIDTH}]
    data = opened(tmp_path, document(annotation(), images=images))
    with pytest.raises(UnusableSample) as caught:
        decode(data.samples[0])
    assert caught.value.reason is Missing.MASK_SIZE


def test_images_without_annotation_are_counted(tmp_path: Path) -> None:
    images = [{"id": i, "file_name": f"{i}.png", "height": HEIGHT, "width": WIDTH} for i in (1, 2)]
    nothing = annotation(id=2, image_id=2, segmentation=None, bbox=None)
    save(tmp_path / "line" / "images" / "1.png", image_array(OBJECT))
    data = opened(tmp_path, document(annotation(), nothing, images=images))
    assert len(data.samples) == 1
    assert any(note.startswith("1 images have no usable annotation") and "'2.png'" in note for note in data.notes)
    assert any(note.startswith("1 annotations have neither") for note in data.notes)


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 2, 3, 4, 5, 6, 7]],
        [[0, 0, 5, 0, "x", 5]],
        [1, 2, 3, 4, 5, 6, 7],
        [{"x": 1}, {"x": 2}],
        {"size": [HEIGHT, WIDTH], "counts": [-1, HEIGHT * WIDTH + 1]},
        {"size": [HEIGHT, WIDTH], "counts": "zzzzzzzzzzzzzzz"},
        {"size": [HEIGHT, WIDTH], "counts": "P"},
        {"size": [HEIGHT, WIDTH], "counts": ""},
        {"size": [HEIGHT, WIDTH], "counts": "é"},
        {"counts": [HEIGHT * WIDTH]},
    ],
    ids=str,
)
def test_outlines_that_cannot_be_drawn_are_refused(tmp_path: Path, segmentation: Any) -> None:
    data = opened(tmp_path, document(annotation(segmentation=segmentation)))
    with pytest.raises(UnusableSample) as caught:
        decode(data.samples[0])
    assert caught.value.reason is Missing.UNREADABLE_MASK


def test_a_box_that_reaches_out_of_the_image_is_cut(tmp_path: Path) -> None:
    expected = np.zeros_like(OBJECT)
    expected[:5, :6] = 1
    assert np.array_equal(
        mask_of(opened(tmp_path, document(annotation(segmentation=None, bbox=[-3, -3, 9, 8])))), expected
    )


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "x/../../../secret.png", "..\\..\\secret.png"])
def test_file_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path / "secret.png", image_array(OBJECT))
    leads = {**IMAGE, "id": 2, "file_name": name}
    with pytest.raises(DataError, match=r"outside of the data in .*\?images="):
        opened(tmp_path, document(annotation(), annotation(image_id=2), images=[IMAGE, leads]))
    with pytest.raises(DataError, match=r"names that lead outside are not followed.* \?images=DIR"):
        opened(tmp_path, document(annotation(image_id=2), images=[leads]))


@pytest.mark.parametrize("name", ["x/../a.png", "../images/a.png", "{root}/line/images/a.png"])
def test_a_file_name_may_turn_back_below_the_folder(tmp_path: Path, name: str) -> None:
    named = {**IMAGE, "file_name": name.format(root=tmp_path)}
    data = opened(tmp_path, document(annotation(), images=[named]))
    assert data.samples[0].id == "a.png" and np.array_equal(mask_of(data), OBJECT) and not data.notes


def test_absolute_names_are_followed_into_the_folders_that_the_audit_names(tmp_path: Path) -> None:
    save(tmp_path / "nas" / "b.png", image_array(OBJECT))
    content = document(annotation(), images=[{**IMAGE, "file_name": str(tmp_path / "nas" / "b.png")}])
    with pytest.raises(DataError, match="names that lead outside are not followed"):
        opened(tmp_path, content)
    data = opened(tmp_path, content, "?root=nas")
    assert data.samples[0].image == tmp_path / "nas" / "b.png" and np.array_equal(mask_of(data), OBJECT)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "images"),
        ('{"images": [1], "annotations": [], "categories": []}', "images"),
        (document(), "annotates no image"),
        (document(annotation(image_id=9)), "image 9"),
        (document(annotation(category_id=9)), "category 9"),
        (document(annotation(image_id=[1])), "image"),
        (
            document(annotation(), images=[IMAGE, {**IMAGE, "file_name": "b.png"}]),
            "ids are numbers or texts, and unique",
        ),
        (document(annotation(iscrowd=2)), "iscrowd=2"),
        (document(annotation(), images=[{**IMAGE, "height": -1}]), "height and width"),
        (document(annotation(), images=[{**IMAGE, "height": 10**6, "width": 10**6}]), "limit"),
        (document(annotation(), images=[{**IMAGE, "file_name": ""}]), "file_name"),
        (document(annotation(), categories=[{"id": 1}]), "no name"),
        (document(annotation(), categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]), "two categories"),
    ],
    ids=range(15),
)
def test_files_that_make_no_sense_are_refused(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        opened(tmp_path, content)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("coco:nowhere.json", "nowhere"),
        ("coco:line", r"is a folder; name the file of the annotations, coco:.*boxes\.json"),
        ("coco:line/boxes.json?image=x", "did you mean 'images'"),
        ("coco:line/boxes.json?images=nowhere", "no folder"),
        ("coco:line/boxes.json?labels=names", "name"),
        ("coco:line/boxes.json?objects=bigest", "did you mean 'largest'"),
        ("coco:line/boxes.json?crowd=ignored", "did you mean 'ignore'"),
        ("coco:line/boxes.json?labels=imagenet_index", "2 categories"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(tmp_path: Path, reference: str, message: str) -> None:
    opened(tmp_path, document(annotation()))
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.99))
def test_compressed_run_lengths_are_read_as_pycocotools_writes_them(seed: int, share: float) -> None:
    mask = np.asfortranarray(np.random.default_rng(seed).random((HEIGHT, WIDTH)) < share, dtype=np.uint8)
    runs = runs_in(coco_mask.encode(mask)["counts"].decode())
    assert runs is not None and sum(runs) == HEIGHT * WIDTH
    drawn = np.repeat(np.arange(len(runs)) % 2, runs).reshape((HEIGHT, WIDTH), order="F")
    assert np.array_equal(drawn, mask)


@pytest.mark.parametrize("counts", ["::::", "P", "zzzz", "0" * 5])
def test_compressed_run_lengths_that_do_not_cover_the_image_are_named_so(tmp_path: Path, counts: str) -> None:
    data = opened(tmp_path, document(annotation(segmentation={"size": [HEIGHT, WIDTH], "counts": counts})))
    with pytest.raises(UnusableSample, match=r"run lengths (cover|do not cover)"):
        decode(data.samples[0])


def test_every_category_of_an_image_is_a_sample_where_each_is_asked_for(tmp_path: Path) -> None:
    nut = annotation(
        id=2, category_id=2, segmentation=[[20, 12, 30, 12, 30, 20, 20, 20]], bbox=[20, 12, 10, 8], area=80
    )
    data = opened(tmp_path, document(annotation(), nut), "?objects=each")
    assert [(one.id, one.label, one.cluster) for one in data.samples] == [
        ("a.png#bolt", "bolt", "a.png"),
        ("a.png#nut", "nut", "a.png"),
    ]
    masks = [decode(sample).mask for sample in data.samples]
    assert np.array_equal(masks[0], OBJECT) and masks[1] is not None
    assert masks[1].sum() > 0 and not (masks[1] & OBJECT).any()
