"""Where incoming images come from: a folder that may still fill, or lines on standard input.

Nothing is lost here: an image that cannot be read is tried again, and whoever runs the watch is told.
"""

from __future__ import annotations

import os
import time
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ..data.files import is_image, relative_id
from ..data.path_patterns import check_pattern, first_groups
from ..language.errors import DataError, MonitorError
from ..language.json_file import json_of

#: a file that changed within this time may still be written
SETTLED_SECONDS = 2.0
#: between two tries of an image that cannot be read
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0
_KEYS = ("image", "group", "lot", "mask", "time", "id")


class FileStamp(NamedTuple):
    """What a file is recognised by without reading it: size, times of change in nanoseconds, inode."""

    size: int
    modified: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileStamp | None:
        """The stamp of a file; None where there is none."""
        try:
            found = path.stat()
        except (OSError, ValueError):
            return None
        return cls._of(found)

    @classmethod
    def _of(cls, found: os.stat_result) -> FileStamp:
        return cls(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


@dataclass(frozen=True)
class IncomingImage:
    """An image that is to be looked at.

    Args:
        id: its name; below a folder the relative path.
        group, lot: where they are known.
        time: seconds since 1970 where it is given; else that of the file counts.
        stamp: of the file when it was found.
    """

    id: str
    path: Path
    group: str | None = None
    lot: str | None = None
    mask: Path | None = None
    time: float | None = None
    stamp: FileStamp | None = None


@dataclass(frozen=True)
class PathPart:
    """A part of an image's id: its outermost folder, or what a pattern finds.

    Args:
        text: ``folder``, or a regular expression; its first capture group that takes part counts, else the whole match.
        named: the option, for messages.
    """

    text: str
    named: str

    def __post_init__(self) -> None:
        if self.text != "folder":
            check_pattern(self.text, f"{self.named} {self.text}")

    def of(self, ids: list[str]) -> list[str | None]:
        """What is found in each id; None where nothing is."""
        if self.text == "folder":
            return [parts[0] if len(parts := PurePosixPath(id).parts) > 1 else None for id in ids]
        return first_groups(self.text, ids, f"{self.named} {self.text}") if ids else []


@dataclass
class ImageFolder:
    """The images below a folder, those of the demo's or a camera's, as it fills.

    Args:
        group_by, lot_by: how groups and lots follow from the ids.
        masks: a folder that has the mask of each image under the same relative path; its ending may be another one.
        without: folders below that hold other images (those of the alarms).
        settle: leave files that may still be written to the next scan.
    """

    folder: Path
    group_by: PathPart | None = None
    lot_by: PathPart | None = None
    masks: Path | None = None
    without: tuple[Path, ...] = ()
    settle: bool = False
    _before: dict[str, FileStamp] = field(default_factory=dict)
    _parts: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder, option in ((self.folder, "--images"), (self.masks, "--masks")):
            if folder is not None and not folder.is_dir():
                raise DataError(f"{option} {folder}: is not a folder; give one that is there")

    def scan(self, known: Callable[[str, FileStamp], bool]) -> list[IncomingImage]:
        """The images that are not known, in the order in which they were written.

        Images of one folder stay together where folders are lots.

        Args:
            known: whether a file was counted as it is; those are left out.
        """
        now: dict[str, FileStamp] = {}
        found: list[tuple[str, Path, FileStamp]] = []
        for path, stamp in self._files(self.folder):
            id = image_id(path, self.folder)
            if known(id, stamp):
                continue
            now[id] = stamp
            if not self.settle or self._is_settled(id, stamp):
                found.append((id, path, stamp))
        self._before = now
        self._find_parts([id for id, _, _ in found])
        masks = self._masks() if self.masks is not None and found else {}
        images = [
            IncomingImage(id, path, *self._parts.pop(id), masks.get(_without_ending(id)), None, stamp)
            for id, path, stamp in found
        ]
        return sorted(images, key=self._order(images))

    def _order(self, images: Iterable[IncomingImage]) -> Callable[[IncomingImage], tuple[int, str, int, str]]:
        """By lots, the one first that began first, then by the time of the file, then by name."""
        began: dict[str, int] = {}
        for one in images:
            if one.lot is not None and one.stamp is not None:
                began[one.lot] = min(one.stamp.modified, began.get(one.lot, one.stamp.modified))

        def place(one: IncomingImage) -> tuple[int, str, int, str]:
            modified = 0 if one.stamp is None else one.stamp.modified
            return began.get(one.lot or "", modified), one.lot or "", modified, one.id

        return place

    def _find_parts(self, ids: list[str]) -> None:
        groups = self.group_by.of(ids) if self.group_by is not None else [None] * len(ids)
        lots = self.lot_by.of(ids) if self.lot_by is not None else [None] * len(ids)
        self._parts = dict(zip(ids, zip(groups, lots, strict=True), strict=True))

    def _is_settled(self, id: str, stamp: FileStamp) -> bool:
        """Whether nobody writes to a file: it is old, or as it was at the scan before (clocks may differ)."""
        old = time.time() - stamp.modified / 1e9 > SETTLED_SECONDS
        return old or self._before.get(id) == stamp

    def _files(self, folder: Path) -> Iterator[tuple[Path, FileStamp]]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if folder == self.folder:
                raise DataError(f"{folder}: {error.strerror or error}; check that the folder is there") from error
            return  # removed while it was looked through
        for entry in entries:
            if entry.name.startswith("."):
                continue  # drafts of files that are moved into place
            path = Path(entry.path)
            try:
                if entry.is_dir(follow_symlinks=False):
                    if path.resolve() not in self.without:
                        yield from self._files(path)
                elif is_image(path) and entry.is_file():
                    yield path, FileStamp._of(entry.stat())
            except OSError:
                continue  # removed since

    def _masks(self) -> dict[str, Path]:
        """The masks by their relative paths without endings."""
        assert self.masks is not None
        found = (path for path in self.masks.rglob("*") if is_image(path))
        return {_without_ending(image_id(path, self.masks)): path for path in found}


def _without_ending(id: str) -> str:
    return str(PurePosixPath(id).with_suffix(""))


def image_id(path: Path, folder: Path) -> str:
    """The path below a folder, in NFC, with ``/``; bytes that are no text are spelled out."""
    return plain_id(relative_id(path, folder))


def plain_id(text: str) -> str:
    """A name that can be written anywhere: in NFC, halves of surrogate pairs spelled out."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "backslashreplace").decode("utf-8")


def line_image(line: str, number: int) -> IncomingImage | None:
    """The image that a line of standard input names: a path, or a JSON object with "image" and, where known, "group",
    "lot", "mask", "time" (seconds since 1970) and "id"; None of an empty line.

    Raises:
        MonitorError: the line is neither.
    """
    text = line.strip()
    if not text:
        return None
    if not text.startswith("{"):
        return IncomingImage(plain_id(text), Path(text))
    named = f"line {number}"
    given = json_of(text, named, MonitorError)
    unknown = sorted(set(given) - set(_KEYS))
    if unknown:
        raise MonitorError(f"{named}: unknown key {unknown[0]!r}; known: {', '.join(_KEYS)}")
    texts = {name: given.get(name) for name in ("image", "group", "lot", "mask", "id")}
    wrong = [name for name, value in texts.items() if not isinstance(value, str | None)]
    when = given.get("time")
    if wrong or not isinstance(when, int | float | None) or isinstance(when, bool):
        raise MonitorError(f"{named}: {wrong[0] if wrong else 'time'} must be {'a text' if wrong else 'a number'}")
    if not texts["image"]:
        raise MonitorError(f'{named}: names no image; write {{"image": "cam1/0001.png", "group": "cam1"}}')
    mask = None if texts["mask"] is None else Path(texts["mask"])
    id = plain_id(texts["id"] or texts["image"])
    return IncomingImage(id, Path(texts["image"]), texts["group"], texts["lot"], mask, when)


@dataclass
class _Failure:
    stamp: FileStamp | None
    wait: float
    next: float


@dataclass
class Retries:
    """When images that could not be read are tried again: at once where the file has changed, else later and later.

    Args:
        clock: monotonic seconds.
    """

    clock: Callable[[], float] = time.monotonic
    _failed: dict[str, _Failure] = field(default_factory=dict)

    def due(self, image: IncomingImage) -> bool:
        """Whether an image may be read now."""
        failure = self._failed.get(image.id)
        if failure is None or failure.stamp != (image.stamp or FileStamp.of(image.path)):
            return True
        return self.clock() >= failure.next

    def note(self, image: IncomingImage) -> bool:
        """Note that an image could not be read; True where that is new of the file as it is."""
        stamp = image.stamp or FileStamp.of(image.path)
        before = self._failed.get(image.id)
        new = before is None or before.stamp != stamp
        wait = _FIRST_WAIT if before is None or new else min(2 * before.wait, _LONGEST_WAIT)
        self._failed[image.id] = _Failure(stamp, wait, self.clock() + wait)
        return new

    def forget(self, ids: Iterable[str]) -> None:
        """Forget images that could be read."""
        for id in ids:
            self._failed.pop(id, None)

    def keep(self, there: Collection[str]) -> None:
        """Forget images that are no longer there."""
        self._failed = {id: one for id, one in self._failed.items() if id in there}
