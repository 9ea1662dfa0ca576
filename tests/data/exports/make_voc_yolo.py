"""Writes the trees of Pascal VOC and YOLO in this folder, as the tools that they are named after export them.

Every tree holds the same three images of 32 x 20 pixels, each with one rectangular object. ``python make_voc_yolo.py``
writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HEIGHT, WIDTH = 20, 32
NAMES = ("bolt", "nut")


@dataclass(frozen=True)
class Scene:
    """An image: its name, the class and the place of its object (left, top, right, bottom; the last two outside)."""

    name: str
    label: str
    box: tuple[int, int, int, int]
    split: str

    @property
    def mask(self) -> NDArray[np.uint8]:
        """[H, W]: 1 where the object is."""
        left, top, right, bottom = self.box
        mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
        mask[top:bottom, left:right] = 1
        return mask

    @property
    def corners(self) -> list[tuple[int, int]]:
        left, top, right, bottom = self.box
        return [(left, top), (right, top), (right, bottom), (left, bottom)]

    @property
    def yolo_box(self) -> str:
        left, top, right, bottom = self.box
        centre = (left + right) / 2 / WIDTH, (top + bottom) / 2 / HEIGHT
        numbers = *centre, (right - left) / WIDTH, (bottom - top) / HEIGHT
        return " ".join([str(NAMES.index(self.label)), *(f"{number:.6f}" for number in numbers)])

    @property
    def yolo_polygon(self) -> str:
        shares = [f"{x / WIDTH:.6f} {y / HEIGHT:.6f}" for x, y in self.corners]
        return " ".join([str(NAMES.index(self.label)), *shares])


SCENES = (
    Scene("part_1", "bolt", (4, 3, 14, 11), "train"),
    Scene("part_2", "nut", (0, 6, 9, 20), "valid"),
    Scene("part_3", "bolt", (18, 2, 30, 17), "test"),
)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def picture(path: Path, scene: Scene) -> None:
    """The image of a scene: its object is bright."""
    pixels = np.full((HEIGHT, WIDTH, 3), 40 + 20 * SCENES.index(scene), dtype=np.uint8)
    pixels[scene.mask == 1] = (200, 180, 90)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def segmentation(path: Path, scene: Scene, colours: dict[str, tuple[int, int, int]]) -> None:
    pixels = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    pixels[scene.mask == 1] = colours[scene.label]
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def box_xml(scene: Scene, number: Callable[[int], str] = str) -> str:
    sides = zip(("xmin", "ymin", "xmax", "ymax"), scene.box, strict=True)
    return "<bndbox>" + "".join(f"<{side}>{number(value)}</{side}>" for side, value in sides) + "</bndbox>"


def size_xml(depth: str = "3") -> str:
    return f"<size><width>{WIDTH}</width><height>{HEIGHT}</height><depth>{depth}</depth></size>"


LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nbolt:250,50,83::\nnut:51,221,255::\n"
COLOURS = {"bolt": (250, 50, 83), "nut": (51, 221, 255)}


def cvat_voc(root: Path) -> None:
    """CVAT 2, "PASCAL VOC 1.1": boxes are edges from 0, as floats."""
    source = "<database>Unknown</database><annotation>Unknown</annotation><image>Unknown</image>"
    for scene in SCENES:
        picture(root / "JPEGImages" / f"{scene.name}.png", scene)
        write(
            root / "Annotations" / f"{scene.name}.xml",
            f"<annotation>\n  <folder>part</folder>\n  <filename>{scene.name}.png</filename>\n"
            f"  <source>{source}</source>\n  {size_xml('')}\n  <segmented>0</segmented>\n"
            f"  <object>\n    <name>{scene.label}</name>\n    <occluded>0</occluded>\n"
            f"    {box_xml(scene, float_text)}\n  </object>\n</annotation>\n",
        )
    write(root / "ImageSets" / "Main" / "default.txt", "".join(f"{scene.name}\n" for scene in SCENES))
    write(root / "labelmap.txt", LABELMAP)


def float_text(value: int) -> str:
    return str(float(value))


def cvat_segmentation_mask(root: Path) -> None:
    """CVAT 2, "Segmentation mask 1.1": no annotations, classes and objects in colours."""
    for scene in SCENES:
        picture(root / "JPEGImages" / f"{scene.name}.png", scene)
        segmentation(root / "SegmentationClass" / f"{scene.name}.png", scene, COLOURS)
        first = dict.fromkeys(NAMES, (128, 0, 0))
        segmentation(root / "SegmentationObject" / f"{scene.name}.png", scene, first)
    write(root / "ImageSets" / "Segmentation" / "default.txt", "".join(f"{scene.name}\n" for scene in SCENES))
    write(root / "labelmap.txt", LABELMAP)


def cvat_labelme(root: Path) -> None:
    """CVAT 2, "LabelMe 3.0": XML with polygons and no boxes, beside the images."""
    for scene in SCENES:
        picture(root / "default" / f"{scene.name}.png", scene)
        points = "".join(f"<pt><x>{x}.00</x><y>{y}.00</y></pt>" for x, y in scene.corners)
        write(
            root / "default" / f"{scene.name}.xml",
            f"<annotation><filename>{scene.name}.png</filename><folder></folder><source><sourceImage></sourceImage>"
            f"<sourceAnnotation>CVAT</sourceAnnotation></source><imagesize><nrows>{HEIGHT}</nrows><ncols>{WIDTH}</ncols>"
            f"</imagesize>\n<object><name>{scene.label}</name><deleted>0</deleted><verified>0</verified><id>0</id>"
            f"<polygon>{points}<username></username></polygon></object>\n</annotation>\n",
        )


def label_studio_voc(root: Path) -> None:
    """Label Studio 1, "Pascal VOC XML": edges from 0, cut to whole pixels."""
    for scene in SCENES:
        picture(root / "images" / f"{scene.name}.png", scene)
        write(
            root / "Annotations" / f"{scene.name}.xml",
            f'<?xml version="1.0" encoding="utf-8"?>\n<annotation>\n<folder>images</folder>\n<filename>{scene.name}.png'
            "</filename>\n<source>\n<database>MyDatabase</database>\n<annotation>COCO2017</annotation>\n<image>flickr"
            "</image>\n<flickrid>NULL</flickrid>\n<annotator>1</annotator>\n</source>\n<owner>\n"
            f"<flickrid>NULL</flickrid>\n<name>Label Studio</name>\n</owner>\n{size_xml()}\n"
            f"<segmented>0</segmented>\n<object>\n<name>{scene.label}"
            f"</name>\n<pose>Unspecified</pose>\n<truncated>0</truncated>\n<difficult>0</difficult>\n{box_xml(scene)}\n"
            "</object>\n</annotation>\n",
        )


def roboflow_voc(root: Path) -> None:
    """Roboflow, "Pascal VOC": annotations beside the images of three splits; polygons besides the boxes."""
    for scene in SCENES:
        name = f"{scene.name}_png.rf.0123456789abcdef"
        picture(root / scene.split / f"{name}.png", scene)
        points = "".join(f"<x{n}>{x}</x{n}><y{n}>{y}</y{n}>" for n, (x, y) in enumerate(scene.corners, start=1))
        left, top, right, bottom = scene.box
        write(
            root / scene.split / f"{name}.xml",
            f"<annotation>\n\t<folder></folder>\n\t<filename>{name}.png</filename>\n\t<path>{name}.png</path>\n\t<source>\n"
            f"\t\t<database>roboflow.com</database>\n\t</source>\n\t{size_xml()}\n\t<segmented>0</segmented>\n\t<object>\n"
            f"\t\t<name>{scene.label}</name>\n\t\t<occluded>0</occluded>\n\t\t<bndbox>\n\t\t\t<xmin>{left}</xmin>\n"
            f"\t\t\t<xmax>{right}</xmax>\n\t\t\t<ymin>{top}</ymin>\n\t\t\t<ymax>{bottom}</ymax>\n\t\t</bndbox>\n"
            f"\t\t<polygon>\n\t\t\t{points}\n\t\t</polygon>\n\t</object>\n</annotation>\n",
        )
    write(root / "README.dataset.txt", "exported by Roboflow\n")


def fiftyone_voc(root: Path) -> None:
    """FiftyOne 1, VOCDetectionDataset: ``data`` and ``labels``, with a path of another computer."""
    for scene in SCENES:
        picture(root / "data" / f"{scene.name}.png", scene)
        write(
            root / "labels" / f"{scene.name}.xml",
            f"<annotation>\n    <folder></folder>\n    <filename>{scene.name}.png</filename>\n"
            f"    <path>/home/user/line/{scene.name}.png</path>\n    <source>\n"
            f"        <database></database>\n    </source>\n    {size_xml()}\n"
            f"    <segmented></segmented>\n    <object>\n        <name>{scene.label}</name>\n        {box_xml(scene)}\n"
            "    </object>\n</annotation>\n",
        )


def labelimg_voc(root: Path) -> None:
    """LabelImg 1.8: XML beside the images; the ending in ``filename`` is that before a conversion; no size is known."""
    size = "<size><width>0</width><height>0</height><depth>3</depth></size>"
    for scene in SCENES:
        picture(root / f"{scene.name}.png", scene)
        write(
            root / f"{scene.name}.xml",
            f"<annotation>\n\t<folder>line</folder>\n\t<filename>{scene.name}.JPG</filename>\n\t<path>C:\\line\\{scene.name}"
            f".JPG</path>\n\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n\t{size}\n\t<segmented>0</segmented>\n"
            f"\t<object>\n\t\t<name>{scene.label}</name>\n\t\t<pose>Unspecified</pose>\n\t\t{box_xml(scene)}\n"
            "\t</object>\n</annotation>\n",
        )


def labelme2voc(root: Path) -> None:
    """labelme 5, ``labelme2voc.py``: palettes in SegmentationClassPNG, the classes in class_names.txt."""
    for scene in SCENES:
        picture(root / "JPEGImages" / f"{scene.name}.png", scene)
        numbers = Image.fromarray(scene.mask * np.uint8(1 + NAMES.index(scene.label)), "P")
        numbers.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0] + [7] * 759)
        path = root / "SegmentationClassPNG" / f"{scene.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers.save(path)
    write(root / "class_names.txt", "_background_\nbolt\nnut")


def cvat_yolo(root: Path) -> None:
    """CVAT 2, "YOLO 1.1": obj.data, obj.names and a list whose paths begin with ``data/``."""
    for scene in SCENES:
        picture(root / "obj_train_data" / f"{scene.name}.png", scene)
        write(root / "obj_train_data" / f"{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "obj.names", "bolt\nnut\n")
    write(root / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n")
    write(root / "train.txt", "".join(f"data/obj_train_data/{scene.name}.png\n" for scene in SCENES))


def cvat_ultralytics(root: Path) -> None:
    """CVAT 2.25, "Ultralytics YOLO Segmentation 1.0": the only part is a list."""
    for scene in SCENES:
        picture(root / "images" / "train" / f"{scene.name}.png", scene)
        write(root / "labels" / "train" / f"{scene.name}.txt", f"{scene.yolo_polygon}\n")
    write(root / "data.yaml", "names:\n  0: bolt\n  1: nut\npath: .\ntrain: train.txt\n")
    write(root / "train.txt", "".join(f"data/images/train/{scene.name}.png\n" for scene in SCENES))


def label_studio_yolo(root: Path) -> None:
    """Label Studio 1, "YOLO with images"."""
    for scene in SCENES:
        picture(root / "images" / f"0a1b2c3d-{scene.name}.png", scene)
        write(root / "labels" / f"0a1b2c3d-{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "classes.txt", "bolt\nnut\n")
    categories = [{"id": place, "name": name} for place, name in enumerate(NAMES)]
    notes = {"categories": categories, "info": {"year": 2025, "version": "1.0", "contributor": "Label Studio"}}
    write(root / "notes.json", json.dumps(notes, indent=2) + "\n")


def roboflow_yolo(root: Path) -> None:
    """Roboflow, "YOLOv8": paths lead one folder too high."""
    for scene in SCENES:
        name = f"{scene.name}_png.rf.0123456789abcdef"
        picture(root / scene.split / "images" / f"{name}.png", scene)
        write(root / scene.split / "labels" / f"{name}.txt", scene.yolo_polygon)
    parts = "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n"
    write(root / "data.yaml", f"{parts}\nnc: 2\nnames: ['bolt', 'nut']\n\nroboflow:\n  workspace: line\n  version: 1\n")


def roboflow_darknet(root: Path) -> None:
    """Roboflow, "YOLO Darknet": images, labels and the names of the classes in one folder a split."""
    for scene in SCENES:
        picture(root / scene.split / f"{scene.name}.png", scene)
        write(root / scene.split / f"{scene.name}.txt", scene.yolo_box)
        write(root / scene.split / "_darknet.labels", "bolt\nnut\n")


def fiftyone_yolov5(root: Path) -> None:
    """FiftyOne 1, YOLOv5Dataset: dataset.yaml with the path of another computer."""
    for scene in SCENES:
        picture(root / "images" / "val" / f"{scene.name}.png", scene)
        write(root / "labels" / "val" / f"{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "dataset.yaml", "names:\n  0: bolt\n  1: nut\npath: /home/user/line\nval: ./images/val/\n")


def fiftyone_yolov4(root: Path) -> None:
    """FiftyOne 1, YOLOv4Dataset: obj.names, images.txt and everything else in ``data``."""
    for scene in SCENES:
        picture(root / "data" / f"{scene.name}.png", scene)
        write(root / "data" / f"{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "obj.names", "bolt\nnut")
    write(root / "images.txt", "\n".join(f"data/{scene.name}.png" for scene in SCENES))


def darknet(root: Path) -> None:
    """Darknet itself: a description with the absolute paths of another computer."""
    for scene in SCENES:
        picture(root / "img" / f"{scene.name}.png", scene)
        write(root / "img" / f"{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "line.names", "bolt\nnut\n")
    write(
        root / "line.data", "classes=2\ntrain=/content/darknet/line/train.txt\nnames=/content/darknet/line/line.names\n"
    )
    write(root / "train.txt", "".join(f"/content/darknet/line/img/{scene.name}.png\n" for scene in SCENES))


def labelimg_yolo(root: Path) -> None:
    """LabelImg 1.8, YOLO: labels and classes.txt beside the images."""
    for scene in SCENES:
        picture(root / f"{scene.name}.png", scene)
        write(root / f"{scene.name}.txt", f"{scene.yolo_box}\n")
    write(root / "classes.txt", "bolt\nnut\n")


def ultralytics(root: Path) -> None:
    """Ultralytics 8: a part that is a list, with the absolute paths of another computer, on Windows."""
    for scene in SCENES:
        picture(root / "images" / "train" / f"{scene.name}.png", scene)
        write(root / "labels" / "train" / f"{scene.name}.txt", f"{scene.yolo_polygon}\n")
    write(root / "data.yaml", "path: D:\\line\ntrain: autosplit_train.txt\nnc: 2\nnames: [bolt, nut]\n")
    lines = [f"D:\\line\\images\\train\\{scene.name}.png\n" for scene in SCENES]
    write(root / "autosplit_train.txt", "".join(lines))


#: every tree by its folder: how it is written, and the scheme that reads it
TREES: dict[str, tuple[Callable[[Path], None], str]] = {
    "cvat_voc_1.1": (cvat_voc, "voc"),
    "cvat_segmentation_mask_1.1": (cvat_segmentation_mask, "voc"),
    "cvat_labelme_3.0": (cvat_labelme, "voc"),
    "label_studio_voc": (label_studio_voc, "voc"),
    "roboflow_voc": (roboflow_voc, "voc"),
    "fiftyone_voc": (fiftyone_voc, "voc"),
    "labelimg_voc": (labelimg_voc, "voc"),
    "labelme2voc": (labelme2voc, "voc"),
    "cvat_yolo_1.1": (cvat_yolo, "yolo"),
    "cvat_ultralytics_segmentation": (cvat_ultralytics, "yolo"),
    "label_studio_yolo": (label_studio_yolo, "yolo"),
    "roboflow_yolov8": (roboflow_yolo, "yolo"),
    "roboflow_darknet": (roboflow_darknet, "yolo"),
    "fiftyone_yolov5": (fiftyone_yolov5, "yolo"),
    "fiftyone_yolov4": (fiftyone_yolov4, "yolo"),
    "darknet": (darknet, "yolo"),
    "labelimg_yolo": (labelimg_yolo, "yolo"),
    "ultralytics": (ultralytics, "yolo"),
}


def main() -> None:
    for name, (build, _) in TREES.items():
        build(Path(__file__).parent / name)


if __name__ == "__main__":
    main()
