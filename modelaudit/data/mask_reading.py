"""What the values of mask files mean: the options of a reference that say it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ..language.errors import DataError, nearest
from ..language.reference import Reference
from ..language.sample import BACKGROUND, IGNORE

Meaning = Literal["ignore", "object"]
#: what 255 may mean in a mask file (``folder:DIR?mask_255=object``)
MEANINGS: tuple[Meaning, ...] = ("ignore", "object")
#: the options of a reference that say what the values of masks mean
MASK_VALUES = ("mask_255", "mask_threshold", "mask_object", "mask_background", "mask_ignore")
#: where soft edges are cut unless the reference says otherwise
DEFAULT_THRESHOLD = 128
#: the colour of the ring round objects in VOC's palette
_VOC_RING = 0xE0E0C0
_MOST = 65535
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class MaskValues:
    """Numbers, and colours as red * 65536 + green * 256 + blue."""

    numbers: tuple[int, ...] = ()
    colours: tuple[int, ...] = ()

    def __str__(self) -> str:
        return ",".join([*map(str, self.numbers), *map(show_colour, self.colours)])


@dataclass(frozen=True)
class MaskReading:
    """How the values of mask files become object, background and ignore; by default they are 1, 0 and 255.

    Args:
        mask_255: what 255 means beside 0 and 1; None where it is not said.
        threshold: values from it on are the object, all others background.
        object: these values are the object, all others background.
        background: these values are the background, all others the object.
        ignore: these values are ignored; None: 255, unless 0 is the object or 255 the background.

    >>> MaskReading(background=MaskValues((0,))).text
    'mask_background=0'
    """

    mask_255: Meaning | None = None
    threshold: int | None = None
    object: MaskValues | None = None
    background: MaskValues | None = None
    ignore: MaskValues | None = None

    @property
    def text(self) -> str:
        """The reading as a text that stands in the keys of the store."""
        if self == MaskReading(mask_255=self.mask_255):
            return f"255 {self.mask_255}"
        named = {
            "mask_threshold": self.threshold,
            "mask_object": self.object,
            "mask_background": self.background,
            "mask_ignore": self.ignore,
        }
        return "&".join(f"{name}={value}" for name, value in named.items() if value is not None)

    def ignored(self, *, coloured: bool) -> MaskValues:
        """The values that are ignored where the object, or the background, is given by values.

        Args:
            coloured: the file is a coloured one, in which 255 is not a number of its own.
        """
        if self.ignore is not None:
            return self.ignore
        named = self.object or MaskValues()
        if {BACKGROUND, IGNORE} & set(named.numbers) or IGNORE in (self.background or MaskValues()).numbers:
            return MaskValues()
        if coloured or named.colours or (self.background is not None and not self.background.numbers):
            return MaskValues(colours=(_VOC_RING,))
        return MaskValues((IGNORE,))


def asked_reading(reference: Reference) -> MaskReading:
    """The reading that the options of a reference ask for; the default where they say nothing.

    Raises:
        DataError: an option that cannot be read, or two that contradict each other.
    """
    given = {name: reference.options[name] for name in MASK_VALUES if name in reference.options}
    main = [name for name in given if name != "mask_ignore"]
    if len(main) > 1:
        raise DataError(f"{reference.text!r}: {main[0]}= and {main[1]}= both say what the object is; write one of them")
    if "mask_ignore" in given and main not in (["mask_object"], ["mask_background"]):
        raise DataError(f"{reference.text!r}: mask_ignore= goes with mask_object= or mask_background=; add one of them")
    any_object = given.get("mask_object") == "any"
    return MaskReading(
        _meaning(reference, given.get("mask_255")),
        _threshold(reference, given.get("mask_threshold")),
        None if any_object else _values(reference, "mask_object"),
        MaskValues((BACKGROUND,)) if any_object else _values(reference, "mask_background"),
        _values(reference, "mask_ignore"),
    )


def show_colour(colour: int) -> str:
    """``#fa3253``."""
    return f"#{colour:06x}"


def _meaning(reference: Reference, asked: str | None) -> Meaning | None:
    if asked is None:
        return None
    for meaning in MEANINGS:
        if asked == meaning:
            return meaning
    raise DataError(f"{reference.text!r}: mask_255={asked}{nearest(asked, MEANINGS)}")


def _threshold(reference: Reference, asked: str | None) -> int | None:
    if asked is None:
        return None
    if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked) <= IGNORE:
        raise DataError(
            f"{reference.text!r}: mask_threshold must be an integer from 1 to 255, got {asked!r}; values from it on "
            f"are the object, e.g. mask_threshold={DEFAULT_THRESHOLD}"
        )
    return int(asked)


def _values(reference: Reference, option: str) -> MaskValues | None:
    asked = reference.options.get(option)
    if asked is None:
        return None
    numbers: list[int] = []
    colours: list[int] = []
    for part in (part.strip() for part in asked.split(",")):
        if _COLOUR.fullmatch(part):
            colours.append(int(part[1:], 16))
        elif part.isascii() and part.isdigit() and int(part) <= _MOST:
            numbers.append(int(part))
        else:
            words = "any, " if option == "mask_object" else ""
            raise DataError(
                f"{reference.text!r}: {option}={asked}: {part!r} is not a value of a mask; write {words}numbers "
                f"({option}=1,2) or colours ({option}=#fa3253)"
            )
    return MaskValues(tuple(sorted(set(numbers))), tuple(sorted(set(colours))))
