"""One image with one rectangular object, as every source has it on disk: a row a form, for tests across sources."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import GREEN, RED, encoded, save
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pycocotools import mask as coco_mask

from modelaudit.data.imagenet_s import VARIANTS, imagenet_wnids

#: Pillow's way back from an upright image to one that an EXIF orientation turns upright
_BACK = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
#: the numbers of an annotation, when a test makes it lie about the size
Size = tuple[int, int]


@dataclass(frozen=True)
class ContextInput:
    """The object's place in the upright image, the image's file, and the size that annotations state."""

    content: bytes
    name: str = "a.png"
    size: Size = (30, 44)
    box: tuple[int, int, int, int] = (5, 4, 19, 13)

    @property
    def mask(self) -> NDArray[np.uint8]:
        """[H, W]: 1 in the box (left, top, right, bottom), else 0."""
        left, top, right, bottom = self.box
        mask = np.zeros(self.size, dtype=np.uint8)
        mask[top:bottom, left:right] = 1
        return mask

    @property
    def polygon(self) -> list[float]:
        left, top, right, bottom = map(float, self.box)
        return [left, top, right, top, right, bottom, left, bottom]


def picture(scene: ContextInput) -> Image.Image:
    """A red object before green."""
    return Image.fromarray(np.where(scene.mask[:, :, None] == 1, np.uint8(RED), np.uint8(GREEN)).astype(np.uint8))


def scene_of(orientation: int = 1, kind: str = "PNG", **parts: Any) -> ContextInput:
    """The scene, its file stored as a camera does that is held in this EXIF orientation."""
    scene = ContextInput(b"", **parts)
    upright = picture(scene)
    stored = upright.transpose(Image.Transpose(_BACK[orientation])) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100, "subsampling": 0} if kind == "JPEG" else {}
    return replace(scene, content=encoded(stored, kind, exif=exif, **options))


Builder = Callable[[Path, ContextInput], str]


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _folder(root: Path, scene: ContextInput) -> str:
    write(root / "images" / "cat" / scene.name, scene.content)
    save(root / "masks" / "cat" / "a.png", scene.mask)
    return f"folder:{root}"


def _coco(outline: Callable[[ContextInput], Any]) -> Builder:
    def build(root: Path, scene: ContextInput) -> str:
        write(root / "images" / scene.name, scene.content)
        left, top, right, bottom = scene.box
        box = [left, top, right - left, bottom - top]
        annotation = {
            "id": 1,
            "image_id": 7,
            "category_id": 3,
            "bbox": box,
            "segmentation": outline(scene),
            "iscrowd": 0,
        }
        image = {"id": 7, "file_name": scene.name, "height": scene.size[0], "width": scene.size[1]}
        document = {"images": [image], "annotations": [annotation], "categories": [{"id": 3, "name": "cat"}]}
        write(root / "instances_val.json", json.dumps(document))
        return f"coco:{root / 'instances_val.json'}"

    return build


def _rle(scene: ContextInput) -> dict[str, Any]:
    found = coco_mask.encode(np.asfortranarray(scene.mask))
    return {"size": found["size"], "counts": found["counts"].decode()}


def _voc(masks: str) -> Builder:
    def build(root: Path, scene: ContextInput) -> str:
        left, top, right, bottom = scene.box
        box = f"<xmin>{left + 1}</xmin><ymin>{top + 1}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax>"
        size = f"<size><width>{scene.size[1]}</width><height>{scene.size[0]}</height><depth>3</depth></size>"
        write(
            root / "Annotations" / "a.xml",
            f"<annotation><filename>{scene.name}</filename>{size}\n"
            f"<object><name>cat</name><difficult>0</difficult><bndbox>{box}</bndbox></object></annotation>",
        )
        write(root / "JPEGImages" / scene.name, scene.content)
        write(root / "ImageSets" / "Segmentation" / "val.txt", "a\n")
        for folder, number in (("SegmentationClass", 8), ("SegmentationObject", 1)):
            segmentation = Image.fromarray(scene.mask * np.uint8(number), "P")
            segmentation.putpalette([0, 0, 0, 128, 0, 0] + [9] * 762)
            save(root / folder / "a.png", segmentation)
        return f"voc:{root}?masks={masks}"

    return build


def _labelme(shape: Callable[[ContextInput], dict[str, Any]], *, embedded: bool = False) -> Builder:
    def build(root: Path, scene: ContextInput) -> str:
        if not embedded:
            write(root / scene.name, scene.content)
        document = {
            "version": "5.4.1",
            "flags": {},
            "shapes": [{"label": "cat", "group_id": None, "flags": {}, **shape(scene)}],
            "imagePath": scene.name,
            "imageData": base64.b64encode(scene.content).decode() if embedded else None,
            "imageHeight": scene.size[0],
            "imageWidth": scene.size[1],
        }
        write(root / "a.json", json.dumps(document))
        return f"labelme:{root}"

    return build


def labelme_mask(scene: ContextInput) -> dict[str, Any]:
    left, top, right, bottom = scene.box
    ones = Image.fromarray(np.ones((bottom - top, right - left), dtype=np.uint8))
    text = base64.b64encode(encoded(ones)).decode()
    return {"shape_type": "mask", "points": [[left, top], [right - 1, bottom - 1]], "mask": text}


def _corners(scene: ContextInput) -> dict[str, Any]:
    return {"shape_type": "rectangle", "points": [list(scene.box[:2]), list(scene.box[2:])]}


def _points(scene: ContextInput) -> dict[str, Any]:
    return {"shape_type": "polygon", "points": np.reshape(scene.polygon, (4, 2)).tolist()}


def _yolo(numbers: Callable[[ContextInput], list[float]]) -> Builder:
    def build(root: Path, scene: ContextInput) -> str:
        write(root / "images" / "val" / scene.name, scene.content)
        write(root / "labels" / "val" / "a.txt", " ".join(map(str, [1, *numbers(scene)])) + "\n")
        write(root / "data.yaml", "train: images/train\nval: images/val\nnc: 2\nnames: [dog, cat]\n")
        return f"yolo:{root / 'data.yaml'}"

    return build


def _shares(scene: ContextInput) -> list[float]:
    return [value / scene.size[1 - place % 2] for place, value in enumerate(scene.polygon)]


def _centre(scene: ContextInput) -> list[float]:
    left, top, right, bottom = scene.box
    height, width = scene.size
    return [(left + right) / 2 / width, (top + bottom) / 2 / height, (right - left) / width, (bottom - top) / height]


def _csv(root: Path, scene: ContextInput) -> str:
    write(root / "images" / scene.name, scene.content)
    save(root / "masks" / "a.png", scene.mask)
    write(root / "line.csv", f"image,label,mask\nimages/{scene.name},cat,masks/a.png\n")
    return f"csv:{root / 'line.csv'}"


def _jsonl(root: Path, scene: ContextInput) -> str:
    _csv(root, scene)
    write(root / "line.jsonl", json.dumps({"image": f"images/{scene.name}", "label": "cat", "mask": "masks/a.png"}))
    return f"jsonl:{root / 'line.jsonl'}"


def _imagenet9(root: Path, scene: ContextInput) -> str:
    write(root / "original" / "val" / "00_dog" / scene.name, scene.content)
    path = root / "fg_mask" / "val" / "00_dog" / "a.npy"
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, scene.mask.astype(bool))
    return f"imagenet9:{root}"


def _imagenet_s(root: Path, scene: ContextInput) -> str:
    wnids = imagenet_wnids()[: VARIANTS["S50"]]
    for wnid in wnids:
        (root / "validation" / wnid).mkdir(parents=True, exist_ok=True)
    write(root / "validation" / wnids[2] / scene.name, scene.content)
    nothing = np.zeros_like(scene.mask)
    save(root / "validation-segmentation" / wnids[2] / "a.png", np.dstack([scene.mask * np.uint8(3), nothing, nothing]))
    return f"imagenet_s:{root}"


def _webdataset(root: Path, scene: ContextInput) -> str:
    root.mkdir(parents=True, exist_ok=True)
    files = {scene.name: scene.content, "a.cls": b"cat", "a.mask.png": encoded(Image.fromarray(scene.mask))}
    with tarfile.open(root / "line-000.tar", "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return f"webdataset:{root}/line-{{000..000}}.tar"


def _hf(root: Path, scene: ContextInput) -> str:
    datasets = pytest.importorskip("datasets")
    columns = {"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat"]), "mask": datasets.Image()}
    cells = {
        "image": [{"bytes": scene.content, "path": scene.name}],
        "label": [0],
        "mask": [{"bytes": encoded(Image.fromarray(scene.mask)), "path": "a.mask.png"}],
    }
    table = datasets.Dataset.from_dict(cells, features=datasets.Features(columns))
    table.save_to_disk(root / "saved")
    return f"hf:{root / 'saved'}?mask=mask"


#: how each source has the scene; a new source is a new row
BUILDERS: dict[str, Builder] = {
    "folder": _folder,
    "coco polygon": _coco(lambda scene: [scene.polygon]),
    "coco rle": _coco(_rle),
    "coco box": _coco(lambda _: []),
    "voc class": _voc("class"),
    "voc object": _voc("object"),
    "voc box": _voc("box"),
    "labelme polygon": _labelme(_points),
    "labelme rectangle": _labelme(_corners),
    "labelme mask": _labelme(labelme_mask),
    "labelme imageData": _labelme(_points, embedded=True),
    "yolo polygon": _yolo(_shares),
    "yolo box": _yolo(_centre),
    "csv": _csv,
    "jsonl": _jsonl,
    "imagenet9": _imagenet9,
    "imagenet_s": _imagenet_s,
    "webdataset": _webdataset,
    "hf": _hf,
}
#: the image is no file of its own
IN_A_CONTAINER = ("labelme imageData", "webdataset", "hf")
#: one source of each way to an image: a file, base64, part of an archive, a cell of a table, and a file whose size the
#: mask is drawn in
DECODING_PATHS = ("folder", "labelme imageData", "webdataset", "hf", "yolo polygon")
#: the mask follows the image's size, whatever it is: there is no other size to contradict
WITHOUT_SIZE = ("yolo polygon", "yolo box")


def draw_ring(scene: ContextInput) -> NDArray[np.uint8]:
    """The mask with a ring of 255 round the object."""
    ring = Image.fromarray(scene.mask)
    left, top, right, bottom = scene.box
    ImageDraw.Draw(ring).rectangle((left - 1, top - 1, right, bottom), outline=255)
    return np.asarray(ring)
