"""Data on URLs: ids and pixels as on a disk, nothing fetched twice, and names that must not decide where files go."""

from __future__ import annotations

import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from data.pictures import encoded, image_array, line, mask_array, save
from data.remote_places import Shelf, Slow, coco, manifest, put, seen
from data.test_imagenet9 import in9
from data.test_webdataset import shards
from fsspec.registry import known_implementations
from PIL import Image

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.base import data_source
from modelaudit.data.remote import CACHE, is_url
from modelaudit.data.remote.listing import token_of
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing
from modelaudit.language.reference import Reference
from modelaudit.language.sample import DataSet, Sample


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    Shelf.store.clear()
    Shelf.pseudo_dirs[:] = [""]
    Shelf.fetched.clear()
    yield Shelf(skip_instance_cache=True)
    Shelf.store.clear()


@pytest.mark.parametrize(
    ("reference", "build"),
    [
        ("folder:{}", line),
        ("coco:{}/annotations.json", coco),
        ("csv:{}/parts.csv", manifest),
        ("imagenet9:{}?variant=original", in9),
        ("webdataset:{}/line-{{000..002}}.tar", shards),
        ("photos:{}", line),
    ],
    ids=lambda value: value.split(":")[0] if isinstance(value, str) else "",
)
@pytest.mark.parametrize("place", ["shelf", "file", "zip"])
def test_every_source_reads_a_url_as_it_reads_a_disk(
    tmp_path: Path, shelf: Shelf, reference: str, build: Callable[[Path], Any], place: str
) -> None:
    build(tmp_path / "data")
    expected = open_data(reference.format("data"), root=tmp_path)
    put(shelf, tmp_path / "data", "/bucket/my data")
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "data")
    url = {"shelf": "shelf://bucket/my data", "file": f"file://{tmp_path}/data", "zip": "zip://data"}[place]
    text = reference.format(url) + (f"::file://{tmp_path}/packed.zip" if place == "zip" else "")
    if place == "zip" and "?" in reference:
        text = f"{reference.partition('?')[0].format(url)}::file://{tmp_path}/packed.zip?{reference.partition('?')[2]}"
    (tmp_path / "root").mkdir()
    found = open_data(text, root=tmp_path / "root", quiet=True)
    assert seen(found) == seen(expected)
    assert found.notes[:-1] == expected.notes and found.notes[-1].startswith("read from a copy of ")
    assert (found.label_map, found.outputs) == (expected.label_map, expected.outputs)


@pytest.mark.parametrize(
    ("reference", "build", "files"),
    [
        ("folder:shelf://data", line, 8),
        ("coco:shelf://data/annotations.json", coco, 3),
        ("csv:shelf://data/parts.csv", manifest, 9),
        ("webdataset:shelf://data/line-{000..001}.tar", shards, 2),
    ],
)
def test_a_second_run_fetches_nothing(
    tmp_path: Path, shelf: Shelf, reference: str, build: Callable[[Path], Any], files: int
) -> None:
    build(tmp_path / "data")
    put(shelf, tmp_path / "data", "/data")
    first = seen(open_data(reference, root=tmp_path, quiet=True))
    assert len(shelf.fetched) == len(set(shelf.fetched)) == files
    shelf.fetched.clear()
    assert seen(open_data(reference, root=tmp_path, quiet=True)) == first
    assert shelf.fetched == []


def test_only_what_changed_is_fetched_and_what_is_gone_is_removed(tmp_path: Path, shelf: Shelf) -> None:
    line(tmp_path / "line")
    put(shelf, tmp_path / "line", "/data")
    open_data("folder:shelf://data", root=tmp_path, quiet=True)
    shelf.fetched.clear()
    for folder in ("images", "masks"):
        shelf.rm(f"/data/{folder}/nut/1.png")
    brighter = encoded(Image.fromarray(image_array(mask_array()) + np.uint8(30)))
    shelf.pipe("/data/images/bolt/0.png", brighter)
    shelf.pipe("/data/images/bolt/7.png", brighter)
    data = open_data("folder:shelf://data", root=tmp_path, quiet=True)
    assert [one.id for one in data.samples] == ["bolt/0.png", "bolt/1.png", "bolt/7.png", "nut/0.png"]
    assert np.array_equal(decode(data.samples[0]).image, image_array(mask_array()) + np.uint8(30))
    assert sorted(shelf.fetched) == ["/data/images/bolt/0.png", "/data/images/bolt/7.png"]
    (tree,) = (tmp_path / CACHE).glob("*/tree")
    assert not list(tree.rglob("nut/1.png"))


