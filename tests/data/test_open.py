"""Opening data: references, iterables, ids, and what is refused before anything is decoded."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import line

from modelaudit.data import decode, open_data
from modelaudit.data.base import data_source
from modelaudit.language.errors import DataError, UnknownNameError
from modelaudit.language.reference import Reference
from modelaudit.language.sample import DataSet, Sample

IMAGE = np.zeros((4, 5, 3), dtype=np.uint8)


@data_source("five_samples")
def five_samples(reference: Reference, root: Path) -> DataSet:
    return DataSet(tuple(Sample(f"{number}", IMAGE, 0) for number in (3, 1, 5, 2, 4)), ("made up",))


def test_an_iterable_of_samples_is_sorted_by_id() -> None:
    data = open_data((Sample(name, IMAGE, "bolt") for name in ("b", "a", "c")), root=Path())
    assert [one.id for one in data.samples] == ["a", "b", "c"]


def test_a_data_set_keeps_its_notes() -> None:
    assert open_data(DataSet((Sample("a", IMAGE, 1),), ("a note",)), root=Path()).notes == ("a note",)


def test_a_name_of_a_source_and_of_a_folder_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(DataError, match=r"names a source and a folder; write 'folder:photos' .*or 'photos:photos'"):
        open_data("photos", root=tmp_path)


def test_a_registered_source_is_found_by_scheme_and_by_its_bare_name() -> None:
    for text in ("five_samples:", "five_samples", "five_samples:anything"):
        data = open_data(text, root=Path())
        assert [one.id for one in data.samples] == ["1", "2", "3", "4", "5"]
        assert data.notes == ("made up",)


def test_relative_paths_in_samples_are_below_the_root(tmp_path: Path) -> None:
    line(tmp_path)
    sample = Sample("one", Path("images/nut/0.png"), "nut", Path("masks/nut/0.png"))
    (opened,) = open_data([sample], root=tmp_path).samples
    assert decode(opened).mask is not None


def test_ids_become_nfc() -> None:
    (sample,) = open_data([Sample(unicodedata.normalize("NFD", "ä"), IMAGE, 1)], root=Path()).samples
    assert sample.id == "ä"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "has no sample"),
        ([Sample("a", IMAGE, 1), Sample("a", IMAGE, 2)], "two samples have the id 'a'"),
        ([Sample(unicodedata.normalize(form, "ä"), IMAGE, 1) for form in ("NFC", "NFD")], "NFC"),
        ([Path("a.png")], "give Sample"),
        ([Sample("", IMAGE, 1)], "id ''"),
        ([Sample("b\udcff.png", IMAGE, 1)], r"'b\\udcff.png', which is not valid Unicode; rename it"),
        ([Sample("a", IMAGE, True)], "label True"),
        ([Sample("a", IMAGE, None)], "label None"),  # type: ignore[arg-type]
        (17, "int"),
        (b"folder:x", "bytes"),
        ("data/line_a", "folder:data/line_a"),
        ("", "no scheme"),
    ],
    ids=range(12),
)
def test_what_is_no_data_is_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_data(data, root=Path())


def test_an_unknown_scheme_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'folder'"):
        open_data("foldr:data/line_a", root=Path())


def test_an_image_that_is_its_own_mask_is_refused_whatever_the_source(tmp_path: Path) -> None:
    (tmp_path / "line.csv").write_text("image,label,mask\na.png,bolt,a.png\n")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(DataError, match="own mask"):
        open_data("csv:line.csv", root=tmp_path)
    with pytest.raises(DataError, match="own mask"):
        open_data([Sample("a", Path("a.png"), "bolt", Path("a.png"))], root=tmp_path)
