"""Files of a data set: which ones are images, their ids, and that none is outside of the data."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from ..language.errors import DataError
from ..language.regular_files import read_file
from .root import Root, current_root, outside, refuse_unadmitted

_DRIVE = re.compile(r"[A-Za-z]:/")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]+:/+")

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp", ".bmp", ".tif", ".tiff"})


def is_image(path: Path) -> bool:
    """Whether a path has the ending of an image, in upper or lower case."""
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
    places = " or ".join(str(folder) for folder in dict.fromkeys(tried))
    raise DataError(f"{what}: no folder at {places}; check the path: give a folder that is there")


def file_named(text: object, folder: Path, base: Path, named: str) -> tuple[str, Path]:
    """The id and the path of a file that an annotation names: below `folder` (``\\`` counts as ``/``), or absolute.

    The id is the path below `base` (else below the folder of the root that holds the file), and the path starts with
    that folder, both without ``..``. Whether the file is there shows when it is read.

    Raises:
        DataError: no file name, or one that leads out of the data's root.
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise DataError(f"{named}: expected a path relative to {folder}, got {text!r}")
    name = text.strip().replace("\\", "/")
    _refuse_places(name, text, folder, named)
    top, path = Path(os.path.normpath(base)), Path(os.path.normpath(folder / name))
    try:
        confined(path, top, f"{named}: {text!r}")
        _check_name(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{named}: {text!r} is not a file name: {getattr(error, 'strerror', error)}") from error
    folders = [top, *(Path(os.path.normpath(one)) for one in current_root(top).folders)]
    for one in folders:
        if path.is_relative_to(one):
            return relative_id(path, one), path
    # a folder is reached through a link, and the file is named by where that leads
    real = path.resolve()
    one = next(one for one in folders if real.is_relative_to(one.resolve()))
    path = one / real.relative_to(one.resolve())
    return relative_id(path, one), path


def _check_name(path: Path) -> None:
    """Raises the error of the system for a name that no file can have; a missing file is not an error."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return


def _refuse_places(name: str, text: str, folder: Path, named: str) -> None:
    """Refuses what looks like a path and means a place that no path of this machine has.

    Raises:
        DataError: a URL, a drive or share of another computer, or a home folder.
    """
    way_out = f"write it relative to {folder}; ?root=DIR names another folder that it may lead to"
    if _URL.match(name):
        raise DataError(f"{named}: {text!r} is a URL, and files are read from this machine alone; {way_out}")
    if os.sep == "/" and (_DRIVE.match(name) or name.startswith("//")):
        raise DataError(f"{named}: {text!r} is a path of another computer; {way_out}")
    if name == "~" or (name.startswith("~") and "/" in name and not os.path.lexists(folder / name)):
        raise DataError(f"{named}: {text!r} starts with a home folder, which data cannot name; {way_out}")


def text_of(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark; line ends as they stand.

    Raises:
        DataError: it cannot be read, is none of the data, or is not UTF-8; with the line.
    """
    refuse_unadmitted(path)
    try:
        content = read_file(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}:1: is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: is not UTF-8 ({error.reason}); save it as UTF-8") from error


def files_below(folder: Path, hidden: list[str] | None = None) -> Iterator[Path]:
    """All files below, sorted, without hidden ones; links are followed where the data's root admits them.

    Args:
        hidden: takes the names of the hidden files and folders.

    Raises:
        DataError: a link that leads out of the root or to a folder that is read already, or a part of the folder that
            cannot be read.
    """
    confined(folder, folder, folder)
    yield from _below(folder, folder, [] if hidden is None else hidden, set())


def _below(folder: Path, top: Path, hidden: list[str], linked: set[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}") from error
    entries = [entry for entry in listed if not _hidden(entry.name)]
    hidden += [entry.name for entry in listed if _hidden(entry.name)]
    folders = [entry for entry in entries if _is_folder(entry)]
    files = [entry for entry in entries if not _is_folder(entry)]
    for entry in [*folders, *files]:
        if entry.is_symlink():
            confined(Path(entry.path), top, entry.path)
    for entry in folders:
        if entry.is_symlink():
            _refuse_twice(entry.path, top, linked)
    yield from (Path(entry.path) for entry in files)
    for entry in folders:
        yield from _below(Path(entry.path), top, hidden, linked)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, which shows when it is read
        return False


def _refuse_twice(link: str, top: Path, linked: set[str]) -> None:
    """Refuses a link to a folder whose files are listed anyhow; links that go round in a circle end here too."""
    real = os.path.realpath(link)
    if real in linked or Root((top,)).admits(Path(real)) or top.resolve().is_relative_to(real):
        raise DataError(f"{link} is a link to the folder {real}, whose files would count twice; remove the link")
    linked.add(real)


def confined(path: Path, folder: Path, named: object) -> Path:
    """`path`, which must be one that the root of the data admits (of `folder`, where no reference is being read).

    Raises:
        DataError: it leads out of the root once all links and ``..`` are resolved; with the option that admits it.
    """
    root = current_root(folder)
    if not root.admits(path):
        raise DataError(f"{named} {outside(path, root)}")
    return path


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


MOST_NAMES = 100_000
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)\Z", re.ASCII)


def expanded(text: str) -> list[str]:
    """The names that a text with braces means, in order; the text itself where there are none.

    Raises:
        DataError: braces that are neither a range of numbers nor a list, or more names than anybody means.
    """
    parts = _BRACES.split(text)
    if any("{" in part or "}" in part for part in parts[::2]):
        raise DataError(f"{text!r}: braces do not nest and come in pairs, as in shards-{{000..003}}.tar or {{a,b}}.tar")
    choices = [_choices(part, text) if position % 2 else [part] for position, part in enumerate(parts)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if count > MOST_NAMES:
        raise DataError(f"{text!r} stands for {count} names; at most {MOST_NAMES} are allowed")
    return ["".join(one) for one in product(*choices)]


def _choices(text: str, whole: str) -> list[str]:
    found = _RANGE.match(text)
    if found is None:
        if "," not in text:
            raise DataError(f"{whole!r}: {{{text}}} is neither a range, as {{000..003}}, nor a list, as {{a,b}}")
        return text.split(",")
    first, last = int(found[1]), int(found[2])
    if not 0 <= last - first < MOST_NAMES:
        raise DataError(
            f"{whole!r}: {{{text}}} counts {last - first + 1} names; count upwards, to {MOST_NAMES} at most"
        )
    padded = any(number.startswith("0") and len(number) > 1 for number in found.groups())
    width = max(map(len, found.groups())) if padded else 0
    return [f"{number:0{width}d}" for number in range(first, last + 1)]