def test_a_copy_that_somebody_changed_or_lost_is_fetched_again(tmp_path: Path, shelf: Shelf) -> None:
    line(tmp_path / "line")
    put(shelf, tmp_path / "line", "/data")
    first = seen(open_data("folder:shelf://data", root=tmp_path, quiet=True))
    shelf.fetched.clear()
    (tree,) = (tmp_path / CACHE).glob("*/tree")
    (tree / "images" / "nut" / "0.png").write_bytes(b"not what was fetched")
    (tree / "images" / "nut" / "1.png").unlink()
    (tree / "images" / "nut" / "2.png").write_bytes(b"not from there")
    assert seen(open_data("folder:shelf://data", root=tmp_path, quiet=True)) == first
    assert sorted(shelf.fetched) == ["/data/images/nut/0.png", "/data/images/nut/1.png"]


def test_a_cut_off_journal_costs_a_fetch_and_nothing_else(tmp_path: Path, shelf: Shelf) -> None:
    line(tmp_path / "line")
    put(shelf, tmp_path / "line", "/data")
    first = seen(open_data("folder:shelf://data", root=tmp_path, quiet=True))
    shelf.fetched.clear()
    (journal,) = (tmp_path / CACHE).glob("*/journal.jsonl")
    journal.write_bytes(journal.read_bytes()[:-20])
    assert seen(open_data("folder:shelf://data", root=tmp_path, quiet=True)) == first
    assert len(shelf.fetched) == 1


def test_of_annotations_exactly_the_files_that_they_name_are_fetched(tmp_path: Path, shelf: Shelf) -> None:
    coco(tmp_path / "data")
    put(shelf, tmp_path / "data", "/data")
    shelf.pipe("/data/images/3.png", b"in no annotation")
    shelf.pipe("/data/elsewhere/video.mp4", b"large")
    open_data("coco:shelf://data/annotations.json", root=tmp_path, quiet=True)
    assert sorted(shelf.fetched) == [
        "/data/annotations.json",
        "/data/images/1.png",
        "/data/images/night/2.png",
    ]


def test_an_image_that_annotations_name_and_that_is_not_there_stays_a_counted_sample(
    tmp_path: Path, shelf: Shelf
) -> None:
    coco(tmp_path / "data")
    put(shelf, tmp_path / "data", "/data")
    shelf.rm("/data/images/1.png")
    data = open_data("coco:shelf://data/annotations.json", root=tmp_path, quiet=True)
    assert [one.id for one in data.samples] == ["1.png", "night/2.png"]
    with pytest.raises(UnusableSample, match=r"1\.png") as caught:
        decode(data.samples[0])
    assert caught.value.reason is Missing.UNREADABLE_IMAGE
    shelf.rm("/data/images/night/2.png")
    with pytest.raises(DataError, match=r"none of the 2 files that the annotations name exists.*\?images=URL"):
        open_data("coco:shelf://data/annotations.json", root=tmp_path, quiet=True)


