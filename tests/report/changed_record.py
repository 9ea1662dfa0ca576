"""A run in which a search found changes that flip the answer, one in which it found none, and stored cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from report.sample_record import case, decision, measure, record

from modelaudit.engine.gallery.contours import outline_of
from modelaudit.engine.gallery.drawing import image_bytes, store
from modelaudit.engine.results.counterexamples import ChangedPictures, Counterexample, ReplayFacts, SearchFacts
from modelaudit.evidence.build import change_records
from modelaudit.evidence.record import CaseRecord, RunRecord, SampleRecord, TableRecord

COLUMN = "worst_change"
PATCHES = (
    ("background_patch(0.02, 0.05, 0.2, 0.22, '#808080')", (0.02, 0.05, 0.2, 0.22), 0.04, 1.0),
    ("background_patch(0.7, 0.7, 0.3, 0.3, red, dose=0.4)", (0.7, 0.7, 0.3, 0.3), 0.114, 0.4),
    ("background_patch(0, 0, 1, 0.2, white)", (0.0, 0.0, 1.0, 0.2), 0.256, 1.0),
    ("background_patch(0, 0, 1, 1, black, dose=0.2)", (0.0, 0.0, 1.0, 1.0), 1.0, 0.2),
)
FOLDER = "audits/counterexamples"


def searching(**changed: Any) -> CaseRecord:
    left = measure(COLUMN, scale="proportion", better="low", percent=True)
    made = {"decision": decision("FAIL", 0.258, 0.21, 0.31), "model_names": {"": "m0"}, "says": "keeps its answer"}
    return case("keeps_its_answer", left, "<", 0.05, "FAIL", **{**made, **changed})


def found(at: int, folder: Path | None, **changed: Any) -> Counterexample:
    context, box, area, dose = PATCHES[at]
    fields: dict[str, Any] = {
        "model": "m0",
        "column": COLUMN,
        "sample": f"bolt/IMG_{at:04}.jpg",
        "image": f"{at:064}",
        "mask": f"{at + 1000:064}",
        "donor": None,
        "context": context,
        "area": area,
        "dose": dose,
        "size": area * dose,
        "calls": 41 + at,
        "label": "bolt",
        "before": "bolt",
        "after": "nut",
        "before_probability": 0.93,
        "after_probability": 0.97,
        "pictures": None if folder is None else drawn(folder, at, box, dose),
    }
    return Counterexample(**{**fields, **changed})


def drawn(folder: Path, at: int, box: tuple[float, float, float, float], dose: float) -> ChangedPictures:
    """A disc on a texture, and a grey rectangle of its background."""
    side = 160
    rows, columns = np.mgrid[:side, :side]
    part = (rows - side / 2) ** 2 + (columns - side / 2) ** 2 < (0.3 * side) ** 2
    image = np.random.default_rng(at).integers(120, 170, (side, side, 3), dtype=np.uint8)
    image[part] = (60, 90, 150)
    top, left, height, width = (round(side * share) for share in box)
    place = np.zeros_like(part)
    place[top : top + height, left : left + width] = True
    place &= ~part
    changed = image.copy()
    changed[place] = (image[place] * (1 - dose) + 90 * dose).astype(np.uint8)
    return ChangedPictures(
        original=store(folder, image_bytes(image)),
        changed=store(folder, image_bytes(changed)),
        object=outline_of(part),
        place=outline_of(place),
    )


def replay(name: str, state: str, why: str = "", **changed: Any) -> ReplayFacts:
    fields: dict[str, Any] = {
        "file": f"{FOLDER}/{name}",
        "model": "m0",
        "column": COLUMN,
        "sample": "bolt/IMG_0000.jpg",
        "context": PATCHES[0][0],
        "state": state,
        "why": why,
    }
    return ReplayFacts(**{**fields, **changed})


def changed_record(folder: Path | None = None, flipped: int = 4, **changed: Any) -> RunRecord:
    """The run; with a folder, its pictures are drawn there."""
    samples = [
        SampleRecord(id=f"bolt/IMG_{at:04}.jpg", label="bolt", image=f"{at:064}", mask=f"{at + 1000:064}")
        for at in range(5)
    ]
    several = [found(at, folder) for at in range(flipped)]
    replays = [
        replay("keeps-a-00000001.json", "fixed"),
        replay("keeps-b-00000002.json", "still_fails"),
        replay("keeps-c-00000003.json", "cannot_replay", "the image is another one than it was"),
        replay("damaged.json", "cannot_replay", "damaged.json: not valid JSON", model="", column="", context=""),
    ]
    fields: dict[str, Any] = {
        "cases": [searching()],
        "tables": [TableRecord(data="d0", samples=samples, columns=[])],
        "counterexamples": several,
        "searches": [
            SearchFacts(
                model="m0", column=COLUMN, images=118, flipped=flipped, calls=31_000, budget=500, seconds=60, cut_off=2
            )
        ],
        "replays": replays if flipped else [],
        "changes": change_records(one.context for one in several),
    }
    return record(**{**fields, **changed})
