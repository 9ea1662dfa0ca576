"""The images of each requirement that are beyond its limit: a table, and data to save as CSV or JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from ..evidence.image_values import RecordedImages
from ..evidence.record import CaseRecord, RunRecord
from .anchors import anchors_of
from .distribution import images_of
from .image_values import image_value
from .words import Words

#: rows of the table; the rest is counted, and stands in the data
_LISTED = 20


@dataclass(frozen=True)
class BeyondView:
    """``rows``: image, label, value, the worst first; ``left_out`` says how many are not listed."""

    title: str
    rows: tuple[tuple[str, str, str], ...]
    left_out: str


def beyond_view(record: RunRecord, index: int, words: Words) -> BeyondView | None:
    """None if no image is beyond the limit, or if the requirement is not about a mean over images."""
    case, images = record.cases[index], images_of(record)[index]
    at = [] if images is None else _beyond(case, images)
    if images is None or not at:
        return None
    listed = at[:_LISTED] if case.verdict not in ("PASS", None) else []
    rows = tuple(
        (images.samples[n].id, images.samples[n].label, image_value(case, float(images.values[n]), words))
        for n in listed
    )
    more = len(at) - len(listed)
    title = words.ngettext("images_beyond_the_limit", len(at), all=words.count(len(images.values)))
    return BeyondView(title, rows, words.ngettext("more_in_the_file", more) if more and listed else "")


def beyond_data(record: RunRecord) -> Markup:
    """The same of all requirements as JSON for a script element: every image's id, label and group once, and for each
    requirement, by its anchor, which of them are beyond its limit, and their values."""
    places: dict[tuple[str | None, str], int] = {}
    images: list[list[str | None]] = []
    cases = {}
    for case, anchor, found in zip(record.cases, anchors_of(record.cases), images_of(record), strict=True):
        at = [] if found is None else _beyond(case, found)
        if found is None or not at:
            continue
        numbers = []
        for n in at:
            sample = found.samples[n]
            place = places.setdefault((case.data, sample.id), len(images))
            if place == len(images):
                images.append([sample.id, sample.label, sample.group])
            numbers.append(place)
        cases[anchor] = [numbers, [float(f"{found.values[n]:.6g}") for n in at]]
    text = json.dumps({"images": images, "cases": cases}, ensure_ascii=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _beyond(case: CaseRecord, images: RecordedImages) -> list[int]:
    """The worst first; of equal values in the order of the data."""
    values = images.values
    wants_low = case.op in ("<", "<=")
    bad = values > case.threshold if wants_low else values < case.threshold
    found = np.flatnonzero(bad)
    return [int(n) for n in found[np.argsort(-values[found] if wants_low else values[found], kind="stable")]]
