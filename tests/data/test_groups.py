"""Groups, clusters and attributes: options of every source, read from the id, the folders or the header of the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import encoded, image_array, line, mask_array, save
from PIL import ExifTags, Image

from modelaudit.data import open_data
from modelaudit.data.base import data_source
from modelaudit.language.errors import DataError
from modelaudit.language.reference import Reference
from modelaudit.language.sample import DataSet, Sample

IMAGE = image_array(mask_array())


def exif(**fields: Any) -> Image.Exif:
    made = Image.Exif()
    camera: dict[int, Any] = {}
    for name, value in fields.items():
        tag = ExifTags.Base[name]
        (made if tag < 0x8000 else camera)[int(tag)] = value
    if camera:  # as a value of its own: older versions of Pillow write no other directory
        made[ExifTags.IFD.Exif] = camera
    return made


@data_source("in_memory")
def in_memory(reference: Reference, root: Path) -> DataSet:
    """A source of files in memory, of an array, and of what has no file at all; it takes no option of its own."""
    reference.only((), DataError)
    file = encoded(Image.fromarray(IMAGE), "JPEG", exif=exif(Model="X100"))
    images = {"a": file, "b": IMAGE, "c": lambda: IMAGE}
    return DataSet(tuple(Sample(name, image, 0, group="own") for name, image in images.items()), ("its own note",))


def groups(reference: str, root: Path) -> dict[str, str | None]:
    return {sample.id: sample.group for sample in open_data(reference, root=root).samples}


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    for label in ("bolt", "nut"):
        for name in ("cam1/lot7_001.png", "cam2/lot7_002.png", "cam2/lot8_003.png"):
            save(tmp_path / "line" / label / name, IMAGE)
    return tmp_path


@pytest.mark.parametrize(
    ("option", "found"),
    [
        (r"path:lot\d", ["lot7", "lot7", "lot8"]),
        (r"path:/(cam\d)/", ["cam1", "cam2", "cam2"]),
        (r"path:(?:lot(8))|(cam\d)", ["cam1", "cam2", "cam2"]),
        (r"path:_0*(\d+)\.png$", ["1", "2", "3"]),
        (r"path:\x26?cam(?P<camera>\d)", ["1", "2", "2"]),
        ("folder:2", ["cam1", "cam2", "cam2"]),
        ("folder:-1", ["cam1", "cam2", "cam2"]),
    ],
    ids=str,
)
def test_groups_from_the_path(cameras: Path, option: str, found: list[str]) -> None:
    data = open_data(f"folder:line?group={option}", root=cameras)
    assert [sample.group for sample in data.samples] == found * 2
    assert not [note for note in data.notes if "group" in note]


@pytest.mark.parametrize("option", [r"path:lot\d", "folder:2", r"path:(?:lot(8))|(cam\d)"])
def test_clusters_and_attributes_are_found_as_groups_are(cameras: Path, option: str) -> None:
    asked = "&".join(f"{what}={option}" for what in ("group", "cluster", "attribute.lot"))
    samples = open_data(f"folder:line?{asked}", root=cameras).samples
    assert len({sample.group for sample in samples}) == 2
    assert all(sample.cluster == sample.group == sample.attributes["lot"] for sample in samples)


def test_each_option_is_for_itself(cameras: Path) -> None:
    asked = "group=folder:2&cluster=path:lot.&attribute.class=folder:1&attribute.eight=path:lot8"
    data = open_data(f"folder:line?{asked}", root=cameras)
    told = [(sample.group, sample.cluster, dict(sample.attributes)) for sample in data.samples[:3]]
    assert told == [
        ("cam1", "lot7", {"class": "bolt"}),
        ("cam2", "lot7", {"class": "bolt"}),
        ("cam2", "lot8", {"class": "bolt", "eight": "lot8"}),
    ]
    assert [note for note in data.notes if "4 of 6 samples have no attribute 'eight'" in note]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("cluster=lot", "cluster=lot; write column:NAME"),
        ("cluster=path:lot9", r"\?cluster= for any of the 6"),
        ("cluster=column:lot", "folder has no columns; write cluster=path:"),
        ("attribute.=folder:1", "give the attribute a name"),
        ("attribute.lot=column:lot", "a column needs no such option"),
        ("attribute.lot=path:lot9", r"\?attribute.lot= for any of the 6"),
        ("clusters=folder:1", "unknown option 'clusters'"),
    ],
)
def test_what_clusters_and_attributes_are_not_is_refused(cameras: Path, asked: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_data(f"folder:line?{asked}", root=cameras)


@pytest.mark.parametrize(
    "changes", [{"cluster": 7}, {"attributes": {"exposure": 2.5}}, {"attributes": {"lot": None}}], ids=str
)
def test_what_is_no_text_is_refused(changes: dict[str, Any]) -> None:
    sample = Sample("a", IMAGE, 0, **changes)
    if changes == {"attributes": {"lot": None}}:
        assert open_data([sample], root=Path()).samples == (sample,)
        return
    with pytest.raises(DataError, match=r"'a': (cluster|attributes\['exposure'\]) must be a text, got (7|2\.5)"):
        open_data([sample], root=Path())


def test_the_outermost_folder_and_the_innermost_are_distinguished(cameras: Path) -> None:
    assert set(groups("folder:line?group=folder:1", cameras).values()) == {"bolt", "nut"}
    assert set(groups("folder:line?group=folder:-2", cameras).values()) == {"bolt", "nut"}


def test_samples_without_a_group_are_counted_and_named(cameras: Path) -> None:
    data = open_data("folder:line?group=path:lot8", root=cameras)
    assert [sample.group for sample in data.samples] == [None, None, "lot8"] * 2
    assert "4 of 6 samples have no group, e.g. 'bolt/cam1/lot7_001.png'" in data.notes


@pytest.mark.parametrize("option", ["path:lot9", "folder:3", "folder:-3", "exif:Model", r"path:(x?)\d"])
def test_no_group_at_all_is_an_error(cameras: Path, option: str) -> None:
    with pytest.raises(DataError, match=r"for any of the 6 samples; e\.g\. 'bolt/cam1/lot7_001\.png'"):
        open_data(f"folder:line?group={option}", root=cameras)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("camera", "column:NAME, path:REGEX"),
        ("path:", "path:REGEX"),
        ("paths:x", "did you mean 'path'"),
        ("path:[^&]+", r"not a valid pattern.*\\x26"),
        ("path:cam&lot", r"unknown option 'lot'.*\\x26"),
        ("folder:0", "folder:1"),
        ("folder:one", "folder:1"),
        ("exif:Modell", "did you mean 'Model'"),
        ("exif:Model[2:]", "EXIF field"),
        ("exif:DateTimeOriginal[:0]", "EXIF field"),
        ("column:camera", "folder has no columns"),
    ],
    ids=str,
)
def test_what_is_no_group_is_refused_and_said_how_to_write(cameras: Path, option: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_data(f"folder:line?group={option}", root=cameras)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("exif:Model", "X100"),
        ("exif:BodySerialNumber", "0815"),
        ("exif:DateTimeOriginal[:10]", "2024:05:01"),
        ("exif:ISOSpeedRatings", "200"),
    ],
    ids=str,
)
def test_groups_from_exif_of_either_directory(tmp_path: Path, ending: str, option: str, found: str) -> None:
    if ending == "tif" and option != "exif:Model":
        pytest.skip("Pillow does not write the camera's directory into TIFF")
    camera = {"BodySerialNumber": " 0815 ", "DateTimeOriginal": "2024:05:01 10:00:00", "ISOSpeedRatings": 200}
    fields = exif(Model="X100\0", **({} if ending == "tif" else camera))
    save(tmp_path / "bolt" / f"a.{ending}", IMAGE, exif=fields)
    assert groups(f"folder:.?group={option}", tmp_path) == {f"bolt/a.{ending}": found}


def test_a_file_that_cannot_be_read_has_no_group_and_a_note_and_stays_a_sample(tmp_path: Path) -> None:
    save(tmp_path / "bolt" / "a.jpg", IMAGE, exif=exif(Model="X100"))
    save(tmp_path / "bolt" / "b.jpg", IMAGE)
    (tmp_path / "bolt" / "c.jpg").write_bytes(b"no image")
    data = open_data("folder:.?group=exif:Model", root=tmp_path)
    assert [sample.group for sample in data.samples] == ["X100", None, None]
    assert "1 of 3 samples have no group, e.g. 'bolt/b.jpg'" in data.notes
    assert any(note.startswith("1 of 3 samples have no group: their files") and "c.jpg" in note for note in data.notes)


def test_only_the_header_is_read(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    for ending in ("jpg", "png"):
        path = save(tmp_path / "bolt" / f"a.{ending}", noise, exif=exif(Model="X100"))
        path.write_bytes(path.read_bytes()[:5000])
    assert set(groups("folder:.?group=exif:Model", tmp_path).values()) == {"X100"}


def test_every_source_has_groups_and_keeps_its_notes() -> None:
    data = open_data("in_memory:?group=exif:Model", root=Path())
    assert [sample.group for sample in data.samples] == ["X100", None, None]
    assert data.notes[0] == "its own note"
    assert groups("in_memory:?group=path:.", Path()) == {"a": "a", "b": "b", "c": "c"}
    assert groups("in_memory", Path()) == dict.fromkeys("abc", "own")


def test_groups_leave_the_rest_of_the_samples_alone(tmp_path: Path) -> None:
    line(tmp_path)
    plain, own = (open_data(f"folder:.{option}", root=tmp_path) for option in ("", "?group=folder:1"))
    for one, other in zip(plain.samples, own.samples, strict=True):
        assert (one.id, one.image, one.mask, one.label) == (other.id, other.image, other.mask, other.label)
    assert plain.notes == own.notes
