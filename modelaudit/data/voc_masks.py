"""Masks of Pascal VOC: the pixels of a class or of an object in a segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..language.contradictions import ContradictedFact
from ..language.reasons import Missing
from ..language.sample import IGNORE
from .base import Pixels, UnusableSample
from .images import bytes_of
from .label_colours import UNKNOWN, Numbering, first_unknown, numbers_of, object_codes
from .likely_causes import likely_cause, overlap, spans
from .masks import ReadMask
from .objects import Region

#: pixels and their boxes in the annotation belong together from this intersection over union on: what others hide of an
#: object is in its box alone
_SAME_BOX = 0.3
#: or where no edge differs by more: a ring of ignored pixels lies round the objects of VOC
_RING = 6
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SegmentationMask(ReadMask):
    """A segmentation, read by its numbers or colours: which are object, which are ignored as 255 is.

    Args:
        numbering: the numbers that may stand there, and the colours of them.
        what: what the first of `objects` stands for, for messages.
        box: (left, top, width, height) of all that is object in the annotation, to tell another numbering or size; None
            where it is not known.
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
        found = list(_pixels(values))
        if UNKNOWN in found:
            raise _unusable(self.path, _unknown_colour(content, self.path, values, self.numbering))
        strange = [value for value in found if self.numbering.highest < value < IGNORE]
        if strange:
            raise _contradiction(
                self.path,
                f"has the number {strange[0]}, and {self.numbering.source or 'the annotation'} knows "
                f"{0 if self.numbering.source else 1} to {self.numbering.highest}",
            )
        if not set(self.objects) & set(found):
            raise _contradiction(self.path, f"has no pixel of {self.what} ({self.objects[0]}); it has {found}")
        own = np.isin(values, self.objects)
        if self.box is not None:
            _check_place(own, self.box, f"{self.path}: {self.what} ({self.objects[0]})")
        mask = own.astype(np.uint8)
        mask[np.isin(values, (*self.ignored, IGNORE))] = IGNORE
        return mask


def _unknown_colour(content: bytes, path: Path, values: NDArray[np.int32], numbering: Numbering) -> str:
    colour, pixels, count = first_unknown(content, path, values)
    others = f" (and {count - 1} other colours)" if count > 1 else ""
    known = numbering.source or "VOC"
    where = "into it" if numbering.source else "into a labelmap.txt beside the folders"
    return (
        f"has the colour {colour} in {pixels} pixels{others}, for which {known} has no class; write name:"
        f"{','.join(map(str, colour))}:: {where}"
    )


def _contradiction(path: Path, what: str) -> UnusableSample:
    return UnusableSample(Missing.CONTRADICTION, f"{path} {what}")


def _unusable(path: Path, what: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, f"{path} {what}")


def frame_of(regions: Sequence[Region]) -> Box:
    """(left, top, width, height) of outlines: of boxes where they are stated, else of polygons."""
    frames = []
    for region in regions:
        if region.shape == "polygon" and region.box is None:
            across = [x for part in region.outline for x in part[0::2]]
            down = [y for part in region.outline for y in part[1::2]]
            frames.append((min(across), min(down), max(across), max(down)))
        else:
            left, top, wide, high = region.outline if region.box is None else region.box
            frames.append((left, top, left + wide, top + high))
    left, top = (min(frame[place] for frame in frames) for place in (0, 1))
    right, bottom = (max(frame[place] for frame in frames) for place in (2, 3))
    return left, top, right - left, bottom - top


def _check_place(pixels: NDArray[np.bool_], box: Box, what: str) -> None:
    """Raises an UnusableSample where the pixels are elsewhere than their box in the annotation."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    found = (float(columns[0]), float(rows[0]), float(columns[-1]) + 1, float(rows[-1]) + 1)
    stated = (box[0], box[1], box[0] + box[2], box[1] + box[3])
    if overlap(found, stated) >= _SAME_BOX or max(map(abs, np.subtract(found, stated))) <= _RING:
        return
    fact = ContradictedFact(
        what,
        "segmentation and boxes",
        f"its pixels span {spans(found)}",
        f"the annotation states {spans(stated)}",
        likely_cause(found, stated, (pixels.shape[0], pixels.shape[1])),
    )
    raise UnusableSample(Missing.CONTRADICTION, fact.text)


def _pixels(values: NDArray[np.int32]) -> dict[int, int]:
    """The numbers in a segmentation, in rising order, each with its pixels."""
    counts = np.bincount((values - UNKNOWN).ravel())
    return {number + UNKNOWN: int(counts[number]) for number in map(int, np.flatnonzero(counts))}


def classes_in(path: Path, numbering: Numbering) -> dict[str, int]:
    """The classes in a segmentation, each with its number of pixels, the largest first; unknown colours do not count.

    Raises:
        UnusableSample: no such picture, or one of which nothing but the background is known.
    """
    content = bytes_of(path, Missing.UNREADABLE_MASK)
    values = numbers_of(content, path, numbering)
    found = _pixels(values)
    sizes = {numbering.names[number]: count for number, count in found.items() if number in numbering.names}
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
