"""The data source ``demo:``, the inspection line as samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..language.errors import DataError
from ..language.reference import Reference
from ..language.registry import Entry, register
from ..language.sample import DataSet, Sample
from .line import PARTS, Frames, InspectionLine

COUPLING, IMAGES, SEED = 0.95, 200, 0
_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class FrameImage:
    """The image of one frame, drawn when called: [64, 64, 3] uint8."""

    line: InspectionLine
    index: int

    def __call__(self) -> NDArray[np.uint8]:
        pixels: NDArray[np.uint8] = _frame(self.line, self.index).pixels[0].copy()
        return pixels

    @property
    def content(self) -> str:
        """What it is drawn from; drawing it anew gives the same pixels."""
        return repr(self)


@dataclass(frozen=True)
class FrameMask:
    """The mask of one frame, drawn when called: [64, 64] uint8; 1 part, 0 surroundings, 255 outline."""

    line: InspectionLine
    index: int

    def __call__(self) -> NDArray[np.uint8]:
        mask: NDArray[np.uint8] = _frame(self.line, self.index).masks[0].copy()
        return mask

    @property
    def content(self) -> str:
        """What it is drawn from; drawing it anew gives the same pixels."""
        return repr(self)


def demo_data(reference: Reference, root: Path) -> DataSet:
    """``demo:?coupling=0.95&images=200&seed=0``, every option optional. `root` is not used: nothing is read.

    The label is the name of the part. Samples have no group: each is drawn by itself, and the kind of its surroundings
    makes two of them no less independent.

    Raises:
        DataError: an unknown option, a value that it cannot take, or a name after the colon.
    """
    if reference.body:
        raise DataError(f"{reference.text!r}: the demo has one line; write 'demo:' and options, e.g. 'demo:?seed=1'")
    reference.only(("coupling", "images", "seed"), DataError)
    images = _option(reference, "images", int, IMAGES, "an integer of at least 1")
    if images < 1:
        raise DataError(f"{reference.text!r}: images must be an integer of at least 1, got {images}")
    try:
        line = InspectionLine(
            _option(reference, "coupling", float, COUPLING, "a number from 0 to 1"),
            _option(reference, "seed", int, SEED, "an integer of at least 0"),
        )
    except ValueError as error:
        raise DataError(f"{reference.text!r}: {error}") from error
    samples = tuple(_sample(line, index) for index in range(images))
    own = sum(part == surroundings for part, surroundings in map(line.kind_of, range(images)))
    note = f"drawn by the demo: coupling {line.coupling:g}, {own} of {images} parts on the surroundings of their kind"
    return DataSet(samples, (note,))


def _sample(line: InspectionLine, index: int) -> Sample:
    part, _ = line.kind_of(index)
    return Sample(
        id=f"{PARTS[part]}/{index:04d}",
        image=FrameImage(line, index),
        label=PARTS[part],
        mask=FrameMask(line, index),
    )


def _option(reference: Reference, name: str, kind: Callable[[str], _Number], default: _Number, wanted: str) -> _Number:
    text = reference.options.get(name)
    if text is None:
        return default
    try:
        return kind(text)
    except ValueError:
        raise DataError(f"{reference.text!r}: {name}={text!r} is not {wanted}") from None


@lru_cache(maxsize=256)
def _frame(line: InspectionLine, index: int) -> Frames:
    return line.draw([index])


register(Entry("data", "demo", None, demo_data))
