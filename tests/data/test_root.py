"""Every path that a data set may name, in every format: none leads to a file outside of the data's root.

A row of the table is a field of a format; the columns are the ways in which such a field can lead elsewhere.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data, regular_files
from modelaudit.data.root import Root
from modelaudit.language.errors import DataError

SIZE = 8
SECRET = (255, 0, 0)
GREY = (120, 120, 120)


def picture(path: Path, colour: tuple[int, int, int] | int = GREY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L" if isinstance(colour, int) else "RGB", (SIZE, SIZE), colour).save(path)
    return path


def text(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def table(name: str, mask: str = "ok.png") -> list[dict[str, str]]:
    return [{"image": name, "label": "bolt", "mask": mask}, {"image": "ok.png", "label": "bolt"}]


def csv_image(root: Path, name: str) -> str:
    text(root / "t.csv", f'image,label\n"{name}",bolt\nok.png,bolt\n')
    return "csv:data/t.csv"


def csv_mask(root: Path, name: str) -> str:
    text(root / "t.csv", f'image,label,mask\nok.png,bolt,"{name}"\n')
    return "csv:data/t.csv"


def jsonl_image(root: Path, name: str) -> str:
    text(root / "t.jsonl", "\n".join(json.dumps(row) for row in table(name)))
    return "jsonl:data/t.jsonl?masks=.&mask_255=object"


def jsonl_mask(root: Path, name: str) -> str:
    text(root / "t.jsonl", json.dumps({"image": "ok.png", "label": "bolt", "mask": name}))
    return "jsonl:data/t.jsonl"


def coco_file_name(root: Path, name: str) -> str:
    names = ["ok.png", *(f"{number}.png" for number in range(30)), name]
    for one in names[:-1]:
        picture(root / one)
    document = {
        "images": [{"id": at, "file_name": one, "height": SIZE, "width": SIZE} for at, one in enumerate(names)],
        "annotations": [
            {"id": at, "image_id": at, "category_id": 1, "bbox": [1, 1, 4, 4], "area": 16, "iscrowd": 0}
            for at in range(len(names))
        ],
        "categories": [{"id": 1, "name": "bolt"}],
    }
    text(root / "a.json", json.dumps(document))
    return "coco:data/a.json?images=."


def labelme_image_path(root: Path, name: str) -> str:
    shape = {"label": "bolt", "shape_type": "rectangle", "points": [[1, 1], [5, 5]]}
    text(root / "a.json", json.dumps({"imagePath": name, "imageData": None, "shapes": [shape]}))
    return "labelme:data"


def yolo_list_line(root: Path, name: str) -> str:
    text(root / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "train.txt", f"ok.png\n{name}\n")
    text(root / "data.yaml", "train: train.txt\nval: train.txt\nnames: [bolt]\n")
    return "yolo:data/data.yaml?split=val"


def yolo_list(root: Path, name: str) -> str:
    text(root / "data.yaml", json.dumps({"val": name, "names": ["bolt"]}))
    return "yolo:data/data.yaml?split=val"


def yolo_path(root: Path, name: str) -> str:
    text(root / "ok.txt", "0 0.5 0.5 0.5 0.5\n")
    text(root / "data.yaml", json.dumps({"path": name, "val": ".", "names": ["bolt"]}))
    return "yolo:data/data.yaml?split=val"


def voc_split_list(root: Path, name: str) -> str:
    picture(root / "JPEGImages" / "ok.png")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax><ymax>5</ymax></bndbox>"
    size = f"<size><width>{SIZE}</width><height>{SIZE}</height></size>"
    text(root / "Annotations" / "ok.xml", f"<annotation>{size}<object><name>cat</name>{box}</object></annotation>")
    text(root / "ImageSets" / "Main" / "val.txt", f"ok\n{name}\n")
    return "voc:data?split=val&masks=box"


def hf_image(root: Path, name: str) -> str:
    return _in_memory(root, [{"bytes": None, "path": name}, {"bytes": (root / "ok.png").read_bytes(), "path": "ok"}])


def hf_mask(root: Path, name: str) -> str:
    whole = {"bytes": (root / "ok.png").read_bytes(), "path": "ok"}
    return f"{_in_memory(root, [whole], [{'bytes': None, 'path': name}])}?mask=mask"


#: what the library is taken to have loaded, so that a test does not wait for it
LOADED: dict[str, Any] = {}


def _in_memory(root: Path, images: list[dict[str, Any]], masks: list[dict[str, Any]] | None = None) -> str:
    datasets = pytest.importorskip("datasets")
    columns = {"image": images, "label": ["bolt"] * len(images)} | ({"mask": masks} if masks else {})
    features = {name: datasets.Value("string") if name == "label" else datasets.Image() for name in columns}
    LOADED["data"] = datasets.Dataset.from_dict(columns, features=datasets.Features(features)), "train", root
    return "hf:data"


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "field" in request.fixturenames and str(request.getfixturevalue("field")).startswith("hf"):
        monkeypatch.setattr("modelaudit.data.hugging_face._loaded", lambda *_: LOADED["data"])


FIELDS: dict[str, Callable[[Path, str], str]] = {
    "csv image": csv_image,
    "csv mask": csv_mask,
    "jsonl image": jsonl_image,
    "jsonl mask": jsonl_mask,
    "coco file_name": coco_file_name,
    "labelme imagePath": labelme_image_path,
    "yolo line of a list": yolo_list_line,
    "yolo val": yolo_list,
    "yolo path": yolo_path,
    "voc split list": voc_split_list,
    "hf path of an image": hf_image,
    "hf path of a mask": hf_mask,
}


def absolute(root: Path, secret: Path) -> str:
    return str(secret)


def upwards(root: Path, secret: Path) -> str:
    return f"../../{secret.parent.name}/{secret.name}"


def round_about(root: Path, secret: Path) -> str:
    (root / "sub").mkdir(exist_ok=True)
    return f"sub/../../../{secret.parent.name}/./{secret.name}"


def backslashes(root: Path, secret: Path) -> str:
    return f"..\\..\\{secret.parent.name}\\{secret.name}"


def link(root: Path, secret: Path) -> str:
    (root / "link.png").symlink_to(secret)
    return "link.png"


def below_a_link(root: Path, secret: Path) -> str:
    (root / "nas").symlink_to(secret.parent, target_is_directory=True)
    return f"nas/{secret.name}"


WAYS: dict[str, Callable[[Path, Path], str]] = {
    "absolute": absolute,
    "..": upwards,
    "sub/..": round_about,
    "backslashes": backslashes,
    "link": link,
    "below a link": below_a_link,
    "drive": lambda *_: "C:\\secret\\secret.png",
    "share": lambda *_: "\\\\server\\share\\secret.png",
    "share with slashes": lambda *_: "//server/share/secret.png",
    "home": lambda *_: "~/secret.png",
    "home of another": lambda *_: "~root/secret.png",
    "URL of a file": lambda _, secret: f"file://{secret}",
    "URL": lambda *_: "https://127.0.0.1:1/secret.png",
    "device": lambda *_: "/dev/zero",
}


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A picture outside of the data, beside what stands where another field than an image is asked for."""
    text(tmp_path / "elsewhere" / "secret.txt", "0 0.5 0.5 0.5 0.5\n")
    return picture(tmp_path / "elsewhere" / "secret.png", SECRET)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    picture(tmp_path / "work" / "data" / "ok.png")
    return tmp_path / "work" / "data"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Takes the path of every file that is opened, without links."""
    paths: list[str] = []
    whole = os.open

    def noted(path: Any, *given: Any, **named: Any) -> int:
        paths.append(os.path.realpath(path))
        return whole(path, *given, **named)

    monkeypatch.setattr(regular_files.os, "open", noted)
    return paths


def pixels_of(reference: str, root: Path) -> list[np.ndarray[Any, Any]]:
    """The images that can be read of a reference."""
    images = []
    for sample in open_data(reference, root=root.parent).samples:
        try:
            images.append(decode(sample).image)
        except UnusableSample:
            continue
    return images


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("field", FIELDS)
def test_a_path_that_leads_out_of_the_data_is_refused(
    root: Path, secret: Path, read: list[str], field: str, way: str
) -> None:
    reference = FIELDS[field](root, WAYS[way](root, secret))
    with pytest.raises(DataError, match=r"\?(root|images)=DIR") as caught:
        pixels_of(reference, root)
    if "link" in way:
        assert "?follow_links=yes" in str(caught.value)
    assert not any(path.startswith(str(secret.parent)) for path in read)


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.startswith(("voc", "yolo val", "yolo path"))])
def test_the_folder_that_the_audit_names_admits_the_same_file(root: Path, secret: Path, field: str) -> None:
    reference = FIELDS[field](root, str(secret))
    joint = "&" if "?" in reference else "?"
    images = pixels_of(f"{reference}{joint}root={secret.parent}", root)
    assert images or field.endswith("mask")
    if not field.endswith("mask"):
        assert any((image == SECRET).all() for image in images)
