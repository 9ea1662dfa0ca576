"""What a reviewer is shown of a case: an image as photographed, as it was changed, and the heat map over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .case_record import CaseRecord, GalleryRow, Panel


class PictureFiles(NamedTuple):
    """One picture for review: the key of its model, and the names of its files, relative to the record.

    ``changed`` is None if the original alone is shown, ``map`` where there is no heat map of it. A file is named by
    its SHA-256, in older records by the beginning of it.
    """

    model: str
    image: str
    changed: str | None = None
    map: str | None = None


def pictures_of_case(case: CaseRecord) -> list[PictureFiles]:
    """The pictures that a review of this case must answer, each once: those drawn for review, else its gallery's.

    Where a context changes the image, that is shown, with the heat map of the changed image; otherwise the heat map of
    the original. An image with neither gives no picture.
    """
    return list(dict.fromkeys(one for row in case.review or case.gallery for one in _of_row(row)))


def _of_row(row: GalleryRow) -> Iterator[PictureFiles]:
    for original in (panel for panel in row.panels if panel.kind == "original"):
        changed = [panel for panel in row.panels if panel.kind == "context" and panel.model == original.model]
        for shown in changed or [original]:
            maps = [one.map for one in row.panels if one.map is not None and _is_over(one, shown)]
            other = None if shown is original else shown.file
            yield from (PictureFiles(original.model, original.file, other, each) for each in maps)
            if other and not maps:
                yield PictureFiles(original.model, original.file, other)


def _is_over(panel: Panel, shown: Panel) -> bool:
    """Whether a heat map is that of an image."""
    return panel.kind == "attribution" and (panel.model, panel.context) == (shown.model, shown.context)
