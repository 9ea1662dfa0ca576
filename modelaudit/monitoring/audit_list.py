"""The list of images to audit next, as the data source ``csv:`` reads it.

It stands in the folder of the alarm beside copies of its images, since those of the line may soon be gone.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..language.draws import order
from ..language.errors import MonitorError
from ..language.regular_files import read_file
from ..language.whole_file import write_whole
from .alarm_record import LIST_NAME, AuditNext
from .state import RecentImage
from .status import moment

#: images of a list; more are drawn at random
MOST_LISTED = 200
_DRAW = "images to audit next"
_COLUMNS = ("image", "label", "mask", "group", "cluster", "predicted", "confidence", "taken", "source")


@dataclass(frozen=True)
class ListedImage:
    """A row of the list: an image, and its file and mask by the names that the list has for them."""

    image: RecentImage
    file: str
    mask: str | None = None


def write_list(
    folder: Path, group: str, since: Sequence[RecentImage], *, seed: int, lots: bool, copies: bool
) -> AuditNext:
    """Write ``audit_next.csv`` and copies of its images and masks.

    The images are drawn at random from all since the change, not picked for being unusual: an audit on the least usual
    ones alone would say nothing of the line. Labels are left empty, for people to fill in. The file begins with a byte
    order mark, by which spreadsheets know UTF-8.

    Args:
        since: the images since the change that are still known.
        lots: images of one lot are a cluster.
        copies: False where the monitor keeps no pictures: the list then names the images where they are.

    Raises:
        MonitorError: something cannot be written.
    """
    drawn = sorted(since, key=lambda one: order(seed, f"{group}\0{one.frame}", _DRAW))[:MOST_LISTED]
    drawn.sort(key=lambda one: one.frame)
    listed = list(_copied(drawn, folder) if copies else _named(drawn))
    root = None
    if not copies and listed:
        root = os.path.commonpath([Path(one.file).parent for one in listed])
        listed = [replace(one, file=os.path.relpath(one.file, root)) for one in listed]
    write_whole(folder / LIST_NAME, _table(listed, group, lots=lots), MonitorError)
    masks = bool(listed) and all(one.mask is not None for one in listed)
    return AuditNext(images=len(listed), available=len(since), gone=len(drawn) - len(listed), root=root, masks=masks)


def check_unlabelled(file: Path) -> None:
    """That nobody has filled in labels, so that the list may be written anew.

    Raises:
        MonitorError: somebody has, or it is no longer as it was written.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(read_file(file).decode("utf-8-sig"), newline="")))
    except FileNotFoundError:
        return
    except (OSError, ValueError, csv.Error) as error:
        raise MonitorError(f"{file}: cannot be read ({error}); move it away to have it written anew") from error
    if any(row.get("label") != "" for row in rows):
        raise MonitorError(f"{file}: has labels already; move it away to have it written anew with later images")


def _copied(images: Sequence[RecentImage], folder: Path) -> Iterator[ListedImage]:
    """The images whose files are still there, copied."""
    for one in images:
        file = _copy(one.path, folder, f"images/{one.frame:06d}-")
        if file is not None:
            yield ListedImage(one, file, _copy(one.mask, folder, f"masks/{one.frame:06d}-"))


def _named(images: Sequence[RecentImage]) -> Iterator[ListedImage]:
    """The images whose files are still there, where they are; masks may be elsewhere, and are left out."""
    for one in images:
        if one.path is not None and Path(one.path).is_file():
            yield ListedImage(one, one.path)


def _copy(source: str | None, folder: Path, prefix: str) -> str | None:
    """The name of the copy below `folder`; None where there is no such file any more."""
    if source is None:
        return None
    try:
        content = read_file(Path(source))
    except OSError:  # a line that deletes its images is as usual; the list says how many are gone
        return None
    name = prefix + re.sub(r"[^\w.\-]+", "_", Path(source).name)[-80:]
    (folder / name).parent.mkdir(exist_ok=True)
    write_whole(folder / name, content, MonitorError)
    return name


def _table(listed: Sequence[ListedImage], group: str, *, lots: bool) -> str:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(_COLUMNS)
    for row in listed:
        one = row.image
        cluster = f"{group}/{one.unit}" if lots else ""
        taken = moment(one.time).isoformat(timespec="seconds")
        sure = f"{one.confidence:.4f}"
        rows.writerow([row.file, "", row.mask or "", group, cluster, one.predicted, sure, taken, one.id])
    return "\ufeff" + written.getvalue()
