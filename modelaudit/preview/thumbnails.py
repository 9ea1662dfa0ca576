"""Small JPEG pictures for contact sheets, with the outline of the object."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..data import UnusableSample, decode
from ..language.sample import OBJECT, Sample

SIDE, MOST_BYTES = 200, 12_000
_QUALITIES = (84, 72, 60, 45, 30)
#: on a dark line, so that it can be seen on anything
_LINE, _BESIDE = (255, 235, 0), (40, 0, 70)


def thumbnails(samples: Iterable[Sample], progress: Callable[[], None] = lambda: None) -> dict[str, bytes]:
    """A picture of every sample that can be read, by id; without outline where only the mask cannot."""
    found: dict[str, bytes] = {}
    for sample in samples:
        for one in (sample, replace(sample, mask=None, mask_kind="none")):
            try:
                decoded = decode(one)
            except UnusableSample:  # its reason is reported elsewhere
                continue
            found[sample.id] = thumbnail(decoded.image, decoded.mask)
            break
        progress()
    return found


def thumbnail(
    image: NDArray[np.uint8], mask: NDArray[np.uint8] | None = None, *, side: int = SIDE, most_bytes: int = MOST_BYTES
) -> bytes:
    """An image [H, W, 3] as JPEG, its larger side at most `side`, as good as `most_bytes` allow.

    Args:
        mask: [H, W]; the outline of what is 1 is drawn.
    """
    picture = Image.fromarray(image)
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    if mask is not None:
        # the share of object in a pixel of the small picture: thin objects do not vanish between its pixels
        share = Image.fromarray((mask == OBJECT).astype(np.float32)).resize(picture.size, Image.Resampling.BOX)
        picture = Image.fromarray(_outlined(np.array(picture), np.asarray(share) > 0.25))
    for quality in _QUALITIES:
        buffer = io.BytesIO()
        # a line of one pixel keeps its colour only at the full resolution of colours
        picture.save(buffer, "JPEG", quality=quality, optimize=True, subsampling=2 if mask is None else 0)
        if buffer.tell() <= most_bytes:
            break
    return buffer.getvalue()


def _outlined(image: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """A bright line on the outermost pixels of the object, a dark one just outside; none along the frame."""
    image[_grown(inside) & ~inside] = _BESIDE
    image[inside & _grown(~inside)] = _LINE
    return image


def _grown(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Grows a region by the eight neighbours of every pixel."""
    rows = inside.copy()
    rows[1:] |= inside[:-1]
    rows[:-1] |= inside[1:]
    grown = rows.copy()
    grown[:, 1:] |= rows[:, :-1]
    grown[:, :-1] |= rows[:, 1:]
    return grown
