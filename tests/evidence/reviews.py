"""Reviews of the pictures of a record, as a reviewer would have saved them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from modelaudit.evidence.record import RunRecord, record_digest
from modelaudit.evidence.review_pictures import PictureFiles, pictures_of_case

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)


def picture_of(record: RunRecord, files: PictureFiles) -> dict[str, Any]:
    """A picture of a record by its digests."""
    stems = {name: getattr(files, name) for name in ("image", "changed", "map")}
    named = {name: None if file is None else PurePosixPath(file).stem for name, file in stems.items()}
    return {"model": record.fingerprints[files.model], **named}


def answer_to(picture: dict[str, Any], said: str) -> dict[str, Any]:
    """An answer: what the map highlights, or without a map that the change is realistic."""
    if picture["map"] is not None:
        return {"picture": picture, "looks_at": said}
    return {"picture": picture, "change_realistic": "cannot_tell" if said == "cannot_tell" else "yes"}


def reviewed(
    record: RunRecord, reviewer: str = "Aoi Sato", *, says: Callable[[int], str] = lambda _: "object", **changed: Any
) -> dict[str, Any]:
    """A review of every picture of a record; `says`: what the model looks at, by the number of the picture."""
    files = dict.fromkeys(one for case in record.cases for one in pictures_of_case(case))
    answers = [answer_to(picture_of(record, one), says(at)) for at, one in enumerate(files)]
    fields = {"run": record_digest(record), "reviewer": reviewer, "seed": 1, "answers": answers}
    return {**fields, "started": NOW.isoformat(), "finished": (NOW + timedelta(minutes=4)).isoformat(), **changed}


def save(review: dict[str, Any], path: Path) -> Path:
    """Write a review as a page saves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(review), encoding="utf-8")
    return path
