"""Label files of YOLO: a line an object, a box, a polygon or the four corners of a turned box."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..language.errors import DataError
from .files import text_of
from .objects import Region, polygon_area

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
    _refuse_dota(fields, named)
    values = [_number(field, named) for field in fields]
    label, numbers = _label(values[0], names, named), values[1:]
    _refuse_poses(numbers, named)
    if len(numbers) < 4 or len(numbers) % 2:
        hint = ""
        if len(numbers) == 5:
            hint = "; a fifth is the confidence of a prediction, or the angle of a turned box: leave it out, or export "
            hint += "the turned box by its four corners"
        raise DataError(
            f"{named}: {len(numbers)} numbers after the class; a box has 4 (x, y, width, height), a polygon x and y of "
            f"at least 3 points{hint}"
        )
    outside = [value for value in numbers if not -_SLACK <= value <= 1 + _SLACK]
    if outside:
        raise DataError(
            f"{named}: {outside[0]:g} is outside of the image; numbers are shares of its sides, from 0 to 1"
        )
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
        raise DataError(f"{named}: {field!r} is not a number; a line is a class and its numbers, separated by spaces")
    return value


def _label(value: float, names: Mapping[int, str], named: str) -> str:
    if not value.is_integer() or int(value) not in names:
        known = f"{min(names)} to {max(names)}"
        raise DataError(f"{named}: class {value:g} has no name; the names are of the classes {known}")
    return names[int(value)]


def _refuse_dota(fields: Sequence[str], named: str) -> None:
    """Refuses a line of DOTA's turned boxes: four corners in pixels, then the name of the class."""
    if len(fields) in (9, 10) and not _is_number(fields[8]) and all(map(_is_number, fields[:8])):
        raise DataError(
            f"{named}: is a turned box in DOTA's format (x1 y1 ... x4 y4 class difficult); export YOLO OBB, whose "
            "lines are a class and four corners as shares of the image"
        )


def _refuse_poses(numbers: Sequence[float], named: str) -> None:
    """Refuses the keypoints of a pose: a box, then x, y and visibility (0, 1 or 2) of every point."""
    if len(numbers) < 7 or (len(numbers) - 4) % 3:
        return
    visible = numbers[6::3]
    if set(visible) <= {0, 1, 2} and (len(numbers) % 2 or 2 in visible):
        raise DataError(
            f"{named}: is a pose (a box and {len(visible)} points, each with its visibility), and points have no "
            "outline of the object; export boxes or polygons"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
