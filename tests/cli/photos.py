"""Small pictures that are not alike, with masks, in the layout of ``folder:``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from data.pictures import save
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 96, 72


def photo(seed: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Random fields, the coarse ones stronger, as in photos: another seed, another picture."""
    draw = np.random.default_rng(seed)
    total = np.full((height, width, 3), 125.0)
    for cells, strength in ((4, 45), (8, 25), (16, 14), (32, 8)):
        field = draw.uniform(0, 255, (cells, cells, 3)).astype(np.uint8)
        smooth = Image.fromarray(field).resize((width, height), Image.Resampling.BICUBIC)
        total += (np.asarray(smooth, dtype=np.float64) / 127.5 - 1) * strength
    return total.clip(0, 255).astype(np.uint8)


def blob(left: int = 30, top: int = 20, wide: int = 30, high: int = 30) -> NDArray[np.uint8]:
    """A mask with one rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[top : top + high, left : left + wide] = 1
    return mask


def line(root: Path, labels: tuple[str, ...] = ("bolt", "nut"), each: int = 3, *, masks: bool = True) -> Path:
    """``images/<label>/<n>.png`` and, with `masks`, ``masks/<label>/<n>.png``."""
    for at, label in enumerate(labels):
        for number in range(each):
            save(root / "images" / label / f"{number}.png", photo(10 * at + number))
            if masks:
                save(root / "masks" / label / f"{number}.png", blob())
    return root


def image(root: Path, name: str, array: Any) -> None:
    """Put an image in the place of another."""
    save(root / "images" / name, array)


def mask(root: Path, name: str, array: Any) -> None:
    """Put a mask in the place of another."""
    save(root / "masks" / name, array)
