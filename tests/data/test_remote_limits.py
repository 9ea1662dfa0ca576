"""What servers can do to a run: nothing without an end, and no more bytes than are allowed or stated."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from data.pictures import line
from data.remote_places import Shelf, put, seen
from data.web_server import Server, serving

from modelaudit.data import open_data
from modelaudit.data.remote import local_copy, urls
from modelaudit.data.remote.limits import Limits, limits_of, shown
from modelaudit.language.errors import DataError

pytest.importorskip("aiohttp", reason="pip install 'pytest-modelaudit[remote]'")
pytestmark = pytest.mark.timeout(60)

FILE = "/line/images/bolt/0.png"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(local_copy, "_PAUSE", 0.0)
    line(tmp_path / "served" / "line")
    (tmp_path / "root").mkdir()
    with serving(tmp_path / "served") as running:
        yield running


def endless(part: bytes = bytes(2**16), pause: float = 0.0) -> Iterator[bytes]:
    while True:
        yield part
        time.sleep(pause)


def refused(server: Server, tmp_path: Path, message: str, options: str = "") -> None:
    with pytest.raises(DataError, match=message):
        open_data(f"folder:{server.url}/line{options}", root=tmp_path / "root", quiet=True)
    assert not list((tmp_path / "root").rglob("images/bolt/0.png"))
    kept = sum(path.stat().st_size for path in (tmp_path / "root").rglob("*") if path.is_file())
    assert kept < 5 * 10**7, "what came of an endless file is removed"


def test_a_file_without_an_end_is_left(server: Server, tmp_path: Path) -> None:
    server.streams[FILE] = endless
    refused(
        server, tmp_path, r"'images/bolt/0\.png' goes on after .* MB; 1 MB of a file.*\?fetch_file=", "?fetch_file=1MB"
    )
    assert server.got().count(FILE) <= 2, "asked for its size and fetched once: trying again does not help"


def test_a_file_that_drips_is_left_when_the_time_is_up(server: Server, tmp_path: Path) -> None:
    server.streams[FILE] = lambda: endless(b"x", 0.02)
    refused(server, tmp_path, r"not fetched after 0\.05 minutes.*\?fetch_minutes=", "?fetch_minutes=0.05")


def test_a_file_that_is_larger_than_stated_is_left(server: Server, tmp_path: Path) -> None:
    server.streams[FILE], server.states[FILE] = endless, 1000
    refused(server, tmp_path, r"'images/bolt/0\.png': the server stated 1000 bytes and sends more")


def test_a_file_that_is_stated_to_be_too_large_is_not_fetched(server: Server, tmp_path: Path) -> None:
    server.streams[FILE], server.states[FILE] = endless, 10**12
    refused(server, tmp_path, r"'images/bolt/0\.png' has 1 TB; 16 GB of a file are fetched at most")
    assert server.got() == []
    refused(server, tmp_path, r"1 TB would be fetched; 500 GB are fetched at most.*\?fetch_total=", "?fetch_file=2TB")
    assert server.got() == []


def test_a_file_that_grows_as_it_is_unpacked_is_left(server: Server, tmp_path: Path) -> None:
    (tmp_path / "served" / "line" / "images" / "nut" / "zipped.png").write_bytes(b"x")
    packed = gzip.compress(bytes(5 * 10**7))
    server.streams["/line/images/nut/zipped.png"] = lambda: [packed]
    with pytest.raises(DataError, match=r"'images/nut/zipped\.png' goes on after"):
        open_data(f"folder:{server.url}/line?fetch_file=10MB", root=tmp_path / "root", quiet=True)


def test_all_files_together_have_a_limit(server: Server, tmp_path: Path) -> None:
    refused(server, tmp_path, r"bytes would be fetched; 300 bytes are fetched at most", "?fetch_total=300")


def test_a_page_without_an_end_is_no_listing(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "MOST_BYTES_OF_A_PAGE", 10**6)
    server.streams["/line/"] = endless
    refused(server, tmp_path, r"cannot be read: its page has more than 1 MB")


def test_a_tree_without_an_end_is_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelaudit.data.remote.listing.MOST_FILES", 50)
    page = b"".join(b'<a href="%d/">x</a>\n' % number for number in range(60))
    server.streams["/line/"] = lambda: [page]
    refused(server, tmp_path, "lists more than 50 files and folders")


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://localhost/x", FILE])
def test_a_redirect_leads_to_no_other_kind_of_place_and_ends(server: Server, tmp_path: Path, target: str) -> None:
    server.redirects[FILE] = target
    refused(server, tmp_path, r"'images/bolt/0\.png'")


def test_a_file_system_that_never_ends_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(Shelf):
        protocol = "endless"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return super()._strip_protocol(path.replace("endless://", "shelf://", 1))

        def get_file(self, rpath: str, lpath: str, callback: object = None, **options: object) -> None:
            for part in endless():
                callback.relative_update(len(part))  # type: ignore[union-attr]

    import fsspec

    fsspec.register_implementation("endless", Endless, clobber=True)
    Shelf.store.clear()
    line(tmp_path / "line")
    put(Shelf(), tmp_path / "line", "/data")
    with pytest.raises(DataError, match="sends more"):
        open_data("folder:endless://data", root=tmp_path, quiet=True)


def test_honest_data_are_read_within_their_limits(server: Server, tmp_path: Path) -> None:
    options = "?fetch_file=1kB&fetch_total=100 kb&fetch_minutes=5"
    data = open_data(f"folder:{server.url}/line{options}", root=tmp_path / "root", quiet=True)
    assert seen(data) == seen(open_data("folder:served/line", root=tmp_path))


@pytest.mark.parametrize("option", ["fetch_file=0", "fetch_file=5 apples", "fetch_total=-1", "fetch_minutes=nan"])
def test_what_is_no_limit_is_refused(option: str) -> None:
    name, _, said = option.partition("=")
    with pytest.raises(DataError, match=rf"{option}; write e\.g\. {name}="):
        limits_of({name: said}, "folder:x")
    assert limits_of({"fetch_total": "1.5TB"}, "") == Limits(total=1_500_000_000_000)
    assert [shown(count) for count in (0, 999, 1000, 2.5e13)] == ["0 bytes", "999 bytes", "1 KB", "25 TB"]
