"""The few pictures a run keeps: images as the model saw them, and heat maps over them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ...language.errors import ResultsError
from ...language.sample import OBJECT

LARGEST_SIDE = 224
FOLDER = "images"
_STOPS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
#: dark blue, teal, green, yellow, red: rising in lightness to the fourth, so that it also reads in grey
_COLOURS = np.array([[24, 20, 96], [22, 120, 160], [64, 180, 90], [250, 220, 40], [220, 30, 30]], dtype=np.float64)
#: by the level of the map: how much of the grey image shows through, and the colour over it, already weighted
_LEVELS = 1024
_LEVEL = np.linspace(0, 1, _LEVELS)
_WEIGHT = 0.15 + 0.75 * np.sqrt(_LEVEL)
_SHOWS_THROUGH = (1 - _WEIGHT).astype(np.float32)
_LIT = np.stack([_WEIGHT * np.interp(_LEVEL, _STOPS, _COLOURS[:, channel]) for channel in range(3)], axis=1)
_LIT = _LIT.astype(np.float32)


def image_bytes(pixels: Tensor) -> bytes:
    """A [3, H, W] image in [0, 1] as WebP, its larger side at most 224."""
    return encoded(image_array(pixels))


def overlay_bytes(pixels: Tensor, attribution: Tensor, mask: Tensor | None) -> bytes:
    """:func:`overlay_array` as WebP."""
    return encoded(overlay_array(pixels, attribution, mask))


def image_array(pixels: Tensor) -> NDArray[np.uint8]:
    """A [3, H, W] image in [0, 1] as [h, w, 3], its larger side at most 224."""
    return _small(_array(pixels))


def overlay_array(pixels: Tensor, attribution: Tensor, mask: Tensor | None) -> NDArray[np.uint8]:
    """The positive part of a [H, W] map over the greyed image, with the object's outline, as [h, w, 3].

    Scaled to its 99.5th percentile, for the eye only: one hot pixel of a gradient map would leave the rest dark.
    """
    relevant = attribution.detach().float().clamp_min(0).cpu().numpy()
    scale = np.partition(relevant, int(0.995 * (relevant.size - 1)), axis=None)[int(0.995 * (relevant.size - 1))]
    scale = scale if scale > 0 else max(float(relevant.max()), float(np.finfo(np.float32).tiny))
    level = (np.minimum(relevant / scale, 1) * (_LEVELS - 1)).round().astype(np.intp)
    grey = (96 + 0.6 * pixels.detach().float().mean(0).clamp(0, 1).cpu().numpy() * 255).astype(np.float32)
    blended = (_SHOWS_THROUGH[level] * grey)[:, :, None] + _LIT[level]
    if mask is not None:
        blended[_outline(mask)] = 255
    return _small(blended.clip(0, 255).astype(np.uint8))


def encoded(array: NDArray[np.uint8]) -> bytes:
    """An image [h, w, 3] as WebP."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "WEBP", quality=88, method=4)
    return buffer.getvalue()


def store(folder: Path, picture: bytes) -> str:
    """Write a picture under the hash of its content; its path relative to `folder`."""
    name = f"{FOLDER}/{hashlib.sha256(picture).hexdigest()[:24]}.webp"
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_bytes(picture)
    except OSError as error:
        raise ResultsError(f"{target}: cannot be written ({error.strerror}); choose another --audit-results") from error
    return name


def _array(pixels: Tensor) -> NDArray[np.uint8]:
    array: NDArray[np.uint8] = (
        (pixels.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    )
    return array


def _outline(mask: Tensor) -> NDArray[np.bool_]:
    """Background pixels that touch the object: a line of one pixel."""
    kept = (mask == OBJECT).float()[None, None].cpu()
    grown = functional.max_pool2d(kept, 3, stride=1, padding=1)
    outline: NDArray[np.bool_] = ((grown > 0) & (kept == 0))[0, 0].numpy()
    return outline


def _small(array: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if max(array.shape[:2]) <= LARGEST_SIDE:
        return array
    image = Image.fromarray(array)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)
