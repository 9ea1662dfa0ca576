"""From nothing to the first own verdict, by the commands of docs/getting_started.md as they stand there."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from docs_blocks import blocks
from numpy.typing import NDArray
from PIL import Image

import modelaudit.engine.assembly  # noqa: F401  (what it imports of torch cannot be imported anew after a pytester run)
from modelaudit.cli import main

SIDE, IMAGES = 64, 32
LABELS = ("bolt", "nut")
#: left, top, width and height of every part, in pixels
BOX = (20, 16, 24, 28)


class Net(torch.nn.Module):
    """Bolts are red, nuts are blue."""

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return 40 * pixels.mean((2, 3))[:, [0, 2]]


def photos(folder: Path) -> None:
    """JPEG photos, with masks of 0 and 255 beside them."""
    for name, label, pixels in parts():
        place = folder / "photos" / label
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{name}.jpg", quality=95)
        Image.fromarray(np.where(object_mask(), 255, 0).astype(np.uint8)).save(place / f"{name}.png")


def yolo(folder: Path) -> None:
    """Boxes in text files."""
    left, top, width, height = BOX
    for name, label, pixels in parts():
        for kind in ("images", "labels"):
            (folder / "yolo" / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / "yolo" / "images" / f"{name}.png")
        shares = ((left + width / 2) / SIDE, (top + height / 2) / SIDE, width / SIDE, height / SIDE)
        line = f"{LABELS.index(label)} {' '.join(f'{share:.6f}' for share in shares)}\n"
        (folder / "yolo" / "labels" / f"{name}.txt").write_text(line)
    (folder / "yolo" / "data.yaml").write_text("train: images\nval: images\nnames: [bolt, nut]\n")


def coco(folder: Path) -> None:
    """Outlines in one JSON file."""
    left, top, width, height = BOX
    outline = [left, top, left + width, top, left + width, top + height, left, top + height]
    images, annotations = [], []
    (folder / "coco" / "images").mkdir(parents=True)
    for number, (name, label, pixels) in enumerate(parts(), start=1):
        Image.fromarray(pixels).save(folder / "coco" / "images" / f"{name}.png")
        images.append({"id": number, "file_name": f"{name}.png", "width": SIDE, "height": SIDE})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "category_id": 1 + LABELS.index(label),
                "bbox": BOX,
                "area": width * height,
                "segmentation": [outline],
                "iscrowd": 0,
            }
        )
    categories = [{"id": number, "name": label} for number, label in enumerate(LABELS, start=1)]
    document = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "coco" / "annotations.json").write_text(json.dumps(document))


def parts() -> Iterator[tuple[str, str, NDArray[np.uint8]]]:
    """Coloured parts on grey backgrounds, every one another picture."""
    for number in range(IMAGES):
        draw = np.random.default_rng(number)
        label = LABELS[number % 2]
        coarse = draw.integers(60, 180, (8, 8), dtype=np.uint8)
        grey = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        pixels = np.repeat(grey[..., None], 3, axis=2).copy()
        pixels[object_mask()] = (230, 60, 60) if label == "bolt" else (60, 60, 230)
        yield f"{number:04}", label, pixels


def object_mask() -> NDArray[np.bool_]:
    left, top, width, height = BOX
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + height, left : left + width] = True
    return mask


def documented(kind: str) -> list[str]:
    """The command lines of the page for a kind of data, in order."""
    chosen = [
        block
        for block in blocks()
        if block.page == "docs/getting_started.md" and kind in [one.strip() for one in block.run.split(",")]
    ]
    return [line for block in chosen for line in block.text.splitlines() if line.strip() and not line.startswith("#")]


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", [photos, yolo, coco], ids=lambda kind: kind.__name__)
def test_the_commands_lead_to_a_verdict(
    kind: Callable[[Path], None], pytester: pytest.Pytester, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = pytester.path
    kind(folder)
    (folder / "models").mkdir()
    torch.jit.save(torch.jit.script(Net().eval()), str(folder / "models" / "parts.ts"))
    first, look, audit = (shlex.split(line, comments=True) for line in documented(kind.__name__))
    capfd.readouterr()
    assert first[:2] == ["modelaudit", "init"] and main(first[1:]) == 0
    said = "".join(capfd.readouterr())
    assert "What comes next:" in said and "PROBLEM" not in said and "Warning" not in said
    assert look[0] == "pytest" and any("--audit-limit" in word for word in look)
    looked = pytester.runpytest_inprocess(*look[1:])
    assert looked.ret in (1, 10)
    looked.stdout.fnmatch_lines(["QUICK LOOK: *"])
    looked.stdout.no_fnmatch_line("*Warning*")  # nothing of other libraries in the user's terminal
    assert audit == ["pytest", "audits/"]
    pytester.runpytest_inprocess(*audit[1:]).stdout.no_fnmatch_line("*Warning*")
    record = json.loads((folder / "audit-results" / "latest" / "run.json").read_text(encoding="utf-8"))
    verdicts = {case["name"]: case["verdict"] for case in record["cases"]}
    assert 6 <= len(verdicts) <= 8 and "ERROR" not in verdicts.values()
    assert verdicts["is_right"] == "PASS"
    assert record["quick_look"] is None and (folder / "audit-results" / ".gitignore").is_file()
