"""Mask files to the three values: 1 object, 0 background, 255 ignore."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..language.reasons import Missing
from ..language.sample import BACKGROUND, IGNORE, OBJECT
from .base import Pixels, UnusableSample
from .images import Place, bytes_of, opened, upright
from .mask_reading import DEFAULT_THRESHOLD, MaskReading, MaskValues, Meaning, show_colour

LOSSY = ("JPEG", "MPO", "WEBP")
_SIXTEEN_BITS = 65535
#: channels of a grey mask that was saved as JPEG in colour differ by no more
_GREY_NOISE = 24


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
    """A mask file whose values have another meaning than 1, 0 and 255."""

    path: Place
    reading: MaskReading

    @property
    def rule(self) -> str:
        return self.reading.text

    def of(self, content: bytes) -> Pixels:
        return mask_of(content, self.path, self.reading)


def mask_source(path: Place | None, reading: MaskReading) -> Place | MaskFile | None:
    """The mask of a sample, given its mask file."""
    return path if path is None or reading == MaskReading() else MaskFile(path, reading)


def read_mask(path: Place, mask_255: Meaning | None = None) -> Pixels:
    """[H, W] uint8 of 1 object, 0 background, 255 ignore, turned as the file's own EXIF orientation says.

    Palette images are read by index, 16-bit ones by value (65535 stands for 255), colours where all channels agree.

    Args:
        mask_255: "ignore", "object" (a 0/255 mask; soft edges are cut at 128), or None: 255 is ignore in a mask that
            has a 1, and an error in one that has none, because that is how a 0/255 mask of an object looks too.

    Raises:
        UnusableSample: not readable, other values, or not clear what is object.
    """
    return mask_of(bytes_of(path, Missing.UNREADABLE_MASK), path, MaskReading(mask_255=mask_255))


def mask_of(content: bytes, path: Place, reading: MaskReading) -> Pixels:
    """:func:`read_mask` of a file that has been read already, under any reading.

    Raises:
        UnusableSample: as there.
    """
    name = str(path)
    with opened(content, name, Missing.UNREADABLE_MASK) as image:
        lossy = image.format in LOSSY
        turned = upright(image)
        if reading.object is not None or reading.background is not None:
            return _by_values(turned, name, reading, lossy)
        if reading.threshold is not None:
            return _above(brightness(turned, name), reading.threshold, lossy)
        values = stored_values(turned, name, lossy=lossy)
        if reading.mask_255 == "object" and (lossy or has_soft_edges(values, lossy=lossy)):
            return _above(values, DEFAULT_THRESHOLD, lossy)
        return checked_mask(values, name, reading.mask_255, way_out=_way_out(values, str(image.format), lossy))


def checked_mask(values: NDArray[Any], name: str, mask_255: Meaning | None, *, way_out: str = "") -> Pixels:
    """The three values of :func:`read_mask` from an array [H, W] of bool or numbers.

    Args:
        way_out: what to do about other values; of an array by default.

    Raises:
        UnusableSample: as there.
    """
    if values.ndim != 2:
        raise unusable_mask(f"{name} has shape {values.shape}; a mask is [height, width]")
    if values.dtype == bool:
        return values.astype(np.uint8)
    found = np.unique(values)
    if mask_255 == "object" and set(found.tolist()) <= {BACKGROUND, IGNORE}:
        return np.asarray(values == IGNORE, dtype=np.uint8)
    strange = [value for value in found.tolist() if value not in (BACKGROUND, OBJECT, IGNORE)]
    if strange:
        listed = ", ".join(f"{value:g}" for value in strange[:5]) + (", ..." if len(strange) > 5 else "")
        raise unusable_mask(
            f"{name} has the values {listed}; a mask has 1 for object, 0 for background and 255 for ignore"
            + (way_out or "; give a bool array, such as mask >= 128 or mask == 7")
        )
    if IGNORE in found and OBJECT in found and mask_255 == "object":
        raise unusable_mask(f"{name} has both 1 and 255, so 255 cannot be the object (mask_255=object)")
    if IGNORE in found and OBJECT not in found and mask_255 is None:
        raise unusable_mask(
            f"{name} has no 1, and 255 means ignore: is 255 the object? Then write ?mask_255=object "
            "(mask == 255 for an array); if the object is really absent, ?mask_255=ignore"
        )
    return values.astype(np.uint8)


def stored_values(image: Image.Image, name: str, *, lossy: bool = False) -> NDArray[Any]:
    """[H, W] of the numbers that the file stores.

    Raises:
        UnusableSample: colours, transparency or a palette that leave open what is meant.
    """
    if image.mode == "P":
        _check_palette(image, name)
        return np.asarray(image)
    if image.mode in ("1", "L"):
        return np.asarray(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        return np.where(values == _SIXTEEN_BITS, IGNORE, values) if values.max() == _SIXTEEN_BITS else values
    bands = _solid(image, name)
    if (np.ptp(bands.astype(np.int16), axis=2) > (_GREY_NOISE if lossy else 0)).any():
        raise unusable_mask(
            f"{name} is coloured; which colour is the object? Write ?mask_object=any (all but black), "
            f"?mask_object={show_colour(_most_common_colour(bands))} (one or more colours), ?mask_background=#ffffff "
            "(all but these), or ?mask_threshold=128 (of the strongest channel)"
        )
    return np.asarray(bands.max(axis=2) if lossy else bands[..., 0])


def brightness(image: Image.Image, name: str) -> NDArray[Any]:
    """[H, W] from 0 to 255: the strongest channel of a colour, a palette by its colours, 16 bits scaled to 8.

    Raises:
        UnusableSample: it is transparent in places and the colours are not the same.
    """
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L") if image.mode == "1" else image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image)
        return np.asarray(values / 257 if values.max() > IGNORE else values)
    return np.asarray(_solid(image.convert("RGB") if image.mode == "P" else image, name).max(axis=2))


def packed_colours(image: Image.Image, name: str) -> NDArray[np.int32]:
    """[H, W] of red * 65536 + green * 256 + blue, whatever the mode.

    Raises:
        UnusableSample: as :func:`brightness`.
    """
    bands = _solid(image if image.mode in ("LA", "RGBA", "PA") else image.convert("RGB"), name).astype(np.int32)
    return np.asarray((bands[..., 0] << 16) | (bands[..., 1] << 8) | bands[..., 2])


def has_soft_edges(values: NDArray[Any], *, lossy: bool) -> bool:
    """Whether a grey mask is an object of 255 on 0 whose border was smoothed, rather than numbers of objects.

    What lies between 0 and 255 is less than half of the image, and hardly any of it is an area of one value; a lossy
    file is allowed its noise next to 0 and 255.
    """
    if values.dtype == bool or values.ndim != 2 or values.max() > IGNORE or values.min() < 0 or values.max() < 128:
        return False
    low, high = (16, 239) if lossy else (0, 255)
    between = (values > low) & (values < high)
    if not between.any():
        return lossy
    if between.mean() > 0.5 or len(np.unique(values[between])) < 3:
        return False
    same = np.ones(values[1:-1, 1:-1].shape, dtype=bool)
    height, width = values.shape
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            same &= values[down : height - 2 + down, right : width - 2 + right] == values[1:-1, 1:-1]
    inner = between[1:-1, 1:-1]
    return float((same & inner).sum()) < 0.3 * max(1.0, float(inner.sum()))


def _above(values: NDArray[Any], threshold: int, lossy: bool) -> Pixels:
    """What is at least the threshold; a mask of 0 and 1 alone is one already, unless the 1 may be noise."""
    if values.dtype == bool:
        return values.astype(np.uint8)
    if values.max() <= OBJECT and not lossy:
        return np.asarray(values == OBJECT, dtype=np.uint8)
    return np.asarray(values >= threshold, dtype=np.uint8)


def _by_values(image: Image.Image, name: str, reading: MaskReading, lossy: bool) -> Pixels:
    """The object by the numbers or colours that were named for it, or for the background."""
    named = reading.object if reading.object is not None else reading.background
    assert named is not None
    numbers = None if named.colours and not named.numbers else _numbers(image, lossy)
    if numbers is not None and set(named.numbers) <= {BACKGROUND, IGNORE} and has_soft_edges(numbers, lossy=lossy):
        numbers = np.where(numbers >= DEFAULT_THRESHOLD, IGNORE, BACKGROUND)
    colours = packed_colours(image, name) if numbers is None or named.colours else None

    def among(which: MaskValues) -> NDArray[np.bool_]:
        inside = np.zeros((image.height, image.width), dtype=bool)
        if numbers is not None:
            inside |= np.isin(numbers, which.numbers)
        elif which.numbers and colours is not None:  # a number of a colour image is a grey value: 0 is black
            inside |= np.isin(colours, [number * 0x010101 for number in which.numbers if number <= IGNORE])
        if which.colours:
            inside |= np.isin(packed_colours(image, name) if colours is None else colours, which.colours)
        return inside

    inside = among(named)
    mask = (inside if reading.object is not None else ~inside).astype(np.uint8)
    ignored = reading.ignored(coloured=numbers is None)
    if reading.ignore is None and numbers is not None and numbers.max() > IGNORE:  # 255 is a number like others then
        ignored = MaskValues((_SIXTEEN_BITS,))
    mask[among(ignored) & ~inside] = IGNORE
    return mask


def _numbers(image: Image.Image, lossy: bool) -> NDArray[Any] | None:
    """[H, W] of the numbers that the file stores; None of a coloured one."""
    if image.mode in ("P", "1", "L") or image.mode.startswith("I") or image.mode == "F":
        return np.asarray(image).astype(np.uint8) if image.mode == "1" else np.asarray(image)
    bands = np.asarray(image.convert("RGB"))
    coloured = (np.ptp(bands.astype(np.int16), axis=2) > (_GREY_NOISE if lossy else 0)).any()
    return None if coloured else bands[..., 0]


def _solid(image: Image.Image, name: str) -> Pixels:
    """[H, W, 3]; transparency counts where it is the mask: one colour on nothing, or objects on nothing.

    Raises:
        UnusableSample: it is not clear what transparency means.
    """
    if image.mode not in ("LA", "RGBA", "PA"):
        if image.mode != "RGB":
            raise unusable_mask(f"{name} has colour mode {image.mode}; save the mask as an 8-bit grey PNG")
        return np.asarray(image)
    bands = np.asarray(image.convert("RGBA"))
    colours, alpha = bands[..., :3], bands[..., 3]
    if alpha.min() == IGNORE:
        return colours
    if (colours == colours[:1, :1]).all():
        return np.repeat(alpha[..., None], 3, axis=2)
    visible = alpha > 0
    if set(np.unique(alpha).tolist()) <= {0, IGNORE} and bool((colours.any(axis=2) | ~visible).all()):
        return np.where(visible[..., None], colours, 0).astype(np.uint8)
    raise unusable_mask(
        f"{name} is transparent in places, and it is not clear what that means; save it without alpha, or save its "
        "alpha channel alone, in grey"
    )


def _check_palette(image: Image.Image, name: str) -> None:
    """Raises an UnusableSample where the index 0 is not the background: another index is black, and 0 is not."""
    palette = np.array((image.getpalette("RGB") or [])[: 3 * 256]).reshape(-1, 3)
    used = [index for index in np.unique(np.asarray(image)).tolist() if index < len(palette)]
    black = [index for index in used if not palette[index].any()]
    if black and 0 in used and 0 not in black:
        first = "white" if (palette[0] == IGNORE).all() else "a colour"
        raise unusable_mask(
            f"{name} has a palette with {first} as 0 and black as {black[0]}; save the mask in grey, so that 1 is "
            f"object, or write ?mask_background=#000000 (black is the background) or "
            f"?mask_background={show_colour(_pack(palette[0]))}"
        )


def _way_out(values: NDArray[Any], format: str, lossy: bool) -> str:
    """What to do about other values than 0, 1 and 255, by what the file is."""
    if lossy:
        return (
            f" ({format} blurs the values: ?mask_threshold={DEFAULT_THRESHOLD} takes values from {DEFAULT_THRESHOLD} "
            "on as the object; or save the mask as PNG)"
        )
    if has_soft_edges(values, lossy=False):
        return (
            f" (its edges are soft: ?mask_threshold={DEFAULT_THRESHOLD} takes values from {DEFAULT_THRESHOLD} on as "
            "the object)"
        )
    first = next((int(value) for value in np.unique(values).tolist() if value not in (0, IGNORE)), 1)
    return (
        f" (?mask_object=any takes every value but 0 and 255 as the object, ?mask_object={first} this one, "
        f"?mask_threshold={DEFAULT_THRESHOLD} all from {DEFAULT_THRESHOLD} on)"
    )


def _most_common_colour(bands: Pixels) -> int:
    """The most frequent colour that is not a grey."""
    packed = (bands[..., 0].astype(np.int32) << 16) | (bands[..., 1].astype(np.int32) << 8) | bands[..., 2]
    found, counts = np.unique(packed[(bands != bands[..., :1]).any(axis=2)], return_counts=True)
    return int(found[counts.argmax()]) if len(found) else 0xFF0000


def _pack(colour: NDArray[Any]) -> int:
    red, green, blue = (int(part) for part in colour)
    return (red << 16) | (green << 8) | blue


def unusable_mask(message: str) -> UnusableSample:
    """The error of one sample whose mask cannot be read."""
    return UnusableSample(Missing.UNREADABLE_MASK, message)
