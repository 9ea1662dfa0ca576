"""What a newcomer names is recognised, and said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from data.pictures import save

from modelaudit.language import DataError, ModelError
from modelaudit.starter.references import guessed_data, guessed_model, rebased

GREY = [[0, 128], [64, 255]]


def picture(path: Path) -> None:
    import numpy as np

    save(path, np.zeros((4, 4, 3), dtype=np.uint8))


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def coco_text() -> str:
    return json.dumps({"images": [], "annotations": [], "categories": []})


@pytest.mark.parametrize(
    ("files", "named", "wanted"),
    [
        ({"photos/bolt/1.png": None}, "photos", "folder:photos"),
        ({"photos/bolt/1.png": None}, "photos?masks=none", "folder:photos?masks=none"),
        ({"line/data.yaml": "names: [bolt]"}, "line", "yolo:line/data.yaml"),
        ({"line/config.yaml": "lr: 1", "line/bolt/1.png": None}, "line", "folder:line"),
        ({"line/images/1.png": None, "line/labels/1.txt": "0 .5 .5 .1 .1"}, "line/", "yolo:line"),
        ({"line/images/bolt/1.png": None, "line/labels/bolt/1.png": None}, "line", "folder:line"),
        ({"d.yml": "names: [bolt]"}, "d.yml", "yolo:d.yml"),
        ({"d.yml": "names: [bolt]\ntrain: a\nval: b"}, "d.yml", "yolo:d.yml"),
        ({"d.yml": "names: [bolt]\ntrain: a\nval: b"}, "d.yml?split=train", "yolo:d.yml?split=train"),
        ({"d.yml": "names: [bolt]\ntrain: a"}, "d.yml", "yolo:d.yml?split=train"),
        ({"line/d.yaml": "names: [bolt]\ntrain: a\ntest: b"}, "line", "yolo:line/d.yaml?split=test"),
        ({"c.json": coco_text()}, "c.json", "coco:c.json"),
        ({"c/instances.json": coco_text()}, "c", "coco:c/instances.json"),
        (
            {f"c/{split}/_annotations.coco.json": coco_text() for split in ("train", "valid")},
            "c",
            "coco:c/valid/_annotations.coco.json",
        ),
        (
            {"c/annotations/all.json": coco_text(), "c/images/1.png": None},
            "c",
            "coco:c/annotations/all.json",
        ),
        ({"v/JPEGImages/1.png": None, "v/Annotations/1.xml": ""}, "v", "voc:v"),
        ({"v/train/1.png": None, "v/train/1.xml": "<annotation/>"}, "v", "voc:v"),
        ({"v/SegmentationClass/1.png": None, "v/labelmap.txt": "bolt:1,2,3::"}, "v", "voc:v"),
        ({"v/bolt/1.png": None, "v/bolt/1.xml": "<metadata/>"}, "v", "folder:v"),
        ({"y/obj.names": "bolt", "y/obj_train_data/1.png": None, "y/obj_train_data/1.txt": ""}, "y", "yolo:y"),
        ({"y/classes.txt": "bolt", "y/1.png": None, "y/1.txt": ""}, "y", "yolo:y"),
        ({"y/classes.txt": "bolt", "y/bolt/1.png": None}, "y", "folder:y"),
        ({"l/1.json": '{"shapes": [], "imagePath": "1.png"}', "l/1.png": None}, "l", "labelme:l"),
        ({"t/parts.csv": "image,label\na.png,bolt\n"}, "t", "csv:t/parts.csv"),
        ({"t/notes.csv": "who,what\n", "t/bolt/1.png": None}, "t", "folder:t"),
        ({"parts.csv": "image,label\n"}, "parts.csv", "csv:parts.csv"),
        ({"parts.jsonl": ""}, "parts.jsonl", "jsonl:parts.jsonl"),
        ({"h/dataset_info.json": "{}"}, "h", "hf:h"),
        ({"s/0.tar": ""}, "s", "webdataset:s/0.tar"),
        ({}, "folder:anything", "folder:anything"),
        ({}, "demo", "demo"),
        ({"demo/bolt/1.png": None}, "demo", "folder:demo"),
    ],
)
def test_data_are_recognised(tmp_path: Path, files: dict[str, str | None], named: str, wanted: str) -> None:
    for name, text in files.items():
        picture(tmp_path / name) if text is None else write(tmp_path / name, text)
    guess = guessed_data(named, tmp_path)
    assert guess.reference == wanted
    assert bool(guess.why) == (wanted != named)


@pytest.mark.parametrize(
    ("files", "named", "says"),
    [
        ({}, "nowhere", "no file or folder"),
        ({"a.json": '{"shapes": []}'}, "a.json", "not a COCO file"),
        ({"a.xlsx": ""}, "a.xlsx", "unknown kind"),
        ({"c/1.json": coco_text(), "c/2.json": coco_text()}, "c", "several COCO files (1.json, 2.json)"),
    ],
)
def test_what_is_not_recognised_says_what_to_give(tmp_path: Path, files: dict[str, str], named: str, says: str) -> None:
    for name, text in files.items():
        write(tmp_path / name, text)
    with pytest.raises(DataError) as error:
        guessed_data(named, tmp_path)
    assert says in str(error.value)


def test_a_torchscript_archive_is_told_from_a_checkpoint(tmp_path: Path) -> None:
    net = torch.nn.Linear(2, 2)
    torch.save(net.state_dict(), tmp_path / "weights.pt")
    torch.jit.save(torch.jit.script(net), str(tmp_path / "program.pt"))
    assert guessed_model("program.pt", tmp_path).reference == "torchscript:program.pt"
    assert guessed_model("weights.pt", tmp_path).reference == "weights.pt"


@pytest.mark.parametrize(
    ("named", "wanted"),
    [
        ("net.onnx", "onnx:net.onnx"),
        ("net.pt2", "export:net.pt2"),
        ("net.ts?batch=1", "torchscript:net.ts?batch=1"),
        ("models/net.py:build", "models/net.py:build"),
        ("torchvision:resnet18@untrained", "torchvision:resnet18@untrained"),
    ],
)
def test_models_are_recognised(tmp_path: Path, named: str, wanted: str) -> None:
    for name in ("net.onnx", "net.pt2", "net.ts"):
        write(tmp_path / name)
    assert guessed_model(named, tmp_path).reference == wanted


def test_a_model_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no file"):
        guessed_model("net.onnx", tmp_path)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("folder:photos?masks=masks", "folder:line/photos?masks=line/masks"),
        ("net.py:build", "line/net.py:build"),
        ("torchvision:resnet18?checkpoint=best.pt", "torchvision:resnet18?checkpoint=line/best.pt"),
        ("demo:sound", "demo:sound"),
        ("folder:elsewhere?masks=none", "folder:elsewhere?masks=none"),
    ],
)
def test_paths_are_written_from_the_root(tmp_path: Path, text: str, wanted: str) -> None:
    here = tmp_path / "line"
    for name in ("photos/1.png", "masks/1.png", "net.py", "best.pt"):
        write(here / name)
    assert rebased(text, here, tmp_path) == wanted
    assert rebased(text, here, here) == text
