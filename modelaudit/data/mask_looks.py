"""Whether a picture looks like a mask or like a photo."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from ..language.reasons import Missing
from .base import UnusableSample
from .images import bytes_of, opened
from .masks import LOSSY, has_soft_edges

Look = Literal["mask", "photo", "unclear", "unreadable"]
#: a mask has at most so many values that are areas, a photo more than that many
_FEW, _MANY = 8, 64
#: noise of a lossy format next to 0 and 255
_NOISE = 24
_LARGEST = 512


def look_of(path: Path) -> tuple[Look, bool]:
    """Whether a picture looks like a mask, and whether it is grey (or stores numbers, as palettes do).

    A mask has few values or soft edges; a photo has many. A drawing of few colours without black is unclear.
    """
    try:
        with opened(bytes_of(path, Missing.UNREADABLE_MASK), str(path), Missing.UNREADABLE_MASK) as image:
            return _look(image, lossy=image.format in LOSSY)
    except UnusableSample:
        return "unreadable", False


def mask_of_pair(one: Path, other: Path) -> Path | Literal["photos", "unclear", "unreadable"]:
    """Which of two pictures of one name is the mask of the other; "photos" where both are photos.

    "unreadable" where one of them cannot be read and the other does not tell.
    """
    looks = {path: look_of(path) for path in (one, other)}
    masks = [path for path, (look, _) in looks.items() if look == "mask"]
    if len(masks) == 2:  # drawings: the grey one is the mask of the coloured one
        masks = [path for path in masks if looks[path][1]]
    if len(masks) == 1:
        return masks[0]
    if any(look == "unreadable" for look, _ in looks.values()):
        return "unreadable"
    return "photos" if all(look == "photo" for look, _ in looks.values()) else "unclear"


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two files hold the same picture, whatever their formats."""
    try:
        contents = [bytes_of(path, Missing.UNREADABLE_MASK) for path in (one, other)]
        if contents[0] == contents[1]:
            return True
        pixels = []
        for path, content in zip((one, other), contents, strict=True):
            with opened(content, str(path), Missing.UNREADABLE_MASK) as image:
                pixels.append(np.asarray(image.convert("RGB")))
    except UnusableSample:
        return False
    return bool(np.array_equal(pixels[0], pixels[1]) and np.ptp(pixels[0]) > 0)


def _look(image: Image.Image, *, lossy: bool) -> tuple[Look, bool]:
    step = max(1, max(image.size) // _LARGEST)
    if image.mode in ("1", "P") or image.mode.startswith("I"):
        return _look_of_numbers(np.asarray(image)[::step, ::step]), True
    bands = np.asarray(image.convert("RGB"))[::step, ::step].astype(np.int32)
    grey = bool((np.ptp(bands, axis=2) <= (_NOISE if lossy else 0)).all())
    strongest = bands.max(axis=2)
    if lossy:
        clear = float(((strongest <= _NOISE) | (strongest >= 255 - _NOISE)).mean())
        both = bool((strongest <= _NOISE).any() and (strongest >= 255 - _NOISE).any())
        return ("mask" if grey and both and clear > 0.9 else "unclear" if grey and clear > 0.9 else "photo"), grey
    if grey and has_soft_edges(strongest.astype(np.uint8), lossy=False):
        return "mask", True
    packed = (bands[..., 0] << 16) | (bands[..., 1] << 8) | bands[..., 2]
    few = _look_of_numbers(packed)
    return ("unclear" if few == "mask" and not grey and (packed != 0).all() else few), grey


def _look_of_numbers(values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> Look:
    found = np.unique(values)
    if len(found) == 1:
        return "mask" if not found[0] else "unclear"
    return "mask" if len(found) <= _FEW else "photo" if len(found) > _MANY else "unclear"
