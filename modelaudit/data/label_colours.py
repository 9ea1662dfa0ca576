"""The classes of a segmentation by number, and the colours that stand for the numbers (``labelmap.txt``)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..language.errors import DataError
from ..language.reasons import Missing
from ..language.sample import IGNORE
from .base import UnusableSample
from .files import text_of
from .images import opened, upright

Colour = tuple[int, int, int]
#: the number of a colour that stands for no class
UNKNOWN = -1
#: how VOC paints 255, the pixels that are ignored
_IGNORED_COLOUR: Colour = (224, 224, 192)
_IGNORED_NAMES = frozenset({"ignore", "ignored"})
_BY_COLOUR = ("RGB", "RGBA", "1")
_BY_NUMBER = ("P", "L")


@dataclass(frozen=True)
class Numbering:
    """Which number in a segmentation is which class, and which colour which number.

    Args:
        names: the classes by number, without background and what is ignored.
        highest: the highest number that may stand in a segmentation, besides 255.
        colours: (red, green, blue, number).
        source: the file that says so, for messages; None for VOC's own colours.
    """

    names: Mapping[int, str]
    highest: int
    colours: tuple[tuple[Colour, int], ...]
    source: Path | None = None

    def number(self, label: str) -> int | None:
        """The number of a class."""
        return next((number for number, name in self.names.items() if name == label), None)


def is_background(name: str) -> bool:
    """Whether a class is called ``background``, ``_background_`` or the like."""
    return name.strip("_").lower() == "background"


def voc_colour(number: int) -> Colour:
    """The colour of a number in VOC: its bits in turn are the high bits of red, green and blue.

    >>> voc_colour(1), voc_colour(15), voc_colour(255)
    ((128, 0, 0), (192, 128, 128), (224, 224, 192))
    """
    channels = [0, 0, 0]
    for place in range(8):
        for channel in range(3):
            channels[channel] |= (number >> (3 * place + channel) & 1) << (7 - place)
    return channels[0], channels[1], channels[2]


def numbered(names: Sequence[str], first: int) -> Numbering:
    """Classes that count from `first`, in VOC's own colours; a class named ``background`` is none."""
    numbers = dict(enumerate(names, start=first))
    highest = max(numbers)
    colours = tuple((voc_colour(number), number) for number in range(highest + 1))
    return Numbering({number: name for number, name in numbers.items() if not is_background(name)}, highest, colours)


def numbering_of(path: Path) -> Numbering:
    """``labelmap.txt``, a class a line: ``name:red,green,blue:parts:actions``, counted from 0.

    Lines with ``#`` are comments; a class without colour has that of its number in VOC.

    Raises:
        DataError: another line, two classes of one name or colour; with the line.
    """
    names: dict[int, str] = {}
    colours: dict[Colour, int] = {}
    number = -1
    for place, line in enumerate(text_of(path).splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        number += 1
        name, colour = _parts(line, number, f"{path}:{place}")
        ignored = name.strip("_").lower() in _IGNORED_NAMES
        if name in names.values():
            raise DataError(f"{path}:{place}: the class {name!r} for the second time; give each class one line")
        if colour in colours:
            raise DataError(f"{path}:{place}: {name!r} has the colour {colour} of another class; give it its own")
        colours[colour] = IGNORE if ignored else number
        if not ignored and not is_background(name):
            names[number] = name
    if not names:
        raise DataError(f"{path}: has no class besides the background; write name:red,green,blue:: on a line")
    return Numbering(names, number, tuple(colours.items()), path)


def _parts(line: str, number: int, named: str) -> tuple[str, Colour]:
    fields = line.strip().rsplit(":", 3)
    name = unicodedata.normalize("NFC", fields[0].strip())
    stated = fields[1].strip() if len(fields) > 1 else ""
    if not name or len(fields) not in (2, 3, 4):
        raise DataError(f"{named}: expected name:red,green,blue:parts:actions, got {line.strip()!r}")
    if not stated:
        return name, voc_colour(number)
    values = [text.strip() for text in stated.split(",")]
    if len(values) != 3 or not all(re.fullmatch("[0-9]{1,3}", text) and int(text) < 256 for text in values):
        raise DataError(f"{named}: the colour of {name!r} is {stated!r}; write three numbers from 0 to 255")
    return name, (int(values[0]), int(values[1]), int(values[2]))


def numbers_of(content: bytes, path: Path, numbering: Numbering) -> NDArray[np.int32]:
    """[H, W]: the numbers in a segmentation, 255 for what is ignored, :data:`UNKNOWN` for other colours.

    Palettes and grey pictures hold numbers; where all their colours are those of a ``labelmap.txt``, these say which.

    Raises:
        UnusableSample: no such picture.
    """
    with opened(content, str(path), Missing.UNREADABLE_MASK) as image:
        if image.mode not in (*_BY_COLOUR, *_BY_NUMBER):
            raise UnusableSample(
                Missing.UNREADABLE_MASK,
                f"{path} has colour mode {image.mode}; a segmentation of VOC is a PNG with a palette, or in the "
                "colours of labelmap.txt",
            )
        turned = upright(image)
        if image.mode in _BY_COLOUR or numbering.source is not None:
            by_colour = _coloured(turned, numbering)
            if image.mode in _BY_COLOUR or not (by_colour == UNKNOWN).any():
                return by_colour
        return np.asarray(turned).astype(np.int32)


def object_codes(content: bytes, path: Path) -> NDArray[np.int32]:
    """[H, W]: what stands for every object in SegmentationObject: its number, or its colour; 0 is none, 255 ignored.

    Raises:
        UnusableSample: no such picture.
    """
    with opened(content, str(path), Missing.UNREADABLE_MASK) as image:
        turned = upright(image)
        if image.mode in _BY_NUMBER:
            return np.asarray(turned).astype(np.int32)
        codes = _codes(np.asarray(turned.convert("RGB")))
    codes[codes == IGNORE] = _code(_IGNORED_COLOUR) + (1 << 24)  # a blue that is not a number
    codes[codes == _code(_IGNORED_COLOUR)] = IGNORE
    return codes


def _coloured(image: Image.Image, numbering: Numbering) -> NDArray[np.int32]:
    codes = _codes(np.asarray(image.convert("RGB")))
    known = {_code(_IGNORED_COLOUR): IGNORE} | {_code(colour): number for colour, number in numbering.colours}
    numbers = np.full(codes.shape, UNKNOWN, dtype=np.int32)
    for code, number in known.items():
        numbers[codes == code] = number
    return numbers


def first_unknown(content: bytes, path: Path, numbers: NDArray[np.int32]) -> tuple[Colour, int, int]:
    """The first colour that is unknown, its pixels, and how many colours are."""
    with opened(content, str(path), Missing.UNREADABLE_MASK) as image:
        codes = _codes(np.asarray(upright(image).convert("RGB")))
    found, pixels = np.unique(codes[numbers == UNKNOWN], return_counts=True)
    place = int(pixels.argmax())
    code = int(found[place])
    return (code >> 16, code >> 8 & 255, code & 255), int(pixels[place]), len(found)


def _codes(pixels: NDArray[np.uint8]) -> NDArray[np.int32]:
    wide = pixels.astype(np.int32)
    return wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]


def _code(colour: Colour) -> int:
    return colour[0] << 16 | colour[1] << 8 | colour[2]
