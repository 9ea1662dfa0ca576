"""``modelaudit masks``: masks where there are none, a table, a page, and the way back into an audit."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from cli.pages import page
from cli.photos import blob, line
from PIL import Image

from modelaudit.cli import main
from modelaudit.data import decode, open_data

CUT = """
import numpy

def cut(image, box, label):
    if label == "washer":
        raise ValueError("no washers")
    mask = numpy.zeros(image.shape[:2], bool)
    if label != "screw":
        mask[20:50, 30:60] = True
    return mask
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cut.py").write_text(CUT)
    line(tmp_path / "line", masks=False)
    return tmp_path


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["image"]: row for row in csv.DictReader(file)}


def test_masks_are_made_and_an_audit_reads_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks", "line", "--into", "made", "--by", "cut.py:cut"]) == 0
    said = capsys.readouterr().out
    assert "       6  masks were made" in said
    reference = said.split("read them with: ")[1].strip()
    assert reference == "folder:line?masks=made"
    data = open_data(reference, root=here)
    assert {one.mask_kind for one in data.samples} == {"machine"}
    assert all(np.array_equal(decode(one).mask, blob()) for one in data.samples)
    assert any("cut.py:cut" in note for note in data.notes)


def test_the_table_and_the_page_show_what_to_look_at(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line(here / "line", ("bolt", "screw", "washer"), 2, masks=False)
    assert main(["masks", "line", "--into", "made", "--by", "cut.py:cut"]) == 1
    found = rows(here / "made/modelaudit-masks.csv")
    assert found["bolt/0.png"]["outcome"] == "made" and found["bolt/0.png"]["remarks"] == ""
    assert float(found["bolt/0.png"]["object"]) == pytest.approx(900 / 6912, abs=1e-6)
    assert found["screw/1.png"]["remarks"] == "empty"
    assert found["washer/0.png"]["outcome"] == "failed" and "no washers" in found["washer/0.png"]["message"]
    assert found["washer/0.png"]["mask"] == "" and not (here / "made/washer").exists()
    sheet = page(here / "made/modelaudit-masks.html")
    assert sheet.headings == ["Masks that could not be made", "no object", "Others"]
    assert len(sheet.pictures) == 8 and "no washers" in sheet.text
    said = capsys.readouterr().out
    assert "  no object  2      screw/0.png" in said
    assert "- washer/0.png: cut.py:cut: ValueError: no washers" in said


def test_a_second_run_keeps_all_and_shows_them_again(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["masks", "line", "--into", "made", "--by", "cut.py:cut"])
    first = page(here / "made/modelaudit-masks.html").pictures
    capsys.readouterr()
    assert main(["masks", "line", "--into", "made", "--by", "cut.py:cut"]) == 0
    assert "       6  masks were there and stay" in capsys.readouterr().out
    assert page(here / "made/modelaudit-masks.html").pictures == first


@pytest.mark.parametrize("line", ["line", "folder:line?masks=made"])
def test_overwriting_spares_what_a_person_edited(here: Path, line: str) -> None:
    """Also where the data read the masks from that very folder."""
    main(["masks", "line", "--into", "made", "--by", "cut.py:cut"])
    Image.fromarray(blob(left=3)).save(here / "made/nut/0.png")
    (here / "cut.py").write_text(CUT.replace("30:60", "31:60"))
    assert main(["masks", line, "--into", "made", "--by", "cut.py:cut", "--overwrite"]) == 0
    assert np.array_equal(np.asarray(Image.open(here / "made/nut/0.png")), blob(left=3))
    assert np.array_equal(np.asarray(Image.open(here / "made/nut/1.png")), blob(left=31, wide=29))
    main(["masks", line, "--into", "made", "--by", "cut.py:cut", "--overwrite-edited"])
    assert np.array_equal(np.asarray(Image.open(here / "made/nut/0.png")), blob(left=31, wide=29))


def test_where_no_mask_was_made_nothing_is_said_of_reading_them(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "raises.py").write_text("def cut(image, box, label):\n    raise ValueError('no object')\n")
    assert main(["masks", "line", "--into", "none", "--by", "raises.py:cut"]) == 1
    said = capsys.readouterr().out
    assert "no mask of these images in none" in said
    assert "read them with" not in said and "--overwrite" not in said


def test_boxes_of_annotations_become_masks_that_a_table_reads_back(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("cv2")
    names = ["bolt/0.png", "nut/1.png"]
    document = {
        "images": [{"id": at, "file_name": name, "width": 96, "height": 72} for at, name in enumerate(names)],
        "categories": [{"id": 1, "name": "part"}],
        "annotations": [{"id": at, "image_id": at, "category_id": 1, "bbox": [30, 20, 30, 30]} for at in range(2)],
    }
    for name in names:  # a red part on a surface of its own
        path = here / "line/images" / name
        picture = np.array(Image.open(path)) // 4
        picture[24:46, 34:56] = (230, 20, 20)
        Image.fromarray(picture).save(path)
    (here / "boxes.json").write_text(json.dumps(document))
    assert main(["masks", "coco:boxes.json?images=line/images", "--into", "made", "--by", "grabcut"]) == 0
    assert "read them with: csv:made/modelaudit-masks.csv?images=DIR" in capsys.readouterr().out
    data = open_data("csv:made/modelaudit-masks.csv?images=line/images", root=here)
    assert [(one.id, one.label, one.mask_kind) for one in data.samples] == [
        ("bolt/0.png", "part", "machine"),
        ("nut/1.png", "part", "machine"),
    ]
    for one in data.samples:
        assert np.array_equal(decode(one).mask, blob(34, 24, 22, 22))


def test_images_without_boxes_cannot_be_cut_and_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("cv2")
    assert main(["masks", "line", "--into", "made", "--by", "grabcut"]) == 1
    assert "GrabCut needs a box round the object, and the image has none" in " ".join(capsys.readouterr().out.split())


def test_masks_among_the_images_are_fine_where_the_reference_names_them(here: Path) -> None:
    (here / "line/images/masks/nut").mkdir(parents=True)
    Image.fromarray(blob()).save(here / "line/images/masks/nut/0.png")
    call = ["masks", "line/images?masks=masks", "--into", "line/images/masks", "--by", "cut.py:cut"]
    assert main(call) == 0
    kinds = {one.id: one.mask_kind for one in open_data("folder:line/images?masks=masks", root=here).samples}
    assert len(kinds) == 6 and [name for name, kind in kinds.items() if kind == "mask"] == ["nut/0.png"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["line", "--by", "grabcat"], "did you mean 'grabcut'"),
        (["line", "--by", "nowhere.py:cut"], "no file"),
        (["nowhere", "--by", "cut.py:cut"], "no folder at"),
        (["line/images", "--by", "cut.py:cut", "--into", "line/images/masks"], "would be read as images"),
    ],
)
def test_a_wrong_call_ends_with_2(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["masks", "--into", "made", *arguments]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.assets
def test_boxes_round_pets_give_masks_close_to_those_of_people(
    assets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("cv2")
    document = json.loads((assets / "pets/annotations.coco.json").read_text())
    chosen = document["images"][::40]
    kept = {one["id"] for one in chosen}
    annotations = [one for one in document["annotations"] if one["image_id"] in kept]
    boxes = [{key: value for key, value in one.items() if key != "segmentation"} for one in annotations]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "boxes.json").write_text(json.dumps({**document, "images": chosen, "annotations": boxes}))
    reference = f"coco:boxes.json?images={assets / 'pets/images'}"
    assert main(["masks", reference, "--into", "made", "--by", "grabcut"]) == 0
    true = {one.id: one for one in open_data(f"folder:{assets / 'pets'}", root=tmp_path).samples}
    made = open_data(f"csv:made/modelaudit-masks.csv?images={assets / 'pets/images'}", root=tmp_path)
    assert len(made.samples) == 4
    overlaps = []
    for one in made.samples:
        ours, theirs = decode(one).mask, decode(true[one.id]).mask
        assert ours is not None and theirs is not None
        known = theirs != 255
        overlaps.append(((ours == 1) & (theirs == 1) & known).sum() / (((ours == 1) | (theirs == 1)) & known).sum())
    assert np.mean(overlaps) > 0.7, overlaps
