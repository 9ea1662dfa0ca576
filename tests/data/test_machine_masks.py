"""Masks of a machine are known as such until somebody edits them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from cli.photos import blob, line, mask

from modelaudit.data import open_data
from modelaudit.data.machine_masks import FILE, MadeMasks, read_made_masks
from modelaudit.language.errors import DataError
from modelaudit.language.sample import MaskKind


def marked_line(root: Path, *names: str) -> Path:
    """The masks of these images are said to be made by a machine."""
    line(root)
    marks = MadeMasks(root / "masks", [{"by": "grabcut", "version": "1"}])
    for name in names:
        marks.files[name] = (hashlib.sha256((root / "masks" / name).read_bytes()).hexdigest(), 0)
    marks.write()
    return root


def kinds(root: Path, reference: str = "folder:line") -> dict[str, MaskKind]:
    return {one.id: one.mask_kind for one in open_data(reference, root=root).samples}


def test_only_those_that_are_named_are_a_machines(tmp_path: Path) -> None:
    marked_line(tmp_path / "line", "nut/0.png", "nut/2.png")
    found = kinds(tmp_path)
    assert {name for name, kind in found.items() if kind == "machine"} == {"nut/0.png", "nut/2.png"}
    assert {kind for name, kind in found.items() if name.startswith("bolt")} == {"mask"}


def test_the_data_say_how_many_and_by_whom(tmp_path: Path) -> None:
    marked_line(tmp_path / "line", "nut/0.png", "nut/2.png")
    assert "2 masks were made by a machine (grabcut)" in open_data("folder:line", root=tmp_path).notes


def test_a_mask_that_was_edited_is_a_mask(tmp_path: Path) -> None:
    marked_line(tmp_path / "line", "nut/0.png", "nut/2.png")
    mask(tmp_path / "line", "nut/0.png", blob(left=31))
    assert kinds(tmp_path)["nut/0.png"] == "mask"
    assert kinds(tmp_path)["nut/2.png"] == "machine"


@pytest.mark.parametrize("reference", ["folder:line?masks=masks", "folder:line?mask_255=ignore", "csv:line/table.csv"])
def test_they_are_known_to_every_way_of_reading_them(tmp_path: Path, reference: str) -> None:
    marked_line(tmp_path / "line", "nut/0.png")
    rows = [f"images/{name},{name[:3]},masks/{name}" for name in ("nut/0.png", "bolt/0.png")]
    (tmp_path / "line/table.csv").write_text("image,label,mask\n" + "\n".join(rows) + "\n")
    found = kinds(tmp_path, reference)
    assert [name for name, kind in found.items() if kind == "machine"] == [next(n for n in found if "nut/0" in n)]


def test_samples_of_ones_own_are_marked_too(tmp_path: Path) -> None:
    marked_line(tmp_path / "line", "nut/0.png")
    samples = open_data("folder:line", root=tmp_path).samples
    own = [replace(one, mask_kind="mask") for one in samples]
    assert [one.mask_kind for one in open_data(own, root=tmp_path).samples].count("machine") == 1


def test_the_marks_survive_writing_and_reading(tmp_path: Path) -> None:
    marks = MadeMasks(tmp_path, [{"by": "me.py:cut", "date": "today"}], {"ü/1.png": ("ab", 0)})
    marks.write()
    assert read_made_masks(tmp_path) == marks
    assert read_made_masks(tmp_path / "elsewhere") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        json.dumps({"format": "modelaudit-masks/2", "makers": [], "files": {}}),
        json.dumps({"format": "modelaudit-masks/1", "makers": [], "files": {"a.png": {"sha256": "0", "maker": 0}}}),
        json.dumps({"format": "modelaudit-masks/1", "makers": [{"name": "x"}], "files": {}}),
    ],
)
def test_marks_that_cannot_be_read_are_an_error_and_never_forgotten(tmp_path: Path, text: str) -> None:
    marked_line(tmp_path / "line", "nut/0.png")
    (tmp_path / "line/masks" / FILE).write_text(text)
    with pytest.raises(DataError, match=r"modelaudit-masks\.json cannot be read.*restore it"):
        open_data("folder:line", root=tmp_path)
