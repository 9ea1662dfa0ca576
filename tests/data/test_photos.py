"""Photos without labels lend backgrounds and are no data of an audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from data.pictures import image_array, mask_array, save

from modelaudit.data import class_indices, decode, open_data
from modelaudit.language.errors import DataError


def test_all_images_below_are_read_whatever_the_layout(tmp_path: Path) -> None:
    for name in ("a.png", "deep/er/b.JPG", "cam 1/c.webp"):
        save(tmp_path / "photos" / name, image_array(mask_array()))
    (tmp_path / "photos" / "notes.txt").write_text("hello")
    (tmp_path / "photos" / ".hidden.png").write_text("hello")
    data = open_data("photos:photos", root=tmp_path)
    assert [one.id for one in data.samples] == ["a.png", "cam 1/c.webp", "deep/er/b.JPG"]
    assert all(one.mask is None and one.mask_kind == "none" for one in data.samples)
    assert decode(data.samples[0]).image.shape == (24, 32, 3)
    assert data.notes == ("1 files that are no images by their ending were passed over",)


def test_as_the_data_of_an_audit_they_are_an_error_that_says_why(tmp_path: Path) -> None:
    save(tmp_path / "a.png", image_array(mask_array()))
    labels = [sample.label for sample in open_data(f"photos:{tmp_path}", root=tmp_path).samples]
    for mapping in (None, {"": 0}):
        with pytest.raises(DataError, match=r"without a label.*photos:.*use folder:"):
            class_indices(labels, classes=["bolt", "nut"], outputs=2, mapping=mapping)


@pytest.mark.parametrize(
    ("reference", "message"),
    [("photos:nowhere", "no folder"), ("photos:empty", "no image"), ("photos:empty?label=x", "unknown option")],
)
def test_nothing_to_read_is_an_error(tmp_path: Path, reference: str, message: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=message):
        open_data(reference, root=tmp_path)
