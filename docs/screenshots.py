"""Draws the pictures of reports in docs/images: page one in both languages, as it looks 1280 px wide.

    pytest audits/
    python docs/screenshots.py audit-results/latest/report.html report-demo
    python docs/screenshots.py audit-results/diff-v1-v2/diff.html diff

Needs the extra [test] and a Chromium. Where photos may not be published, draw what `modelaudit report RUN --redact`
writes.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

IMAGES = Path(__file__).parent / "images"
LARGEST = 200_000


def page_one(browser: Browser, report: Path, language: str) -> bytes:
    """A PNG of page one, without what stands above it on a screen."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page.goto(f"{report.resolve().as_uri()}#{language}")
    box = page.locator(".page-one:visible").bounding_box()
    assert box is not None
    shown = {"x": 0, "y": box["y"], "width": 1280, "height": box["height"] + 16}
    shot = page.screenshot(full_page=True, clip=shown)
    page.close()
    return shot


def small(png: bytes) -> bytes:
    """The same picture in as many colours as fit into `LARGEST` bytes."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for colours in (256, 128, 64, 32):
        out = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST:
            return out.getvalue()
    sys.exit(f"a picture of {picture.size} px does not fit into {LARGEST} bytes")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", type=Path, help="a report.html, or a diff.html")
    parser.add_argument("name", help="the pictures become docs/images/NAME.png and NAME.ja.png")
    arguments = parser.parse_args()
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
    if found is None:
        sys.exit("no chromium or chrome on the PATH")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        for language, ending in (("en", ".png"), ("ja", ".ja.png")):
            shot = small(page_one(browser, arguments.report, language))
            (IMAGES / f"{arguments.name}{ending}").write_bytes(shot)
        browser.close()


if __name__ == "__main__":
    main()
