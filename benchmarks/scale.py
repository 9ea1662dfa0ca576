"""What an audit costs as its images grow: time by stage, memory and files, over synthetic images in tar shards.

    python benchmarks/scale.py [--sizes 1000 10000] [--kill-at 0.6] [--folder DIR]

Writes 16 x 16 PNGs into `webdataset:` shards of 10,000, and audits them with `pytest` in a process of its own: accuracy
as they are and in the dark, with the store. Printed are seconds until the audits are collected, until the last verdict
(listing, measuring, deciding), and for what follows (record and report); the peak of resident memory; and the sizes of
what was written. `--kill-at` ends another run by SIGKILL at that share of the uninterrupted run's seconds, runs it
again, and prints how many values each computed and whether the two records are equal.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from record_equality import equal

SHARD = 10_000
NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(48, 10))
"""
AUDIT = """
from modelaudit import Audit, Preprocessing
from modelaudit.contexts import lighting
from modelaudit.measures import accuracy

line = Audit(
    "net.py:build", "webdataset:SHARDS", classes=[f"c{at}" for at in range(10)], preprocessing=Preprocessing(16)
)
right = line.expect(accuracy > 0.01)
in_the_dark = line.expect(accuracy.under(lighting(3)) > 0.01)
"""
#: writes when each stage was over
CONFTEST = """
import json, time, pytest
times = {}

def pytest_collection_finish():
    times["collected"] = time.time()

@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish():
    times["decided"] = time.time()

@pytest.hookimpl(trylast=True)
def pytest_unconfigure():
    times["written"] = time.time()
    with open("stages.json", "w") as file:
        json.dump(times, file)
"""


def write(folder: Path, images: int) -> None:
    """The project that is audited."""
    draw = np.random.default_rng(0)
    (folder / "data").mkdir(parents=True)
    for shard in range(-(-images // SHARD)):
        with tarfile.open(folder / "data" / f"s-{shard:03d}.tar", "w") as archive:
            for number in range(shard * SHARD, min(images, (shard + 1) * SHARD)):
                picture = io.BytesIO()
                Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(picture, "PNG")
                for ending, content in (("png", picture.getvalue()), ("cls", str(number % 10).encode())):
                    member = tarfile.TarInfo(f"{number:07d}.{ending}")
                    member.size = len(content)
                    archive.addfile(member, io.BytesIO(content))
    shards = f"data/s-{{000..{-(-images // SHARD) - 1:03d}}}.tar"
    (folder / "net.py").write_text(NET)
    (folder / "audit_line.py").write_text(AUDIT.replace("SHARDS", shards))
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "pytest.ini").write_text("[pytest]\n")


def audited(folder: Path, until: float | None = None) -> tuple[float, float, int]:
    """Start on the clock, seconds and peak resident memory (KiB) of a run, which is killed after `until` seconds."""
    start, peak = time.time(), 0
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "audit_line.py"]
    with (folder / "output.txt").open("w") as output:
        child = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        while child.poll() is None:
            peak = max(peak, resident(child.pid))
            if until is not None and time.time() - start > until:
                child.kill()
            time.sleep(0.02)
    if until is None and child.returncode not in (0, 1):  # verdicts may be FAIL: the network learned nothing
        raise SystemExit((folder / "output.txt").read_text())
    return start, time.time() - start, peak


def resident(process: int) -> int:
    """The peak of resident memory of a process so far, in KiB; 0 when it has just ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)


def size(path: Path) -> float:
    """MB of a file, or of all files of a folder."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files) / 1e6


def measured(folder: Path, images: int) -> tuple[str, float]:
    """A row of the table, and the run's seconds."""
    start, seconds, peak = audited(folder)
    stages = json.loads((folder / "stages.json").read_text())
    run = (folder / "audit-results" / "latest").resolve()
    times = [
        stages["collected"] - start,
        stages["decided"] - stages["collected"],
        stages["written"] - stages["decided"],
    ]
    sizes = [size(run / "run.json"), size(run / "report.html"), size(run)]
    cells = [f"{images:,}", *(f"{value:.1f}" for value in (*times, seconds)), f"{peak / 1024:.0f}"]
    return "| " + " | ".join([*cells, *(f"{value:.2f}" for value in sizes)]) + " |", seconds


def resumed(whole: Path, killed: Path, until: float) -> None:
    """Kill a run, run it again, and compare its record with that of the run that was not killed."""
    audited(killed, until)
    if (killed / "stages.json").exists():
        raise SystemExit("the run ended before it was to be killed; take more images")
    _, seconds, _ = audited(killed)
    records = [folder / "audit-results" / "latest" / "run.json" for folder in (whole, killed)]
    print(f"\nkilled after {until:.1f} s; the run after it took {seconds:.1f} s")
    for name, record in zip(("uninterrupted", "after the kill"), records, strict=True):
        print(f"{name}: {json.loads(record.read_text())['passes']}")
    equal(*records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--kill-at", type=float, help="share of the uninterrupted run's seconds, at the last size")
    parser.add_argument("--folder", type=Path, help="where projects are written; a temporary one unless given")
    given = parser.parse_args()
    os.environ["PYTHONHASHSEED"] = "0"
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        print(
            "| images | collected s | decided s | written s | all s | peak MiB | run.json MB | report MB | folder MB |"
        )
        print("|" + "---|" * 9)
        for images in given.sizes:
            write(folder / str(images) / "line", images)
            if given.kill_at:
                shutil.copytree(folder / str(images) / "line", folder / str(images) / "killed" / "line")
            row, seconds = measured(folder / str(images) / "line", images)
            print(row, flush=True)
        if given.kill_at:
            last = folder / str(given.sizes[-1])
            resumed(last / "line", last / "killed" / "line", given.kill_at * seconds)


if __name__ == "__main__":
    main()
