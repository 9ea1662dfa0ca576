"""A record whose one requirement asks for reviewers, with real picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from report.sample_record import case, decision, measure, record

from modelaudit.engine.gallery.drawing import heat_bytes, image_bytes, store
from modelaudit.evidence.record import CaseRecord, GalleryRow, Panel, RunRecord

#: a heat map of the original, changed images with and without a heat map
PICTURES = 4
SIDE = 96
FINGERPRINT = "5e" * 32


def reviewed_record(folder: Path, **changed: object) -> RunRecord:
    """The record; its pictures are written into `folder`."""
    made = record(folder)
    model = made.models[0].model_copy(update={"fingerprint": FINGERPRINT})
    rows = [row(folder, number, model.key) for number in range(PICTURES)]
    asking = case("decides_on_the_part", measure(), "<", 0.4321, "FAIL", decision=decision("FAIL", 0.5, 0.45, 0.55))
    fields = {"review": rows, "gallery": rows[:1], "data": made.data[0].key, "models": [model.key]}
    asking = CaseRecord.model_validate(asking.model_dump() | {"review": [one.model_dump() for one in rows]})
    asking = asking.model_copy(update=fields)
    return made.model_copy(update={"cases": [asking], "models": [model, *made.models[1:]], **changed})


def row(folder: Path, number: int, model: str) -> GalleryRow:
    """An image of a square on a ground; the first has its heat map, the second is changed, the others are both."""
    draw = np.random.default_rng(number)
    pixels = np.full((SIDE, SIDE, 3), draw.integers(0, 256, 3), dtype=np.uint8)
    pixels[30:60, 30:60] = draw.integers(0, 256, 3)
    other = pixels.copy()
    other[:20] = draw.integers(0, 256, 3)
    heat = np.zeros((SIDE, SIDE), dtype=np.float32)
    heat[20 + 9 * number : 50 + 9 * number, 20:50] = draw.random((30, 30))
    image, changed = store(folder, image_bytes(pixels)), store(folder, image_bytes(other))
    outline = "M312 312l312 0l0 312l-312 0z"
    seen = {"model": model, "prediction": "secret_answer", "probability": 0.8765, "right": True}
    panels = [Panel(kind="original", file=image, outline=outline, **seen)]
    context = None if number == 0 else "swap_background(other_class)"
    if context is not None:
        panels.append(Panel(kind="context", context=context, file=changed, outline=outline, **seen))
    if number != 1:
        over, method = store(folder, heat_bytes(heat)), "gradcam"
        beneath = changed if context else image
        panels.append(Panel(kind="attribution", context=context, method=method, file=beneath, map=over, **seen))
    return GalleryRow(rank="worst", sample=f"secret_{number}.png", label="secret_bolt", value=0.1234, panels=panels)
