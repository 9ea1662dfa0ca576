"""The pictures of a redacted report: silhouettes and heat maps, drawn from lines and maps and never from an image."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from ..evidence.record import RunRecord
from .pictures import EmbeddedPicture, pairs_shown, read_picture

_GROUND, _OBJECT = "#c3c9d1", "#6b7480"
#: the parts of a PNG that holds levels, their colours and nothing else; it has a palette where its type is 3
_PARTS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_PALETTE, _TYPE_AT, _START = 3, 25, 8


def redacted_pictures(record: RunRecord, folder: Path) -> tuple[dict[str, EmbeddedPicture], frozenset[str]]:
    """What stands for every picture that the record names, by file, and the files for which nothing does.

    An image is a silhouette, of its object where the record has the outline. A heat map is shown where it is stored
    apart from the image; in older records it is not.
    """
    outlines: dict[str, str] = {}
    apart: set[str] = set()
    together: set[str] = set()
    for panel in (panel for case in record.cases for row in (*case.gallery, *case.review) for panel in row.panels):
        outlines[panel.file] = outlines.get(panel.file) or panel.outline or ""
        if panel.map is not None:
            apart.add(panel.map)
        elif panel.kind == "attribution":
            together.add(panel.file)
    for pair in pairs_shown(record):
        outlines[pair.original] = outlines[pair.changed] = pair.object or ""
    found = {file: _silhouette(outline) for file, outline in outlines.items() if file not in together}
    maps = {file: _map(file, folder) for file in apart}
    found |= {file: picture for file, picture in maps.items() if picture is not None}
    return found, frozenset((together | apart) - set(found))


def _silhouette(outline: str) -> EmbeddedPicture:
    """The object in one grey on another, in a square of 1000 x 1000."""
    drawing = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">'
        f'<path fill="{_GROUND}" d="M0 0h1000v1000H0z"/>'
        f'<path fill="{_OBJECT}" fill-rule="evenodd" d="{outline}"/></svg>'
    ).encode()
    uri = f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode('ascii')}"
    return EmbeddedPicture(f"s{hashlib.sha256(drawing).hexdigest()[:16]}", uri)


def _map(file: str, folder: Path) -> EmbeddedPicture | None:
    """A heat map as a run draws it; None for any other picture."""
    picture = read_picture(file, folder)
    if picture is None or not picture.uri.startswith("data:image/png;"):
        return None
    content = base64.b64decode(picture.uri.partition(",")[2])
    return picture if content[_TYPE_AT] == _PALETTE and _parts(content) <= _PARTS else None


def _parts(content: bytes) -> set[bytes]:
    """The types of the chunks of a PNG; what follows the last one is a part of its own."""
    found, at = set(), _START
    while at + 8 <= len(content) and b"IEND" not in found:
        found.add(content[at + 4 : at + 8])
        at += 12 + int.from_bytes(content[at : at + 4], "big")
    return found if at == len(content) else {*found, b""}
