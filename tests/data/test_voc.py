"""Pascal VOC in its own layout: segmentations by number, boxes that count from 1, lists, and XML from outside."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import save
from data.trees import write
from numpy.typing import NDArray
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import DataSet

HEIGHT, WIDTH = 40, 60
#: (left, top, right, bottom), right and bottom outside: the person is the largest object, the dogs are more in sum
DOG, LARGE_DOG, PERSON = (2, 3, 12, 13), (20, 5, 40, 25), (44, 2, 58, 37)
DOGS_NUMBER, PERSONS_NUMBER = 12, 15


def drawn(*boxes: tuple[tuple[int, int, int, int], int]) -> NDArray[np.uint8]:
    """Numbers in boxes, each with a border of 255 inside, as VOC has it."""
    numbers = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for (left, top, right, bottom), number in boxes:
        numbers[top:bottom, left:right] = 255
        numbers[top + 1 : bottom - 1, left + 1 : right - 1] = number
    return numbers


def element(name: str, box: tuple[int, int, int, int], **flags: int) -> str:
    left, top, right, bottom = box
    marks = "".join(f"<{flag}>{value}</{flag}>" for flag, value in flags.items())
    return (
        f"\n<object>\n<name>{name}</name>\n<pose>Left</pose>{marks}<bndbox><xmin>{left + 1}</xmin>"
        f"<ymin>{top + 1}</ymin>\n<xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>\n"
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>2</xmax><ymax>2</ymax></bndbox></part></object>"
    )


def xml(
    *objects: str, size: str = f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>3</depth></size>"
) -> str:
    return f"<annotation>\n<folder>VOC2012</folder>{size}<segmented>1</segmented>{''.join(objects)}</annotation>\n"


SCENE = xml(element("dog", DOG), element("dog", LARGE_DOG, difficult=1, truncated=1), element("person", PERSON))
CLASSES = drawn((DOG, DOGS_NUMBER), (LARGE_DOG, DOGS_NUMBER), (PERSON, PERSONS_NUMBER))
OBJECTS = drawn((DOG, 1), (LARGE_DOG, 2), (PERSON, 3))


def palette(numbers: NDArray[np.uint8]) -> Image.Image:
    made = Image.fromarray(numbers, "P")
    made.putpalette([value for number in range(256) for value in (number, 255 - number, number // 2)])
    return made


def voc(
    root: Path, annotation: str = SCENE, classes: Any = CLASSES, objects: Any = OBJECTS, stem: str = "2007_000032"
) -> Path:
    base = root / "VOCdevkit" / "VOC2012"
    write(base / "Annotations" / f"{stem}.xml", annotation)
    save(base / "JPEGImages" / f"{stem}.jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    for folder, numbers in (("SegmentationClass", classes), ("SegmentationObject", objects)):
        if numbers is not None:
            save(base / folder / f"{stem}.png", palette(numbers) if isinstance(numbers, np.ndarray) else numbers)
    path = base / "ImageSets" / "Segmentation" / "val.txt"
    write(path, (path.read_text() if path.exists() else "") + f"{stem}\n")
    return base


def opened(root: Path, options: str = "") -> DataSet:
    return open_data(f"voc:VOCdevkit/VOC2012{options}", root=root)


def mask_of(data: DataSet) -> NDArray[np.uint8]:
    (sample,) = data.samples
    mask = decode(sample).mask
    assert mask is not None
    return mask


def test_the_segmentation_of_the_class_with_the_largest_boxes_is_the_mask(tmp_path: Path) -> None:
    voc(tmp_path)
    data = opened(tmp_path)
    (sample,) = data.samples
    assert (sample.id, sample.label, sample.mask_kind) == ("2007_000032.jpg", "dog", "mask")
    expected = (CLASSES == DOGS_NUMBER).astype(np.uint8)
    expected[CLASSES == 255] = 255
    assert np.array_equal(mask_of(data), expected)
    assert data.notes == (
        "1 images have objects of several categories; the largest gave the label, the others are background, e.g. "
        "'2007_000032.jpg'",
    )


@pytest.mark.parametrize("options", ["?objects=each", "?objects=each&masks=class", "?objects=each&masks=box"])
def test_every_class_of_an_image_is_a_sample_where_each_is_asked_for(tmp_path: Path, options: str) -> None:
    voc(tmp_path)
    data = opened(tmp_path, options)
    labels = [str(sample.label) for sample in data.samples]
    assert len(labels) == 2 and labels == sorted(labels) and "dog" in labels
    assert [sample.id for sample in data.samples] == [f"2007_000032.jpg#{label}" for label in labels]
    assert {sample.cluster for sample in data.samples} == {"2007_000032.jpg"}
    first, second = (decode(sample).mask == 1 for sample in data.samples)  # type: ignore[union-attr]
    assert first.any() and second.any() and not (first & second).any()


def test_each_class_needs_masks_of_classes(tmp_path: Path) -> None:
    voc(tmp_path)
    for options, message in (("?objects=each&masks=object", "masks=class or masks=box"), ("?objects=all", "each")):
        with pytest.raises(DataError, match=message):
            opened(tmp_path, options)


def test_the_segmentation_of_objects_gives_the_largest_and_its_class(tmp_path: Path) -> None:
    voc(tmp_path)
    data = opened(tmp_path, "?masks=object")
    assert data.samples[0].label == "person"
    assert np.array_equal(mask_of(data) == 1, OBJECTS == 3)
    assert not mask_of(data)[OBJECTS == 2].any()


def test_other_objects_of_the_largest_ones_class_are_ignored(tmp_path: Path) -> None:
    voc(tmp_path, xml(element("dog", DOG), element("dog", LARGE_DOG), element("person", (44, 2, 50, 38))))
    data = opened(tmp_path, "?masks=object")
    assert data.samples[0].label == "dog"
    expected = (OBJECTS == 2).astype(np.uint8)
    expected[(OBJECTS == 1) | (OBJECTS == 255)] = 255
    assert np.array_equal(mask_of(data), expected)


def test_boxes_count_from_one_and_hold_their_last_pixel(tmp_path: Path) -> None:
    voc(tmp_path, xml(element("dog", DOG, difficult=1), element("dog", LARGE_DOG, truncated=1)))
    data = opened(tmp_path, "?masks=box")
    expected = np.zeros((HEIGHT, WIDTH), np.uint8)
    expected[3:13, 2:12] = expected[5:25, 20:40] = 1
    assert data.samples[0].mask_kind == "box" and np.array_equal(mask_of(data), expected)
    assert any("box for a mask" in note for note in data.notes)


def test_an_image_without_segmentation_has_its_box_unless_segmentations_are_asked_for(tmp_path: Path) -> None:
    voc(tmp_path)
    voc(tmp_path, xml(element("dog", DOG)), None, None, stem="2008_000001")
    kinds = {sample.id: sample.mask_kind for sample in opened(tmp_path).samples}
    assert kinds == {"2007_000032.jpg": "mask", "2008_000001.jpg": "box"}
    asked = opened(tmp_path, "?masks=class")
    assert [sample.mask_kind for sample in asked.samples] == ["mask", "none"]
    assert "1 images are not in SegmentationClass, e.g. '2008_000001.jpg'" in asked.notes


def test_without_segmentations_and_lists_all_annotations_are_read_with_their_boxes(tmp_path: Path) -> None:
    base = tmp_path / "VOCdevkit" / "VOC2012"
    for stem in ("part 1", "part 2"):
        write(base / "Annotations" / f"{stem}.xml", xml(element("bolt", DOG), size=""))
        save(base / "JPEGImages" / f"{stem}.png", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    data = opened(tmp_path)
    assert [(one.id, one.label, one.mask_kind) for one in data.samples] == [
        ("part 1.png", "bolt", "box"),
        ("part 2.png", "bolt", "box"),
    ]
    mask = decode(data.samples[0]).mask
    assert mask is not None and mask.shape == (HEIGHT, WIDTH) and mask.sum() == 100


@pytest.mark.parametrize("size", ["<size><width>0</width><height>0</height></size>", ""])
def test_a_size_that_is_not_stated_is_that_of_the_image(tmp_path: Path, size: str) -> None:
    voc(tmp_path, xml(element("dog", DOG), size=size))
    assert mask_of(opened(tmp_path, "?masks=box")).shape == (HEIGHT, WIDTH)


def test_splits_are_looked_for_where_the_masks_are(tmp_path: Path) -> None:
    base = voc(tmp_path)
    voc(tmp_path, xml(element("cat", DOG)), None, None, stem="2008_000001")
    write(base / "ImageSets" / "Segmentation" / "train.txt", "2007_000032\n")
    write(base / "ImageSets" / "Main" / "train.txt", "2008_000001\r\n\r\n")
    write(base / "ImageSets" / "Main" / "val.txt", "2008_000001\n")
    assert [one.id for one in opened(tmp_path, "?split=train").samples] == ["2007_000032.jpg"]
    assert [one.id for one in opened(tmp_path, "?split=train&masks=box").samples] == ["2008_000001.jpg"]
    assert len(opened(tmp_path).samples) == 2
    write(base / "ImageSets" / "Main" / "cat_val.txt", "2008_000001  1\n2007_000032 -1\n")
    with pytest.raises(DataError, match=r"cat_val\.txt:1: is the list of one class"):
        opened(tmp_path, "?split=cat_val")


def test_classes_of_ones_own_are_numbered_by_names(tmp_path: Path) -> None:
    base = voc(tmp_path, xml(element("nut", DOG)), drawn((DOG, 2)), None)
    with pytest.raises(DataError, match=r"'nut' has no number in SegmentationClass.*names"):
        opened(tmp_path)
    for names in ("bolt,nut", "_background_,bolt,nut"):
        assert (mask_of(opened(tmp_path, f"?names={names}")) == 1).sum() == 64
    write(base / "classes.txt", "bolt\nnut\n\n")
    assert (mask_of(opened(tmp_path, "?names=classes.txt")) == 1).sum() == 64
    with pytest.raises(UnusableSample, match=r"no pixel of nut \(1\)"):
        decode(opened(tmp_path, "?names=nut,bolt").samples[0])


def refused(root: Path, options: str = "") -> str:
    with pytest.raises(UnusableSample) as caught:
        decode(opened(root, options).samples[0])
    assert caught.value.reason in (Missing.UNREADABLE_MASK, Missing.CONTRADICTION)
    return str(caught.value)


def test_a_segmentation_that_contradicts_the_annotation_is_refused(tmp_path: Path) -> None:
    dog = xml(element("dog", DOG))
    voc(tmp_path / "class", dog, drawn((DOG, PERSONS_NUMBER)))
    assert "SegmentationClass" in refused(tmp_path / "class") and "no pixel of dog (12)" in refused(tmp_path / "class")
    voc(tmp_path / "number", dog, drawn((DOG, DOGS_NUMBER), (PERSON, 21)))
    assert "has the number 21, and the annotation knows 1 to 20" in refused(tmp_path / "number")
    voc(tmp_path / "object", dog, objects=drawn((DOG, 1), (PERSON, 2)))
    assert "has the number 2, and the annotation knows 1 to 1" in refused(tmp_path / "object", "?masks=object")


def test_objects_numbered_otherwise_than_in_the_annotation_are_refused(tmp_path: Path) -> None:
    voc(tmp_path, xml(element("dog", DOG), element("person", PERSON)), objects=drawn((PERSON, 1), (DOG, 2)))
    assert "the largest object, person (2): its pixels span" in refused(tmp_path, "?masks=object")


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        ("RGB", r"has the colour \(.*into a labelmap.txt"),
        ("I;16", "has colour mode I;16"),
        ("LA", "has colour mode LA"),
    ],
)
def test_a_segmentation_without_numbers_or_known_colours_is_refused(tmp_path: Path, mode: str, message: str) -> None:
    picture = Image.fromarray(CLASSES.astype(np.uint16)) if mode == "I;16" else palette(CLASSES).convert(mode)
    voc(tmp_path, classes=picture)
    assert re.search(message, refused(tmp_path))


def test_a_segmentation_in_grey_holds_the_same_numbers(tmp_path: Path) -> None:
    voc(tmp_path)
    colours = mask_of(opened(tmp_path))
    voc(tmp_path / "grey", classes=Image.fromarray(CLASSES))
    assert np.array_equal(mask_of(opened(tmp_path / "grey")), colours)


BOMB = (
    '<?xml version="1.0"?>\n<!DOCTYPE lolz [<!ENTITY lol "lol">'
    + "".join(f'<!ENTITY lol{n + 1} "{f"&lol{n or str()};" * 10}">' for n in range(9))
    + "]>\n<annotation><folder>&lol9;</folder></annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<annotation><folder>&x;</folder></annotation>'


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (BOMB, r":2: has a document type"),
        (OUTSIDE, r":1: has a document type"),
        (BOMB.encode("utf-16"), r":2: has a document type"),
        ("<annotation>\n<object>\n</annotation>", r":3: is not valid XML: mismatched tag"),
        ("", r":1: is not valid XML: no element found"),
        (b"\xff\xfe\x00", r": is not valid XML"),
        ("<annotation>&nbsp;</annotation>", r":1: is not valid XML: undefined entity"),
        ("<a>" * 60 + "</a>" * 60, r":1: more than 50 elements"),
        ('<?xml version="1.0" encoding="klingon"?><annotation/>', r":1: is not valid XML: unknown encoding"),
        ("<html></html>", r":1: expected an <annotation> of Pascal VOC, got <html>"),
        (xml("\n<object>\n<bndbox/></object>"), r":3: an object without a name"),
        (xml("\n<object><name>dog</name></object>"), r":3: the object 'dog' has no bndbox"),
        (xml(element("dog", DOG)).replace("<xmin>3</xmin>", ""), r":5: bndbox: xmin is None"),
        (xml(element("dog", DOG)).replace(">3</xmin>", ">left</xmin>"), r":5: bndbox: xmin is 'left'"),
        (xml(element("dog", DOG)).replace(">3</xmin>", ">nan</xmin>"), r":5: bndbox: xmin is 'nan'"),
        (xml(element("dog", (9, 3, 5, 8))), r":3: the box of 'dog' holds nothing: 10 to 5"),
        (xml(size="<size><width>1</width></size>"), r":2: size: height is None"),
        (xml(size="<size><width>90000</width><height>90000</height></size>"), r":2: .*90000 x 90000 pixels"),
    ],
    ids=range(18),
)
def test_an_annotation_that_makes_no_sense_is_refused_with_its_line(
    tmp_path: Path, annotation: str | bytes, message: str
) -> None:
    base = voc(tmp_path)
    write(base / "Annotations" / "2007_000032.xml", annotation)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_an_annotation_without_objects_takes_its_label_from_the_segmentation_or_is_left_out(tmp_path: Path) -> None:
    voc(tmp_path, xml())
    assert [one.label for one in opened(tmp_path).samples] == ["person"]  # of the most pixels
    voc(tmp_path / "bare", xml(), None, None)
    with pytest.raises(DataError, match=r"no image of 1 in .*2012 has an object in its annotation"):
        opened(tmp_path / "bare")


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("voc:VOCdevkit", r"no folder JPEGImages in .*did you mean voc:VOCdevkit/VOC2012\?"),
        ("voc:nowhere", "no folder at"),
        ("voc:VOCdevkit/VOC2012?mask=class", "did you mean 'masks'"),
        ("voc:VOCdevkit/VOC2012?masks=objects", "did you mean 'object'"),
        ("voc:VOCdevkit/VOC2012?split=vall", r"no list at .*vall\.txt.*did you mean 'val'"),
        ("voc:VOCdevkit/VOC2012?names=nowhere.txt", "no file at"),
        ("voc:VOCdevkit/VOC2012?names=a,,b", "1 must be the name of a class, got ''"),
    ],
)
def test_a_reference_that_leads_nowhere_says_so(tmp_path: Path, reference: str, message: str) -> None:
    voc(tmp_path)
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)


def test_an_image_without_annotation_is_an_error_with_the_line_of_the_list(tmp_path: Path) -> None:
    base = voc(tmp_path)
    write(base / "ImageSets" / "Segmentation" / "val.txt", "2007_000032\n2007_999999\n")
    with pytest.raises(DataError, match=r"val\.txt:2: '2007_999999' has no annotation"):
        opened(tmp_path)


def test_two_images_for_one_annotation_are_refused(tmp_path: Path) -> None:
    base = voc(tmp_path)
    save(base / "JPEGImages" / "2007_000032.png", np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError, match="share an annotation"):
        opened(tmp_path)


def test_segmentations_that_are_not_there_are_not_asked_for_in_vain(tmp_path: Path) -> None:
    voc(tmp_path, objects=None)
    with pytest.raises(DataError, match="no folder SegmentationObject"):
        opened(tmp_path, "?masks=object")
