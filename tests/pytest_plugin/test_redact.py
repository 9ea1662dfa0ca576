"""A run with --audit-redact: its reports show no image and name none, its record keeps all of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from pytest_plugin.line import CLASSES, mask
from pytest_plugin.runs import Line
from report.test_redacted import embedded, patches, pixels_of

from modelaudit.cli import main

AUDIT = """
line = Audit(model=lambda: Colour(middle=False), classes=CLASSES, preprocessing=Preprocessing(),
             data="folder:canary_photos")
holds = line.expect(accuracy - accuracy.under(swap_background("other_class")) < 0.05, clause="4.2")
looks = line.expect(background_dependence(saliency()).under(swap_background("other_class")) < 0.2)
"""


def test_a_redacted_run_shows_no_image_and_names_none(line: Line) -> None:
    for at in range(12):
        label = CLASSES[at % 2]
        image = np.random.default_rng(at).integers(0, 256, (12, 12, 3), dtype=np.uint8)
        for place, pixels in (("images", image), ("masks", mask() * 255)):
            file = line.path / "canary_photos" / place / label / f"canary_{at:03}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(file)
    (line.path / "canary_photos/images/red/canary_broken.png").write_bytes(b"canary")
    line.audit(AUDIT, "canary_audits/audit_canary.py")
    line.run("canary_audits", "--audit-redact")
    folder = line.path / "audit-results" / "latest"
    assert "canary" in (folder / "run.json").read_text(encoding="utf-8")
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "canary" not in html and "canary" not in (folder / "summary.md").read_text(encoding="utf-8")
    salt = (folder / "redaction-salt").read_text(encoding="utf-8").strip()
    assert len(salt) == 64 and salt not in html
    assert_no_pixel(html, folder)
    assert main(["report", str(folder), "--redact", "-o", str(line.path / "again.html")]) == 0
    assert (line.path / "again.html").read_text(encoding="utf-8") == html
    assert main(["report", str(folder), "--redact", "--salt", str(line.path / "other")]) == 0
    other = (folder / "report-redacted.html").read_text(encoding="utf-8")
    assert "canary" not in other and other != html and len(other) == len(html)


def assert_no_pixel(html: str, folder: Path) -> None:
    photos = folder.parents[1] / "canary_photos" / "images"
    sources = [file.read_bytes() for file in photos.rglob("canary_0*.png")]
    stored = [file.read_bytes() for file in (folder / "images").glob("*.webp")]
    assert len(sources) == 12 and stored
    known = set().union(*(patches(pixels_of(content)) for content in (*sources, *stored)))
    pictures = [(kind, content) for kind, content in embedded(html)]
    assert {kind for kind, _ in pictures} == {"svg+xml", "png"}
    for kind, content in pictures:
        assert kind == "svg+xml" or not patches(pixels_of(content)) & known
