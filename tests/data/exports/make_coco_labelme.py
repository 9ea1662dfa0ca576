"""Writes the trees of COCO and LabelMe in this folder, as the tools that they are named after export them.

Every tree holds the same four images of 32 x 24 pixels, each with one L-shaped object, or with its box where the tool
was used to draw boxes. ``python make_coco_labelme.py`` writes them anew.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pycocotools import mask as coco_mask

HEIGHT, WIDTH = 24, 32
NAMES = ("bolt", "nut")
Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class Outlined:
    """An image and its object: of a box (left, top, right, bottom; the last two outside) the left side and the foot."""

    name: str
    label: str
    box: tuple[int, int, int, int]
    foot: int

    @property
    def mask(self) -> Mask:
        """[H, W]: 1 where the object is."""
        left, top, right, bottom = self.box
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[top:bottom, left : left + self.foot] = 1
        mask[bottom - self.foot : bottom, left:right] = 1
        return mask

    @property
    def box_mask(self) -> Mask:
        """[H, W]: 1 in the box of the object."""
        left, top, right, bottom = self.box
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[top:bottom, left:right] = 1
        return mask

    @property
    def points(self) -> list[list[float]]:
        left, top, right, bottom = map(float, self.box)
        knee, step = left + self.foot, bottom - self.foot
        return [[left, top], [knee, top], [knee, step], [right, step], [right, bottom], [left, bottom]]

    @property
    def polygon(self) -> list[float]:
        return [value for point in self.points for value in point]

    @property
    def xywh(self) -> list[float]:
        left, top, right, bottom = map(float, self.box)
        return [left, top, right - left, bottom - top]

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """[H, W, 3]: an object that is lighter than what is behind it, in the colour of its label."""
        colour = (220, 60, 40) if self.label == "bolt" else (60, 90, 210)
        return np.where(self.mask[:, :, None] == 1, np.uint8(colour), np.uint8(30)).astype(np.uint8)


OUTLINED = (
    Outlined("part_1", "bolt", (4, 3, 18, 15), 4),
    Outlined("part_2", "nut", (0, 6, 11, 24), 5),
    Outlined("part_3", "bolt", (18, 2, 30, 20), 3),
    Outlined("part_4", "nut", (9, 8, 32, 19), 6),
)


def picture(path: Path, scene: Outlined) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(scene.pixels).save(path)


def text(path: Path, document: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document) + "\n", encoding="utf-8")


def runs(mask: Mask) -> dict[str, Any]:
    """Uncompressed run lengths, down the columns, from background."""
    flat = np.concatenate([[0], mask.flatten(order="F"), [2]])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    return {"counts": np.diff(np.concatenate([[0], edges])).tolist(), "size": [HEIGHT, WIDTH]}


def compressed(mask: Mask) -> dict[str, Any]:
    encoded = coco_mask.encode(np.asfortranarray(mask))
    return {"size": encoded["size"], "counts": encoded["counts"].decode()}


def image(number: int, name: str, **parts: Any) -> dict[str, Any]:
    return {"id": number, "width": WIDTH, "height": HEIGHT, "file_name": name, **parts}


def annotation(number: int, scene: Outlined, first: int = 1, **parts: Any) -> dict[str, Any]:
    """The annotation with this number, of the image with the same number; categories count from `first`."""
    return {
        "id": number,
        "image_id": number,
        "category_id": NAMES.index(scene.label) + first,
        "segmentation": [scene.polygon],
        "area": float(scene.mask.sum()),
        "bbox": scene.xywh,
        "iscrowd": 0,
        **parts,
    }


def categories(first: int = 1, **parts: Any) -> list[dict[str, Any]]:
    return [{"id": first + at, "name": name, **parts} for at, name in enumerate(NAMES)]


def document(images: Sequence[Any], annotations: Sequence[Any], kinds: Sequence[Any], **parts: Any) -> dict[str, Any]:
    return {**parts, "images": list(images), "categories": list(kinds), "annotations": list(annotations)}


def cvat_document(scenes: Sequence[Outlined], folder: Path, **parts: Any) -> dict[str, Any]:
    """CVAT writes by Datumaro: ids from 1, empty strings for what it does not know, masks as crowds."""
    images, annotations = [], []
    blank = {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    for number, scene in enumerate(scenes, start=1):
        picture(folder / f"{scene.name}.png", scene)
        images.append(image(number, f"{scene.name}.png", **blank))
        masked = {"segmentation": runs(scene.mask), "iscrowd": 1} if number % 2 == 0 else {}
        annotations.append(annotation(number, scene, **{**masked, **parts}, attributes={"occluded": False}))
    licenses = [{"name": "", "id": 0, "url": ""}]
    return document(images, annotations, categories(supercategory=""), licenses=licenses, info={"year": ""})


def cvat_task(base: Path) -> None:
    text(base / "annotations" / "instances_default.json", cvat_document(OUTLINED, base / "images" / "default"))


def cvat_boxes(base: Path) -> None:
    """Of older versions: the images are in ``images`` itself; rectangles have no outline."""
    content = cvat_document(OUTLINED, base / "images", segmentation=[], iscrowd=0)
    for one, scene in zip(content["annotations"], OUTLINED, strict=True):
        one["area"] = float(scene.box_mask.sum())
    text(base / "annotations" / "instances_default.json", content)


def cvat_project(base: Path) -> None:
    for subset, scenes in (("train", OUTLINED), ("val", OUTLINED[:2])):
        content = cvat_document(scenes, base / "images" / subset)
        text(base / "annotations" / f"instances_{subset}.json", content)


def datumaro_without_sizes(base: Path) -> None:
    """Datumaro writes the size 0 of images that it was not given."""
    content = cvat_document(OUTLINED, base / "images" / "train")
    for one in content["images"]:
        one.update(width=0, height=0)
    text(base / "annotations" / "instances_train.json", content)


def label_studio(base: Path, name: str, file: str = "result.json", **parts: Any) -> None:
    """Ids and categories count from 0; `name` is the file name with {} for the image's."""
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED):
        picture(base / "images" / f"0a1b2c3d-{scene.name}.png", scene)
        images.append(image(number, name.format(f"0a1b2c3d-{scene.name}.png"), **parts))
        boxed = {"segmentation": [], "area": float(scene.box_mask.sum())} if scene.label == "nut" else {}
        annotations.append(annotation(number, scene, 0, ignore=0, **boxed))
    text(base / file, document(images, annotations, categories(0), info={"contributor": "Label Studio"}))


