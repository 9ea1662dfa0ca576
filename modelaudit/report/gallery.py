"""The pictures of the galleries: read once, embedded once, left out in a stated order where there is no room."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..evidence.record import CaseRecord, GalleryRow, RunRecord

#: the pictures that browsers show and that can run nothing, by how their files begin
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
#: bytes of markup around one embedded picture
_AROUND = 200

RowKey = tuple[int, int]


@dataclass(frozen=True)
class Picture:
    """One picture of the record, to be embedded once however many panels show it."""

    id: str
    uri: str


@dataclass(frozen=True)
class Pictures:
    """What the galleries show.

    ``shown`` are the (case, row) positions that fit; ``by_file`` the readable pictures; ``missing`` the files that the
    record names and that are not there, or are no pictures.
    """

    shown: frozenset[RowKey]
    by_file: dict[str, Picture]
    missing: frozenset[str]
    left_out: int

    def embedded(self, record: RunRecord) -> tuple[Picture, ...]:
        """Every picture that a shown row needs, once."""
        found: dict[str, Picture] = {}
        for key, row in _rows(record):
            if key in self.shown:
                for panel in row.panels:
                    if picture := self.by_file.get(panel.file):
                        found.setdefault(picture.id, picture)
        return tuple(found.values())


def read_pictures(record: RunRecord, folder: Path) -> tuple[dict[str, Picture], frozenset[str]]:
    """Every picture that the record names, by file, and the names of those that cannot be shown."""
    found: dict[str, Picture] = {}
    missing: set[str] = set()
    for _, row in _rows(record):
        for panel in row.panels:
            if panel.file not in found and panel.file not in missing:
                picture = _read(panel.file, folder)
                if picture is None:
                    missing.add(panel.file)
                else:
                    found[panel.file] = picture
    return found, frozenset(missing)


def choose(record: RunRecord, by_file: dict[str, Picture], missing: frozenset[str], room: int) -> Pictures:
    """The rows whose pictures fit into `room` bytes, each picture counted once.

    Left out first: typical and best rows of cases that ended as they should, then those of the others, then worst
    rows of the former, and the worst rows of what failed last.
    """
    ordered = sorted(_rows(record), key=lambda item: _importance(record.cases[item[0][0]], item[1]))
    shown: set[RowKey] = set()
    embedded: set[str] = set()
    for key, row in ordered:
        new = {by_file[panel.file] for panel in row.panels if panel.file in by_file}
        room -= sum(len(picture.uri) + _AROUND for picture in new if picture.id not in embedded)
        if room < 0:
            break
        shown.add(key)
        embedded.update(picture.id for picture in new)
    return Pictures(frozenset(shown), by_file, missing, len(ordered) - len(shown))


def _importance(case: CaseRecord, row: GalleryRow) -> tuple[int, int]:
    rest = row.rank != "worst"
    return 2 * rest + (case.outcome == "passed"), "worst typical best".index(row.rank)


def _rows(record: RunRecord) -> Iterator[tuple[RowKey, GalleryRow]]:
    for index, case in enumerate(record.cases):
        for position, row in enumerate(case.gallery):
            yield (index, position), row


def _read(file: str, folder: Path) -> Picture | None:
    """The picture, or None: a record may come from anywhere, and names nothing outside its own folder."""
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        content = path.read_bytes()
    except (OSError, ValueError):
        return None
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), None)
    if kind is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        return None
    digest = hashlib.sha256(content).hexdigest()
    return Picture(f"p{digest[:16]}", f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")
