"""Only regular files are opened: nothing hangs, and nothing without an end is read."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.data import open_data
from modelaudit.data.class_names import yaml_of
from modelaudit.data.labels import read_labels
from modelaudit.evidence.record import read_record
from modelaudit.language.errors import AuditError, AuditFileError, DataError
from modelaudit.language.json_file import read_json
from modelaudit.language.regular_files import open_file, read_file
from modelaudit.language.yaml_file import load_audit_file


def pipe(path: Path) -> None:
    os.mkfifo(path)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def bound_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(str(path))


PLACES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a named pipe": (pipe, "is a named pipe and no regular file"),
    "a device": (device, "is a device and no regular file"),
    "a folder": (Path.mkdir, "Is a directory"),
    "a socket": (bound_socket, "is a socket and no regular file"),
}
READERS: dict[str, Callable[[Path], object]] = {
    "audit": lambda path: load_audit_file(path, allow_code=False),
    "json": lambda path: read_json(path, DataError),
    "run.json": read_record,
    "data.yaml": yaml_of,
    "labels.json": read_labels,
    "coco": lambda path: open_data(f"coco:{path}", root=path.parent),
}

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names"),
    pytest.mark.timeout(20),
]


@pytest.mark.parametrize("kind", PLACES)
def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    make, message = PLACES[kind]
    make(tmp_path / "x")
    with pytest.raises(OSError, match=message):
        open_file(tmp_path / "x")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["a named pipe", "a device"])
def test_every_reader_names_what_is_no_regular_file(tmp_path: Path, kind: str, reader: str) -> None:
    path = tmp_path / f"x.{reader.rpartition('.')[2]}"
    PLACES[kind][0](path)
    with pytest.raises(AuditError, match=rf"{path.name}: .*is {kind} and no regular file"):
        READERS[reader](path)


def test_a_text_that_names_no_file_is_an_error_like_others() -> None:
    for text in ("a\0b", "\ud83d"):
        with pytest.raises(OSError, match="is not a file name"):
            open_file(Path(text))


def test_a_link_to_a_file_is_followed_and_a_size_is_a_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    assert read_file(tmp_path / "link", most=5) == b"12345"
    with pytest.raises(OSError, match="has 5 bytes; at most 4 are read"):
        read_file(tmp_path / "link", most=4)
    with pytest.raises(AuditFileError, match=r"has 8388608 bytes"):
        (tmp_path / "a.audit.yaml").write_bytes(b"#" * 2**23)
        load_audit_file(tmp_path / "a.audit.yaml", allow_code=False)
