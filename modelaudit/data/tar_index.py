"""What lies where in a tar archive, read once from its headers; nothing is unpacked."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

from ..language.errors import DataError
from .parts import FilePart

_BLOCK = 512
_CHUNK = 1 << 20


def members(path: Path) -> list[FilePart]:
    """The files in an archive, in order, by their names.

    Raises:
        DataError: it is no uncompressed tar, it is cut off or damaged, or it holds what is no plain file or has a name
            that leads out of it.
    """
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
            found = list(_files(archive, path))
            end = archive.offset
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except tarfile.TarError as error:
        hint = "; an archive that is compressed cannot be read by offsets: unpack it" if _is_packed(path) else ""
        raise DataError(f"{path} is no whole tar archive: {error}{hint}") from error
    _check_end(path, end)
    return found


def _files(archive: tarfile.TarFile, path: Path) -> Iterator[FilePart]:
    for member in archive:
        name = member.name.removeprefix("./")
        if member.isdir():
            continue
        if name.startswith("/") or ".." in name.split("/") or "\\" in name or "\0" in name:
            raise DataError(f"{path}: {member.name!r} leads out of the archive; pack it with names below one folder")
        if not member.isreg() or member.issparse():
            raise DataError(f"{path}: {member.name!r} is a link or no plain file; pack the file itself")
        yield FilePart(path, member.offset_data, member.size, name)


def _check_end(path: Path, end: int) -> None:
    """tarfile takes damage in the middle for the end; a whole archive closes with zeros, and nothing after them."""
    with path.open("rb") as file:
        file.seek(end)
        closing = file.read(_BLOCK)
        if len(closing) < _BLOCK or any(closing):
            raise DataError(f"{path} has no end mark after its last readable file, at byte {end}: cut off or damaged")
        while chunk := file.read(_CHUNK):
            if chunk.strip(b"\0"):
                raise DataError(f"{path} goes on after its end mark at byte {end}: damaged, or several archives in one")


def _is_packed(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(6)
    return start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd"))
