"""Plays a closed box: a program of somebody else, which knows modelaudit no more than a camera does.

    python box.py PICTURES ANSWERS [--say scores|top|label] [--maps FOLDER] [--weights FILE]

It reads every picture below PICTURES (.png of 8 bits, .npy of float32), runs its own network on it, and writes one row
a picture: a table where ANSWERS ends in .csv, one object a line where it ends in .jsonl. With --maps it writes where it
looked, a Grad-CAM of its answer. NumPy and Pillow are all that it needs.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Values = NDArray[np.float32]
#: of each convolution
STRIDES = (2, 2, 1, 1)


def pixels_of(file: Path) -> Values:
    """[3, H, W] in [0, 1]."""
    if file.suffix == ".npy":
        return np.asarray(np.load(file, allow_pickle=False), dtype=np.float32)
    with Image.open(file) as image:
        return np.asarray(image.convert("RGB"), dtype=np.float32).transpose(2, 0, 1) / np.float32(255)


class Network:
    """Four convolutions, a mean over the places, one linear layer; the weights come from a file."""

    def __init__(self, file: Path) -> None:
        with np.load(file, allow_pickle=False) as weights:
            self.weights = {name: weights[name] for name in weights.files}
        self.classes = [str(name) for name in self.weights["classes"]]

    def logits_and_places(self, pixels: Values) -> tuple[Values, Values]:
        """[C] and, before the mean over the places, [K, h, w]."""
        mean, std = self.weights["mean"], self.weights["std"]
        places = (pixels - mean[:, None, None]) / std[:, None, None]
        for number, stride in enumerate(STRIDES):
            places = self._block(places, f"block{number}", stride)
        logits = self.weights["score"] @ places.mean((1, 2))
        return logits - logits.mean(), places

    def map_of(self, places: Values, answer: int) -> Values:
        """[h, w] Grad-CAM of a class: what each place argues for it, above what it argues for all classes."""
        score = self.weights["score"]
        argued = score[answer] - score.mean(0)
        return np.maximum(np.tensordot(argued, places, 1) / places[0].size, 0).astype(np.float32)

    def _block(self, given: Values, name: str, stride: int) -> Values:
        """Convolution, normalisation, ReLU."""
        kernel = self.weights[f"{name}.kernel"]
        side = kernel.shape[-1]
        edge = side // 2
        padded = np.pad(given, ((0, 0), (edge, edge), (edge, edge)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (side, side), (1, 2))[:, ::stride, ::stride]
        found = np.tensordot(kernel, windows, ((1, 2, 3), (0, 3, 4)))
        scale, shift = self.weights[f"{name}.scale"], self.weights[f"{name}.shift"]
        return np.maximum(found * scale[:, None, None] + shift[:, None, None], 0).astype(np.float32)


def rows(pictures: Path, network: Network, say: str, maps: Path | None) -> Iterator[dict[str, object]]:
    """The answers, one a picture, as objects of a JSON line."""
    files = sorted(file for file in pictures.rglob("*") if file.suffix in (".png", ".npy"))
    for file in files:
        logits, places = network.logits_and_places(pixels_of(file))
        order = [int(index) for index in np.argsort(-logits, kind="stable")]
        row: dict[str, object] = {"picture": file.stem, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        chances = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        if say == "label":
            row["label"] = network.classes[order[0]]
        elif say == "top":
            row["top"] = [[network.classes[index], float(chances[index])] for index in order[:2]]
        else:
            row["scores"] = dict(zip(network.classes, map(float, logits), strict=True))
        if maps is not None:
            np.savez_compressed(maps / f"{file.stem}.npz", map=network.map_of(places, order[0]))
        yield row


def flat(row: dict[str, object]) -> dict[str, object]:
    """An object as a row of a table."""
    found = {name: value for name, value in row.items() if name not in ("scores", "top")}
    scores, top = row.get("scores"), row.get("top")
    if isinstance(scores, dict):
        found |= scores
    if isinstance(top, list):
        for rank, (label, score) in enumerate(top, start=1):
            found |= {f"top{rank}": label, f"score{rank}": score}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path)
    parser.add_argument("answers", type=Path)
    parser.add_argument("--say", choices=("scores", "top", "label"), default="scores")
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--weights", type=Path, default=Path(__file__).with_name("weights.npz"))
    given = parser.parse_args()
    if given.maps is not None:
        given.maps.mkdir(parents=True, exist_ok=True)
    found = list(rows(given.pictures, Network(given.weights), given.say, given.maps))
    if not found:
        raise SystemExit(f"{given.pictures}: no pictures")
    with given.answers.open("w", encoding="utf-8", newline="") as file:
        if given.answers.suffix == ".jsonl":
            file.writelines(json.dumps(row) + "\n" for row in found)
        else:
            table = [flat(row) for row in found]
            writer = csv.DictWriter(file, list(table[0]))
            writer.writeheader()
            writer.writerows(table)


if __name__ == "__main__":
    main()