def label_studio_brush(base: Path) -> None:
    """Brushes become outlines; images whose size no annotation states have null."""
    label_studio(base, "{}", "result_coco.json", path="/data/upload/1/x.png", width=None, height=None)


def fiftyone(base: Path) -> None:
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED, start=1):
        picture(base / "data" / f"{scene.name}.png", scene)
        images.append(image(number, f"{scene.name}.png", license=None, coco_url=None))
        annotations.append(annotation(number, scene, 0))
    info = {"year": "", "version": "", "description": "Exported from FiftyOne", "url": "https://voxel51.com/fiftyone"}
    text(base / "labels.json", document(images, annotations, categories(0, supercategory=None), info=info, licenses=[]))


def roboflow(base: Path) -> None:
    """Boxes; the first category is the project, and has no annotation."""
    for folder, scenes in (("train", OUTLINED), ("valid", OUTLINED[2:])):
        images, annotations = [], []
        for number, scene in enumerate(scenes):
            name = f"{scene.name}_png.rf.0123456789abcdef0123456789abcdef.png"
            picture(base / folder / name, scene)
            images.append(image(number, name, license=1, date_captured="2024-01-01T00:00:00+00:00"))
            left, top, wide, high = map(int, scene.xywh)
            boxed = {"bbox": [left, top, wide, high], "area": wide * high, "segmentation": []}
            annotations.append(annotation(number, scene, 1, **boxed))
        kinds = [
            {"id": 0, "name": "bolts-and-nuts", "supercategory": "none"},
            *categories(supercategory="bolts-and-nuts"),
        ]
        text(base / folder / "_annotations.coco.json", document(images, annotations, kinds, info={"version": "1"}))


def labelme2coco(base: Path) -> None:
    """Its rectangles have two points; nuts are drawn as rectangles here."""
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED):
        picture(base / "JPEGImages" / f"{scene.name}.jpg", scene)
        images.append(image(number, f"JPEGImages/{scene.name}.jpg", license=0, url=None, date_captured=None))
        left, top, right, bottom = map(float, scene.box)
        boxed = {"segmentation": [[left, top, right, bottom]], "area": float(scene.box_mask.sum())}
        annotations.append(annotation(number, scene, 1, **(boxed if scene.label == "nut" else {})))
    kinds = [{"supercategory": None, "id": 0, "name": "_background_"}, *categories(supercategory=None)]
    text(base / "annotations.json", document(images, annotations, kinds, type="instances", licenses=[{"id": 0}]))


