"""The lines of a YOLO label file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ..language.errors import DataError
from .files import text_of
from .outlines import Region, polygon_area

#: what rounding may carry a share of the image out of [0, 1], as Ultralytics allows
_SLACK = 0.01


def regions_of(path: Path, names: Mapping[int, str]) -> list[Region]:
    """The objects of an image, their outlines as shares of its width and height.

    Raises:
        DataError: a line that is neither a box nor a polygon, an unknown class, numbers out of the image; the line.
    """
    lines = enumerate(text_of(path).splitlines(), start=1)
    return [_region(line.split(), names, f"{path}:{number}") for number, line in lines if line.strip()]


def _region(fields: list[str], names: Mapping[int, str], named: str) -> Region:
    values = [_number(field, named) for field in fields]
    label, numbers = _label(values[0], names, named), values[1:]
    if len(numbers) < 4 or len(numbers) % 2:
        hint = "; labels of predictions end with a confidence: leave it out" if len(numbers) == 5 else ""
        raise DataError(
            f"{named}: {len(numbers)} numbers after the class; a box has 4 (x, y, width, height), a polygon x and y of "
            f"at least 3 points{hint}"
        )
    outside = [value for value in numbers if not -_SLACK <= value <= 1 + _SLACK]
    if outside:
        raise DataError(f"{named}: {outside[0]:g} lies out of the image; numbers are shares of its sides, from 0 to 1")
    if len(numbers) > 4:
        return Region(label, "polygon", [numbers], polygon_area(numbers), named)
    x, y, width, height = numbers
    if min(width, height) <= 0:
        raise DataError(f"{named}: a box of {width:g} x {height:g} holds nothing")
    return Region(label, "box", [x - width / 2, y - height / 2, width, height], width * height, named)


def _number(field: str, named: str) -> float:
    try:
        value = float(field)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{named}: {field!r} is no number; a line is a class and its numbers, with spaces between")
    return value


def _label(value: float, names: Mapping[int, str], named: str) -> str:
    if not value.is_integer() or int(value) not in names:
        known = f"{min(names)} to {max(names)}"
        raise DataError(f"{named}: class {value:g} has no name; the names are of the classes {known}")
    return names[int(value)]
