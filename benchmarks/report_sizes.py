"""How large a report is, how long it takes to render, to open and how many pages it prints.

    python benchmarks/report_sizes.py [--folder DIR] [--requirements 1 40 200]

Audits 40 images of the built-in line by so many requirements (with their checks and galleries), renders the record and
opens the report in a headless Chromium without a network. A last row shows a record with pictures of 1,000 failing
images under 5 contexts. Runs that stand in the folder are not made again.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from modelaudit.evidence.consistency import read_consistent_record
from modelaudit.evidence.record import GalleryRow, ImageValue, Panel, RunRecord
from modelaudit.report import render_html

IMAGES = 40
FAILING, CONTEXTS = 1000, 5
HEAD = f"""
from modelaudit import Audit
from modelaudit.contexts import *
from modelaudit.measures import *

line = Audit(model="demo:sound", data="demo:?coupling=0.95&images={IMAGES}&seed=1")
"""
SURROUNDINGS = (
    *('swap_background("other_class")', 'swap_background("same_class")', 'swap_background("random")'),
    *(f"lighting({n})" for n in (1, 2, 3, 4, 5)),
    *(f"gaussian_noise({n})" for n in (1, 3)),
)
#: what is required under each of them; the limits differ, so that some are met and others are not
REQUIRED = (
    "accuracy.under({context}) > {high}",
    "accuracy - accuracy.under({context}) < {low}",
    "flip_rate.under({context}) < {low}",
    'background_dependence("gradcam", "integrated_gradients").under({context}) < {middle}',
)


def audit(count: int) -> str:
    """The source of an audit file with so many requirements, all different."""
    lines = []
    for number in range(count):
        context = SURROUNDINGS[number % len(SURROUNDINGS)]
        required = REQUIRED[number // len(SURROUNDINGS) % len(REQUIRED)]
        step = number // (len(SURROUNDINGS) * len(REQUIRED))
        limits = {"high": 0.7 + 0.06 * step, "low": 0.4 - 0.09 * step, "middle": 0.5 - 0.08 * step}
        text = required.format(context=context, **{name: f"{value:.2f}" for name, value in limits.items()})
        clause = f"agreement {1 + number // 10}.{number % 10}"
        lines.append(f"requirement_{number + 1} = line.expect({text}, clause={clause!r})")
    return HEAD + "\n".join(lines) + "\n"


def run_of(count: int, folder: Path) -> Path:
    """The run's folder, made where it is not there."""
    project = folder / f"of_{count}"
    found = project / "audit-results" / "latest"
    if not found.exists():
        (project / "audits").mkdir(parents=True, exist_ok=True)
        (project / "audits" / "audit_line.py").write_text(audit(count), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "audits"]
        subprocess.run(command, cwd=project, check=False, stdout=subprocess.DEVNULL)
    return found


def many_failing(record: RunRecord, folder: Path) -> RunRecord:
    """The record with `CONTEXTS` cases whose galleries and lists hold `FAILING` images each, every picture its own."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    failing = [case for case in record.cases if case.verdict == "FAIL" and case.gallery][:CONTEXTS]
    draw = random.Random(0)
    cases = []
    for at, case in enumerate(failing):
        rows = []
        for number in range(FAILING):
            panels = []
            for kind in ("original", "context"):
                file = f"images/{at}_{number}_{kind}.jpg"
                if not (folder / file).exists():
                    _noise(draw).save(folder / file, quality=85)
                panels.append(Panel(kind=kind, model="m0", prediction="b", probability=0.5, right=False, file=file))  # type: ignore[arg-type]
            name = f"{number:04}.png"
            rows.append(GalleryRow(rank="worst", sample=name, label="a", value=1.0, object_area=0.2, panels=panels))
        worst = [ImageValue(sample=row.sample, value=row.value) for row in rows]
        cases.append(case.model_copy(update={"gallery": rows, "worst": worst}))
    return record.model_copy(update={"cases": cases})


def _noise(draw: random.Random) -> Image.Image:
    small = Image.frombytes("RGB", (28, 28), draw.randbytes(28 * 28 * 3))
    return small.resize((224, 224), Image.Resampling.BICUBIC)


def measured(record: RunRecord, folder: Path, target: Path) -> tuple[int, float, float, int]:
    """Bytes, seconds to render, CPU seconds to open (median of three), pages of A4."""
    began = time.perf_counter()
    html = render_html(record, folder)
    rendered = time.perf_counter() - began
    target.write_text(html, encoding="utf-8")
    opened, pages = opened_and_printed(target)
    return len(html.encode()), rendered, opened, pages


def opened_and_printed(page_file: Path) -> tuple[float, int]:
    """CPU seconds of the page's thread until the file is drawn, which other load does not change, and printed pages."""
    from playwright.sync_api import sync_playwright
    from pypdf import PdfReader

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        seconds = []
        for _ in range(3):
            page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(page_file.resolve().as_uri(), wait_until="load")
            page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
            found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
            seconds.append(found["TaskDuration"])
        pages = len(PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages)
        browser.close()
    return statistics.median(seconds), pages


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, help="keep runs and reports here")
    parser.add_argument("--requirements", type=int, nargs="+", default=[1, 40, 200])
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as spare:
        folder = given.folder or Path(spare)
        print(f"{'requirements':>14} {'bytes':>10} {'render s':>9} {'CPU s':>7} {'pages':>6}")
        for count in given.requirements:
            run = run_of(count, folder)
            _say(str(count), measured(read_consistent_record(run), run, folder / f"report_{count}.html"))
        run = run_of(max(given.requirements), folder)
        pictures = folder / "failing"
        record = many_failing(read_consistent_record(run), pictures)
        _say(f"{FAILING} x {CONTEXTS}", measured(record, pictures, folder / "report_failing.html"))


def _say(name: str, row: tuple[int, float, float, int]) -> None:
    print(f"{name:>14} {row[0]:>10,} {row[1]:>9.2f} {row[2]:>7.2f} {row[3]:>6}", flush=True)


if __name__ == "__main__":
    main()
