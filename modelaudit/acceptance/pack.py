"""Packs: one file with a run and what was agreed, made for the other party; and how it is opened.

A pack comes from somebody else. Nothing of it is unpacked before its names, sizes and digests are known to be those of
its manifest, and names are those that this module knows.
"""

from __future__ import annotations

import os
import platform
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from ..evidence.record import RECORD_NAME, RunRecord
from ..language.errors import AcceptanceError, first_line
from ..language.regular_files import open_file, read_file
from .canonical import canonical, sha256_of
from .canonical_file import CanonicalFile
from .statement import DETAILS_NAME, EVIDENCE_NAME, REPORT_NAME, SIGNED_NAME

if TYPE_CHECKING:
    from securesystemslib.signer import Signer

MANIFEST, SIGNATURE, ENVIRONMENT = "pack.json", "pack.dsse", "environment.json"
REDACTED_NAME, SUMMARY_NAME = "report.redacted.html", "summary.md"
RUN, AGREEMENT = "run/", "agreement/"
LOCK_FILE = f"{AGREEMENT}agreement.lock"
_OF_RUN = (RECORD_NAME, REPORT_NAME, SUMMARY_NAME, EVIDENCE_NAME, DETAILS_NAME, SIGNED_NAME)
_OF_AGREEMENT = (
    *("agreement.yaml", "agreement.yml", "agreement.lock", "agreement.lock.dsse", "agreement.lock.tsr"),
    *("waivers.yaml", "waivers.yml", "waivers.dsse"),
)
_IMAGE = re.compile(r"images/[0-9A-Za-z_-]+\.[a-z]+")
REVIEWS = f"{AGREEMENT}reviews/"
_REVIEW = re.compile(r"agreement/reviews/[0-9A-Za-z_-][0-9A-Za-z._-]{0,99}\.json(\.dsse)?")
_NAMES = frozenset(
    {"README.en.md", "README.ja.md", ENVIRONMENT, f"{RUN}{REDACTED_NAME}"}
    | {f"{RUN}{name}" for name in _OF_RUN}
    | {f"{AGREEMENT}{name}" for name in _OF_AGREEMENT}
)
#: of a pack as it is, of everything in it, and how many files it may have
_MOST_BYTES, _MOST_UNPACKED, _MOST_FILES = 2**30, 2**31, 20_000
_MOST_MANIFEST = 2**24
_TAKE_AGAIN = "take the pack again from who made it"
#: what reading a damaged archive raises
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, ValueError, OSError)


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PackedFile(_Fields):
    """A file by its SHA-256 and its size."""

    sha256: str
    bytes: int


class ReportSettings(_Fields):
    """How the reports of a pack are made of its record: the language that is shown first, and the size in bytes."""

    language: Literal["en", "ja"]
    budget: int


class Manifest(CanonicalFile):
    """What a pack holds besides its manifest and the signature of it."""

    called, written_by, way_out = "the manifest of a pack", "modelaudit pack", _TAKE_AGAIN

    format: Literal["modelaudit pack"] = "modelaudit pack"
    version: Literal[1] = 1
    report: ReportSettings
    files: dict[str, PackedFile]


@dataclass(frozen=True)
class Pack:
    """A pack whose files are those of its manifest; nothing that they say is verified yet.

    Args:
        path: its file, for messages.
        files: content by name, as ``run/run.json``, without manifest and signature.
        signature: the content of ``pack.dsse``, where it is there.
    """

    path: Path
    manifest: Manifest
    files: Mapping[str, bytes]
    signature: bytes | None = None

    def unpack(self, folder: Path) -> None:
        """Write its files into an empty folder."""
        unpack(self.files, folder)


def unpack(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files, whose names a pack has, into an empty folder."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def files_of_run(run: Path, record: RunRecord, audits: Path) -> dict[str, bytes]:
    """The files of a run, of the pictures that its record names, of what was agreed, and of the reviews that count, by
    their names in a pack.

    Args:
        run: its folder.
        audits: the folder of the agreement; files that it does not have are left out.

    Raises:
        AcceptanceError: one cannot be read.
    """
    pictures = sorted({file for file in record.files if _IMAGE.fullmatch(file)})
    found = {f"{RUN}{name}": run / name for name in (*_OF_RUN, *pictures)}
    found |= {f"{AGREEMENT}{name}": audits / name for name in _OF_AGREEMENT}
    reviews = {name for one in record.reviews for name in (one.file, f"{one.file}.dsse")}
    found |= {f"{REVIEWS}{name}": audits / "reviews" / name for name in sorted(reviews)}
    return {name: _read(file) for name, file in found.items() if file.exists()}


def environment() -> dict[str, Any]:
    """What is installed here, by name and version, with Python and the kind of machine; it names no host and no user.

    A name that is found twice is the one that Python imports: the first.
    """
    installed: dict[str, str] = {}
    for one in distributions():
        installed.setdefault(re.sub(r"[-_.]+", "-", one.name or "").lower(), one.version)
    installed.pop("", None)
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": f"{platform.system()} {platform.machine()}",
        "distributions": dict(sorted(installed.items())),
    }


def environment_departs(found: Mapping[str, Any], record: RunRecord) -> list[str]:
    """Everything in which an environment is not that of a run, field by field, as far as the run's record says."""
    origin, installed = record.provenance, found.get("distributions", {})
    pairs = [("platform", origin.platform, found.get("platform"))]
    for name, run in origin.versions.items():
        here = found.get("python") if name == "python" else installed.get(name, "not installed")
        pairs.append((name, run, here))
    return [f"{name}: is {here}, and the run had {then}" for name, then, here in pairs if here != then]


