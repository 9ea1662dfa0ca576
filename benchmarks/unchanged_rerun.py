"""What an audit costs that was measured before: `pytest` on 10,000 images under three contexts, then the same again.

    python benchmarks/unchanged_rerun.py [--images 10000] [--folder DIR]

Writes small photos and masks into a folder (a temporary one unless said), runs the audit in a process of its own until
everything is in the store, and then again. Printed are the seconds of both, what the second run computed, and how long
importing alone takes.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

NET = """
import torch
from torch import nn

def build():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, padding=1, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10),
    )
"""
AUDIT = """
from modelaudit import Audit, Preprocessing, correct
from modelaudit.contexts import lighting, swap_background
from modelaudit.measures import accuracy, background_dependence, background_share, confidence, flip_rate

line = Audit("net.py:build", "folder:data", classes=[f"c{at}" for at in range(10)], preprocessing=Preprocessing(32))
swapped, dark = swap_background("other_class"), lighting(3)
right = line.expect(accuracy > 0.01)
drop = line.expect(accuracy - accuracy.under(swapped) < 0.5)
stable = line.expect(flip_rate.under(dark) < 0.99)
sure = line.expect(confidence.under(swapped) > 0.01)
looks = line.expect(background_dependence("saliency", "gradcam").under(swapped) < 0.9)
looked = line.expect(background_dependence("saliency", "input_x_gradient", "gradcam") < 0.9)
in_the_dark = line.expect(background_share("saliency").under(dark).where(correct) < 0.99)
"""
IMPORTS = (
    "import torch, torchvision, scipy.stats, pydantic, jinja2, captum.attr, modelaudit.engine.executors.run, "
    "modelaudit.report"
)


def write(folder: Path, images: int) -> None:
    """The project that is audited."""
    draw = np.random.default_rng(0)
    for number in range(images):
        name = f"c{number % 10}/{number:05d}.png"
        mask, corner = np.zeros((32, 32), np.uint8), 4 + number % 6
        mask[corner : corner + 12, corner : corner + 12] = 1
        for kind, array in (("images", draw.integers(0, 256, (32, 32, 3), dtype=np.uint8)), ("masks", mask)):
            path = folder / "data" / kind / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(array).save(path, compress_level=1)
    (folder / "net.py").write_text(NET)
    (folder / "audit_line.py").write_text(AUDIT)
    (folder / "pytest.ini").write_text("[pytest]\n")


def timed(*command: str, folder: Path) -> tuple[float, float]:
    """Seconds on the clock and of processor time of a command that must succeed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):  # verdicts may be FAIL: the network learned nothing
        raise SystemExit(done.stdout + done.stderr)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - start, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "audit_line.py").exists():
            write(folder, given.images)
        run = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "audit_line.py")
        imports = timed("-c", IMPORTS, folder=folder)
        first, again = timed(*run, folder=folder), timed(*run, folder=folder)
        record = json.loads((folder / "audit-results" / "latest" / "run.json").read_text())
        print(f"{given.images} images x 3 contexts, 7 cases\n")
        print("| | seconds | of processor time |\n|---|---|---|")
        for name, (wall, cpu) in (("imports alone", imports), ("first run", first), ("the same again", again)):
            print(f"| {name} | {wall:.1f} | {cpu:.1f} |")
        print(f"| the same again, beyond the imports | {again[0] - imports[0]:.1f} | {again[1] - imports[1]:.1f} |")
        print(f"\ncomputed the second time: {record['passes']}")


if __name__ == "__main__":
    main()