def test_images_and_masks_may_be_elsewhere(tmp_path: Path, shelf: Shelf) -> None:
    coco(tmp_path / "data")
    put(shelf, tmp_path / "data" / "images", "/pictures")
    local = seen(open_data("coco:data/annotations.json", root=tmp_path))
    for reference in ("coco:data/annotations.json", "coco:shelf://notes/annotations.json"):
        shelf.pipe("/notes/annotations.json", (tmp_path / "data" / "annotations.json").read_bytes())
        data = open_data(f"{reference}?images=shelf://pictures", root=tmp_path, quiet=True)
        assert seen(data) == local
    line(tmp_path / "line")
    put(shelf, tmp_path / "line" / "masks", "/masks")
    expected = seen(open_data("folder:line", root=tmp_path))
    (tmp_path / "line" / "masks").rename(tmp_path / "unused")
    found = open_data("folder:line/images?masks=shelf://masks", root=tmp_path, quiet=True)
    assert seen(found) == expected
    assert found.notes == ("read from a copy of shelf://masks",)


def test_a_folder_next_to_the_annotations_is_named_as_on_a_disk(tmp_path: Path, shelf: Shelf) -> None:
    coco(tmp_path / "data")
    (tmp_path / "data" / "images").rename(tmp_path / "data" / "pics")
    put(shelf, tmp_path / "data", "/data")
    data = open_data("coco:shelf://data/annotations.json?images=pics", root=tmp_path, quiet=True)
    assert seen(data) == seen(open_data("coco:data/annotations.json?images=pics", root=tmp_path))


def test_copies_are_kept_below_the_root_and_ignored_by_git(tmp_path: Path, shelf: Shelf) -> None:
    line(tmp_path / "line")
    put(shelf, tmp_path / "line", "/data")
    open_data("folder:shelf://data", root=tmp_path, quiet=True)
    assert (tmp_path / ".modelaudit" / "remote" / ".gitignore").read_text() == "*\n"
    (folder,) = (tmp_path / ".modelaudit" / "remote").glob("*/url.txt")
    assert folder.read_text() == "shelf://data\n"
    open_data("folder:shelf://data", root=tmp_path, cache=tmp_path / "other", quiet=True)
    assert list((tmp_path / "other").glob("*/tree/images/bolt/0.png"))


def test_a_relative_root_is_one_of_the_current_folder(
    tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest(tmp_path / "data")
    put(shelf, tmp_path / "data", "/data")
    monkeypatch.chdir(tmp_path)
    for reference in ("folder:shelf://data", "csv:shelf://data/parts.csv"):
        assert len(seen(open_data(reference, root=Path("root"), quiet=True))) == 4
    assert (tmp_path / "root" / CACHE).is_dir()


def test_one_error_ends_the_fetching_of_all(tmp_path: Path, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelaudit.data.remote.local_copy._PAUSE", 0.0)
    Slow.asked.clear()
    for name in ("broken", *"bcdefghij"):
        shelf.pipe(f"/data/bolt/{name}.png", b"12345")
    began = time.monotonic()
    with pytest.raises(DataError, match=r"'bolt/broken\.png' could not be fetched \(broken off\)"):
        open_data("folder:slow://data", root=tmp_path, quiet=True)
    assert time.monotonic() - began < 18  # one file takes 20 seconds
    assert len(set(Slow.asked)) < 10, "what had not begun was left"
    assert not list(tmp_path.rglob("*.png"))


def test_progress_is_a_line_where_there_is_no_terminal(
    tmp_path: Path, shelf: Shelf, capsys: pytest.CaptureFixture[str]
) -> None:
    line(tmp_path / "line")
    put(shelf, tmp_path / "line", "/data")
    open_data("folder:shelf://data", root=tmp_path)
    assert capsys.readouterr().err == "\nfetching shelf://data: 8 files, 0.0 MB"
    open_data("folder:shelf://data", root=tmp_path)
    assert capsys.readouterr().err == ""


def packed(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, encoded(Image.fromarray(image_array(mask_array()))))
    return path


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["bolt/../../../a.png"], "leads to other folders"),
        (["../a.png"], "leads to other folders"),
        (["/etc/a.png"], "is absolute"),
        (["C:/a.png"], "is absolute"),
        (["bolt//a.png"], "empty"),
        (["bolt/a\\b.png"], "a backslash"),
        (["bolt/a\nb.png"], "a control character"),
        (["bolt/a.png", "bolt/A.png"], "are one file where case"),
        (["bolt/\u00e4.png", "bolt/a\u0308.png"], "are one file where case"),
        (["bolt/" + "a" * 300 + ".png"], "more than 255 bytes"),
        (["bolt/" + "ä" * 130 + ".png"], "more than 255 bytes"),
        (["/".join(["a" * 200] * 12)], "more than 2048 bytes"),
        ([".hidden/a.png"], "has no files"),
    ],
    ids=range(13),
)
def test_names_that_must_not_become_files_are_refused(tmp_path: Path, names: list[str], message: str) -> None:
    packed(tmp_path / "x.zip", [*names])
    with pytest.raises(DataError, match=message):
        open_data(f"folder:zip://::file://{tmp_path}/x.zip", root=tmp_path / "root", quiet=True)
    assert not list(tmp_path.rglob("*.png"))


