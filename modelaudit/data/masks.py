"""Mask files to the three values: 1 object, 0 background, 255 ignore."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..language.errors import DataError, nearest
from ..language.reasons import Missing
from ..language.reference import Reference
from ..language.sample import BACKGROUND, IGNORE, OBJECT
from .base import Pixels, UnusableSample
from .images import Place, bytes_of, opened, upright

Meaning = Literal["ignore", "object"]
#: what 255 may mean in a mask file (``folder:DIR?mask_255=object``)
MEANINGS: tuple[Meaning, ...] = ("ignore", "object")
_PROBED = 8
_LOSSY = ("JPEG", "MPO", "WEBP")


class ReadMask(ABC):
    """A mask that is read off a file by a rule of its own; sources that need one derive a frozen dataclass.

    The file's bytes and the rule decide the mask, so that the store knows it without reading it.
    """

    path: Place

    @property
    @abstractmethod
    def rule(self) -> str:
        """How the bytes are read, with everything else that decides the mask."""

    @abstractmethod
    def of(self, content: bytes) -> Pixels:
        """[H, W] uint8 of 1 object, 0 background, 255 ignore, from the bytes of the file.

        Raises:
            UnusableSample: they are not such a mask.
        """

    def __call__(self) -> Pixels:
        return self.of(bytes_of(self.path, Missing.UNREADABLE_MASK))


@dataclass(frozen=True)
class MaskFile(ReadMask):
    """A mask file for which it is said what 255 means; None as in :func:`read_mask`."""

    path: Place
    mask_255: Meaning | None

    @property
    def rule(self) -> str:
        return f"255 {self.mask_255}"

    def of(self, content: bytes) -> Pixels:
        return mask_of(content, self.path, self.mask_255)


def read_mask(path: Place, mask_255: Meaning | None = None) -> Pixels:
    """[H, W] uint8 of 1 object, 0 background, 255 ignore, turned as the file's own EXIF orientation says.

    Palette images are read by index, 16-bit ones by value (65535 stands for 255), colours where all channels agree.

    Args:
        mask_255: "ignore", "object" (a 0/255 mask; JPEG and WebP are cut at 128), or None: 255 is ignore in a mask that
            has a 1, and an error in one that has none, because that is how a 0/255 mask of an object looks too.

    Raises:
        UnusableSample: not readable, other values, or not clear what is object.
    """
    return mask_of(bytes_of(path, Missing.UNREADABLE_MASK), path, mask_255)


def mask_of(content: bytes, path: Place, mask_255: Meaning | None) -> Pixels:
    """:func:`read_mask` of a file that has been read already."""
    with opened(content, str(path), Missing.UNREADABLE_MASK) as image:
        if mask_255 == "object" and image.format in _LOSSY:
            return (_values(upright(image), str(path)) >= 128).astype(np.uint8)
        return checked_mask(_values(upright(image), str(path)), str(path), mask_255)


def checked_mask(values: NDArray[Any], name: str, mask_255: Meaning | None) -> Pixels:
    """The three values of :func:`read_mask` from an array [H, W] of bool or numbers.

    Raises:
        UnusableSample: as there.
    """
    if values.ndim != 2:
        raise _unusable(f"{name} has shape {values.shape}; a mask is [height, width]")
    if values.dtype == bool:
        return values.astype(np.uint8)
    found = np.unique(values)
    if mask_255 == "object" and set(found.tolist()) <= {BACKGROUND, IGNORE}:
        return np.asarray(values == IGNORE, dtype=np.uint8)
    strange = [value for value in found.tolist() if value not in (BACKGROUND, OBJECT, IGNORE)]
    if strange:
        listed = ", ".join(f"{value:g}" for value in strange[:5]) + (", ..." if len(strange) > 5 else "")
        raise _unusable(
            f"{name} has the values {listed}; a mask has 1 for object, 0 for background and 255 for ignore "
            "(lossy formats blur the values: save it as PNG)"
        )
    if IGNORE in found and mask_255 == "object":
        raise _unusable(f"{name} has both 1 and 255, so 255 cannot be the object (mask_255=object)")
    if IGNORE in found and OBJECT not in found and mask_255 is None:
        raise _unusable(
            f"{name} has no 1, and 255 means ignore: is 255 the object? Then write ?mask_255=object "
            "(mask == 255 for an array); if the object is really absent, ?mask_255=ignore"
        )
    return values.astype(np.uint8)


def asked_meaning(reference: Reference) -> Meaning | None:
    """``?mask_255=``; None where it is not said.

    Raises:
        DataError: another word.
    """
    asked = reference.options.get("mask_255")
    if asked is None:
        return None
    for meaning in MEANINGS:
        if asked == meaning:
            return meaning
    raise DataError(f"{reference.text!r}: mask_255={asked}{nearest(asked, MEANINGS)}")


def check_meaning(reference: Reference, masks: Sequence[Place], meaning: Meaning | None) -> None:
    """One error before the run, instead of one an image, where every mask that is tried leaves 255 unclear.

    Raises:
        DataError: so it is.
    """
    if meaning is not None or not masks:
        return
    step = max(1, len(masks) // _PROBED)
    messages = []
    for path in masks[::step][:_PROBED]:
        try:
            read_mask(path)
            return
        except UnusableSample as error:
            messages.append(str(error))
    if all("mask_255" in message for message in messages):
        raise DataError(f"{reference.text!r}: {messages[0]}; so it is in all {len(messages)} masks that were tried")


def mask_source(path: Path | None, meaning: Meaning | None) -> Path | MaskFile | None:
    """The mask of a sample, given its mask file."""
    return path if path is None or meaning is None else MaskFile(path, meaning)


def _values(image: Image.Image, name: str) -> NDArray[Any]:
    """[H, W] of the numbers that the file stores."""
    if image.mode == "P":
        _check_palette(image, name)
        return np.asarray(image)
    if image.mode in ("1", "L"):
        return np.asarray(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        return np.where(values == 65535, IGNORE, values) if values.max() == 65535 else values
    bands = np.asarray(image)
    if image.mode in ("LA", "RGBA"):
        if bands[..., -1].min() < 255:
            raise _unusable(
                f"{name} is transparent in places, and it is not clear what that means; save it without alpha"
            )
        bands = bands[..., :-1]
    elif image.mode != "RGB":
        raise _unusable(f"{name} has colour mode {image.mode}; save the mask as an 8-bit grey PNG")
    if (bands != bands[..., :1]).any():
        raise _unusable(f"{name} is coloured; save the mask in grey: 1 object, 0 background, 255 ignore")
    return bands[..., 0]


def _check_palette(image: Image.Image, name: str) -> None:
    colours = (image.getpalette() or [])[:6]
    if colours == [255, 255, 255, 0, 0, 0]:
        raise _unusable(
            f"{name} has a palette with white as 0 and black as 1; save the mask in grey, so that 1 is object"
        )


def _unusable(message: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, message)
