"""Packs as files: what is in them is read whole or refused, with the name of the file inside."""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelaudit.acceptance.canonical import canonical, sha256_of
from modelaudit.acceptance.pack import ReportSettings, manifest_of, read_pack, write_pack
from modelaudit.language.errors import AcceptanceError

FILES = {"run/run.json": b"{}", "README.en.md": b"hello", "run/images/0a.png": b"\x89PNG"}
REPORT = ReportSettings(language="en", budget=5_000_000)
Entries = dict[str, bytes]


def test_the_same_files_make_the_same_bytes(tmp_path: Path) -> None:
    one = write_pack(tmp_path / "one.zip", FILES, REPORT)
    other = write_pack(tmp_path / "other.zip", dict(reversed(FILES.items())), REPORT)
    assert one.read_bytes() == other.read_bytes()
    found = read_pack(one)
    assert found.files == FILES and found.signature is None
    found.unpack(tmp_path / "out")
    assert (tmp_path / "out/run/images/0a.png").read_bytes() == FILES["run/images/0a.png"]


def entries() -> Entries:
    return {"pack.json": manifest_of(FILES, REPORT).content(), **FILES}


def written(path: Path, content: Entries, *more: tuple[zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, one in content.items():
            archive.writestr(name, one)
        for entry, one in more:
            archive.writestr(entry, one)
    return path


def without(name: str) -> Entries:
    return {key: value for key, value in entries().items() if key != name}


def manifest(**changed: object) -> Entries:
    document = manifest_of(FILES, REPORT).model_dump(mode="json")
    return entries() | {"pack.json": canonical(document | changed)}


BAD: dict[str, tuple[Callable[[], Entries], str]] = {
    "changed": (lambda: entries() | {"run/run.json": b"[]"}, rf"run/run\.json: sha256: is {sha256_of(b'[]')}"),
    "missing": (lambda: without("README.en.md"), r"README\.en\.md: is in pack\.json and not in the pack"),
    "beyond": (lambda: entries() | {"run/summary.md": b""}, r"run/summary\.md: is in the pack and not in pack\.json"),
    "no manifest": (lambda: without("pack.json"), r"pack\.json: is missing"),
    "another version": (lambda: manifest(version=2), r"pack\.json: version: is 2, and this modelaudit reads 1"),
    "another kind": (lambda: manifest(format="other"), r"pack\.json: is not the manifest of a pack"),
    "a field too many": (lambda: manifest(level="reproduced"), r"pack\.json: is not the manifest of a pack"),
    "formatted": (
        lambda: entries() | {"pack.json": entries()["pack.json"].replace(b",", b", ")},
        r"pack\.json: is not canonical JSON",
    ),
    "a larger size": (
        lambda: manifest(files={name: {"sha256": sha256_of(one), "bytes": 9} for name, one in FILES.items()}),
        r"README\.en\.md: has 5 bytes, and pack\.json says 9",
    ),
    "absolute": (lambda: entries() | {"/etc/passwd": b""}, r"/etc/passwd: is not a name that a pack has"),
    "above": (lambda: entries() | {"run/../../run.json": b""}, r"run/\.\./\.\./run\.json: is not a name"),
    "a drive": (lambda: entries() | {"C:\\run.json": b""}, r"is not a name that a pack has"),
    "unknown": (lambda: entries() | {"run/setup.py": b""}, r"run/setup\.py: is not a name"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_a_pack_is_refused(kind: str, tmp_path: Path) -> None:
    make, complaint = BAD[kind]
    with pytest.raises(AcceptanceError, match=complaint):
        read_pack(written(tmp_path / "bad.zip", make()))


def test_a_link_is_refused(tmp_path: Path) -> None:
    entry = zipfile.ZipInfo("run/summary.md")
    entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with pytest.raises(AcceptanceError, match=r"run/summary\.md: is not a regular file"):
        read_pack(written(tmp_path / "bad.zip", entries(), (entry, b"/etc/passwd")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AcceptanceError, match=r"run/run\.json: is there twice"):
        read_pack(written(tmp_path / "bad.zip", entries(), (zipfile.ZipInfo("run/run.json"), b"{}")))


def test_whatever_is_cut_off_is_refused(tmp_path: Path) -> None:
    whole = write_pack(tmp_path / "whole.zip", FILES, REPORT).read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.zip").write_bytes(whole[:length])
        with pytest.raises(AcceptanceError, match=r"cut\.zip: "):
            read_pack(tmp_path / "cut.zip")


def test_a_changed_byte_changes_nothing_that_is_read(tmp_path: Path) -> None:
    whole = write_pack(tmp_path / "whole.zip", FILES, REPORT).read_bytes()
    refused = 0
    for at in range(len(whole)):
        (tmp_path / "bad.zip").write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        try:
            assert read_pack(tmp_path / "bad.zip").files == FILES
        except AcceptanceError:
            refused += 1
    assert refused > len(whole) // 2
