"""Small data sets on disk for the tests of data."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

RED, GREEN = (220, 20, 20), (20, 160, 20)


def mask_array(height: int = 24, width: int = 32, *, ring: bool = True) -> NDArray[np.uint8]:
    """A rectangle of 1 in the upper left quarter, with a ring of 255."""
    mask = np.zeros((height, width), dtype=np.uint8)
    if ring:
        mask[2:12, 3:17] = 255
    mask[3:11, 4:16] = 1
    return mask


def image_array(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A red object before green."""
    return np.where((mask == 1)[:, :, None], np.uint8(RED), np.uint8(GREEN)).astype(np.uint8)


def save(path: Path, array: NDArray[Any] | Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = array if isinstance(array, Image.Image) else Image.fromarray(array)
    image.save(path, **options)
    return path


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    buffer = BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def line(root: Path, labels: tuple[str, ...] = ("bolt", "nut"), each: int = 2) -> Path:
    """``images/<label>/<n>.png`` with ``masks/<label>/<n>.png``; every image has its own shade."""
    mask = mask_array()
    shade = 0
    for label in labels:
        for number in range(each):
            shade += 1
            save(root / "images" / label / f"{number}.png", image_array(mask) + np.uint8(shade))
            save(root / "masks" / label / f"{number}.png", mask)
    return root