def coco_2017(base: Path) -> None:
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED, start=1):
        name = f"{number:012}.jpg"
        picture(base / "val2017" / name, scene)
        images.append(image(number, name, coco_url=f"http://images.cocodataset.org/val2017/{name}"))
        annotations.append(annotation(number, scene))
    text(base / "annotations" / "instances_val2017.json", document(images, annotations, categories(), info={}))


def lvis(base: Path) -> None:
    """Images have a URL and no file name; masks are compressed in part."""
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED, start=1):
        name = f"{number:012}.jpg"
        picture(base / "val2017" / name, scene)
        one = image(
            number, name, coco_url=f"http://images.cocodataset.org/val2017/{name}", not_exhaustive_category_ids=[]
        )
        del one["file_name"]
        images.append(one)
        annotations.append(annotation(number, scene, segmentation=compressed(scene.mask)))
    text(base / "lvis_v1_val.json", document(images, annotations, categories(synset="x.n.01"), info={}))


def numbers_as_texts(base: Path) -> None:
    """As scripts write tables of pandas: whole numbers are floats, others texts; no area, nothing optional."""
    images, annotations = [], []
    for number, scene in enumerate(OUTLINED, start=1):
        picture(base / f"{scene.name}.png", scene)
        images.append({"id": float(number), "file_name": f"{scene.name}.png", "width": 32.0, "height": "24"})
        box, outline = [str(value) for value in scene.xywh], [str(value) for value in scene.polygon]
        one = annotation(number, scene, image_id=str(number), bbox=box, segmentation=outline, iscrowd="0")
        annotations.append({**one, "category_id": float(one["category_id"]), "area": None})
    text(base / "train.json", document(images, annotations, categories()))


def labelme_document(scene: Outlined, shapes: Sequence[Any], **parts: Any) -> dict[str, Any]:
    return {
        "version": "5.4.1",
        "flags": {},
        "shapes": [{"label": scene.label, "group_id": None, "flags": {}, **one} for one in shapes],
        "imagePath": f"{scene.name}.jpg",
        "imageData": None,
        "imageHeight": HEIGHT,
        "imageWidth": WIDTH,
        **parts,
    }


def as_polygon(scene: Outlined) -> list[dict[str, Any]]:
    return [{"points": scene.points, "shape_type": "polygon"}]


def as_parts(scene: Outlined) -> list[dict[str, Any]]:
    """Two rectangles of one group, beside shapes that enclose nothing."""
    left, top, right, bottom = scene.box
    upright = {"points": [[left, top], [left + scene.foot, bottom]], "shape_type": "rectangle", "group_id": 1}
    foot = {"points": [[right, bottom], [left, bottom - scene.foot]], "shape_type": "rectangle", "group_id": 1}
    lines = [{"points": [[1, 1], [9, 9], [20, 3]], "shape_type": kind} for kind in ("line", "linestrip", "points")]
    return [upright, foot, *lines, {"points": [[3, 3]], "shape_type": "point"}]


def as_mask(scene: Outlined) -> list[dict[str, Any]]:
    left, top, right, bottom = scene.box
    content = io.BytesIO()
    Image.fromarray(scene.mask[top:bottom, left:right]).save(content, "PNG")
    stored = base64.b64encode(content.getvalue()).decode()
    return [{"points": [[left, top], [right - 1, bottom - 1]], "shape_type": "mask", "mask": stored}]


def as_turned(scene: Outlined, kind: str = "oriented_rectangle") -> list[dict[str, Any]]:
    left, top, right, bottom = scene.box
    knee, step = left + scene.foot, bottom - scene.foot
    upright = [[knee, top], [knee, bottom], [left, bottom], [left, top]]
    foot = [[left, step], [right, step], [right, bottom], [left, bottom]]
    return [{"points": points, "shape_type": kind} for points in (upright, foot)]


def labelme(base: Path) -> None:
    """Every kind of shape, one an image."""
    for scene, shapes in zip(OUTLINED, (as_polygon, as_parts, as_mask, as_turned), strict=True):
        picture(base / f"{scene.name}.jpg", scene)
        text(base / f"{scene.name}.json", labelme_document(scene, shapes(scene)))


