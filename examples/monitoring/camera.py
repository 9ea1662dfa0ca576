"""Plays the cameras of a line: a folder that fills, and a conveyor belt that is replaced while nobody says so.

    python examples/monitoring/camera.py line --frames 220 --new-belt-at 140 --every 0.5

Frames of the demo's line are written to FOLDER/camera_1 and camera_2 in turn. From the frame --new-belt-at on the parts
of camera 2 lie on another belt. What each frame shows is kept in FOLDER/../truth.csv, for the person who labels.
"""

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from PIL import Image

from modelaudit.data import open_data


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=220)
    parser.add_argument("--new-belt-at", type=int, default=140)
    parser.add_argument("--every", type=float, default=0.0, help="seconds between two frames")
    parser.add_argument("--seed", type=int, default=7)
    given = parser.parse_args()
    frames = open_data(f"demo:?coupling=0.95&images={given.frames}&seed={given.seed}", root=Path()).samples
    order = np.random.default_rng(given.seed).permutation(given.frames)  # the demo deals its parts in turn
    truth = []
    for number, frame in enumerate(frames[at] for at in order):
        camera = f"camera_{1 + number % 2}"
        image = frame.image()
        if camera == "camera_2" and number >= given.new_belt_at:
            image = on_new_belt(image, frame.mask(), number)
        file = given.folder / camera / f"{number:05d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        # written beside its place and moved there: nobody reads half an image
        Image.fromarray(image).save(file.with_suffix(".part"), "PNG")
        file.with_suffix(".part").replace(file)
        truth.append((file.relative_to(given.folder).as_posix(), frame.label))
        time.sleep(given.every)
    with (given.folder.parent / "truth.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("image", "label"), *truth])


def on_new_belt(image: np.ndarray, mask: np.ndarray, number: int) -> np.ndarray:
    """The part on a belt of orange rubber with ribs across; its outline keeps its own pixels."""
    chance = np.random.default_rng(number)
    rows = np.arange(image.shape[0]) + chance.integers(8)
    ribs = np.where(rows % 8 < 2, 0.6, 1.0)[:, None, None]
    belt = np.array([196, 98, 40]) * ribs * chance.uniform(0.85, 1.15) + chance.normal(0, 4, image.shape)
    return np.where(mask[:, :, None] == 0, belt.clip(0, 255), image).astype(np.uint8)


if __name__ == "__main__":
    main()
