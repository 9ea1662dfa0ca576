"""A redacted report holds no pixel of a source image: images of random noise make any leak detectable."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from report.sample_record import OTHER_CLASS, case, decision, measure, record

from modelaudit.engine.gallery.drawing import heat_bytes, image_bytes, store
from modelaudit.evidence.record import GalleryRow, Panel, RunRecord
from modelaudit.evidence.redaction import redacted
from modelaudit.report import render_html, render_summary
from modelaudit.report.redacted_pictures import redacted_pictures

SALT = bytes(range(32))
OUTLINE = "M250 250l500 0 0 500-500 0z"
_PATCH = 4
DRAWING = re.compile(
    rb'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1000 1000">'
    rb'(<path fill="#[0-9a-f]{6}"( fill-rule="evenodd")? d="[MHVlhvz0-9 -]*"/>)*</svg>'
)


def noise(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def run_on_noise(folder: Path, **changed: object) -> RunRecord:
    """A run with images of noise, as a run stores them and without loss, and with a heat map over each."""
    rows = []
    for seed in range(3):
        exact = io.BytesIO()
        Image.fromarray(noise(seed + 10)).save(exact, "PNG")
        original, context = store(folder, exact.getvalue()), store(folder, image_bytes(noise(seed)))
        heat = store(folder, heat_bytes(np.random.default_rng(seed + 20).random((32, 32), dtype=np.float32)))
        told = {"model": "m0", "prediction": "bolt", "probability": 0.6}
        panels = [
            Panel(kind="original", file=original, outline=OUTLINE, **told),  # type: ignore[arg-type]
            Panel(kind="context", context=OTHER_CLASS.text, file=context, outline=OUTLINE, **told),  # type: ignore[arg-type]
            Panel(kind="attribution", method="gradcam", file=original, map=heat, **told),  # type: ignore[arg-type]
        ]
        panels[2] = panels[2].model_copy(update=changed)
        rows.append(GalleryRow(rank="worst", sample=f"gear/canary_{seed}.jpg", label="gear", value=0.0, panels=panels))
    failed = case(
        "a", measure("accuracy", OTHER_CLASS), ">", 0.9, "FAIL", decision=decision("FAIL", 0.5, 0.4, 0.6), gallery=rows
    )
    return record(cases=[failed])


def embedded(html: str) -> Iterator[tuple[str, bytes]]:
    """Every picture in a page: its kind, and its content."""
    assert html.count("data:") - html.count("data:;") >= html.count("data:image/")
    for kind, content in re.findall(r"data:image/([a-z+]+);base64,([A-Za-z0-9+/=]+)", html):
        yield kind, base64.b64decode(content)


def patches(pixels: NDArray[np.uint8]) -> set[bytes]:
    """Every square of some pixels."""
    height, width = pixels.shape[:2]
    return {
        pixels[y : y + _PATCH, x : x + _PATCH].tobytes()
        for y in range(height - _PATCH + 1)
        for x in range(width - _PATCH + 1)
    }


def pixels_of(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as picture:
        return np.asarray(picture.convert("RGB"))


def leaked(html: str, folder: Path) -> int:
    """How many patches of the images of a run are in its report; drawings may hold two colours and lines alone."""
    sources = [pixels_of(file.read_bytes()) for file in (folder / "images").iterdir() if _is_image(file)]
    assert len(sources) == 6
    known = set().union(*map(patches, sources))
    found = 0
    for kind, content in embedded(html):
        if kind == "svg+xml":
            assert DRAWING.fullmatch(content), content
        else:
            found += len(patches(pixels_of(content)) & known)
    return found


def _is_image(file: Path) -> bool:
    with Image.open(file) as picture:
        return picture.mode != "P"


def test_no_pixel_of_an_image_is_in_a_redacted_report(tmp_path: Path) -> None:
    run = run_on_noise(tmp_path)
    assert leaked(render_html(run, tmp_path), tmp_path) > 6 * 60 * 60, "a leak would be seen"
    html = render_html(redacted(run, SALT), tmp_path)
    assert leaked(html, tmp_path) == 0
    assert sum(kind == "png" for kind, _ in embedded(html)) == 3, "the heat maps"
    assert sum(kind == "svg+xml" for kind, _ in embedded(html)) == 1, "one silhouette, for all have the same outline"


def test_nothing_names_an_image_or_a_file_of_it(tmp_path: Path) -> None:
    run = run_on_noise(tmp_path)
    for text in (render_html(redacted(run, SALT), tmp_path), render_summary(redacted(run, SALT))):
        assert not re.findall(r"canary|gear/|audits/|data/line_a|images/[0-9a-f]", text)
        assert "redacted" in text.lower()
    assert "秘匿版" in render_html(redacted(run, SALT), tmp_path)


def test_a_map_of_an_older_record_is_not_shown_because_the_image_is_in_it(tmp_path: Path) -> None:
    run = run_on_noise(tmp_path, map=None)
    heat = run.cases[0].gallery[0].panels[1].file
    panels = [run.cases[0].gallery[0].panels[2].model_copy(update={"file": heat, "outline": None})]
    row = run.cases[0].gallery[0].model_copy(update={"panels": panels})
    run = run.model_copy(update={"cases": [run.cases[0].model_copy(update={"gallery": [row]})]})
    assert redacted_pictures(redacted(run, SALT), tmp_path) == ({}, frozenset({heat}))
    html = render_html(redacted(run, SALT), tmp_path)
    assert 'class="picture absent"' in html and not list(embedded(html))


@pytest.mark.parametrize("kind", ["image", "text", "tail"])
def test_what_is_no_map_is_not_shown_as_one(tmp_path: Path, kind: str) -> None:
    run = run_on_noise(tmp_path)
    panel = run.cases[0].gallery[0].panels[2]
    assert panel.map is not None
    content = (tmp_path / panel.map).read_bytes()
    comment = b"\0\0\0\4tEXtleak\0\0\0\0"
    forged = {
        "image": (tmp_path / run.cases[0].gallery[0].panels[0].file).read_bytes(),
        "text": content[:-12] + comment + content[-12:],
        "tail": content + b"leak",
    }
    (tmp_path / panel.map).write_bytes(forged[kind])
    found, missing = redacted_pictures(redacted(run, SALT), tmp_path)
    assert missing == {panel.map} and panel.map not in found