def labelme_windows(base: Path) -> None:
    """JSON files in a folder of their own, with the paths of Windows."""
    for scene, path in zip(OUTLINED, ("..\\images\\{}", "C:\\me\\{}", "D:/line/{}", "{}"), strict=True):
        picture(base / "images" / f"{scene.name}.jpg", scene)
        shapes = [{**one, "line_color": None, "fill_color": None} for one in as_polygon(scene)]
        content = labelme_document(scene, shapes, imagePath=path.format(f"{scene.name}.jpg"), version="3.16.7")
        text(base / "json" / f"{scene.name}.json", content)


def labelme_embedded(base: Path) -> None:
    """Without image files, and without sizes, as version 3.5 wrote them; its shapes have no type."""
    for scene in OUTLINED:
        content = io.BytesIO()
        Image.fromarray(scene.pixels).save(content, "PNG")
        one = labelme_document(scene, [{"label": scene.label, "points": scene.points}], version="3.5.0")
        kept = {key: value for key, value in one.items() if key not in ("imageHeight", "imageWidth", "flags")}
        text(base / f"{scene.name}.json", {**kept, "imageData": base64.b64encode(content.getvalue()).decode()})


def x_anylabeling(base: Path) -> None:
    for scene in OUTLINED:
        picture(base / f"{scene.name}.jpg", scene)
        shapes = [{**one, "score": None, "difficult": False, "direction": 0.0} for one in as_turned(scene, "rotation")]
        text(base / f"{scene.name}.json", labelme_document(scene, shapes, version="2.4.4"))


def label_studio_old(base: Path) -> None:
    label_studio(base, "images/{}")


def label_studio_on_windows(base: Path) -> None:
    label_studio(base, "images\\1/{}")


def label_studio_with_images(base: Path) -> None:
    label_studio(base, "..\\..\\label-studio\\label-studio\\media\\upload\\4\\{}")


def label_studio_without_images(base: Path) -> None:
    """The images are the user's own, without what Label Studio writes before their names."""
    label_studio(base, "..\\..\\media\\upload\\1\\{}")
    for path in (base / "images").iterdir():
        path.rename(base / path.name.partition("-")[2])
    (base / "images").rmdir()


def label_studio_local_files(base: Path) -> None:
    label_studio(base, "/data/local-files/?d=line/{}", width=None, height=None)


#: what writes a tree, and its reference below this folder
TREES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cvat_coco_1.0_task": (cvat_task, "coco:{}/annotations/instances_default.json"),
    "cvat_coco_1.0_boxes": (cvat_boxes, "coco:{}/annotations/instances_default.json"),
    "cvat_coco_1.0_project": (cvat_project, "coco:{}/annotations/instances_train.json"),
    "datumaro_1.5_without_sizes": (datumaro_without_sizes, "coco:{}/annotations/instances_train.json"),
    "label_studio_coco_1.7": (label_studio_old, "coco:{}/result.json"),
    "label_studio_coco_1.6_windows": (label_studio_on_windows, "coco:{}/result.json"),
    "label_studio_coco_1.16": (label_studio_with_images, "coco:{}/result.json"),
    "label_studio_coco_without_images": (label_studio_without_images, "coco:{}/result.json"),
    "label_studio_coco_local_files": (label_studio_local_files, "coco:{}/result.json"),
    "label_studio_brush": (label_studio_brush, "coco:{}/result_coco.json"),
    "fiftyone_coco": (fiftyone, "coco:{}/labels.json"),
    "roboflow_coco": (roboflow, "coco:{}/train/_annotations.coco.json"),
    "labelme2coco": (labelme2coco, "coco:{}/annotations.json"),
    "coco_2017": (coco_2017, "coco:{}/annotations/instances_val2017.json"),
    "lvis_1": (lvis, "coco:{}/lvis_v1_val.json"),
    "coco_of_texts": (numbers_as_texts, "coco:{}/train.json"),
    "labelme_5": (labelme, "labelme:{}"),
    "labelme_3_windows": (labelme_windows, "labelme:{}"),
    "labelme_3_embedded": (labelme_embedded, "labelme:{}"),
    "x_anylabeling_2": (x_anylabeling, "labelme:{}"),
}

if __name__ == "__main__":
    for tree, (write, _) in TREES.items():
        write(Path(__file__).parent / tree)
