"""The few pictures a run keeps: images as the model saw them, and heat maps to be laid over them."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from ...language.errors import ResultsError
from ...language.sample import OBJECT

LARGEST_SIDE = 224
#: maps are smooth, or noise at the size of a pixel: half of it shows as much
LARGEST_MAP_SIDE = 112
FOLDER = "images"
#: matplotlib's "inferno" at 32 equal steps (N. Smith, S. van der Walt; CC0): perceptually uniform, ever lighter
_INFERNO = (
    "000004 040312 0b0724 150b37 230c4c 310a5c 3e0966 4c0c6b 5a116e 67166e 741a6e 801f6c 8f2469 9b2964 a82e5f b43359 "
    "c13a50 cc4248 d74b3f e05536 e9612b ef6e21 f57b17 f8890c fb9906 fca80d fbb81d f9c72f f5d949 f2e865 f3f586 fcffa4"
)
#: [32, 3]: the colour of each level of a map
COLOURS = np.array([list(bytes.fromhex(colour)) for colour in _INFERNO.split()], dtype=np.uint8)
#: [32]: how much each level hides of the picture; so much of the first, which is nearly black, that strength is ever
#: lighter whatever is under it
ALPHAS = (110 + 115 * np.linspace(0, 1, len(COLOURS)) ** 2).round().astype(np.uint8)


def image_array(pixels: Tensor) -> NDArray[np.uint8]:
    """A [3, H, W] image in [0, 1] as [h, w, 3], its larger side at most 224."""
    array: NDArray[np.uint8] = (
        (pixels.detach().cpu().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()
    )
    if max(array.shape[:2]) <= LARGEST_SIDE:
        return array
    image = Image.fromarray(array)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)


def object_array(mask: Tensor) -> NDArray[np.bool_]:
    """A mask [H, W] as [h, w], true on the object, its larger side at most 224."""
    array: NDArray[np.bool_] = (mask == OBJECT).cpu().numpy()
    if max(array.shape) <= LARGEST_SIDE:
        return array
    image = Image.fromarray(array)
    image.thumbnail((LARGEST_SIDE, LARGEST_SIDE), Image.Resampling.NEAREST)
    return np.asarray(image)


def heat_array(attribution: Tensor) -> NDArray[np.float32]:
    """The positive part of a [H, W] map as [h, w], averaged so that its larger side is at most 112."""
    positive = attribution.detach().float().nan_to_num(0.0, 0.0, 0.0).clamp_min(0)
    height, width = positive.shape
    if (scale := LARGEST_MAP_SIDE / max(height, width)) < 1:
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        positive = adaptive_avg_pool2d(positive[None], size)[0]
    array: NDArray[np.float32] = positive.cpu().numpy()
    return array


def image_bytes(array: NDArray[np.uint8]) -> bytes:
    """An image [h, w, 3] as WebP."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "WEBP", quality=88, method=4)
    return buffer.getvalue()


def heat_bytes(heat: NDArray[np.float32]) -> bytes:
    """A map as PNG in 32 colours that let through what is under it, the less the hotter they are.

    Scaled to its 99.5th percentile, for the eye only: one hot pixel of a gradient map would leave the rest dark.
    """
    rank = int(0.995 * (heat.size - 1))
    scale = float(np.partition(heat, rank, axis=None)[rank])
    scale = scale if scale > 0 else max(float(heat.max()), float(np.finfo(np.float32).tiny))
    levels = (np.minimum(heat / scale, 1) * (len(COLOURS) - 1)).round().astype(np.uint8)
    image = Image.fromarray(levels)
    image.putpalette(COLOURS.tobytes())
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=ALPHAS.tobytes(), compress_level=9)
    return buffer.getvalue()


def store(folder: Path, picture: bytes) -> str:
    """Write a picture under the hash of its content; its path relative to `folder`."""
    kind = "png" if picture.startswith(b"\x89PNG") else "webp"
    name = f"{FOLDER}/{hashlib.sha256(picture).hexdigest()}.{kind}"
    target = folder / name
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            target.write_bytes(picture)
    except OSError as error:
        raise ResultsError(f"{target}: cannot be written ({error.strerror}); choose another --audit-results") from error
    return name
