"""What is kept of a decoded image to find its copies: a digest of its pixels, a perceptual hash, and some pixels."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .alike import look_of
from .base import Pixels

#: pixels of one picture agree where every channel is within so many of 255
TOLERANCE = 3
#: images are near copies where at least this share of their pixels agree
AGREEING = 0.99
#: so many pixels of every image are kept
KEPT = 192
_DIGEST_BYTES, _LOOK_BYTES = 16, 32
_HEAD = struct.Struct(f"<{_DIGEST_BYTES}sII?{_LOOK_BYTES}s")
# the plastic number: multiples of its powers spread over the square evenly (Roberts 2018)
_PLASTIC = 1.32471795724474602596
_DOWN, _ACROSS = (np.arange(1, KEPT + 1) / _PLASTIC**power % 1 for power in (1, 2))


@dataclass(frozen=True, slots=True)
class Signature:
    """An image without its pixels.

    Args:
        pixels: blake2b of shape and pixels, 16 bytes: equal where the pixels are, whatever file they came from.
        height, width: of the upright image.
        look: the perceptual hash (:func:`~modelaudit.data.alike.look_of`); None of a picture of nearly one colour.
        some: `KEPT` pixels, RGB, at places that are the same share of height and width in every image.
    """

    pixels: bytes
    height: int
    width: int
    look: bytes | None
    some: bytes

    def to_bytes(self) -> bytes:
        """As it is stored."""
        head = (self.pixels, self.height, self.width, self.look is not None, self.look or b"")
        return _HEAD.pack(*head) + self.some

    @classmethod
    def from_bytes(cls, content: bytes) -> Signature:
        """The inverse of :meth:`to_bytes`."""
        pixels, height, width, has_look, look = _HEAD.unpack_from(content)
        return cls(pixels, height, width, look if has_look else None, content[_HEAD.size :])


def signature_of(image: Pixels) -> Signature:
    """The signature of an upright image [H, W, 3] of uint8."""
    height, width = image.shape[:2]
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=_DIGEST_BYTES)
    digest.update(np.ascontiguousarray(image).data)
    some = image[(_DOWN * height).astype(np.intp), (_ACROSS * width).astype(np.intp)]
    return Signature(digest.digest(), height, width, look_of(image), some.tobytes())


def agreement(one: Pixels, other: Pixels) -> float:
    """The share of pixels in which no channel differs by more than `TOLERANCE`.

    Of images of two sizes the larger is first resized to the smaller (Pillow's bicubic filter).
    """
    if one.shape != other.shape:
        one, other = sorted((one, other), key=lambda image: image.shape[0] * image.shape[1])
        size = (one.shape[1], one.shape[0])
        other = np.asarray(Image.fromarray(other).resize(size, Image.Resampling.BICUBIC))
    return float(agreeing(one, other).mean())


def agreeing(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels [..., 3] agree."""
    apart = np.maximum(one, other) - np.minimum(one, other)
    return np.asarray((apart <= TOLERANCE).all(axis=-1))
