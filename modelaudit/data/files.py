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
    return unicodedata.normalize("NFC", path.relative_to(base).as_posix())


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
    inside = folder.resolve()
    for parent, folders, names in os.walk(folder, onerror=_unreadable, followlinks=False):
        folders[:] = sorted(name for name in folders if not _hidden(name))
        files = sorted(name for name in names if not _hidden(name))
        for path in (Path(parent, name) for name in [*folders, *files]):
            if path.is_symlink():
                confined(path, inside, path)
        yield from (Path(parent, name) for name in files)


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


def _unreadable(error: OSError) -> None:
    raise DataError(f"cannot list {error.filename}: {error.strerror}") from error
