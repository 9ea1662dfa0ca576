"""Files of a data set: which ones are images, their ids, and that none is outside of the data."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from ..language.errors import DataError

_DRIVE = re.compile(r"[A-Za-z]:/")

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
    raise DataError(f"{what}: no folder at " + " or ".join(str(folder) for folder in dict.fromkeys(tried)))


def file_named(text: object, folder: Path, base: Path, named: str) -> tuple[str, Path]:
    """The id and the path of a file that an annotation names: below `folder` (``\\`` counts as ``/``), or absolute.

    The id is the path below `base`, and the path starts with `base`, both without ``..``. Whether the file
    is there shows when it is read.

    Raises:
        DataError: no file name, or one that leads out of `base`.
    """
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        raise DataError(f"{named}: expected a path relative to {folder}, got {text!r}")
    name = text.strip().replace("\\", "/")
    if _DRIVE.match(name) and os.sep == "/":
        raise DataError(f"{named}: {text!r} is a path of another computer; write it relative to {folder}")
    top, path = Path(os.path.normpath(base)), Path(os.path.normpath(folder / name))
    try:
        confined(path, top, f"{named}: {text!r}")
    except (OSError, UnicodeEncodeError) as error:
        raise DataError(f"{named}: {text!r} is not a file name: {getattr(error, 'strerror', error)}") from error
    if not path.is_relative_to(top):  # `base` is reached through a link, and the file is named by where that leads
        path = top / path.resolve().relative_to(top.resolve())
    return relative_id(path, top), path


def text_of(path: Path) -> str:
    """A text file in UTF-8, with or without a byte order mark; line ends as they stand.

    Raises:
        DataError: it cannot be read, or is not UTF-8; with the line.
    """
    try:
        content = path.read_bytes()
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
    """All files below, sorted, without hidden ones; links are followed only within the folder itself.

    Args:
        hidden: takes the names of the hidden files and folders.

    Raises:
        DataError: a link that leads out of the folder, or a part of it that cannot be read.
    """
    yield from _below(folder, folder.resolve(), [] if hidden is None else hidden)


def _below(folder: Path, inside: Path, hidden: list[str]) -> Iterator[Path]:
    try:
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(f"cannot list {error.filename}: {error.strerror}") from error
    entries = [entry for entry in listed if not _hidden(entry.name)]
    hidden += [entry.name for entry in listed if _hidden(entry.name)]
    folders = [entry for entry in entries if entry.is_dir()]
    files = [entry for entry in entries if not entry.is_dir()]
    for entry in [*folders, *files]:
        if entry.is_symlink():
            confined(Path(entry.path), inside, entry.path)
    yield from (Path(entry.path) for entry in files)
    for entry in folders:
        yield from _below(Path(entry.path), inside, hidden)


def confined(path: Path, folder: Path, named: object) -> Path:
    """`path`, which must be in `folder` once all links and ``..`` are resolved.

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
