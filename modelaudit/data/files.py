"""Files of a data set: which ones are images, what they are called, and that they lie where they should."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ..language.errors import DataError

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff"})


def is_image(path: Path) -> bool:
    """By its ending, in either case."""
    return path.suffix.lower() in IMAGE_ENDINGS


def relative_id(path: Path, base: Path) -> str:
    """The path below `base`, in NFC and with ``/``: the same on every system."""
    text, start = os.fspath(path), f"{base}{os.sep}"
    below = text[len(start) :] if text.startswith(start) else os.fspath(path.relative_to(base))
    return unicodedata.normalize("NFC", below.replace(os.sep, "/"))


def existing_folder(text: str, *bases: Path, what: str) -> Path:
    """The folder `text`, looked for below each of `bases`.

    Raises:
        DataError: says where it was looked for.
    """
    tried = [base / Path(text).expanduser() for base in bases]
    for folder in tried:
        if folder.is_dir():
            return folder
    raise DataError(f"{what}: no folder at " + " or ".join(str(folder) for folder in dict.fromkeys(tried)))


def files_below(folder: Path) -> Iterator[Path]:
    """All files below, sorted, without hidden ones; links are followed only to what lies below the folder itself.

    Raises:
        DataError: a link that leads out of the folder, or a part of it that cannot be read.
    """
    yield from _below(folder, folder.resolve())


def _below(folder: Path, inside: Path) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            entries = sorted((entry for entry in found if not _hidden(entry.name)), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}") from error
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    for entry in [*folders, *files]:
        if entry.is_symlink():
            confined(Path(entry.path), inside, entry.path)
    yield from (Path(entry.path) for entry in files)
    for entry in folders:
        yield from _below(Path(entry.path), inside)


def confined(path: Path, folder: Path, named: object) -> Path:
    """`path`, which must lie in `folder` after all links and ``..`` are resolved.

    Raises:
        DataError: it does not.
    """
    resolved = path.resolve()
    if not resolved.is_relative_to(folder.resolve()):
        raise DataError(
            f"{named} leads to {resolved}, outside of the data in {folder}; put the files themselves there, or name "
            "the folder they are in by the reference (its path, ?masks= or ?images=)"
        )
    if path.is_symlink() and path.is_dir():
        raise DataError(f"{named} is a link to the folder {resolved}, whose files would count twice; remove the link")
    return path


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
