"""Segmentations of VOC in the colours of ``labelmap.txt``, with and without annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import save
from data.test_voc import HEIGHT, WIDTH, mask_of, opened, palette, refused
from data.trees import write
from numpy.typing import NDArray
from PIL import Image

from modelaudit.language.errors import DataError

LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbolt:250,50,83::\nnut:51,221,255:head,shaft:\n"
PAINT = {1: (250, 50, 83), 2: (51, 221, 255), 3: (9, 9, 9), 255: (224, 224, 192)}


def painted(numbers: NDArray[np.uint8], mode: str = "RGB") -> Image.Image:
    """Numbers in the colours of LABELMAP."""
    if mode == "P":
        made = Image.fromarray(numbers + np.uint8(40), "P")  # the numbers of a palette mean nothing beside a labelmap
        colours = {number + 40: PAINT.get(number, (0, 0, 0)) for number in range(200)}
        made.putpalette([value for number in range(256) for value in colours.get(number, (7, 7, 7))])
        return made
    pixels = np.zeros((*numbers.shape, 3), np.uint8)
    for number, colour in PAINT.items():
        pixels[numbers == number] = colour
    return Image.fromarray(pixels).convert(mode)


def segmented(root: Path, picture: Any, labelmap: str | None = LABELMAP, objects: Any = None) -> Path:
    base = root / "VOCdevkit" / "VOC2012"
    save(base / "JPEGImages" / "a.jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    save(base / "SegmentationClass" / "a.png", picture)
    if objects is not None:
        save(base / "SegmentationObject" / "a.png", objects)
    if labelmap is not None:
        write(base / "labelmap.txt", labelmap)
    return base


#: the nuts are two, and have more pixels than the bolt
SOLID = np.zeros((HEIGHT, WIDTH), np.uint8)
SOLID[3:13, 2:12], SOLID[5:25, 20:40], SOLID[2:6, 44:58] = 1, 2, 2


@pytest.mark.parametrize(
    "picture", [painted(SOLID), painted(SOLID, "RGBA"), painted(SOLID, "P"), Image.fromarray(SOLID)]
)
def test_without_annotation_the_label_is_the_class_with_the_most_pixels(tmp_path: Path, picture: Image.Image) -> None:
    segmented(tmp_path, picture)
    data = opened(tmp_path)
    (sample,) = data.samples
    assert (sample.id, sample.label, sample.mask_kind) == ("a.jpg", "nut", "mask")
    assert np.array_equal(mask_of(data), (SOLID == 2).astype(np.uint8))
    assert any("several categories" in note for note in data.notes)
    each = opened(tmp_path, "?objects=each").samples
    assert [(one.id, one.label, one.cluster) for one in each] == [
        ("a.jpg#bolt", "bolt", "a.jpg"),
        ("a.jpg#nut", "nut", "a.jpg"),
    ]


def test_a_labelmap_takes_comments_ignored_classes_and_classes_without_colour(tmp_path: Path) -> None:
    numbers = SOLID.copy()
    numbers[30:33] = 3
    pixels = np.asarray(painted(numbers)).copy()
    pixels[SOLID == 2] = (0, 128, 0)  # VOC's colour of the number 2
    segmented(tmp_path, pixels, "background:0,0,0::\n\n# parts\nbolt:250,50,83::\nnut:::\nignored:9,9,9::\n")
    expected = (SOLID == 2).astype(np.uint8)
    expected[30:33] = 255
    assert opened(tmp_path).samples[0].label == "nut" and np.array_equal(mask_of(opened(tmp_path)), expected)


def test_vocs_own_colours_are_read_without_a_labelmap(tmp_path: Path) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[3:13, 2:12], pixels[20:22] = (64, 0, 128), (224, 224, 192)
    segmented(tmp_path, pixels, None)
    mask = mask_of(opened(tmp_path))
    assert opened(tmp_path).samples[0].label == "dog" and mask[3:13, 2:12].all() and (mask[20:22] == 255).all()


def test_a_colour_that_no_class_has_makes_its_sample_unusable(tmp_path: Path) -> None:
    numbers = SOLID.copy()
    numbers[30:33] = 3
    segmented(tmp_path, painted(numbers))
    message = refused(tmp_path)
    assert (
        "has the colour (9, 9, 9) in 180 pixels" in message
        and "labelmap.txt has no class; write name:9,9,9::" in message
    )
    segmented(tmp_path / "only", painted(np.where(SOLID > 0, np.uint8(3), np.uint8(0)).astype(np.uint8)))
    with pytest.raises(DataError, match=r"no image of 1 .*has an object.*a\.png has the colour \(9, 9, 9\)"):
        opened(tmp_path / "only")


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_objects_without_annotation_have_the_class_of_most_of_their_pixels(tmp_path: Path, mode: str) -> None:
    numbers = SOLID.copy()
    numbers[2:6, 44:58] = 3
    objects = palette(numbers)
    objects.putpalette([0, 0, 0, *objects.getpalette()[3:]])  # type: ignore[index]  (black is no object)
    segmented(tmp_path, painted(SOLID), objects=objects.convert(mode))
    data = opened(tmp_path, "?masks=object")
    expected = np.where(SOLID == 2, np.uint8(1), np.uint8(0)).astype(np.uint8)
    expected[2:6, 44:58] = 255  # the other nut
    assert data.samples[0].label == "nut" and np.array_equal(mask_of(data), expected)


@pytest.mark.parametrize(
    ("labelmap", "message"),
    [
        ("bolt\n", r"labelmap\.txt:1: expected name:red,green,blue"),
        ("background:0,0,0::\nbolt:1,2::\n", r":2: the colour of 'bolt' is '1,2'"),
        ("bolt:1,2,256::\n", r":1: the colour of 'bolt'"),
        (f"bolt:1,2,{'9' * 5000}::\n", r":1: the colour of 'bolt'"),
        ("a:1,2,3::\na:4,5,6::\n", r":2: the class 'a' for the second time"),
        ("a:1,2,3::\nb:1,2,3::\n", r":2: 'b' has the colour \(1, 2, 3\) of another class"),
        ("background:0,0,0::\n", "has no class besides the background"),
    ],
)
def test_a_labelmap_that_makes_no_sense_is_refused_with_its_line(tmp_path: Path, labelmap: str, message: str) -> None:
    segmented(tmp_path, painted(SOLID), labelmap)
    with pytest.raises(DataError, match=message):
        opened(tmp_path)


def test_a_few_segmentations_without_a_known_class_are_left_out_and_more_are_refused(tmp_path: Path) -> None:
    base = segmented(tmp_path, painted(SOLID))
    for name in ("b", "c"):
        save(base / "JPEGImages" / f"{name}.jpg", np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    write(base / "SegmentationClass" / "b.png", "no picture")
    data = opened(tmp_path)
    assert [one.id for one in data.samples] == ["a.jpg"]
    assert any("1 images have a segmentation without a known class" in note and "b.png" in note for note in data.notes)
    write(base / "SegmentationClass" / "c.png", "no picture")
    with pytest.raises(
        DataError, match=r"of 2 of 3 images the segmentation cannot be read or has no known class.*b\.png"
    ):
        opened(tmp_path)
