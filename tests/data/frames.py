"""Pictures of one scene: frames of a fixed camera, and what a burst or a copy makes of a photo."""

from __future__ import annotations

import io

import numpy as np
from cli.photos import photo
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


def fixed_camera(count: int, *, noise: float = 2.0, drift: float = 4.0, part: int = 20, seed: int = 0) -> list[Pixels]:
    """Frames [72, 96, 3] of one background with a sensor's noise, slowly drifting light and a part that moves.

    Args:
        noise, drift: standard deviation of the noise and largest change of the light, in levels of 255.
        part: side of the part in pixels.
    """
    draw = np.random.default_rng(seed)
    scene = photo(seed).astype(np.float64)
    frames = []
    for at in range(count):
        frame = scene + drift * np.sin(at / 9)
        left, top = 5 + 2 * at % (90 - part), 10 + at % (60 - part)
        frame[top : top + part, left : left + part] = (210, 70, 40)
        frame += draw.normal(0, noise, frame.shape) if noise else 0
        frames.append(frame.round().clip(0, 255).astype(np.uint8))
    return frames


def posed(count: int, *, part: int = 30, noise: float = 2.0, seed: int = 0) -> list[Pixels]:
    """Frames [120, 160, 3] of a fixed camera: one background, and an oval part of this length anywhere on it, turned.

    Args:
        noise: standard deviation of the sensor's noise, in levels of 255.
    """
    draw = np.random.default_rng(seed)
    scene = photo(seed, 160, 120).astype(np.float64)
    row, column = np.mgrid[:120, :160]
    frames = []
    for _ in range(count):
        top, left, turn = draw.uniform(20, 100), draw.uniform(20, 140), draw.uniform(0, np.pi)
        along = (column - left) * np.cos(turn) + (row - top) * np.sin(turn)
        across = (row - top) * np.cos(turn) - (column - left) * np.sin(turn)
        frame = scene * draw.uniform(0.97, 1.03)
        frame[(along / part) ** 2 + (2 * across / part) ** 2 < 0.25] = (60, 70, 90)
        frame += draw.normal(0, noise, frame.shape) if noise else 0
        frames.append(frame.round().clip(0, 255).astype(np.uint8))
    return frames


def recompressed(image: Pixels, quality: int = 60) -> Pixels:
    """The image as a JPEG file gives it back."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer))


def nearly(image: Pixels, *, levels: int = 3, share: float = 0.009, seed: int = 0) -> Pixels:
    """A near copy: every pixel changed by up to `levels`, and a share of them beyond recognition."""
    draw = np.random.default_rng(seed)
    changed = image.astype(np.int16) + draw.integers(-levels, levels + 1, image.shape)
    height, width = image.shape[:2]
    spoilt = draw.permutation(height * width)[: int(share * height * width)]
    changed.reshape(-1, 3)[spoilt] = 255 - image.reshape(-1, 3)[spoilt]
    return changed.clip(0, 255).astype(np.uint8)
