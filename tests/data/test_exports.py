"""COCO and LabelMe as tools export them: every tree is read without an option, and its masks are right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from data.exports.make_coco_labelme import OUTLINED, TREES, Outlined
from PIL import Image

from modelaudit.data import decode, open_data
from modelaudit.language.sample import DataSet

EXPORTS = Path(__file__).parent / "exports"
#: trees in which all objects, or the nuts, are boxes
BOXES = ("cvat_coco_1.0_boxes", "roboflow_coco")
BOXED_NUTS = ("label_studio_coco_1.6_windows", "label_studio_coco_1.7", "label_studio_coco_1.16", "labelme2coco")
BOXED_NUTS += ("label_studio_coco_without_images", "label_studio_coco_local_files", "label_studio_brush")


def opened(tree: str, options: str = "") -> DataSet:
    return open_data(TREES[tree][1].format(tree) + options, root=EXPORTS)


def expected(tree: str, scene: Outlined) -> np.ndarray:
    boxed = tree in BOXES or (tree in BOXED_NUTS and scene.label == "nut")
    return scene.box_mask if boxed else scene.mask


@pytest.mark.parametrize("tree", TREES)
def test_an_export_is_read_without_options_and_its_masks_are_right(tree: str) -> None:
    data = opened(tree)
    assert len(data.samples) == len(OUTLINED)
    for sample, scene in zip(data.samples, OUTLINED, strict=True):
        decoded = decode(sample)
        assert decoded.mask is not None and sample.label == scene.label
        assert np.array_equal(decoded.mask, expected(tree, scene)), sample.id
        assert np.abs(decoded.image.astype(int) - scene.pixels).mean() < 12  # JPEG
        assert not sample.contradictions


def test_each_subset_of_a_project_has_its_own_images() -> None:
    (first, second) = open_data("coco:cvat_coco_1.0_project/annotations/instances_val.json", root=EXPORTS).samples
    assert {Path(str(one.image)).parent.name for one in (first, second)} == {"val"}
    valid = open_data("coco:roboflow_coco/valid/_annotations.coco.json", root=EXPORTS)
    assert [sample.label for sample in valid.samples] == ["bolt", "nut"] and len(valid.notes) == 1  # on boxes


@pytest.mark.parametrize(
    ("tree", "taken"),
    [
        ("cvat_coco_1.0_task", "/images/default"),
        ("cvat_coco_1.0_boxes", "/images"),
        ("coco_2017", "/val2017"),
        ("fiftyone_coco", "/data"),
        ("label_studio_coco_1.16", "/images"),
        ("label_studio_coco_without_images", ""),
        ("labelme_3_windows", "/images"),
    ],
)
def test_a_note_says_where_the_images_were_taken_from(tree: str, taken: str) -> None:
    notes = [note for note in opened(tree).notes if "the images were taken from" in note]
    assert len(notes) == 1 and f"taken from {tree}{taken}, which holds 4 of 4" in notes[0]


@pytest.mark.parametrize("tree", TREES)
def test_the_trees_are_those_that_the_program_writes(tree: str, tmp_path: Path) -> None:
    TREES[tree][0](tmp_path)
    new, old = (
        {path.relative_to(base).as_posix(): path for path in base.rglob("*") if path.is_file()}
        for base in (tmp_path, EXPORTS / tree)
    )
    assert new.keys() == old.keys()
    for name, path in new.items():
        if path.suffix in (".png", ".jpg"):
            one, other = (np.asarray(Image.open(file)).astype(int) for file in (path, old[name]))
            assert np.abs(one - other).max() < 24, name  # other versions of the library of JPEG
        else:
            assert path.read_bytes() == old[name].read_bytes(), name
