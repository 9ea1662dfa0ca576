"""The image files of a folder, and what is passed over in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from ..language.errors import DataError
from ..language.reference import Reference
from .files import files_below, is_image, relative_id

_NAMED = 3


@dataclass(frozen=True)
class FolderListing:
    """The image files of a folder by their paths below it, and notes on what was passed over."""

    folder: Path
    images: dict[str, Path]
    notes: list[str]


def list_images(reference: Reference, folder: Path, apart: Sequence[Path]) -> FolderListing:
    """Lists the images of a folder; other files, hidden ones, and those of ``?ignore=`` are named in notes.

    Args:
        apart: folders that hold no images of the data.

    Raises:
        DataError: no image, or two names that are one in Unicode's NFC.
    """
    images: dict[str, Path] = {}
    others: list[str] = []
    hidden: list[str] = []
    ignored: list[str] = []
    patterns = [part.strip() for part in reference.options.get("ignore", "").split(",") if part.strip()]
    below = [one for one in apart if one != folder and one.is_relative_to(folder)]
    for path in files_below(folder, hidden):
        if any(path.is_relative_to(one) for one in below):
            continue
        name = relative_id(path, folder)
        if _matches(name, patterns):
            ignored.append(name)
        elif not is_image(path):
            others.append(name)
        elif name in images:
            raise DataError(f"{path} and {images[name]} have the same name in Unicode's NFC; rename one")
        else:
            images[name] = path
    if not images:
        raise DataError(
            f"{reference.text!r}: no image in {folder}; looked for <label>/<name> ending in png, jpg, webp, bmp or tif"
            + (f" and found {_counted(others)}" if others else "")
        )
    notes = [f"files without the ending of an image were skipped: {_counted(others)}"] if others else []
    if hidden:
        notes.append(f"hidden files and folders were skipped: {_counted(sorted(hidden))}")
    if patterns:
        notes.append(f"files left out by ignore=: {len(ignored)}" + (f" ({first_names(ignored)})" if ignored else ""))
    return FolderListing(folder, images, notes)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    """Whether a pattern fits the path, one of its folders, or its last part."""
    return any(fnmatchcase(part, pattern) for pattern in patterns for part in (name, *name.split("/")))


def _counted(names: Sequence[str]) -> str:
    """A few names as they are, many by their endings."""
    if len(names) <= _NAMED:
        return ", ".join(names)
    endings = Counter(Path(name).suffix.lower() or Path(name).name for name in names)
    return (
        f"{first_names(names)} (" + ", ".join(f"{count} x {ending}" for ending, count in sorted(endings.items())) + ")"
    )


def first_names(names: Sequence[str]) -> str:
    """Three of the names, and how many more there are."""
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
