"""Hostile files, across sources: a clear error, or a sample that is counted and named; never a silent pass."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import RED, encoded, save
from data.test_decode import HOSTILE
from data.trees import (
    BUILDERS,
    DECODING_PATHS,
    IN_A_CONTAINER,
    WITHOUT_SIZE,
    ContextInput,
    draw_ring,
    picture,
    scene_of,
    write,
)
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.sample import DataSet

SCENE = scene_of()
every_source = pytest.mark.parametrize("source", BUILDERS)
with_a_file = pytest.mark.parametrize("source", [name for name in BUILDERS if name not in IN_A_CONTAINER])
with_a_size = pytest.mark.parametrize("source", [name for name in BUILDERS if name not in WITHOUT_SIZE])


def opened(source: str, root: Path, scene: ContextInput = SCENE) -> DataSet:
    return open_data(BUILDERS[source](root, scene), root=root)


def refused(data: DataSet) -> UnusableSample:
    """The one sample is there, and says what is wrong with it."""
    (sample,) = data.samples
    with pytest.raises(UnusableSample) as caught:
        decode(sample)
    return caught.value


#: one of each kind: without content, of another format, broken, too large, several in one
HOSTILE_KINDS = ("empty", "text", "cut-off png", "bomb", "several pages")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@every_source
def test_a_hostile_image_stays_a_sample_and_is_named(tmp_path: Path, source: str) -> None:
    for hostile in HOSTILE if source in DECODING_PATHS else HOSTILE_KINDS:
        scene = replace(SCENE, content=HOSTILE[hostile][0])
        if source == "labelme imageData" and hostile == "empty":  # no image at all, and no file of it anywhere
            with pytest.raises(DataError, match="none of the usual places"):
                opened(source, tmp_path / hostile, scene)
            continue
        error = refused(opened(source, tmp_path / hostile, scene))
        assert error.reason is Missing.UNREADABLE_IMAGE, hostile
        assert ("a.json" if source == "labelme imageData" else "a.png") in str(error), hostile


@with_a_file
def test_an_image_that_is_not_there_stays_a_sample_or_is_no_part_of_the_data(tmp_path: Path, source: str) -> None:
    reference = BUILDERS[source](tmp_path, SCENE)
    (path,) = (path for path in tmp_path.rglob("a.png") if path.read_bytes() == SCENE.content)
    path.unlink()
    try:
        data = open_data(reference, root=tmp_path)
    except DataError as error:
        # sources that list folders: nothing is left; annotations: all of their images are missing
        assert re.search(r"no image|in none of the usual places|none of 1 images is there", str(error))
    else:
        assert refused(data).reason is Missing.UNREADABLE_IMAGE


READ: dict[str, Image.Image] = {
    "CMYK": picture(SCENE).convert("CMYK"),
    "grey": picture(SCENE).convert("L"),
    "16 bits": Image.fromarray(np.asarray(picture(SCENE).convert("L")).astype(np.uint16) * 257),
    "palette": picture(SCENE).quantize(4),
    "alpha": Image.fromarray(np.dstack([np.asarray(picture(SCENE)), (1 - SCENE.mask) * np.uint8(255)])),
}


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("source", DECODING_PATHS)
def test_an_unusual_image_is_read_with_its_mask(tmp_path: Path, source: str, kind: str) -> None:
    content = encoded(READ[kind], "JPEG" if kind == "CMYK" else "PNG")
    decoded = decode(opened(source, tmp_path, replace(SCENE, content=content)).samples[0])
    assert decoded.mask is not None and np.array_equal(decoded.mask, SCENE.mask)
    assert decoded.image.shape == (*SCENE.size, 3)
    inside = decoded.image[SCENE.mask == 1].astype(int)
    assert inside.min() == 255 if kind == "alpha" else np.ptp(inside, axis=0).max() < 60


@with_a_size
def test_a_mask_one_pixel_off_in_size_is_refused(tmp_path: Path, source: str) -> None:
    for off in ((1, 0), (0, -1)):
        size = (SCENE.size[0] + off[0], SCENE.size[1] + off[1])
        error = refused(opened(source, tmp_path / str(off), replace(SCENE, size=size)))
        assert error.reason is (Missing.CONTRADICTION if source.startswith("voc") else Missing.MASK_SIZE)
        assert f"{size[1]} x {size[0]}" in str(error) and f"{SCENE.size[1]} x {SCENE.size[0]}" in str(error)


@pytest.mark.parametrize(
    ("source", "orientation"),
    [*((name, 6) for name in BUILDERS if name not in WITHOUT_SIZE), ("folder", 5), ("folder", 7), ("folder", 8)],
)
def test_a_mask_that_was_not_turned_with_its_image_is_refused(tmp_path: Path, source: str, orientation: int) -> None:
    content = scene_of(orientation).content
    stored = replace(SCENE, content=content, size=SCENE.size[::-1], box=(4, 5, 13, 19))
    error = refused(opened(source, tmp_path, stored))
    assert error.reason is Missing.MASK_SIZE
    assert "EXIF" in str(error) or source == "labelme imageData"


@pytest.mark.parametrize("source", WITHOUT_SIZE)
def test_a_mask_in_shares_is_drawn_on_the_upright_image(tmp_path: Path, source: str) -> None:
    for orientation in range(1, 9):
        scene = scene_of(orientation)
        mask = decode(opened(source, tmp_path / str(orientation), scene).samples[0]).mask
        assert mask is not None and np.array_equal(mask, scene.mask)


MASKS: dict[str, tuple[Callable[[], Image.Image], bool]] = {
    "16 bits": (lambda: Image.fromarray(SCENE.mask.astype(np.uint16)), True),
    "palette": (lambda: _palette(SCENE.mask), True),
    "opaque alpha": (lambda: Image.fromarray(SCENE.mask).convert("LA"), True),
    "ring of 255": (lambda: Image.fromarray(draw_ring(SCENE)), True),
    "object on nothing": (lambda: Image.fromarray(np.dstack([SCENE.mask] * 3 + [SCENE.mask * np.uint8(255)])), True),
    "half transparent": (lambda: Image.fromarray(np.dstack([SCENE.mask] * 3 + [SCENE.mask + np.uint8(9)])), False),
    "0 and 255": (lambda: Image.fromarray(SCENE.mask * np.uint8(255)), True),
    "instance numbers": (lambda: Image.fromarray(SCENE.mask * np.uint8(7)), True),
    "coloured": (lambda: _recoloured(SCENE.mask), True),
}


#: read, read and said, refused, and refused before the run
ONE_OF_EACH = ("palette", "instance numbers", "half transparent", "coloured")


def _recoloured(mask: Any) -> Image.Image:
    """Yellow on blue: no colour of the image itself."""
    return Image.fromarray(np.where(mask[..., None] == 1, np.uint8((200, 200, 20)), np.uint8((20, 30, 160))))


def _palette(mask: Any) -> Image.Image:
    made = Image.fromarray(mask, "P")
    made.putpalette([0, 0, 0, 128, 0, 0] + [0] * 762)
    return made


@pytest.mark.parametrize(
    ("source", "kind"),
    [*(("folder", kind) for kind in MASKS), *((name, kind) for name in ("csv", "jsonl") for kind in ONE_OF_EACH)],
)
def test_a_mask_file_is_read_by_value_or_refused(tmp_path: Path, source: str, kind: str) -> None:
    make, readable = MASKS[kind]
    reference = BUILDERS[source](tmp_path, SCENE)
    (path,) = (tmp_path / "masks").rglob("a.png")
    save(path, make())
    if kind == "coloured":
        with pytest.raises(DataError, match="mask_background=#141ea0 if everything else is the object"):
            open_data(reference, root=tmp_path)
        reference = f"{reference}?mask_background=#141ea0"
    (sample,) = open_data(reference, root=tmp_path).samples
    if readable:
        mask = decode(sample).mask
        assert mask is not None and np.array_equal(mask == 1, SCENE.mask == 1)
        return
    with pytest.raises(UnusableSample, match=r"a\.png") as caught:
        decode(sample)
    assert caught.value.reason is Missing.UNREADABLE_MASK


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("source", ["folder", "voc class", "voc object", "csv", "jsonl", "imagenet9", "imagenet_s"])
def test_a_hostile_mask_file_stays_a_sample_and_is_named(tmp_path: Path, source: str) -> None:
    named = {"voc class": "SegmentationClass/a.png", "voc object": "SegmentationObject/a.png", "imagenet9": "a.npy"}
    for hostile in HOSTILE_KINDS:
        reference = BUILDERS[source](tmp_path / hostile, SCENE)
        for path in (tmp_path / hostile).rglob("a.*"):
            if path.suffix in (".png", ".npy") and path.read_bytes() != SCENE.content:
                path.write_bytes(HOSTILE[hostile][0])
        error = refused(open_data(reference, root=tmp_path))
        assert error.reason is Missing.UNREADABLE_MASK, hostile
        assert named.get(source, "a.png") in str(error).replace("\\", "/"), hostile


@pytest.mark.parametrize("source", ["coco polygon", "coco box", "voc box", "labelme polygon", "labelme imageData"])
def test_a_stated_size_that_would_fill_the_memory_is_refused(tmp_path: Path, source: str) -> None:
    reference = BUILDERS[source](tmp_path, SCENE)
    for path in [*tmp_path.rglob("*.json"), *tmp_path.rglob("*.xml")]:
        text = path.read_text()
        for name, value in (("height", 30), ("imageHeight", 30), ("width", 44), ("imageWidth", 44)):
            text = text.replace(f'"{name}": {value}', f'"{name}": 60000')
            text = text.replace(f"<{name}>{value}</{name}>", f"<{name}>60000</{name}>")
        path.write_text(text)
    with pytest.raises(DataError, match=r"60000 x 60000 pixels, more than Pillow's limit"):
        open_data(reference, root=tmp_path)


FAR = (-5000, 4, 19, 13)


@pytest.mark.parametrize("source", ["coco polygon", "labelme polygon", "labelme imageData", "yolo polygon"])
def test_a_polygon_far_outside_of_the_image_is_refused(tmp_path: Path, source: str) -> None:
    reference = _with_box(source, tmp_path, FAR)
    try:
        error = str(refused(open_data(reference, root=tmp_path)))
    except DataError as found:  # shares of the image: known before the image is read
        error = str(found)
    assert ("out of" in error or "outside of" in error or "spans x -5000 to 19" in error) and (
        "annotation 1" in error or "shape 0" in error or "a.txt:1" in error
    )


@pytest.mark.parametrize("source", ["coco polygon", "coco box", "voc box", "labelme polygon", "labelme rectangle"])
def test_an_object_outside_of_the_image_contradicts_its_size(tmp_path: Path, source: str) -> None:
    reference = _with_box(source, tmp_path, (50, 4, 60, 13))
    error = refused(open_data(reference, root=tmp_path))
    assert error.reason is Missing.CONTRADICTION and "spans x 50 to 60" in str(error) and "44 x 30" in str(error)


@pytest.mark.parametrize("source", ["coco polygon", "coco box", "voc box", "labelme polygon", "labelme rectangle"])
def test_an_object_that_reaches_out_of_the_image_is_cut(tmp_path: Path, source: str) -> None:
    reference = _with_box(source, tmp_path, (30, -6, 50, 13))
    mask = decode(open_data(reference, root=tmp_path).samples[0]).mask
    expected = np.zeros_like(SCENE.mask)
    expected[:13, 30:] = 1
    assert mask is not None and np.array_equal(mask, expected)


def _with_box(source: str, root: Path, box: tuple[int, int, int, int]) -> str:
    return BUILDERS[source](root, replace(SCENE, box=box))


WRONG = {"size": [44, 30], "counts": [0, 1320]}


@pytest.mark.parametrize(
    "segmentation", [WRONG, {**WRONG, "size": [31, 44]}, {"size": [30, 44], "counts": [0, 1319]}], ids=str
)
def test_run_lengths_of_another_size_are_refused(tmp_path: Path, segmentation: dict[str, Any]) -> None:
    reference = BUILDERS["coco rle"](tmp_path, SCENE)
    path = tmp_path / "instances_val.json"
    document = json.loads(path.read_text())
    document["annotations"][0]["segmentation"] = segmentation
    path.write_text(json.dumps(document))
    error = refused(open_data(reference, root=tmp_path))
    assert error.reason is Missing.CONTRADICTION and "annotation 1" in str(error)


@with_a_file
def test_an_image_that_is_a_link_out_of_the_data_is_refused(tmp_path: Path, source: str) -> None:
    reference = BUILDERS[source](tmp_path / "data", SCENE)
    (path,) = (path for path in (tmp_path / "data").rglob("a.png") if path.read_bytes() == SCENE.content)
    outside = write(tmp_path / "secret.png", SCENE.content)
    path.unlink()
    try:
        path.symlink_to(outside)
    except OSError as error:
        pytest.skip(f"links cannot be made here: {error}")
    with pytest.raises(DataError, match=r"secret\.png, outside of the data"):
        open_data(reference, root=tmp_path)


@pytest.mark.parametrize("source", ["folder", "voc class", "voc object", "csv", "jsonl", "imagenet9", "imagenet_s"])
def test_a_mask_that_is_a_link_out_of_the_data_is_refused(tmp_path: Path, source: str) -> None:
    reference = BUILDERS[source](tmp_path / "data", SCENE)
    outside = save(tmp_path / "secret.png", SCENE.mask)
    for path in [path for path in (tmp_path / "data").rglob("a.*") if path.suffix in (".png", ".npy")]:
        if path.read_bytes() != SCENE.content:
            path.unlink()
            try:
                path.symlink_to(outside)
            except OSError as error:
                pytest.skip(f"links cannot be made here: {error}")
    with pytest.raises(DataError, match=r"secret\.png, outside of the data"):
        open_data(reference, root=tmp_path)


NAMES = ["/etc/passwd", "../secret.png", "images/../../secret.png", "..\\secret.png", "C:\\photos\\a.png", "a\0.png"]


@pytest.mark.parametrize("name", NAMES, ids=repr)
@pytest.mark.parametrize("source", ["coco polygon", "labelme polygon", "csv", "jsonl", "voc class", "yolo polygon"])
def test_a_file_name_that_leaves_the_data_is_refused(tmp_path: Path, source: str, name: str) -> None:
    root = tmp_path / "data"
    reference = BUILDERS[source](root, SCENE)
    write(tmp_path / "secret.png", SCENE.content)
    if source == "coco polygon":
        _replaced(root / "instances_val.json", '"a.png"', json.dumps(name))
    elif source == "labelme polygon":
        _replaced(root / "a.json", '"a.png"', json.dumps(name))
    elif source == "csv":
        _replaced(root / "line.csv", "images/a.png", name)
    elif source == "jsonl":
        _replaced(root / "line.jsonl", '"images/a.png"', json.dumps(name))
    elif source == "voc class":
        write(root / "ImageSets" / "Segmentation" / "val.txt", f"{name}\n")
    else:
        write(root / "list.txt", f"{name}\n")
        _replaced(root / "data.yaml", "val: images/val", "val: list.txt")
    try:
        data = open_data(reference, root=tmp_path)
    except DataError as error:
        refusal = r"outside of the data|another computer|a path relative to|not a file name|no file_name"
        assert re.search(rf"{refusal}|has no annotation|in none of the usual places", str(error))
    else:  # taken for the path of another computer, whose last part is an image of the data
        assert name.endswith("\\a.png") and all(root in Path(str(one.image)).parents for one in data.samples)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.png"])
@pytest.mark.parametrize("source", ["csv", "jsonl"])
def test_a_mask_that_leaves_the_data_is_refused(tmp_path: Path, source: str, name: str) -> None:
    reference = BUILDERS[source](tmp_path / "data", SCENE)
    for path in (tmp_path / "data").glob("line.*"):
        _replaced(path, "masks/a.png", name)
    with pytest.raises(DataError, match=r"line\.(csv:2|jsonl:1): .*outside of the data"):
        open_data(reference, root=tmp_path)


def _replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


WITHOUT_LABEL: dict[str, tuple[str, str, str, str]] = {
    "coco polygon": ("instances_val.json", '"image_id": 7', '"image_id": 8', "8"),
    "voc class": ("Annotations/a.xml", "<name>cat</name>", "<name> </name>", "a.xml:2: an object without a name"),
    "labelme polygon": ("a.json", '"label": "cat"', '"label": ""', "shape 0 has the label ''"),
    "yolo polygon": ("labels/val/a.txt", "1 ", "2 ", "a.txt:1: class 2 has no name"),
    "csv": ("line.csv", ",cat,", ",,", "line.csv:2: has no label"),
    "jsonl": ("line.jsonl", '"cat"', "null", "line.jsonl:1: has no label"),
}


@pytest.mark.parametrize("source", WITHOUT_LABEL)
def test_an_object_without_label_is_an_error_with_its_place(tmp_path: Path, source: str) -> None:
    reference = BUILDERS[source](tmp_path, SCENE)
    file, old, new, message = WITHOUT_LABEL[source]
    _replaced(tmp_path / file, old, new)
    with pytest.raises(DataError) as caught:
        open_data(reference, root=tmp_path)
    assert message in str(caught.value)


def _second(source: str, root: Path) -> str:
    """A second image, `b.png`, for which nothing is annotated."""
    reference = BUILDERS[source](root, SCENE)
    if source == "coco polygon":
        second = '{"id": 8, "file_name": "b.png", "height": 30, "width": 44}, {"id": 7'
        _replaced(root / "instances_val.json", '{"id": 7', second)
    elif source == "voc class":
        write(root / "ImageSets" / "Segmentation" / "val.txt", "a\nb\n")
        write(root / "Annotations" / "b.xml", "<annotation></annotation>")
        write(root / "JPEGImages" / "b.png", SCENE.content)
    elif source == "labelme polygon":
        document = json.loads((root / "a.json").read_text())
        write(root / "b.json", json.dumps({**document, "shapes": [], "imagePath": "b.png"}))
    else:
        write(root / "images" / "val" / "b.png", SCENE.content)
    return reference


@pytest.mark.parametrize("source", ["coco polygon", "voc class", "labelme polygon", "yolo polygon"])
def test_an_image_for_which_nothing_is_annotated_is_counted_and_named(tmp_path: Path, source: str) -> None:
    data = open_data(_second(source, tmp_path), root=tmp_path)
    assert len(data.samples) == 1
    (note,) = [note for note in data.notes if "left out" in note]
    assert note.startswith("1 images have no") and "b.png'" in note


@every_source
def test_the_store_knows_a_sample_without_decoding_it(tmp_path: Path, source: str) -> None:
    from hashlib import sha256

    from modelaudit.data import content_of, files_of

    def content(root: Path, scene: ContextInput) -> str | None:
        (sample,) = opened(source, root, scene).samples
        return content_of(sample, {path: sha256(path.read_bytes()).hexdigest() for path in files_of(sample)})

    first, again = content(tmp_path / "1", SCENE), content(tmp_path / "2", SCENE)
    assert first is not None and first == again
    moved = replace(SCENE, box=(6, 4, 20, 13))
    assert content(tmp_path / "3", moved) != first
    darker = encoded(Image.fromarray(np.full((*SCENE.size, 3), RED, np.uint8)))
    assert content(tmp_path / "4", replace(SCENE, content=darker)) != first
    (sample,) = opened(source, tmp_path / "5", SCENE).samples
    assert decode(sample).content == first
