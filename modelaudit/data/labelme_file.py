"""A JSON file of LabelMe, or of a tool that writes its format: its shapes, its size, its image."""

from __future__ import annotations

import base64
import hashlib
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.json_file import read_json
from ..language.reasons import Missing
from .base import Pixels, UnusableSample
from .coco_fields import size_of, whole
from .images import opened, rgb_of, upright
from .objects import Region, Shape, is_number, polygon_area

#: shapes that enclose nothing
_WITHOUT_AREA = ("line", "linestrip", "point", "points")
#: turned rectangles: of LabelMe 6, of X-AnyLabeling
_TURNED = ("oriented_rectangle", "rotation")
_WITH_AREA = ("polygon", "rectangle", "circle", "mask", *_TURNED)


@dataclass(frozen=True)
class EmbeddedImage:
    """The image that a JSON file holds in base64; read when called: [H, W, 3] uint8, upright.

    Args:
        digest: sha256 of the base64 text.
    """

    path: Path
    digest: str

    def __call__(self) -> Pixels:
        name = f"{self.path}: imageData"
        with opened(self._bytes(name), name, Missing.UNREADABLE_IMAGE) as image:
            return rgb_of(upright(image), name)

    def _bytes(self, name: str) -> bytes:
        try:
            text = _document(self.path).get("imageData")
        except DataError as error:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, str(error)) from error
        if not isinstance(text, str) or _digest(text) != self.digest:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, f"{name} was changed after it was read")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise UnusableSample(Missing.UNREADABLE_IMAGE, f"{name} is not valid base64: {error}") from error

    @property
    def content(self) -> str:
        """What it is read from."""
        return self.digest


@dataclass(frozen=True)
class LabelMeFile:
    """The content of a file: the shapes with an area, and the kinds of the others.

    Args:
        regions: those that cannot be read are ``unreadable``; without a label where the shape has none.
    """

    path: Path
    image_path: str
    height: int | None
    width: int | None
    embedded: EmbeddedImage | None
    flags: Mapping[str, Any]
    regions: tuple[Region, ...]
    passed_over: tuple[str, ...]

    @property
    def unreadable(self) -> list[Region]:
        """The shapes that cannot be read."""
        return [region for region in self.regions if region.shape == "unreadable"]


def labelme_file(path: Path) -> LabelMeFile:
    """A file of LabelMe 3 to 6.

    Raises:
        DataError: no JSON, or none of LabelMe; with the line.
    """
    document = _document(path)
    shapes, image_path = document.get("shapes"), document.get("imagePath")
    if not isinstance(shapes, list) or not isinstance(image_path, str):
        raise DataError(
            f"{path} has no list 'shapes' with an 'imagePath', so it is not a LabelMe file; move it elsewhere"
        )
    text, flags = document.get("imageData"), document.get("flags") or {}
    if text is not None and not isinstance(text, str):
        raise DataError(f"{path}: imageData is neither null nor base64")
    if not isinstance(flags, dict):
        raise DataError(f"{path}: flags is {flags!r}; it is an object of names with true or false")
    height, width = size_of(document.get("imageHeight"), document.get("imageWidth"), f"{path}: the image")
    regions, passed_over = [], []
    for number, shape in enumerate(shapes):
        region = _region_of(shape, f"{path}: shape {number}")
        if isinstance(region, str):
            passed_over.append(region)
        else:
            regions.append(region)
    embedded = EmbeddedImage(path, _digest(text)) if text else None
    return LabelMeFile(path, image_path, height, width, embedded, flags, tuple(regions), tuple(passed_over))


def _document(path: Path) -> dict[str, Any]:
    document = read_json(path, DataError)
    if not isinstance(document, dict):
        raise DataError(f"{path} is not a JSON object, so it is not a LabelMe file; move it elsewhere")
    return document


def _region_of(shape: Any, named: str) -> Region | str:
    """The outline, or the kind of a shape that has no area. One that cannot be read concerns its own image alone."""
    kind = (shape.get("shape_type") or "polygon") if isinstance(shape, dict) else None
    if kind in _WITHOUT_AREA:
        return str(kind)
    label = shape.get("label") if isinstance(shape, dict) else None
    label = unicodedata.normalize("NFC", label.strip()) if isinstance(label, str) else ""
    try:
        return _with_area(shape, str(kind), label, named)
    except DataError as error:
        return Region(label, "unreadable", str(error), 0.0, named)


def _with_area(shape: Any, kind: str, label: str, named: str) -> Region:
    if not isinstance(shape, dict):
        raise DataError(f"{named} must be an object")
    if kind not in _WITH_AREA:
        raise DataError(f"{named} is a {kind!r}; shapes are {', '.join((*_WITH_AREA, *_WITHOUT_AREA))}")
    if not label:
        raise DataError(f"{named} has the label {shape.get('label')!r}")
    points, group = shape.get("points"), shape.get("group_id")
    if not isinstance(points, list) or not all(_is_point(point) for point in points):
        raise DataError(f"{named}: its points must be a list of [x, y]")
    group = whole(group) if isinstance(group, float) else group
    if group is not None and not isinstance(group, str | int):
        raise DataError(f"{named} has the group_id {group!r}; it is a number, a text or null")
    form, outline, area = _outline(kind, points, shape.get("mask"), named)
    return Region(label, form, outline, area, named, group)


def _outline(kind: str, points: list[list[float]], mask: Any, named: str) -> tuple[Shape, Any, float]:
    turned = kind in _TURNED or (kind == "rectangle" and len(points) == 4 and not _is_upright(points))
    if kind == "polygon" or turned:
        if len(points) < 3:
            raise DataError(f"{named}: a {kind} of {len(points)} points; it takes {'four' if turned else 'three'}")
        flat = [float(value) for point in points for value in point]
        return "polygon", [flat], polygon_area(flat)
    if kind == "circle" and len(points) == 2:
        (x, y), edge = points
        radius = math.dist((x, y), edge)
        return "circle", [x, y, radius], math.pi * radius**2
    # a rectangle by two corners, or since LabelMe 5.6 by four
    across, down = [point[0] for point in points], [point[1] for point in points]
    if len(points) not in ((2, 4) if kind == "rectangle" else (2,)):
        raise DataError(f"{named}: a {kind} of {len(points)} points; it takes two")
    left, top, wide, high = min(across), min(down), max(across) - min(across), max(down) - min(down)
    if kind == "rectangle":
        return "box", [left, top, wide, high], wide * high
    if not isinstance(mask, str):
        raise DataError(f"{named} is a mask without pixels; LabelMe keeps them in 'mask', as a PNG in base64")
    area = (wide + 1) * (high + 1)
    if all(float(value).is_integer() for value in (*across, *down)):
        return "bitmap", [int(left), int(top), int(wide) + 1, int(high) + 1, mask], area
    # LabelMe 6 moves masks by parts of a pixel: the corner is rounded, the size is that of the picture
    return "bitmap", [round(left), round(top), None, None, mask], area


def _is_upright(corners: list[list[float]]) -> bool:
    return len({x for x, _ in corners}) == 2 and len({y for _, y in corners}) == 2


def _is_point(point: Any) -> bool:
    return isinstance(point, list) and len(point) == 2 and all(map(is_number, point))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
