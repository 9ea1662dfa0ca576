"""The pictures of a run and the lines over them: which of them the report embeds."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ..counterexamples.of_cases import counterexamples_of
from ..evidence.record import CaseRecord, ChangedPictures, GalleryRow, Panel, RunRecord
from ..language.regular_files import read_file
from .convincing import convincing_picture
from .reviewed import MOST_SHOWN, to_settle

#: the pictures that browsers show and that can run nothing, by how their files begin
_KINDS = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
#: bytes of markup around one embedded picture
_AROUND = 200

#: of more requirements than this some of what is shown of each is left out
MANY = 20

#: counterexamples of a case whose pictures are shown
PAIRS_SHOWN = 3

RowKey = tuple[int, int]


@dataclass(frozen=True)
class EmbeddedPicture:
    """One picture of the record, to be embedded once however many panels show it."""

    id: str
    uri: str


@dataclass(frozen=True)
class EmbeddedLines:
    """A path over a picture in a square of 1000 x 1000, embedded once: an object's outline, or a map's contours."""

    id: str
    kind: Literal["outline", "contours"]
    path: str


@dataclass(frozen=True)
class Layers:
    """What one panel is made of: an image, and over it a map with contours and the outline of the object.

    ``image`` is None if a file cannot be shown; an older record's heat map is one image.
    """

    image: EmbeddedPicture | None
    map: EmbeddedPicture | None = None
    contours: EmbeddedLines | None = None
    outline: EmbeddedLines | None = None

    @property
    def parts(self) -> tuple[EmbeddedPicture | EmbeddedLines, ...]:
        """Those that there are, the lowest first."""
        return tuple(part for part in (self.image, self.map, self.contours, self.outline) if part is not None)


@dataclass(frozen=True)
class Pictures:
    """What the galleries show.

    ``shown`` are the (case, row) positions that fit; ``by_file`` the readable pictures; ``missing`` the files that the
    record names and that are not there, or are not pictures. ``donors``: who lent the background, by data set,
    "model|context" and sample. ``first``: what the picture of page one, and those of reviews and counterexamples,
    are made of, which is always embedded.
    ``again``: rows that are not laid out, since all of their pictures stand in another row.
    ``side``: the pixels that pictures were made smaller to; None if they are as the record has them.
    """

    shown: frozenset[RowKey]
    by_file: dict[str, EmbeddedPicture]
    missing: frozenset[str]
    left_out: int
    donors: Mapping[tuple[str, str, str], str] = field(default_factory=dict)
    first: tuple[EmbeddedPicture | EmbeddedLines, ...] = ()
    again: Mapping[RowKey, RowKey] = field(default_factory=dict)
    side: int | None = None

    def layers(self, panel: Panel, row: GalleryRow) -> Layers:
        """What a panel of a row is made of."""
        return layers_of(panel, row, self.by_file)

    def embedded(self, record: RunRecord) -> tuple[EmbeddedPicture, ...]:
        """Every picture that a shown row needs, once."""
        return tuple(part for part in self._parts(record) if isinstance(part, EmbeddedPicture))

    def lines(self, record: RunRecord) -> tuple[EmbeddedLines, ...]:
        """All lines that a shown row needs, once."""
        return tuple(part for part in self._parts(record) if isinstance(part, EmbeddedLines))

    def _parts(self, record: RunRecord) -> Collection[EmbeddedPicture | EmbeddedLines]:
        found = {part.id: part for part in self.first}
        for key, row in _rows(record):
            if key in self.shown:
                for panel in row.panels:
                    for part in self.layers(panel, row).parts:
                        found.setdefault(part.id, part)
        return found.values()


def layers_of(panel: Panel, row: GalleryRow, by_file: Mapping[str, EmbeddedPicture]) -> Layers:
    """What a panel of a row is made of; the outline over a map is that of the image under it."""
    image = by_file.get(panel.file)
    if panel.map is None:
        return Layers(image, outline=lines_of("outline", (panel.outline,)))
    heat = by_file.get(panel.map)
    beneath = next((one for one in row.panels if one.file == panel.file and one.outline), panel)
    if image is None or heat is None:
        return Layers(None)
    return Layers(image, heat, lines_of("contours", panel.contours), lines_of("outline", (beneath.outline,)))


def lines_of(kind: Literal["outline", "contours"], paths: Sequence[str | None]) -> EmbeddedLines | None:
    """Paths as one, to be embedded once; None where there is nothing to draw."""
    path = "".join(path or "" for path in paths)
    return EmbeddedLines(f"{kind[0]}{hashlib.sha256(path.encode()).hexdigest()[:12]}", kind, path) if path else None


def read_pictures(record: RunRecord, folder: Path) -> tuple[dict[str, EmbeddedPicture], frozenset[str]]:
    """Every picture that the record names, by file, and the names of those that cannot be shown."""
    found: dict[str, EmbeddedPicture] = {}
    missing: set[str] = set()
    reviewed = [one.row for one in to_settle(record)[:MOST_SHOWN]]
    rows = (*(row for _, row in _rows(record)), *reviewed)
    files = [file for row in rows for panel in row.panels for file in panel.files]
    files += [file for pair in pairs_shown(record) for file in (pair.original, pair.changed)]
    for file in files:
        if file not in found and file not in missing:
            picture = read_picture(file, folder)
            if picture is None:
                missing.add(file)
            else:
                found[file] = picture
    return found, frozenset(missing)


def choose(record: RunRecord, by_file: dict[str, EmbeddedPicture], missing: frozenset[str], room: int) -> Pictures:
    """The rows whose pictures fit into `room` bytes, each picture counted once, and before them that of page one.

    Left out first: typical and best rows of cases that ended as they should, then those of the others, then worst
    rows of the former, and the worst rows of what failed last.
    """
    ordered = sorted(_rows(record), key=lambda item: _importance(record.cases[item[0][0]], item[1]))
    shown: set[RowKey] = set()
    first = {part.id: part for part in _first(record, by_file)}
    room -= sum(map(_size, first.values()))
    embedded = set(first)
    for key, row in ordered:
        new = {part.id: part for panel in row.panels for part in layers_of(panel, row, by_file).parts}
        room -= sum(_size(part) for part in new.values() if part.id not in embedded)
        if room < 0:
            break
        shown.add(key)
        embedded.update(new)
    left_out = len(ordered) - len(shown)
    return Pictures(frozenset(shown), by_file, missing, left_out, _donors(record, shown), tuple(first.values()))


def _first(record: RunRecord, by_file: Mapping[str, EmbeddedPicture]) -> Iterator[EmbeddedPicture | EmbeddedLines]:
    """What the picture of page one is made of, those that reviewers say different things of, and counterexamples."""
    if (found := convincing_picture(record)) is not None:
        row = record.cases[found.case].gallery[found.row]
        for position in found.panels:
            yield from layers_of(row.panels[position], row, by_file).parts
    for one in to_settle(record)[:MOST_SHOWN]:
        for position in one.panels:
            yield from layers_of(one.row.panels[position], one.row, by_file).parts
    for pair in pairs_shown(record):
        yield from (by_file[file] for file in (pair.original, pair.changed) if file in by_file)
        if (place := lines_of("outline", (pair.place,))) is not None:
            yield place


def pairs_shown(record: RunRecord) -> list[ChangedPictures]:
    """The pictures of the counterexamples that a report shows."""
    found = [one for case in record.cases for one in counterexamples_of(record, case)[:PAIRS_SHOWN]]
    return [one.pictures for one in found if one.pictures is not None]


def _size(part: EmbeddedPicture | EmbeddedLines) -> int:
    return _AROUND + (len(part.uri) if isinstance(part, EmbeddedPicture) else len(part.path))


def _donors(record: RunRecord, shown: Collection[RowKey]) -> dict[tuple[str, str, str], str]:
    """Who lent the backgrounds of the images in some rows."""
    wanted = {(record.cases[case].data, record.cases[case].gallery[row].sample) for case, row in shown}
    found = {}
    for table in record.tables:
        for at, sample in enumerate(table.samples):
            if (table.data, sample.id) in wanted:
                for place, donors in table.donors.items():
                    if at < len(donors) and (donor := donors[at]) is not None:
                        found[table.data, place, sample.id] = donor
    return found


def _importance(case: CaseRecord, row: GalleryRow) -> tuple[int, int]:
    rest = row.rank != "worst"
    return 2 * rest + (case.outcome == "passed"), "worst typical best".index(row.rank)


def _rows(record: RunRecord) -> Iterator[tuple[RowKey, GalleryRow]]:
    for index, case in enumerate(record.cases):
        for position, row in enumerate(case.gallery):
            yield (index, position), row


def read_picture(file: str, folder: Path) -> EmbeddedPicture | None:
    """The picture, or None: a record may come from anywhere, and names nothing outside its own folder."""
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            return None
        content = read_file(path)
    except (OSError, ValueError):
        return None
    kind = next((kind for start, kind in _KINDS if content.startswith(start)), None)
    if kind is None and content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        kind = "image/webp"
    if kind is None:
        return None
    digest = hashlib.sha256(content).hexdigest()
    return EmbeddedPicture(f"p{digest[:16]}", f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")
