"""The places of images: which one is taken, how names of other computers are read, and what is said."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from modelaudit.data.image_places import image_folder, usual_places
from modelaudit.data.root import data_home
from modelaudit.language.errors import DataError


def made(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


def looked(root: Path, names: list[str], *folders: str) -> tuple[str, list[str], str]:
    found = image_folder(names, [root / one for one in folders], what="a.json", option="?images=DIR")
    return found.folder.relative_to(root).as_posix(), [found.name(name) for name in names], found.note or ""


def test_the_first_place_that_holds_the_names_is_taken_without_a_word(tmp_path: Path) -> None:
    made(tmp_path, "images/1.png", "images/2.png", "data/other.png")
    assert looked(tmp_path, ["1.png", "2.png"], "gone", "images", "data") == ("images", ["1.png", "2.png"], "")


def test_a_later_place_is_named(tmp_path: Path) -> None:
    made(tmp_path, "images/other.png", "data/1.png", "data/2.png")
    folder, _, note = looked(tmp_path, ["1.png", "2.png"], "images", "data")
    assert folder == "data"
    assert f"taken from {tmp_path.name}/data, which holds 2 of 2 looked for; ?images=DIR" in note


def test_of_two_places_the_first_is_taken_and_the_other_is_named(tmp_path: Path) -> None:
    made(tmp_path, "images/1.png", "data/1.png")
    folder, _, note = looked(tmp_path, ["1.png"], "images", "data")
    assert folder == "images" and f"are in {tmp_path.name}/data too" in note


def test_one_place_that_is_named_twice_is_one(tmp_path: Path) -> None:
    made(tmp_path, "images/1.png")
    (tmp_path / "link").symlink_to(tmp_path / "images", target_is_directory=True)
    assert looked(tmp_path, ["1.png"], "images", "x/../images", "link") == ("images", ["1.png"], "")


def test_names_in_another_case_or_with_another_ending_are_named(tmp_path: Path) -> None:
    made(tmp_path, "images/A.JPG", "images/b.png", "images/c.jpg", "images/notes.txt")
    with pytest.raises(DataError, match=r"itself holds 2 in another case or .*, e\.g\. 'A\.JPG': write"):
        looked(tmp_path, ["a.jpg", "b.jpg", "d.jpg"], "images")
    with pytest.raises(DataError) as caught:
        looked(tmp_path, ["x.jpg"], "images")
    assert "another case" not in str(caught.value)


def test_a_few_missing_images_change_no_place(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    made(tmp_path, *(f"images/{name}" for name in names[1:]), *(f"data/{name}" for name in names))
    assert looked(tmp_path, names, "images", "data")[0] == "images"
    (tmp_path / "images" / names[5]).unlink()
    (tmp_path / "images" / names[6]).unlink()
    assert looked(tmp_path, names, "images", "data")[0] == "data"
    assert looked(tmp_path, names, "images")[0] == "images"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["..\\..\\media\\upload\\4\\a-1.png", "..\\..\\media\\upload\\4\\b-2.png"], ["a-1.png", "b-2.png"]),
        (["/data/upload/1/a-1.png", "/data/upload/2/b-2.png"], ["a-1.png", "b-2.png"]),
        (["C:\\Users\\me\\a-1.png", "D:/b-2.png"], ["a-1.png", "b-2.png"]),
        (["\\\\server\\share\\a-1.png", "\\\\server\\share\\b-2.png"], ["a-1.png", "b-2.png"]),
        (["s3://bucket/deep/a-1.png", "https://host/b-2.png"], ["a-1.png", "b-2.png"]),
        (["/data/local-files/?d=a-1.png", "/data/local-files/?d=x/b-2.png"], ["a-1.png", "b-2.png"]),
        (["images\\1/a-1.png", "images\\1/b-2.png"], ["a-1.png", "b-2.png"]),
        (["/home/me/sub/1.png", "/home/me/other/1.png"], ["sub/1.png", "other/1.png"]),
    ],
    ids=["upwards", "server's path", "drives", "share", "addresses", "local files", "number of a project", "two parts"],
)
def test_names_of_other_computers_are_found_by_their_last_parts(
    tmp_path: Path, names: list[str], expected: list[str]
) -> None:
    made(tmp_path, *(f"images/{name}" for name in ("a-1.png", "b-2.png", "sub/1.png", "other/1.png")))
    folder, found, note = looked(tmp_path, names, ".", "images")
    assert (folder, found) == ("images", expected)
    assert "by the last" in note


def test_last_parts_that_are_those_of_two_images_find_none(tmp_path: Path) -> None:
    made(tmp_path, "images/1.png", "images/2.png")
    with pytest.raises(DataError, match="none of the usual places"):
        looked(tmp_path, ["x/1.png", "y/1.png", "y/2.png"], "images")


def test_an_absolute_name_in_a_place_is_that_file(tmp_path: Path) -> None:
    made(tmp_path, "images/a/1.png", "images/1.png")
    assert looked(tmp_path, [str(tmp_path / "images" / "a" / "1.png")], "images")[2] == ""


def test_no_place_is_an_error_that_names_all_places_and_the_option(tmp_path: Path) -> None:
    made(tmp_path, "images/other.png", "secret.png")
    names = ["1.png", "../secret.png", "\0", "x" * 5000, "\ud800.png"]
    with pytest.raises(DataError) as caught:
        looked(tmp_path, names, "images", "data", "data/deep")
    text = str(caught.value)
    assert text.startswith("a.json: its images are in none of the usual places")
    assert "Of the 5 images" in text and "images (0)" in text and "not there: data, data/deep" in text
    assert text.endswith("Write where the images are: ?images=DIR")


def test_where_no_place_holds_any_other_folders_are_looked_at_but_those_of_masks(tmp_path: Path) -> None:
    made(tmp_path, "masks/1.png", ".hidden/1.png", "a/labels/1.png", "b/deep/1.png", "c/1.jpg")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "b" / "deep", target_is_directory=True)
    found = image_folder(["1.png"], [tmp_path / "images"], what="a.json", option="?images=DIR", below=tmp_path)
    assert found.folder == tmp_path / "b" / "deep" and found.note is not None
    with pytest.raises(DataError, match=r"b/deep \(0\)"):
        image_folder(["2.png"], [tmp_path / "images"], what="a.json", option="?images=DIR", below=tmp_path)


def test_hardly_any_image_is_no_place(tmp_path: Path) -> None:
    names = [f"{number:03}.png" for number in range(600)]
    made(tmp_path, *(f"images/{name}" for name in names[:20]))
    with pytest.raises(DataError, match=r"Of the 256 images looked for, .* hold: itself \(9\)"):
        looked(tmp_path, names, "images")


def test_the_usual_places_begin_with_those_of_the_subset() -> None:
    places = [place.as_posix() for place in usual_places(Path("d/annotations"), "instances_val2017")]
    wanted = ["d/annotations/images", "d/annotations", "d/images/val2017", "d/val2017", "d/images", "d", "d/data"]
    assert [place for place in places if place in wanted] == wanted
    assert "d/images/val" in [place.as_posix() for place in usual_places(Path("d"), "val_annotations.coco")]
    assert Path("images") not in usual_places(Path("d"), "x")


def test_the_home_of_annotations_is_the_folder_above() -> None:
    assert [data_home(Path("d", name)).name for name in ("Annotations", "labels", "line")] == ["d", "d", "line"]


def test_a_name_of_thousands_of_folders_is_looked_for_by_its_last_parts_alone(tmp_path: Path) -> None:
    made(tmp_path, "images/1.png")
    start = time.process_time()
    assert looked(tmp_path, ["a/" * 3000 + "1.png"], "images")[1] == ["1.png"]
    assert time.process_time() - start < 5  # half a minute, where every number of parts is tried


def test_a_long_name_takes_no_longer_than_its_letters(tmp_path: Path) -> None:
    """A search for an address at every letter would take seconds."""
    from modelaudit.data.image_places import _leads_out, _parts

    began = time.process_time()
    name = "x" * 200_000
    assert _parts(name) == [name] and not _leads_out(name)
    assert _parts("S3://bucket/a.png") == ["bucket", "a.png"] and _leads_out("C:/a.png")
    assert time.process_time() - began < 2
