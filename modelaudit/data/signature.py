"""What is kept of a decoded image to find its copies: a digest of its pixels, a perceptual hash, and some pixels."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dctn
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .base import Pixels

_SIDE, _LOWEST = 64, 16
#: a hash has so many bits
BITS = _LOWEST * _LOWEST - 1
#: recompressed, rescaled, brightened and noisy copies of a photo differ in at most 26 bits, different photos of one
#: kind of thing in 68 and more (measured on 125 photos of pets and on 300 frames of the built-in line)
NEAR = 32
_ONE_COLOUR = 2.0
_ROWS = 256


def perceptual_hash(image: Pixels) -> bytes | None:
    """The perceptual hash of an image [H, W, 3]; None where it is of nearly one colour (deviation below 2 of 255).

    Grey, 64 x 64 (whole pixels averaged to 128 and more, then Lanczos), the 16 x 16 lowest frequencies of its
    two-dimensional DCT-II but the mean: one bit each, set where the coefficient lies above their median (Zauner 2010,
    with 255 bits for 63).
    """
    grey = Image.fromarray(image).convert("L")
    small = grey.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    levels = np.asarray(small, dtype=np.float64)
    if levels.std() < _ONE_COLOUR:
        return None
    low = dctn(levels, norm="ortho")[:_LOWEST, :_LOWEST].ravel()[1:]
    return np.packbits(low > np.median(low)).tobytes()


def differing_bits(one: bytes, other: bytes) -> int:
    """The number of bits in which two hashes differ."""
    return (int.from_bytes(one) ^ int.from_bytes(other)).bit_count()


def group_alike(looks: Sequence[bytes], near: int) -> list[list[int]]:
    """Sets of two and more positions, linked by pairs that differ in at most `near` bits; each in order."""
    belongs = np.arange(len(looks))
    for one, other in near_pairs(looks, near):
        belongs = joined(belongs, one, other)
    return sets_of(belongs)


def near_pairs(
    looks: Sequence[bytes], near: int, since: int = 0
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The pairs (one < other, other >= since) of hashes that differ in at most `near` bits, block by block.

    Compares all pairs: with hashes as rows of +-1 the number of differing bits is ``(BITS - a . b) / 2``.
    """
    if len(looks) < 2:
        return
    packed = np.frombuffer(b"".join(looks), dtype=np.uint8).reshape(len(looks), -1)
    signs = np.unpackbits(packed, axis=1, count=BITS).astype(np.float32) * 2 - 1
    for first in range(since, len(looks), _ROWS):
        last = first + _ROWS
        other, one = np.nonzero(signs[first:last] @ signs[:last].T >= BITS - 2 * near)
        before = one < other + first
        yield one[before], other[before] + first


def joined(belongs: NDArray[np.intp], one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.intp]:
    """The sets, as a number for each member, once these pairs of members are linked too."""
    links = (belongs[one], belongs[other])
    size = len(belongs)
    graph: Any = coo_array((np.ones(len(one), dtype=bool), links), shape=(size, size))  # type: ignore[no-untyped-call]
    labels: NDArray[np.intp] = connected_components(graph, directed=False)[1]
    return labels[belongs]


def sets_of(belongs: NDArray[np.intp]) -> list[list[int]]:
    """The sets of two and more members, each in order."""
    if not len(belongs):
        return []
    order = np.argsort(belongs, kind="stable")
    starts = np.flatnonzero(np.diff(belongs[order], prepend=-1))
    groups = [group.tolist() for group in np.split(order, starts[1:])]
    return sorted((group for group in groups if len(group) > 1), key=lambda group: group[0])


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
        look: the perceptual hash (:func:`perceptual_hash`); None of a picture of nearly one colour.
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
    return Signature(digest.digest(), height, width, perceptual_hash(image), some.tobytes())


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
