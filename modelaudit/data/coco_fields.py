"""Fields of COCO's annotation files as tools write them: numbers as texts, ids as floats, outlines in several forms."""

from __future__ import annotations

import ast
import math
from collections.abc import Collection, Mapping
from typing import Any

from ..language.errors import DataError
from .objects import Region, is_number, polygon_area, run_lengths, stated_size

#: fewer numbers do not make a polygon: x and y of three points
_LEAST = 6


def number(value: Any) -> float | None:
    """A finite number, or a text of one; None for anything else."""
    if is_number(value):
        return float(value)
    try:
        found = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """A whole number (7, 7.0, "7"); None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value)
    return int(found) if found is not None and found.is_integer() else None


def size_of(height: Any, width: Any, named: str) -> tuple[int | None, int | None]:
    """As it is stated, also as 32.0 or "32"; None where a side is missing, null or 0: some tools know no size.

    Raises:
        DataError: sides that are not integers, or more pixels than Pillow opens.
    """
    sides = [0 if side in (None, "") else whole(side) for side in (height, width)]
    if any(side is None or side < 0 for side in sides):
        raise DataError(f"{named} has the height and width {[height, width]}; masks are drawn in them")
    return stated_size(sides[0], sides[1], named) if sides[0] and sides[1] else (None, None)


def identity(value: Any) -> int | str | None:
    """An id, which is a number or a text; 7.0 is 7. None for anything else."""
    if isinstance(value, float):
        return whole(value)
    return value if isinstance(value, str | int) and not isinstance(value, bool) else None


def known_as(value: Any, known: Collection[Any]) -> int | str | None:
    """The id that `value` means among those that are known: itself, else "7" for 7 and 7 for "7"; None for none."""
    key = identity(value)
    if key in known or key is None:
        return key
    other = whole(key) if isinstance(key, str) else str(key)
    return other if other in known else None


def flag(value: Any) -> int | None:
    """0 or 1, also as false, 0.0, "1" or null; None for anything else."""
    found = int(value) if isinstance(value, bool) else 0 if value is None else whole(value)
    return found if found in (0, 1) else None


def box_of(value: Any) -> list[Any] | None:
    """[left, top, width, height] with an area, as it stands where these are numbers; None for anything else."""
    if not isinstance(value, list) or len(value) != 4:
        return None
    numbers = [number(one) for one in value]
    if any(one is None for one in numbers) or not all(one is not None and one > 0 for one in numbers[2:]):
        return None
    return value if all(map(is_number, value)) else numbers


def region_of(annotation: Mapping[str, Any], label: str | int, named: str) -> tuple[Region | None, bool]:
    """The outline of an annotation, else its box, else None; and whether parts of fewer than three points are left out.

    Such parts enclose nothing: some tools write the two corners of a rectangle. Anything else that is not an outline
    is kept as it stands, and refused when it is drawn. The area is the stated one; where that is missing or 0, that of
    the outline.
    """
    outline, box = annotation.get("segmentation"), box_of(annotation.get("bbox"))
    stated = number(annotation.get("area"))
    area = stated if stated is not None and stated > 0 else None
    if isinstance(outline, dict) and outline:
        runs = _run_lengths(outline)
        return Region(label, "rle", runs, area or _area_of_runs(runs), named, box=box), False
    parts = _polygons(outline) if isinstance(outline, list) else []
    enclosing = [part for part in parts if not isinstance(part, list) or len(part) >= _LEAST]
    left_out = len(enclosing) < len(parts)
    if enclosing or (parts and box is None):
        polygons = enclosing or parts
        area = _area_of_polygons(polygons) if area is None else area
        # the box is that of all parts, and says nothing of those that are left
        return Region(label, "polygon", polygons, area, named, box=None if left_out else box), left_out
    if box is None:
        return None, left_out
    return Region(label, "box", box, area or float(box[2] * box[3]), named), left_out


def _polygons(outline: list[Any]) -> list[Any]:
    """The parts of an outline as lists of x, y, ...; also from one list alone, points as pairs, texts of numbers."""
    if outline and not any(isinstance(part, list | dict) for part in outline):
        outline = [outline]
    return [_flat(part) for part in outline if part not in ([], None)]


def _flat(part: Any) -> Any:
    first = part[0] if isinstance(part, list) else None
    if isinstance(first, list):
        part = [value for point in part for value in (point if isinstance(point, list) else [point])]
        first = part[0] if part else None
    if isinstance(first, str):
        numbers = [number(value) for value in part]
        return part if None in numbers else numbers
    return part


def _run_lengths(outline: Mapping[str, Any]) -> dict[str, Any]:
    """With whole numbers, and without the mark that Python writes before bytes (``b'...'``)."""
    size, counts = outline.get("size"), outline.get("counts")
    if isinstance(counts, str) and counts[:2] in ("b'", 'b"'):  # no character of compressed run lengths is a quote
        try:
            counts = ast.literal_eval(counts).decode("ascii")
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            counts = outline.get("counts")
    return {**outline, "size": _whole_numbers(size), "counts": _whole_numbers(counts)}


def _whole_numbers(values: Any) -> Any:
    if not isinstance(values, list) or all(type(value) is int for value in values):
        return values
    found = [whole(value) for value in values]
    return values if None in found else found


def _area_of_polygons(polygons: list[Any]) -> float | None:
    if not all(isinstance(part, list) and len(part) % 2 == 0 and all(map(is_number, part)) for part in polygons):
        return None
    return sum(polygon_area(part) for part in polygons)


def _area_of_runs(outline: Mapping[str, Any]) -> float | None:
    counts = outline["counts"]
    runs = run_lengths(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(isinstance(run, int) for run in runs):
        return None
    return float(sum(runs[1::2]))
