"""A report within its budget: what is shown once, and pictures that get smaller, then fewer."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ..evidence.record import CaseRecord, RunRecord
from .order import worst_first
from .pictures import MANY, EmbeddedPicture, Pictures, RowKey, choose

#: the sides that pictures are shrunk to, one after the other, before any is left out
SIDES = (160, 112)
_QUALITY = 75
_WITHOUT_LIMIT = 10**12
#: bytes for the sentence that says so
_ROOM = 1000

if TYPE_CHECKING:
    from PIL import Image


def fitted(
    record: RunRecord,
    by_file: dict[str, EmbeddedPicture],
    missing: frozenset[str],
    budget: int,
    render: Callable[[Pictures], str],
) -> str:
    """The report of `render` with as many pictures as its budget allows, in bytes.

    Where all of them are too much they are made smaller, if Pillow is there; then rows are left out, the least
    important first. Text stays.
    """
    shown = _chosen(record, by_file, missing, _WITHOUT_LIMIT)
    text = render(shown)
    size = len(text.encode())
    if size <= budget:
        return text
    around = size - _bytes(shown, record) + _ROOM
    for side in SIDES:
        smaller = _shrunk(by_file, side)
        if smaller is not None:
            by_file, shown = smaller, replace(shown, by_file=smaller, side=side)
            if around + _bytes(shown, record) <= budget:
                return render(shown)
    room = budget - len(render(Pictures(frozenset(), {}, frozenset(), 0)).encode())
    while True:
        shown = replace(_chosen(record, by_file, missing, room), side=shown.side, first=shown.first)
        text = render(shown)
        over = len(text.encode()) - budget
        if over <= 0 or not shown.shown:
            return text
        room -= over


def _bytes(shown: Pictures, record: RunRecord) -> int:
    return sum(len(picture.uri) for picture in shown.embedded(record))


def _chosen(record: RunRecord, by_file: dict[str, EmbeddedPicture], missing: frozenset[str], room: int) -> Pictures:
    found = choose(record, by_file, missing, room)
    if len(record.cases) > MANY:
        kept = frozenset(key for key in found.shown if _matters(record.cases[key[0]], key[1]))
        found = replace(found, shown=kept, left_out=found.left_out + len(found.shown) - len(kept))
    return shown_once(record, found)


def _matters(case: CaseRecord, row: int) -> bool:
    """Among many requirements: the worst images of one that fails, and the worst one of any other."""
    worst = [at for at, each in enumerate(case.gallery) if each.rank == "worst"]
    return row in (worst if case.verdict == "FAIL" else worst[:1])


def shown_once(record: RunRecord, pictures: Pictures) -> Pictures:
    """The same, where a row whose pictures all stand in another row of the same image, of a requirement further up, is
    not laid out again: ``again`` says where they are."""
    first: dict[tuple[str, frozenset[str]], RowKey] = {}
    again: dict[RowKey, RowKey] = {}
    for index in worst_first(record.cases):
        for position, row in enumerate(record.cases[index].gallery):
            key = (index, position)
            if key in pictures.shown:
                files = frozenset(file for panel in row.panels for file in panel.files)
                place = first.setdefault((row.sample, files), key)
                if place != key:
                    again[key] = place
    return replace(pictures, again=again)


def _shrunk(by_file: Mapping[str, EmbeddedPicture], side: int) -> dict[str, EmbeddedPicture] | None:
    """The pictures with no side longer than that, under the same ids; None where Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        return None
    made: dict[str, EmbeddedPicture] = {}

    def smaller(picture: EmbeddedPicture) -> EmbeddedPicture:
        if picture.id not in made:
            head, _, data = picture.uri.partition(",")
            kept = picture
            try:
                with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                    if max(image.size) > side and image.format in ("PNG", "JPEG", "WEBP"):
                        kept = EmbeddedPicture(picture.id, f"{head},{_resized(image, side)}")
            except (OSError, ValueError, Image.DecompressionBombError):
                pass  # a picture that cannot be read stays as it is: a browser may still show it
            made[picture.id] = kept if len(kept.uri) < len(picture.uri) else picture
        return made[picture.id]

    return {file: smaller(picture) for file, picture in by_file.items()}


def _resized(image: Image.Image, side: int) -> str:
    share = side / max(image.size)
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    target = io.BytesIO()
    if image.format == "PNG":
        image.resize(size).save(target, "PNG", optimize=True)
    elif image.format == "WEBP":
        image.resize(size).save(target, "WEBP", quality=_QUALITY)
    else:
        image.convert("RGB").resize(size).save(target, "JPEG", quality=_QUALITY, optimize=True)
    return base64.b64encode(target.getvalue()).decode("ascii")
