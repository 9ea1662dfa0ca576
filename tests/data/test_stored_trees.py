"""Stored pictures beside a folder: which belongs to which image, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from data.pictures import image_array, line, mask_array, save

from modelaudit.data import open_data
from modelaudit.language import Sample
from modelaudit.language.errors import DataError


def other_line(root: Path, *names: str) -> Path:
    for name in names:
        save(root / name, image_array(mask_array()))
    return root


def test_pictures_of_the_same_samples_come_from_parallel_trees(tmp_path: Path) -> None:
    line(tmp_path / "line_a")
    other_line(tmp_path / "line_b", "images/bolt/0.jpg", "images/nut/1.bmp")
    other_line(tmp_path / "line_a" / "night", *(f"{label}/{at}.png" for label in ("bolt", "nut") for at in (0, 1)))
    data = open_data("folder:line_a?stored.line_b=line_b&stored.night shift=night", root=tmp_path)
    night, line_b = tmp_path / "line_a" / "night", tmp_path / "line_b" / "images"
    assert {one.id: dict(one.stored) for one in data.samples} == {
        "bolt/0.png": {"line_b": line_b / "bolt" / "0.jpg", "night shift": night / "bolt" / "0.png"},
        "bolt/1.png": {"night shift": night / "bolt" / "1.png"},
        "nut/0.png": {"night shift": night / "nut" / "0.png"},
        "nut/1.png": {"line_b": line_b / "nut" / "1.bmp", "night shift": night / "nut" / "1.png"},
    }
    assert "2 of 4 images have no picture 'line_b'" in data.notes


def test_a_tree_inside_the_images_is_no_label(tmp_path: Path) -> None:
    other_line(tmp_path, "bolt/0.png", "other/bolt/0.png", "other/bolt/5.png")
    data = open_data("folder:.?stored.b=other", root=tmp_path)
    assert [one.id for one in data.samples] == ["bolt/0.png"]
    assert "1 pictures 'b' belong to no image" in data.notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("stored.b=nowhere", "stored.b=nowhere: no folder at"),
        ("stored.b=empty", r"no picture in .*empty belongs to an image; looked e.g. for bolt/0.png"),
        ("stored.b=twice", r"has several pictures 'b': .*0.jpg, .*0.png; keep one"),
        ("stored=twice", "unknown option 'stored'; did you mean 'stored.NAME'"),
        ("stored.=twice", r"unknown option 'stored.'; did you mean 'stored.NAME'"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, options: str, message: str) -> None:
    line(tmp_path / "line_a")
    other_line(tmp_path / "twice", "bolt/0.png", "bolt/0.jpg")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(f"folder:line_a?{options}", root=tmp_path)


def test_relative_paths_of_samples_start_at_the_root(tmp_path: Path) -> None:
    one = Sample("a", Path("a.png"), "bolt", stored={"b": Path("b.png"), "c": tmp_path / "c.png"})
    (found,) = open_data([one], root=tmp_path).samples
    assert found.stored == {"b": tmp_path / "b.png", "c": tmp_path / "c.png"}