def test_hidden_files_are_passed_over_as_on_a_disk(tmp_path: Path) -> None:
    packed(tmp_path / "x.zip", ["bolt/a.png", "bolt/.DS_Store", "__MACOSX/bolt/a.png"])
    data = open_data(f"folder:zip://::file://{tmp_path}/x.zip", root=tmp_path, quiet=True)
    assert [one.id for one in data.samples] == ["bolt/a.png"]


def test_an_archive_that_was_replaced_is_read_anew(tmp_path: Path) -> None:
    reference = f"folder:zip://::file://{tmp_path}/x.zip"
    packed(tmp_path / "x.zip", ["bolt/a.png", "bolt/b.png"])
    open_data(reference, root=tmp_path, quiet=True)
    packed(tmp_path / "x.zip", ["bolt/b.png", "nut/c.png"])
    assert [one.id for one in open_data(reference, root=tmp_path, quiet=True).samples] == ["bolt/b.png", "nut/c.png"]


def test_annotations_with_names_that_are_no_text_are_refused(tmp_path: Path, shelf: Shelf) -> None:
    shelf.pipe("/data/parts.csv", b"image,label\na.png,bolt\n")
    shelf.pipe("/data/a.png", encoded(Image.fromarray(image_array(mask_array()))))
    text = '{"image": "a.png", "label": "bolt"}\n{"image": "\\ud800.png", "label": "bolt"}\n'
    shelf.pipe("/data/parts.jsonl", text.encode())
    with pytest.raises(DataError):
        open_data("jsonl:shelf://data/parts.jsonl", root=tmp_path, quiet=True)


def test_annotations_cannot_reach_out_of_their_copy(tmp_path: Path, shelf: Shelf) -> None:
    coco(tmp_path / "data")
    text = (tmp_path / "data" / "annotations.json").read_text()
    shelf.pipe("/data/annotations.json", text.replace('"1.png"', '"../../1.png"').encode())
    with pytest.raises(DataError, match=r"leads .*is a copy of shelf://data/annotations\.json"):
        open_data("coco:shelf://data/annotations.json", root=tmp_path, quiet=True)


