"""Facts that annotations state more than once: what contradicts is named, and what honest exporters write does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask

from modelaudit.cli import main
from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.objects import Region
from modelaudit.data.stated_facts import region_contradictions
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

WIDTH, HEIGHT = 640, 480
#: x, y, width, height
BOX = [200.0, 120.0, 100.0, 60.0]

Annotation = dict[str, Any]


def square(x: float, y: float, wide: float, high: float) -> list[float]:
    return [x, y, x + wide, y, x + wide, y + high, x, y + high]


def region(
    outline: Any,
    *,
    box: Any = BOX,
    area: float | None = 6000.0,
    shape: Any = "polygon",
) -> Region:
    return Region("a", shape, outline, area, "a.json: annotation 7", box=box)


def pixels(x: int, y: int, wide: int, high: int) -> np.ndarray[Any, Any]:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8, order="F")
    mask[y : y + high, x : x + wide] = 1
    return mask


def run_lengths(mask: np.ndarray[Any, Any]) -> dict[str, Any]:
    found = coco_mask.encode(np.asfortranarray(mask))  # type: ignore[no-untyped-call]
    return {"size": list(found["size"]), "counts": found["counts"].decode()}


def only(found: Region, size: tuple[int, int] | None = (HEIGHT, WIDTH)) -> tuple[str, str]:
    (one,) = region_contradictions([found], size)
    assert one.where == "a.json: annotation 7"
    return one.what, one.text


OF_ANOTHER_PLACE = {
    "half": (square(100, 60, 50, 30), "scaled by 0.50 in x and 0.50 in y"),
    "double": (square(400, 240, 200, 120), "scaled by 2.00 in x and 2.00 in y"),
    "another aspect": (square(100, 180, 50, 90), "scaled by 0.50 in x and 1.50 in y"),
    "swapped": (square(120, 200, 60, 100), "x and y are swapped"),
    "shares": ([value / side for value, side in zip(square(*BOX), [WIDTH, HEIGHT] * 4, strict=True)], "are shares"),
    "turned right": (square(480 - 180, 200, 60, 100), "turned by its EXIF orientation"),
    "turned left": (square(120, 640 - 300, 60, 100), "turned by its EXIF orientation"),
    "mirrored": (square(640 - 300, 120, 100, 60), "mirrored left to right"),
    "from below": (square(200, 480 - 180, 100, 60), "counts y from below"),
    "of a crop": (square(150, 100, 100, 60), "-50, -20 pixels from their boxes"),
    "of another object": (square(20, 400, 11, 7), ""),
}


@pytest.mark.parametrize("name", OF_ANOTHER_PLACE)
def test_an_outline_elsewhere_than_its_box_is_named_with_its_cause(name: str) -> None:
    outline, cause = OF_ANOTHER_PLACE[name]
    # the area follows the outline, so that the box alone contradicts
    what, text = only(region([outline], area=None))
    assert what == "outline and box"
    assert "its box states x 200 to 300, y 120 to 180" in text and cause in text
    assert bool(cause) == text.endswith(")")


BOXES = {
    "corners": ([200.0, 120.0, 300.0, 180.0], "boxes hold x1, y1, x2, y2"),
    "centre": ([250.0, 150.0, 100.0, 60.0], "boxes hold the centre"),
    "shares": ([200 / 640, 120 / 480, 100 / 640, 60 / 480], "boxes are shares"),
}


@pytest.mark.parametrize("name", BOXES)
def test_a_box_in_another_form_is_named_with_it(name: str) -> None:
    box, cause = BOXES[name]
    what, text = only(region([square(*BOX)], box=box))
    assert what == "outline and box" and cause in text


@pytest.mark.parametrize(
    ("outline", "area", "box"),
    [
        ([square(*BOX)], 1500.0, BOX),  # of a copy of half the size
        ([square(*BOX)], 24000.0, None),
        ([square(200, 120, 50, 60), square(260, 120, 40, 60)], 90000.0, BOX),
    ],
)
def test_an_area_of_another_object_is_named(outline: Any, area: float, box: Any) -> None:
    what, text = only(region(outline, area=area, box=box))
    assert what == "outline and area" and f"its area states {area:.0f}" in text


def test_a_box_alone_is_held_to_its_area_and_its_image() -> None:
    assert only(region(BOX, area=24000.0, shape="box", box=None))[0] == "box and area"
    what, text = only(region([400.0, 300.0, 500.0, 360.0], area=None, shape="box", box=None))
    assert what == "box and size of the image" and "640 x 480" in text and "x1, y1, x2, y2" in text


def test_run_lengths_are_held_to_size_box_and_area() -> None:
    runs = run_lengths(pixels(200, 120, 100, 60))
    assert not region_contradictions([region(runs, shape="rle")], (HEIGHT, WIDTH))
    assert only(region(runs, shape="rle"), (240, 320))[0] == "run lengths and size of the image"
    assert "swapped" in only(region(runs, shape="rle"), (WIDTH, HEIGHT))[1]
    assert only(region(runs, shape="rle", box=[400.0, 240.0, 200.0, 120.0], area=None))[0] == "outline and box"
    assert only(region(runs, shape="rle", area=24000.0))[0] == "outline and area"
    short = {"size": [HEIGHT, WIDTH], "counts": [100, 50, 1000]}
    assert only(region(short, shape="rle"))[0] == "run lengths and their size"


@pytest.mark.parametrize("corner", [(0, 0), (7, 0), (0, 5), (33, 21)])
@pytest.mark.parametrize("size", [(1, 1), (30, 20), (6, 59), (70, 60)])
def test_bounds_and_area_of_run_lengths_are_those_of_their_pixels(
    corner: tuple[int, int], size: tuple[int, int]
) -> None:
    mask = np.zeros((60, 70), dtype=np.uint8)
    mask[corner[1] : corner[1] + size[1], corner[0] : corner[0] + size[0]] = 1
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    box = [float(columns[0]), float(rows[0]), columns[-1] - columns[0] + 1.0, rows[-1] - rows[0] + 1.0]
    # an image of the same pixels, so that only box and area can contradict, and off by anything does
    found = region_contradictions([region(run_lengths(mask), shape="rle", box=box, area=float(mask.sum()))], (60, 70))
    assert found == ()
    moved = [box[0] + 40 + box[2], *box[1:]]
    assert region_contradictions([region(run_lengths(mask), shape="rle", box=moved, area=None)], (60, 70))


HONEST: dict[str, Region] = {
    "as it is": region([square(*BOX)]),
    "rounded": region([square(200.49, 119.6, 99.2, 60.3)], box=[200, 120, 100, 60]),
    "the box of its pixels": region([square(*BOX)], box=[200, 120, 101, 61], area=6161),
    "the area of the box": region([[200, 120, 300, 120, 200, 180]], area=6000),
    "the area of the pixels": region([[200, 120, 300, 120, 200, 180]], area=3100),
    "a hole that the outline loses": region([square(*BOX)], area=3600),
    "two parts and the box of both": region([square(200, 120, 20, 60), square(280, 120, 20, 60)], area=2400),
    "parts lost to simplification": region([square(206, 123, 90, 55)], area=5400),
    "an object of a few pixels": region([square(50, 50, 3, 3)], box=[49, 49, 6, 5], area=14),
    "a thin line": region([[10, 10, 110, 10.5, 110, 11, 10, 10.5]], box=[10, 10, 101, 2], area=120),
    "out of the image": region([square(-20, 120, 100, 60)], box=[0, 120, 80, 60], area=4800),
    "out of the image by a little": region([square(600, 120, 45, 60)], box=[600, 120, 45, 60], area=2700),
    "no area": region([square(*BOX)], area=0),
    "no box": region([square(*BOX)], box=None),
    "the box of a thin object": region(BOX, shape="box", box=None, area=300),
    "no outline that can be drawn": region([["a", 1, 2, 3, 4, 5]]),
    "an empty outline": region([[]]),
    "runs of nothing": region({"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}, shape="rle"),
    "runs that are none": region({"size": [HEIGHT, WIDTH], "counts": "\x7f"}, shape="rle"),
    "numbers beyond all bounds": region([[10**400] * 6], box=[10**400] * 4),
}


@pytest.mark.parametrize("name", HONEST)
def test_what_honest_exporters_write_contradicts_nothing(name: str) -> None:
    assert region_contradictions([HONEST[name]], (HEIGHT, WIDTH)) == ()


def coco(folder: Path, images: int, change: Callable[[int, Annotation], object]) -> Path:
    """COCO annotations of squares, an image each."""
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}
    folder.mkdir(exist_ok=True)
    for number in range(images):
        # other colours, so that no picture is a copy of another
        color = (number * 67 % 251, number * 31 % 241, number % 239)
        Image.new("RGB", (64, 64), color).save(folder / f"{number:04}.png")
        document["images"].append({"id": number, "file_name": f"{number:04}.png", "width": 64, "height": 64})
        annotation = {
            "id": number,
            "image_id": number,
            "category_id": 1,
            "bbox": [16, 20, 24, 24],
            "area": 576,
            "segmentation": [square(16, 20, 24, 24)],
        }
        change(number, annotation)
        document["annotations"].append(annotation)
    (folder / "a.json").write_text(json.dumps(document))
    return folder


def scaled(factor: float, *numbers: int) -> Callable[[int, Annotation], object]:
    """Outlines of a copy of another size, of these images or of all."""

    def change(number: int, annotation: Annotation) -> None:
        if not numbers or number in numbers:
            annotation["segmentation"] = [[value * factor for value in annotation["segmentation"][0]]]

    return change


@pytest.mark.parametrize("factor", [0.5, 0.75, 1.4])
def test_outlines_of_a_copy_of_another_size_are_refused_with_the_cause(tmp_path: Path, factor: float) -> None:
    folder = coco(tmp_path / "data", 12, scaled(factor))
    with pytest.raises(
        DataError, match=rf"12 places or images, of 12 .*scaled by {factor:.2f} in x.*a\.json: ann"
    ) as caught:
        open_data(f"coco:{folder}/a.json", root=tmp_path)
    assert "modelaudit data check lists all" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda _, one: one.update(bbox=[16, 20, 40, 44], segmentation=[], area=None), "box and size of the image"),
        (lambda _, one: one.update(bbox=[16, 20, 40, 44]), "x1, y1, x2, y2"),
        (lambda _, one: one.update(area=2304), "outline and area"),
        (lambda _, one: one.update(segmentation={"size": [32, 32], "counts": [0, 1024]}), "size of the image"),
        (lambda _, one: one.update(segmentation={"size": [64, 64], "counts": [9, 9]}), "run lengths and their size"),
    ],
)
def test_whatever_contradicts_in_all_images_is_refused(
    tmp_path: Path, change: Callable[[int, Annotation], object], words: str
) -> None:
    folder = coco(tmp_path / "data", 4, change)
    if words == "box and size of the image":  # reaches out of an image of this size
        document = json.loads((folder / "a.json").read_text())
        for image in document["images"]:
            image.update(width=30, height=30)
        (folder / "a.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match=words):
        open_data(f"coco:{folder}/a.json", root=tmp_path)


@pytest.mark.parametrize("area", [576, None])
@pytest.mark.parametrize(
    ("form", "words"),
    [
        (lambda x, y: [x, y, x + 24, y + 24], "x1, y1, x2, y2"),
        (lambda x, y: [x + 12, y + 12, 24, 24], "boxes hold the centre"),
    ],
)
def test_boxes_in_another_form_are_refused_without_an_outline_too(
    tmp_path: Path, form: Callable[[int, int], list[int]], words: str, area: int | None
) -> None:
    def change(number: int, annotation: Annotation) -> None:
        annotation.update(bbox=form(number, 40 - number), segmentation=[], area=area)

    with pytest.raises(DataError, match=words):
        open_data(f"coco:{coco(tmp_path / 'data', 40, change)}/a.json", root=tmp_path)


def test_boxes_that_reach_out_of_their_images_contradict_nothing(tmp_path: Path) -> None:
    """As tools write them that do not cut: among objects at every place there are some that are no corners."""

    def change(number: int, annotation: Annotation) -> None:
        annotation.update(bbox=[number - 6, 50 - number, 20, 20], segmentation=[], area=400)

    data = open_data(f"coco:{coco(tmp_path / 'data', 50, change)}/a.json", root=tmp_path)
    assert not any(sample.contradictions for sample in data.samples)


def test_one_slip_of_many_is_an_unusable_sample_and_a_problem_of_the_check(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = coco(tmp_path / "data", 12, scaled(0.5, 3))
    data = open_data(f"coco:{folder}/a.json", root=tmp_path)
    assert [sample.id for sample in data.samples if sample.contradictions] == ["0003.png"]
    with pytest.raises(UnusableSample, match=r"annotation 3: its outline spans x 8 to 20") as caught:
        decode(data.samples[3])
    assert caught.value.reason is Missing.CONTRADICTION
    assert decode(data.samples[2]).mask is not None
    assert main(["data", "check", f"coco:{folder}/a.json"]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "Annotations that contradict themselves or their image: 1" in shown
    assert "0003.png" in shown and "its box states x 16 to 40, y 20 to 44" in shown
    assert "an audit refuses these data" not in shown


def test_the_check_lists_what_an_audit_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = coco(tmp_path / "data", 4, scaled(0.5, 1, 2))
    assert main(["data", "check", f"coco:{folder}/a.json", "--json", str(tmp_path / "found.json")]) == 1
    shown = " ".join(capsys.readouterr().out.split())
    assert "note: An audit refuses these data: the data contradict themselves in 2 places or images, of 4" in shown
    findings = json.loads((tmp_path / "found.json").read_text())["findings"]
    found = next(one for one in findings if one["kind"] == "contradiction")
    assert found["problem"] and [item["ids"] for item in found["items"]] == [["0001.png"], ["0002.png"]]


def test_a_contradiction_that_is_mended_or_made_is_another_content(tmp_path: Path) -> None:
    """Else the store would answer for a contradicting annotation what was measured with an honest one."""
    right = open_data(f"coco:{coco(tmp_path / 'a', 2, scaled(1))}/a.json", root=tmp_path).samples[0]
    folder = coco(tmp_path / "b", 2, lambda number, one: one.update(bbox=[0, 0, 9, 9]) if number == 0 else None)
    wrong = open_data(f"coco:{folder}/a.json", root=tmp_path).samples[0]
    with pytest.raises(UnusableSample) as caught:
        decode(wrong)
    assert caught.value.content not in (None, decode(right).content)
