"""The page on which people review the pictures of a run: one file, blind, that saves ``review.json``.

It holds pictures, lines over them and digests, and no text of the record: no verdict, value, prediction or name.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ..evidence.record import RunRecord, record_digest
from ..evidence.review_pictures import PictureFiles, pictures_of_case
from ..language.draws import order
from ..language.errors import ResultsError
from .pictures import read_picture
from .render import filled, spoken, templates
from .words import LANGUAGES, words_of

_DRAW = "review page"
#: larger numbers lose digits in a browser
_SEEDS = 2**53
_NAMED = re.compile(r"images/([0-9a-f]{16,64})\.[a-z]{3,4}")


def render_review(record: RunRecord, folder: Path, *, language: str = "en", seed: int = 0) -> str:
    """The page as HTML in English and Japanese, which needs no other file.

    Args:
        folder: of the pictures that the record names.
        language: the one that is shown first.
        seed: of the order; the pictures of all cases are mixed, and each is shown once.

    Raises:
        ResultsError: an unknown language, a seed that browsers cannot read, a redacted record, no picture to review, or
            one that is missing or is not the one that the run drew.
    """
    words_of(language)
    if not 0 <= seed < _SEEDS:
        raise ResultsError(f"the seed of a review must be at least 0 and below 2**53, got {seed}")
    if record.redacted:
        raise ResultsError("a redacted record has no pictures to review; make the page from the run itself")
    shown = pictures_to_review(record)
    if not shown:
        raise ResultsError(
            f"{folder}: no requirement of this run has pictures with a heat map or a changed image, so there is "
            "nothing to review; add reviewed_by=2 to one that has, and run it again"
        )
    files = _read({file for one in shown for file in one[1:] if file is not None}, folder)
    fingerprints = {model.key: model.fingerprint for model in record.models}
    rows = [row for case in record.cases for row in (*case.review, *case.gallery)]
    outlines = {panel.file: panel.outline for row in rows for panel in row.panels if panel.outline}
    items = [_item(one, fingerprints, files, outlines) for one in shown]
    items.sort(key=lambda item: order(seed, "\0".join(str(part) for part in item["picture"].values()), _DRAW))
    environment = templates(None, escape=True)
    script = Markup(filled(environment, "review.js"))
    return filled(
        environment,
        "review.html.j2",
        language=language,
        styles=Markup(filled(environment, "review.css")),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        data={
            "run": record_digest(record),
            "seed": seed,
            "items": items,
            "files": dict(files.values()),
        },
        texts={each: Markup(filled(environment, "review_words.j2", **spoken(each))) for each in LANGUAGES},
        **spoken(language),
    )


def pictures_to_review(record: RunRecord) -> list[PictureFiles]:
    """The pictures of the cases that need reviewers; where none does, those of all galleries."""
    asked = [case for case in record.cases if case.review] or record.cases
    return list(dict.fromkeys(one for case in asked for one in pictures_of_case(case)))


def _item(
    files: PictureFiles,
    fingerprints: dict[str, str],
    read: dict[str, tuple[str, str]],
    outlines: dict[str, str],
) -> dict[str, Any]:
    """A picture as the page has it: its digests as in ``review.json``, and the lines over its images."""
    changed, over = files.changed, files.map
    return {
        "picture": {
            "model": fingerprints[files.model],
            "image": read[files.image][0],
            "changed": None if changed is None else read[changed][0],
            "map": None if over is None else read[over][0],
        },
        "outlines": [outlines.get(files.image, ""), outlines.get(changed or files.image, "")],
    }


def _read(names: set[str], folder: Path) -> dict[str, tuple[str, str]]:
    """The SHA-256 of every picture, and the picture itself as a ``data:`` address."""
    found = {}
    for name in sorted(names):
        picture = read_picture(name, folder)
        if picture is None:
            raise ResultsError(
                f"{folder / name}: this picture is missing or cannot be read; give the whole folder of the run, or run "
                "it again"
            )
        digest = hashlib.sha256(base64.b64decode(picture.uri.partition(",")[2])).hexdigest()
        named = _NAMED.fullmatch(name)
        if named and not digest.startswith(named[1]):
            raise ResultsError(f"{folder / name}: is not the picture that the run drew; run it again")
        found[name] = (digest, picture.uri)
    return found