def test_a_link_that_leaves_a_local_folder_is_refused(tmp_path: Path) -> None:
    line(tmp_path / "line")
    save(tmp_path / "outside.png", image_array(mask_array()))
    (tmp_path / "line" / "images" / "nut" / "9.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(DataError, match="a link that leads out of it"):
        open_data(f"folder:file://{tmp_path}/line", root=tmp_path, quiet=True)


def test_links_inside_a_local_folder_are_followed_for_files_and_refused_for_folders(tmp_path: Path) -> None:
    line(tmp_path / "line")
    (tmp_path / "line" / "images" / "nut" / "9.png").symlink_to(tmp_path / "line" / "images" / "nut" / "0.png")
    data = open_data(f"folder:file://{tmp_path}/line", root=tmp_path, quiet=True)
    assert data.samples[-1].id == "nut/9.png"
    assert np.array_equal(decode(data.samples[-1]).image, decode(data.samples[-3]).image)
    save(tmp_path / "line" / "images" / "nut" / "0.png", image_array(mask_array()) + np.uint8(20))
    again = open_data(f"folder:file://{tmp_path}/line", root=tmp_path, quiet=True)
    assert np.array_equal(decode(again.samples[-1]).image, image_array(mask_array()) + np.uint8(20))
    (tmp_path / "line" / "images" / "again").symlink_to(tmp_path / "line" / "images")
    with pytest.raises(DataError, match="'images/again' is a link to a folder"):
        open_data(f"folder:file://{tmp_path}/line", root=tmp_path, quiet=True)


def test_an_error_of_the_source_names_the_url(tmp_path: Path, shelf: Shelf) -> None:
    shelf.pipe("/data/stray.png", b"x")
    with pytest.raises(DataError, match=r"stray\.png: make a folder for each class.*tree is a copy of shelf://data"):
        open_data("folder:shelf://data", root=tmp_path, quiet=True)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("folder:shelf://nowhere", "shelf://nowhere is not there"),
        ("coco:shelf://nowhere/a.json", r"has no file 'a\.json'"),
        ("webdataset:shelf://nowhere/{0..2}.tar", r"has no file '0\.tar'"),
        ("folder:nosuch://x", "nosuch.*write a protocol of fsspec"),
        ("folder:s3://user:secret@bucket/data", "holds a password"),
        ("folder:file:///x?masks=https://user:secret@host/data", "holds a password"),
        ("folder:reference://x::https://host/x.json", "templates that are executed"),
        ("folder:zip://::file:///nowhere.zip", "cannot be opened"),
    ],
)
def test_a_place_that_cannot_be_read_says_why(tmp_path: Path, shelf: Shelf, reference: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        open_data(reference, root=tmp_path, quiet=True)
    assert "secret" not in str(caught.value)


def test_a_protocol_whose_package_is_missing_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"class": "no_such_package.FileSystem", "err": "install it"}
    monkeypatch.setitem(known_implementations, "rare", known)
    with pytest.raises(DataError, match=r"rare:// needs the package no_such_package; pip install no_such_package"):
        open_data("folder:rare://bucket/data", root=tmp_path, quiet=True)


def test_what_counts_as_a_url() -> None:
    for text in ("s3://b/k", "https://h", "file:///x", "zip://a::s3://b/c.zip", "memory://"):
        assert is_url(text)
    for text in ("data/line", "/data/line", "C:\\data", "a::b", "", "C:/data", "1://x"):
        assert not is_url(text)


def test_a_source_that_says_nothing_of_urls_is_given_them_as_they_stand(tmp_path: Path) -> None:
    given = []

    @data_source("of_a_third_party")
    def source(reference: Reference, root: Path) -> DataSet:
        given.append(reference.body)
        return DataSet((Sample("a", np.zeros((4, 4, 3), dtype=np.uint8), 0),))

    open_data("of_a_third_party:postgres://host/table", root=tmp_path)
    assert given == ["postgres://host/table"]


def test_what_tells_that_a_file_is_the_same() -> None:
    def now() -> float:
        return 1_000_000_000.0

    assert token_of({"size": 5}, now) is None
    assert token_of({"size": 5, "ETag": '"a"', "mtime": 1}, now) == token_of(
        {"size": 5, "ETag": '"a"', "mtime": 2}, now
    )
    assert token_of({"size": 5, "ETag": '"a"'}, now) != token_of({"size": 5, "ETag": '"b"'}, now)
    assert token_of({"size": 5, "mtime": 1}, now) != token_of({"size": 5, "mtime": 2}, now)
    assert token_of({"size": 5, "mtime": 1}, now) != token_of({"size": 6, "mtime": 1}, now)
    old, fresh = "Sun, 09 Sep 2001 01:46:20 GMT", "Sun, 09 Sep 2001 01:46:39 GMT"
    assert token_of({"size": 5, "Last-Modified": old}, now) is not None
    assert token_of({"size": 5, "Last-Modified": fresh}, now) is None
    assert token_of({"size": 5, "Last-Modified": fresh, "ETag": '"a"'}, now) is not None
