"""Data on a web server: listings, connections that break, servers in trouble, a run that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from data.pictures import image_array, line, mask_array, save
from data.remote_places import coco, seen
from data.web_server import Server, serving

from modelaudit.data import UnusableSample, decode, open_data
from modelaudit.data.remote import CACHE, local_copy, urls
from modelaudit.language.errors import DataError
from modelaudit.language.reasons import Missing

pytest.importorskip("aiohttp", reason="pip install 'pytest-modelaudit[remote]'")

LARGE = "/line/images/bolt/0.png"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves ``line`` (a folder with one larger image) and ``coco``."""
    monkeypatch.setattr(local_copy, "_PAUSE", 0.0)
    folder = tmp_path / "served"
    line(folder / "line")
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    save(folder / LARGE[1:], noise)
    (folder / "coco").mkdir()
    coco(folder / "coco")
    with serving(folder) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def tree(root: Path) -> Path:
    (found,) = (root / CACHE).glob("*/tree")
    return found


def test_a_folder_is_read_by_the_links_of_its_pages(server: Server, root: Path, tmp_path: Path) -> None:
    local = open_data("folder:served/line", root=tmp_path)
    for slash in ("", "/"):
        assert seen(open_data(f"folder:{server.url}/line{slash}", root=root, quiet=True)) == seen(local)


def test_a_second_run_asks_for_the_state_of_files_and_fetches_none(server: Server, root: Path) -> None:
    first = seen(open_data(f"folder:{server.url}/line", root=root, quiet=True))
    assert len(server.got()) == 8
    server.requests.clear()
    assert seen(open_data(f"folder:{server.url}/line", root=root, quiet=True)) == first
    assert server.got() == []
    assert sum(method == "HEAD" for method, _, _ in server.requests) == 8


def test_names_with_blanks_and_signs_are_the_names_of_a_disk(server: Server, root: Path, tmp_path: Path) -> None:
    for name in ("two words/a b.png", "schräg/ü.png", "signs/100% + #1 & 'x'.png", "signs/a;b=c,d@e.png"):
        save(tmp_path / "served" / "odd line" / name, image_array(mask_array()))
    local = open_data("folder:served/odd line", root=tmp_path)
    for written in ("odd line", "odd%20line"):
        assert seen(open_data(f"folder:{server.url}/{written}", root=root, quiet=True)) == seen(local)


def test_annotations_fetch_the_files_that_they_name(server: Server, root: Path, tmp_path: Path) -> None:
    save(tmp_path / "served" / "coco" / "images" / "unnamed.png", image_array(mask_array()))
    local = open_data("coco:served/coco/annotations.json", root=tmp_path)
    data = open_data(f"coco:{server.url}/coco/annotations.json", root=root, quiet=True)
    assert seen(data) == seen(local)
    assert "/coco/images/unnamed.png" not in server.got()


def test_without_listings_the_images_of_annotations_are_found_by_name(server: Server, root: Path) -> None:
    server.lists = False
    url = f"coco:{server.url}/coco/annotations.json"
    with pytest.raises(DataError, match=r"none of the 2 files that the annotations name exists.*\?images=URL"):
        open_data(url, root=root, quiet=True)
    for images in ("images", f"{server.url}/coco/images"):
        data = open_data(f"{url}?images={images}", root=root, quiet=True)
        assert [one.id for one in data.samples] == ["1.png", "night/2.png"]
        assert all(decode(one).mask is not None for one in data.samples)
    with pytest.raises(DataError, match=r"is not there.*over HTTP a folder is read by the links"):
        open_data(f"folder:{server.url}/line", root=root, quiet=True)


@pytest.mark.parametrize("ranges", [False, True], ids=["from the beginning only", "ranges"])
def test_a_connection_that_breaks_in_the_middle_is_taken_up_again(
    server: Server, root: Path, tmp_path: Path, ranges: bool
) -> None:
    server.breaks[LARGE], server.ranges = 1, ranges
    data = open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert seen(data) == seen(open_data("folder:served/line", root=tmp_path))
    asked = [part for method, path, part in server.requests if method == "GET" and path == LARGE]
    half = (tmp_path / "served" / LARGE[1:]).stat().st_size // 2
    assert len(asked) >= 2
    if ranges:
        assert str(asked[1]).startswith(f"bytes={half}-"), "it goes on where it broke off"


def test_a_connection_that_keeps_breaking_leaves_no_half_file(server: Server, root: Path, tmp_path: Path) -> None:
    server.breaks[LARGE] = 1000
    with pytest.raises(DataError, match=r"'images/bolt/0\.png' could not be fetched.*3 attempts.*run again to resume"):
        open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert not (tree(root) / "images" / "bolt" / "0.png").exists()
    whole = tmp_path / "served" / "line"
    for path in tree(root).rglob("*.png"):
        assert path.read_bytes() == (whole / path.relative_to(tree(root))).read_bytes()
    kept = {f"/line/{path.relative_to(tree(root)).as_posix()}" for path in tree(root).rglob("*.png")}
    server.breaks.clear()
    server.requests.clear()
    data = open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert seen(data) == seen(open_data("folder:served/line", root=tmp_path))
    assert LARGE in server.got() and not kept & set(server.got())


