"""Pascal VOC and YOLO as tools export them: every tree is read without an option, and its masks are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.exports.make_voc_yolo import SCENES, TREES, Scene
from PIL import Image

from modelaudit.data import decode, open_data
from modelaudit.language.sample import DataSet

EXPORTS = Path(__file__).parent / "exports"
#: trees whose default is one of several splits
SPLITS = {"roboflow_yolov8": ("train", "val", "test")}
PIXELS = ("cvat_segmentation_mask_1.1", "labelme2voc")
POLYGONS = ("cvat_labelme_3.0", "roboflow_voc", "cvat_ultralytics_segmentation", "roboflow_yolov8", "ultralytics")


def opened(tree: str, options: str = "") -> DataSet:
    return open_data(f"{TREES[tree][1]}:{tree}{options}", root=EXPORTS)


def read(data: DataSet) -> dict[str, tuple[str | int, np.ndarray]]:
    """Label and mask by the name of the scene."""
    found = {}
    for sample in data.samples:
        mask = decode(sample).mask
        assert mask is not None
        found[next(scene.name for scene in SCENES if scene.name in sample.id)] = sample.label, mask
    return found


def right(scenes: tuple[Scene, ...], found: dict[str, tuple[str | int, np.ndarray]]) -> bool:
    assert {scene.name: scene.label for scene in scenes} == {name: label for name, (label, _) in found.items()}
    return all(np.array_equal(scene.mask, found[scene.name][1]) for scene in scenes)


@pytest.mark.parametrize("tree", [tree for tree in TREES if tree not in SPLITS])
def test_an_export_is_read_without_options_and_its_masks_are_right(tree: str) -> None:
    data = opened(tree)
    assert right(SCENES, read(data))
    kind = "mask" if tree in PIXELS else "polygon" if tree in POLYGONS else "box"
    assert {sample.mask_kind for sample in data.samples} == {kind}


def test_the_parts_of_a_description_are_read_one_by_one_and_the_one_taken_is_said() -> None:
    for scene, split in zip(SCENES, SPLITS["roboflow_yolov8"], strict=True):
        assert right((scene,), read(opened("roboflow_yolov8", f"?split={split}")))
    data = opened("roboflow_yolov8")
    assert right(SCENES[1:2], read(data))
    assert "images of 'val' in data.yaml (?split= takes another of train, val, test)" in data.notes


@pytest.mark.parametrize("tree", ["roboflow_voc", "roboflow_darknet"])
def test_folders_of_splits_are_read_together_or_by_name(tree: str) -> None:
    assert right(SCENES[1:2], read(opened(tree, "?split=valid")))
    assert right(SCENES, read(opened(tree)))


@pytest.mark.parametrize("tree", TREES)
def test_the_trees_are_those_that_the_program_writes(tree: str, tmp_path: Path) -> None:
    TREES[tree][0](tmp_path)
    new, old = (
        {path.relative_to(base).as_posix(): path for path in base.rglob("*") if path.is_file()}
        for base in (tmp_path, EXPORTS / tree)
    )
    assert new.keys() == old.keys()
    for name, path in new.items():
        if path.suffix == ".png":
            assert np.array_equal(np.asarray(Image.open(path)), np.asarray(Image.open(old[name]))), name
        else:
            assert path.read_bytes() == old[name].read_bytes(), name
