"""What LabelMe, VOC and YOLO state twice: systematic contradictions are refused, seldom ones are named samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelaudit.cli import main
from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import Sample

SIDE = 64
#: left, top, right, bottom
BOX = (16, 20, 40, 44)

Changed = Callable[[int, tuple[int, ...]], tuple[float, ...]]


def picture(path: Path, number: int, size: int = SIDE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (size, size), (number * 67 % 251, number * 31 % 241, number % 239)).save(path)


def as_it_is(_: int, box: tuple[int, ...]) -> tuple[float, ...]:
    return box


def scaled(factor: float, *numbers: int) -> Changed:
    """The boxes of these images, or of all, on a copy of another size."""

    def change(number: int, box: tuple[int, ...]) -> tuple[float, ...]:
        return tuple(factor * edge for edge in box) if not numbers or number in numbers else box

    return change


def labelme(folder: Path, images: int, change: Changed, stated: int = SIDE) -> str:
    for number in range(images):
        picture(folder / f"{number}.png", number)
        left, top, right, bottom = change(number, BOX)
        shape = {"label": "a", "shape_type": "rectangle", "points": [[left, top], [right, bottom]]}
        document = {"imagePath": f"{number}.png", "imageHeight": stated, "imageWidth": stated, "shapes": [shape]}
        (folder / f"{number}.json").write_text(json.dumps(document))
    return f"labelme:{folder}"


def voc(folder: Path, images: int, change: Changed, *, stated: int = SIDE, masks: str = "", polygon: str = "") -> str:
    for number in range(images):
        picture(folder / "JPEGImages" / f"{number}.png", number)
        left, top, right, bottom = (
            f"<{tag}>{edge}</{tag}>" for tag, edge in zip(EDGES, change(number, BOX), strict=True)
        )
        (folder / "Annotations").mkdir(exist_ok=True)
        (folder / "Annotations" / f"{number}.xml").write_text(
            f"<annotation><size><width>{stated}</width><height>{stated}</height><depth>3</depth></size>"
            f"<object><name>cat</name><bndbox>{left}{top}{right}{bottom}</bndbox>{polygon}</object></annotation>"
        )
        if masks:
            values = np.zeros((SIDE, SIDE), np.uint8)
            values[BOX[1] : BOX[3], BOX[0] : BOX[2]] = 8 if masks == "SegmentationClass" else 1
            (folder / masks).mkdir(exist_ok=True)
            made = Image.fromarray(values, "P")
            made.putpalette([channel for value in range(256) for channel in (value, value, value)])
            made.save(folder / masks / f"{number}.png")
    return f"voc:{folder}"


EDGES = ("xmin", "ymin", "xmax", "ymax")
POINTS = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in ((16, 20), (40, 20), (40, 44), (16, 44)))


def yolo(folder: Path, images: int, line: Callable[[int], str], names: str = "names: [a, b]") -> str:
    for number in range(images):
        picture(folder / "images" / f"{number}.png", number)
        (folder / "labels").mkdir(exist_ok=True)
        (folder / "labels" / f"{number}.txt").write_text(line(number))
    (folder / "data.yaml").write_text(f"{names}\nval: images\n")
    return f"yolo:{folder}"


def inside(_: int) -> str:
    return "0 0.5 0.5 0.25 0.25\n"


HONEST: dict[str, Callable[[Path], str]] = {
    "labelme": lambda root: labelme(root, 3, as_it_is),
    "labelme, partly outside": lambda root: labelme(root, 3, scaled(1.5)),
    "voc": lambda root: voc(root, 3, as_it_is),
    "voc, polygon and box": lambda root: voc(root, 3, as_it_is, polygon=f"<polygon>{POINTS}</polygon>"),
    "voc, class": lambda root: voc(root, 3, as_it_is, masks="SegmentationClass"),
    "voc, box with a ring": lambda root: voc(root, 3, lambda *_: (11, 15, 45, 49), masks="SegmentationClass"),
    "voc, object": lambda root: voc(root, 3, as_it_is, masks="SegmentationObject") + "?masks=object",
    "yolo": lambda root: yolo(root, 3, inside),
    "yolo, cut at the border": lambda root: yolo(root, 3, lambda _: "0 0.01 0.5 0.1 0.25\n"),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_annotations_contradict_nothing(tmp_path: Path, name: str) -> None:
    data = open_data(HONEST[name](tmp_path / "data"), root=tmp_path)
    assert not data.contradictions and len(data.samples) == 3
    assert all(not sample.contradictions and decode(sample).mask is not None for sample in data.samples)


REFUSED: dict[str, tuple[Callable[[Path], str], str]] = {
    "labelme, of a larger copy": (lambda root: labelme(root, 4, scaled(3)), "box and size of the image"),
    "voc, of a larger copy": (lambda root: voc(root, 4, scaled(3)), "box and size of the image"),
    "voc, polygons of a copy": (
        lambda root: voc(root, 4, scaled(0.5), polygon=f"<polygon>{POINTS}</polygon>"),
        "4 x outline and box.*scaled by 2.0",
    ),
    "yolo, corners": (lambda root: yolo(root, 4, lambda _: "0 0.7 0.6 0.9 0.9\n"), "x1, y1, x2, y2"),
    "yolo, corners of the left": (lambda root: yolo(root, 4, lambda _: "1 0.1 0.1 0.4 0.3\n"), "a box|box and image"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_contradicts_in_all_images_is_refused(tmp_path: Path, name: str) -> None:
    make, words = REFUSED[name]
    with pytest.raises(DataError, match=rf"contradict themselves in 4 .* of 4 images.*{words}"):
        open_data(make(tmp_path / "data"), root=tmp_path)


ONLY_IN_IMAGES: dict[str, tuple[Callable[[Path], str], Missing, str]] = {
    "labelme, a wrong size": (lambda root: labelme(root, 2, as_it_is, 80), Missing.MASK_SIZE, "80 x 80"),
    "voc, a wrong size": (lambda root: voc(root, 2, as_it_is, stated=80), Missing.CONTRADICTION, "80 x 80"),
    "voc, a wrong size beside a class": (
        lambda root: voc(root, 2, as_it_is, stated=80, masks="SegmentationClass"),
        Missing.CONTRADICTION,
        "80 x 80",
    ),
    "voc, boxes of a copy": (
        lambda root: voc(root, 2, scaled(0.5), masks="SegmentationClass"),
        Missing.CONTRADICTION,
        "scaled by 2",
    ),
    "voc, boxes of a copy of objects": (
        lambda root: voc(root, 2, scaled(0.5), masks="SegmentationObject") + "?masks=object",
        Missing.CONTRADICTION,
        "its pixels span x 16 to 40, y 20 to 44",
    ),
}


@pytest.mark.parametrize("name", ONLY_IN_IMAGES)
def test_what_only_the_images_show_is_an_unusable_sample_and_a_problem(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make, reason, words = ONLY_IN_IMAGES[name]
    reference = make(tmp_path / "data")
    for sample in open_data(reference, root=tmp_path).samples:
        with pytest.raises(UnusableSample, match=words) as caught:
            decode(sample)
        assert caught.value.reason is reason
    assert main(["data", "check", reference]) == 1
    assert "2 cases of 1 kind" in capsys.readouterr().out


def test_labels_without_an_image_are_named_and_refused_above_a_small_share(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = yolo(tmp_path / "data", 60, inside)
    labels = tmp_path / "data" / "labels"
    (labels / "gone.txt").write_text(inside(0))
    (labels / "classes.txt").write_text("a\nb\n")
    (labels / "empty.txt").write_text("")
    data = open_data(reference, root=tmp_path)
    assert [one.where for one in data.contradictions] == [str(labels / "gone.txt")] and len(data.samples) == 60
    page = tmp_path / "sheet.html"
    assert main(["data", "check", reference, "--html", str(page)]) == 1
    assert "there is no image named" in page.read_text(encoding="utf-8")
    shown = " ".join(capsys.readouterr().out.split())
    assert "contradict themselves or their image: 1" in shown and "there is no image named 'gone'" in shown
    (labels / "lost.txt").write_text(inside(0))
    with pytest.raises(DataError, match=r"2 x labels and images.*remove the labels too"):
        open_data(reference, root=tmp_path)


def test_labels_of_images_that_a_list_leaves_out_are_no_contradiction(tmp_path: Path) -> None:
    reference = yolo(tmp_path / "data", 6, inside)
    (tmp_path / "data" / "val.txt").write_text("images/0.png\nimages/1.png\n")
    (tmp_path / "data" / "data.yaml").write_text("names: [a, b]\nval: val.txt\n")
    data = open_data(reference, root=tmp_path)
    assert len(data.samples) == 2 and not data.contradictions


@pytest.mark.parametrize("names", ["names: [a, b]\nnc: 3", "names: {0: a, 1: b, 2: c}\nnc: 2"])
def test_a_list_of_classes_of_another_length_is_refused(tmp_path: Path, names: str) -> None:
    with pytest.raises(DataError, match=r"data\.yaml: nc is \d"):
        open_data(yolo(tmp_path / "data", 2, inside, names), root=tmp_path)


def test_class_lists_that_differ_are_refused_with_both(tmp_path: Path) -> None:
    reference = yolo(tmp_path / "data", 2, inside)
    (tmp_path / "data" / "classes.txt").write_text("a\nb\n")
    assert len(open_data(reference, root=tmp_path).samples) == 2
    (tmp_path / "data" / "classes.txt").write_text("b\na\n")
    with pytest.raises(DataError, match=r"data\.yaml names the classes a, b, but .*classes\.txt names b, a"):
        open_data(reference, root=tmp_path)
    data = open_data(f"{reference}?names=classes.txt", root=tmp_path)
    assert {sample.label for sample in data.samples} == {"b"}


def test_a_number_of_classes_in_obj_data_is_compared(tmp_path: Path) -> None:
    yolo(tmp_path / "data", 2, inside)
    (tmp_path / "data" / "data.yaml").unlink()
    (tmp_path / "data" / "obj.names").write_text("a\nb\n")
    (tmp_path / "data" / "obj.data").write_text("classes = 3\nnames = obj.names\nvalid = images\n")
    with pytest.raises(DataError, match=r"obj\.data: classes is 3, and there are 2 names"):
        open_data(f"yolo:{tmp_path}/data", root=tmp_path)
    (tmp_path / "data" / "obj.data").write_text("classes = 2\nnames = obj.names\nvalid = images\n")
    assert len(open_data(f"yolo:{tmp_path}/data", root=tmp_path).samples) == 2


def test_a_stated_size_is_held_to_the_image_of_a_sample(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 1)
    mask: Any = np.zeros((SIDE, SIDE), bool)
    mask[4:9] = True
    assert decode(Sample("a", tmp_path / "a.png", "a", mask, stated_size=(SIDE, SIDE))).mask is not None
    with pytest.raises(UnusableSample, match="32 x 64, but its image is 64 x 64") as caught:
        decode(Sample("a", tmp_path / "a.png", "a", mask, stated_size=(SIDE, 32)))
    assert caught.value.reason is Missing.CONTRADICTION