def test_a_server_that_falls_silent_is_left(server: Server, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "_SILENCE", 2.0)  # long enough for the other files on a busy machine
    monkeypatch.setattr(local_copy, "ATTEMPTS", 1)
    server.slow[LARGE] = 6.0
    with pytest.raises(DataError, match=r"'images/bolt/0\.png' could not be fetched"):
        open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert not (tree(root) / "images" / "bolt" / "0.png").exists()


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_server_in_trouble_is_no_missing_file(server: Server, root: Path, status: int) -> None:
    server.errors["/coco/images/1.png"] = status
    with pytest.raises(DataError, match=rf"'images/1\.png' cannot be read: {status}"):
        open_data(f"coco:{server.url}/coco/annotations.json", root=root, quiet=True)


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_that_is_not_there_is_a_counted_sample(server: Server, root: Path, status: int) -> None:
    server.errors["/coco/images/1.png"] = status
    data = open_data(f"coco:{server.url}/coco/annotations.json", root=root, quiet=True)
    assert len(data.samples) == 2
    with pytest.raises(UnusableSample) as caught:
        decode(data.samples[0])
    assert caught.value.reason is Missing.UNREADABLE_IMAGE


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_folder_below_that_cannot_be_listed_is_an_error(server: Server, root: Path, status: int) -> None:
    server.errors["/line/images/nut/"] = status
    with pytest.raises(DataError, match="'images/nut'"):
        open_data(f"folder:{server.url}/line", root=root, quiet=True)


def test_a_file_that_changes_is_fetched_again(server: Server, root: Path, tmp_path: Path) -> None:
    open_data(f"folder:{server.url}/line", root=root, quiet=True)
    server.requests.clear()
    path = tmp_path / "served" / LARGE[1:]
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same size
    os.utime(path, (1_100_000_000, 1_100_000_000))
    open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert server.got() == [LARGE]


def test_a_file_that_was_just_changed_is_not_taken_for_the_same(server: Server, root: Path, tmp_path: Path) -> None:
    """Web servers tell times in whole seconds."""
    path = tmp_path / "served" / LARGE[1:]
    path.touch()
    open_data(f"folder:{server.url}/line", root=root, quiet=True)
    server.requests.clear()
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert server.got() == [LARGE]


def test_links_to_other_places_and_orders_of_a_listing_are_no_files(server: Server, root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "served" / "apache" / "bolt"
    save(folder / "1.png", image_array(mask_array()))
    links = ["?C=N;O=D", "/", "../", "/elsewhere/2.png", "https://example.invalid/3.png", "1.png", "./1.png"]
    page = "".join(f'<a href="{link}">x</a>\n' for link in links)
    (folder / "index.html").write_text(page)
    (folder.parent / "index.html").write_text('<a href="bolt/">bolt</a>')
    data = open_data(f"folder:{server.url}/apache", root=root, quiet=True)
    assert [one.id for one in data.samples] == ["bolt/1.png"]


@pytest.mark.parametrize(
    "link", ["..%2f..%2f..%2fout.png", "%2e%2e/out.png", "a%00.png", "%2fetc%2fout.png", "a%5cb.png"]
)
def test_a_listing_cannot_write_outside_of_its_copy(server: Server, root: Path, tmp_path: Path, link: str) -> None:
    folder = tmp_path / "served" / "evil" / "bolt"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="{link}">x</a>')
    (folder.parent / "index.html").write_text('<a href="bolt/">bolt</a>')
    with pytest.raises(DataError, match=r"holds the name|has no files|is outside of it|does not have it"):
        open_data(f"folder:{server.url}/evil", root=root, quiet=True)
    assert not list(tmp_path.rglob("out.png")) and not Path("/etc/out.png").exists()


def test_an_archive_on_a_server(server: Server, root: Path, tmp_path: Path) -> None:
    import shutil

    shutil.make_archive(str(tmp_path / "served" / "packed"), "zip", tmp_path / "served", "line")
    local = seen(open_data("folder:served/line", root=tmp_path))
    with pytest.raises(DataError, match="simplecache"):
        open_data(f"folder:zip://line::{server.url}/packed.zip", root=root, quiet=True)
    assert seen(open_data(f"folder:zip://line::simplecache::{server.url}/packed.zip", root=root, quiet=True)) == local
    server.ranges = True
    assert seen(open_data(f"folder:zip://line::{server.url}/packed.zip", root=root, quiet=True)) == local


def test_a_server_that_cannot_be_reached_is_a_clear_error(root: Path) -> None:
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/line cannot be read: Cannot connect"):
        open_data("folder:http://127.0.0.1:9/line", root=root, quiet=True)


def test_a_run_that_is_killed_in_the_middle_is_resumed(server: Server, root: Path, tmp_path: Path) -> None:
    reached, go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == LARGE:
            reached.set()
            go_on.wait(120)

    server.before = wait
    code = "import sys; from pathlib import Path; from modelaudit.data import open_data; "
    code += "open_data(sys.argv[1], root=Path(sys.argv[2]), quiet=True)"
    child = subprocess.Popen([sys.executable, "-c", code, f"folder:{server.url}/line", str(root)])
    try:
        assert reached.wait(120)
        deadline = threading.Event()
        while len(list((root / CACHE).glob("*/tree/*/*/*.png"))) < 7 and child.poll() is None:
            deadline.wait(0.02)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait(30)
    go_on.set()
    assert not (tree(root) / "images" / "bolt" / "0.png").exists()
    (lines,) = (root / CACHE).glob("*/journal.jsonl")
    assert 6 <= len([json.loads(one) for one in lines.read_text().splitlines()]) <= 7
    server.requests.clear()
    data = open_data(f"folder:{server.url}/line", root=root, quiet=True)
    assert seen(data) == seen(open_data("folder:served/line", root=tmp_path))
    assert LARGE in server.got() and len(server.got()) <= 2
    assert not list((root / CACHE).glob("*/partial/*"))


def test_two_that_read_one_place_at_once_share_its_copy(server: Server, root: Path, tmp_path: Path) -> None:
    """The lock is one of the file system: it holds between threads as between processes."""
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: seen(open_data(f"folder:{server.url}/line", root=root, quiet=True)), range(3)))
    assert found == [seen(open_data("folder:served/line", root=tmp_path))] * 3
    assert len(server.got()) == 8