def manifest_of(files: Mapping[str, bytes], report: ReportSettings) -> Manifest:
    """The manifest of a pack with these files."""
    known = {name: PackedFile(sha256=sha256_of(content), bytes=len(content)) for name, content in files.items()}
    return Manifest(modelaudit=version("pytest-modelaudit"), report=report, files=known)


def write_pack(path: Path, files: Mapping[str, bytes], report: ReportSettings, signer: Signer | None = None) -> Path:
    """Write a pack, whole or not at all: the same files make the same bytes (with the same zlib).

    Args:
        signer: signs the manifest; an Ed25519 key makes the same signature each time, an ECDSA key another one.

    Raises:
        AcceptanceError: it cannot be written, or the key cannot sign.
    """
    manifest = manifest_of(files, report).content()
    outer = {MANIFEST: manifest} | ({} if signer is None else {SIGNATURE: _signed(manifest, signer)})
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with zipfile.ZipFile(draft, "w") as archive:
            for name, content in (*outer.items(), *sorted(files.items())):
                entry = zipfile.ZipInfo(name)  # of 1980, the earliest time that the format has
                entry.create_system, entry.external_attr = 3, (stat.S_IFREG | 0o644) << 16
                archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise AcceptanceError(f"{path}: cannot be written ({error.strerror}); give another -o") from error
    return path


def _signed(manifest: bytes, signer: Signer) -> bytes:
    from .envelope import PACK, Envelope, sign

    return canonical(sign(Envelope(PACK, manifest), signer).document())


def read_pack(path: Path) -> Pack:
    """A pack from its file; its content is that of its manifest, and nothing else is verified.

    Raises:
        AcceptanceError: not a whole zip file, a name that no pack has (an absolute one, ``..``, a link, a folder),
            a name twice, too many or too large files, another version, a file that the manifest does not have or that
            is missing, or a digest that differs; with the name of the file inside.
    """
    try:
        with open_file(path, most=_MOST_BYTES) as file, zipfile.ZipFile(file) as archive:
            _check_entries(archive.infolist(), path)
            content = {entry.filename: _content(archive, entry, path) for entry in archive.infolist()}
    except _DAMAGED as error:
        said = getattr(error, "strerror", None) or first_line(error)
        raise AcceptanceError(f"{path}: is not a whole pack ({said}); {_TAKE_AGAIN}") from error
    if MANIFEST not in content:
        raise AcceptanceError(f"{path}: {MANIFEST}: is missing, so this is not a pack; modelaudit pack makes one")
    manifest = Manifest.parse(content.pop(MANIFEST), f"{path}: {MANIFEST}")
    signature = content.pop(SIGNATURE, None)
    for problem in _departures(manifest, content):
        raise AcceptanceError(f"{path}: {problem}; {_TAKE_AGAIN}")
    return Pack(path, manifest, content, signature)


def _check_entries(entries: list[zipfile.ZipInfo], path: Path) -> None:
    if len(entries) > _MOST_FILES:
        raise AcceptanceError(f"{path}: has {len(entries)} files, and a pack has at most {_MOST_FILES}; {_TAKE_AGAIN}")
    total, seen = 0, set[str]()
    for entry in entries:
        total += entry.file_size
        for problem in _of_entry(entry, seen):
            raise AcceptanceError(f"{path}: {entry.orig_filename}: {problem}; {_TAKE_AGAIN}")
        seen.add(entry.filename)
    if total > _MOST_UNPACKED:
        raise AcceptanceError(f"{path}: unpacks to {total} bytes, and at most {_MOST_UNPACKED} are read")


def _of_entry(entry: zipfile.ZipInfo, seen: set[str]) -> Iterator[str]:
    name, mode = entry.filename, entry.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        yield "is not a regular file (a link, for example), and a pack has nothing else"
    if name != entry.orig_filename or not _is_known(name):
        yield "is not a name that a pack has"
    if name in seen:
        yield "is there twice"
    if entry.flag_bits & 1:
        yield "is encrypted"
    if name in (MANIFEST, SIGNATURE) and entry.file_size > 2 * _MOST_MANIFEST:
        yield f"has {entry.file_size} bytes, which is too large"


def _is_known(name: str) -> bool:
    known = name in (MANIFEST, SIGNATURE) or name in _NAMES
    return known or bool(_IMAGE.fullmatch(name.removeprefix(RUN)) or _REVIEW.fullmatch(name))


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> bytes:
    try:
        content = archive.read(entry)
    except _DAMAGED as error:
        raise AcceptanceError(
            f"{path}: {entry.filename}: is damaged ({first_line(error) or 'cut short'}); {_TAKE_AGAIN}"
        ) from error
    if len(content) != entry.file_size:
        raise AcceptanceError(f"{path}: {entry.filename}: is cut short; {_TAKE_AGAIN}")
    return content


def _departures(manifest: Manifest, content: Mapping[str, bytes]) -> Iterator[str]:
    for name in sorted({*manifest.files, *content}):
        if name not in content:
            yield f"{name}: is in {MANIFEST} and not in the pack"
        elif name not in manifest.files:
            yield f"{name}: is in the pack and not in {MANIFEST}"
        elif (digest := sha256_of(content[name])) != manifest.files[name].sha256:
            yield f"{name}: sha256: is {digest}, and {MANIFEST} has {manifest.files[name].sha256}: it was changed"
        elif len(content[name]) != manifest.files[name].bytes:
            yield f"{name}: has {len(content[name])} bytes, and {MANIFEST} says {manifest.files[name].bytes}"


def _read(file: Path) -> bytes:
    try:
        return read_file(file)
    except OSError as error:
        raise AcceptanceError(f"{file}: {error.strerror or error}; the pack needs it") from error
