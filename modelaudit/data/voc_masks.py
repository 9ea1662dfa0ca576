"""The segmentations of Pascal VOC: PNGs whose palette numbers are classes or objects, and 255 the border."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..language.reasons import Missing
from ..language.sample import IGNORE
from .base import Pixels, UnusableSample
from .images import opened, upright
from .masks import ReadMask

#: an object's pixels and its box in the annotation belong together from this intersection over union on
_SAME_BOX = 0.25


@dataclass(frozen=True)
class PaletteMask(ReadMask):
    """A segmentation, read by the numbers of its palette: which are object, which are ignored as 255 is.

    Args:
        known: the numbers that may stand there are 0 to `known`, and 255.
        what: what the first of `objects` stands for, for messages.
        box: (left, top, width, height) of the object in the annotation, to tell a wrong numbering; None for classes.
    """

    path: Path
    objects: tuple[int, ...]
    ignored: tuple[int, ...]
    known: int
    what: str
    box: tuple[float, float, float, float] | None = None

    @property
    def rule(self) -> str:
        return f"voc {self.objects} {self.ignored} {self.known} {self.box}"

    def of(self, content: bytes) -> Pixels:
        with opened(content, str(self.path), Missing.UNREADABLE_MASK) as image:
            if image.mode not in ("P", "L"):
                raise self._unusable(f"has colour mode {image.mode}; a segmentation of VOC is a PNG with a palette")
            values = np.asarray(upright(image))
        found = [int(value) for value in np.unique(values)]
        strange = [value for value in found if self.known < value < IGNORE]
        if strange:
            raise self._unusable(f"has the number {strange[0]}, and the annotation knows 1 to {self.known}")
        if not set(self.objects) & set(found):
            raise self._unusable(f"has no pixel of {self.what} ({self.objects[0]}); it has {found}")
        own = np.isin(values, self.objects)
        if self.box is not None and _overlap(own, self.box) < _SAME_BOX:
            raise self._unusable(f"has object {self.objects[0]} elsewhere than the annotation has {self.what}")
        mask = own.astype(np.uint8)
        mask[np.isin(values, (*self.ignored, IGNORE))] = IGNORE
        return mask

    def _unusable(self, what: str) -> UnusableSample:
        return UnusableSample(Missing.UNREADABLE_MASK, f"{self.path} {what}")


def _overlap(pixels: NDArray[np.bool_], box: tuple[float, float, float, float]) -> float:
    """Intersection over union of the pixels' bounding box and a box."""
    rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    wide = min(right, box[0] + box[2]) - max(left, box[0])
    high = min(bottom, box[1] + box[3]) - max(top, box[1])
    both = max(wide, 0) * max(high, 0)
    return float(both / ((right - left) * (bottom - top) + box[2] * box[3] - both))
