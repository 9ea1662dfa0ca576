"""Time from the bytes of a JPEG to pixels: PIL, PIL in draft mode, torchvision, and how many pixels they change.

python benchmarks/decoding.py PHOTOS
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
import torchvision
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
SIZE, ROUNDS = (224, 224), 3


def pil(content: bytes) -> Pixels:
    """The whole image."""
    return np.asarray(Image.open(BytesIO(content)).convert("RGB"))


def of_torchvision(content: bytes) -> Pixels:
    """The same by torchvision."""
    file = torch.frombuffer(bytearray(content), dtype=torch.uint8)
    return torchvision.io.decode_jpeg(file, mode=torchvision.io.ImageReadMode.RGB).permute(1, 2, 0).numpy()


def resized(content: bytes) -> Pixels:
    """The whole image, then resized."""
    return np.asarray(Image.open(BytesIO(content)).convert("RGB").resize(SIZE, Image.Resampling.BILINEAR))


def draft(content: bytes) -> Pixels:
    """Decoded at a half, a quarter or an eighth where that is not below the size asked for, then resized."""
    image = Image.open(BytesIO(content))
    image.draft("RGB", SIZE)
    return np.asarray(image.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR))


def compared(files: list[bytes], old: Callable[[bytes], Pixels], new: Callable[[bytes], Pixels]) -> str:
    """Milliseconds of processor time an image of both, in turn, and what differs."""
    spent: dict[Callable[[bytes], Pixels], list[float]] = {old: [], new: []}
    for _ in range(ROUNDS):
        for decoded, times in spent.items():
            begun = time.process_time()
            for content in files:
                decoded(content)
            times.append((time.process_time() - begun) / len(files) * 1000)
    apart = [int(np.abs(old(content).astype(int) - new(content)).max()) for content in files]
    first, second = (statistics.median(times) for times in spent.values())
    equal = f"{apart.count(0)} of {len(files)} equal, others apart by up to {max(apart)} of 255"
    return f"{old.__name__} {first:.2f} ms, {new.__name__} {second:.2f} ms; {equal}"


def main() -> None:
    """Run from the command line."""
    torch.set_num_threads(1)
    files = [file.read_bytes() for file in sorted(Path(sys.argv[1]).rglob("*.jpg"))]
    print(compared(files, pil, of_torchvision))
    print(compared(files, resized, draft))


if __name__ == "__main__":
    main()
