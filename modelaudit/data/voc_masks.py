"""Masks of Pascal VOC: the pixels of a class or of an object in a segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..language.reasons import Missing
from ..language.sample import IGNORE
from .base import Pixels, UnusableSample
from .images import bytes_of
from .label_colours import UNKNOWN, Numbering, first_unknown, numbers_of, object_codes
from .masks import ReadMask

#: an object's pixels and its box in the annotation belong together from this intersection over union on
_SAME_BOX = 0.25
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SegmentationMask(ReadMask):
    """A segmentation, read by its numbers or colours: which are object, which are ignored as 255 is.

    Args:
        numbering: the numbers that may stand there, and the colours of them.
        what: what the first of `objects` stands for, for messages.
        box: (left, top, width, height) of the object in the annotation, to tell a wrong numbering; None for classes.
    """

    path: Path
    objects: tuple[int, ...]
    ignored: tuple[int, ...]
    numbering: Numbering
    what: str
    box: Box | None = None

    @property
    def rule(self) -> str:
        return f"voc {self.objects} {self.ignored} {self.numbering.highest} {self.box} {self.numbering.colours}"

    def of(self, content: bytes) -> Pixels:
        values = numbers_of(content, self.path, self.numbering)
        found = [int(value) for value in np.unique(values)]
        if UNKNOWN in found:
            raise _unusable(self.path, _unknown_colour(content, self.path, values, self.numbering))
        strange = [value for value in found if self.numbering.highest < value < IGNORE]
        if strange:
            raise _unusable(
                self.path,
                f"has the number {strange[0]}, and {self.numbering.source or 'the annotation'} knows "
                f"{0 if self.numbering.source else 1} to {self.numbering.highest}",
            )
        if not set(self.objects) & set(found):
            raise _unusable(self.path, f"has no pixel of {self.what} ({self.objects[0]}); it has {found}")
        own = np.isin(values, self.objects)
        if self.box is not None and _overlap(own, self.box) < _SAME_BOX:
            raise _unusable(self.path, f"has object {self.objects[0]} elsewhere than the annotation has {self.what}")
        mask = own.astype(np.uint8)
        mask[np.isin(values, (*self.ignored, IGNORE))] = IGNORE
        return mask


def _unknown_colour(content: bytes, path: Path, values: NDArray[np.int64], numbering: Numbering) -> str:
    colour, pixels, count = first_unknown(content, path, values)
    others = f" (and {count - 1} other colours)" if count > 1 else ""
    known = numbering.source or "VOC"
    where = "into it" if numbering.source else "into a labelmap.txt beside the folders"
    return (
        f"has the colour {colour} in {pixels} pixels{others}, for which {known} has no class; write name:"
        f"{','.join(map(str, colour))}:: {where}"
    )


def _unusable(path: Path, what: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, f"{path} {what}")


def _overlap(pixels: NDArray[np.bool_], box: Box) -> float:
    """Intersection over union of the pixels' bounding box and a box."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    wide = min(right, box[0] + box[2]) - max(left, box[0])
    high = min(bottom, box[1] + box[3]) - max(top, box[1])
    both = max(wide, 0) * max(high, 0)
    return float(both / ((right - left) * (bottom - top) + box[2] * box[3] - both))


def classes_in(path: Path, numbering: Numbering) -> dict[str, int]:
    """The classes in a segmentation, each with its number of pixels, the largest first; unknown colours do not count.

    Raises:
        UnusableSample: no such picture, or one of which nothing but the background is known.
    """
    content = bytes_of(path, Missing.UNREADABLE_MASK)
    values = numbers_of(content, path, numbering)
    found, pixels = np.unique(values, return_counts=True)
    sizes = {
        numbering.names[int(number)]: int(count)
        for number, count in zip(found, pixels, strict=True)
        if int(number) in numbering.names
    }
    if not sizes and UNKNOWN in found:
        raise _unusable(path, _unknown_colour(content, path, values, numbering))
    return dict(sorted(sizes.items(), key=lambda pair: (-pair[1], pair[0])))


@dataclass(frozen=True)
class ObjectMask(ReadMask):
    """One object of a SegmentationObject that no annotation numbers: others of its class are ignored."""

    path: Path
    own: int
    ignored: tuple[int, ...]

    @property
    def rule(self) -> str:
        return f"voc object {self.own} {self.ignored}"

    def of(self, content: bytes) -> Pixels:
        codes = object_codes(content, self.path)
        mask: Pixels = (codes == self.own).astype(np.uint8)
        mask[np.isin(codes, (*self.ignored, IGNORE))] = IGNORE
        return mask


def largest_object(path: Path, classes: Path, numbering: Numbering) -> tuple[str, ObjectMask] | None:
    """The object with the most pixels, and its class, which most of its pixels have in the segmentation of classes.

    None where no object has a class.

    Raises:
        UnusableSample: no such pictures, or they differ in size.
    """
    codes = object_codes(bytes_of(path, Missing.UNREADABLE_MASK), path)
    numbers = numbers_of(bytes_of(classes, Missing.UNREADABLE_MASK), classes, numbering)
    if codes.shape != numbers.shape:
        raise _unusable(path, f"is {codes.shape[::-1]} pixels, and {classes} {numbers.shape[::-1]}")
    labels: dict[int, str] = {}
    found, pixels = np.unique(codes[(codes != 0) & (codes != IGNORE)], return_counts=True)
    for code in found:
        inside, counts = np.unique(numbers[codes == code], return_counts=True)
        label = numbering.names.get(int(inside[counts.argmax()]))
        if label is not None:
            labels[int(code)] = label
    sizes = {int(code): int(count) for code, count in zip(found, pixels, strict=True) if int(code) in labels}
    if not sizes:
        return None
    own = max(sizes, key=lambda code: (sizes[code], -code))
    others = tuple(code for code, label in labels.items() if label == labels[own] and code != own)
    return labels[own], ObjectMask(path, own, others)
