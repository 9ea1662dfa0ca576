"""Reads the XML annotation of an image of Pascal VOC."""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..language.errors import DataError
from ..language.regular_files import read_file
from .objects import Region, polygon_area, stated_size

#: elements inside of one another; annotation files have four
_DEPTH = 50


def xml_of(path: Path) -> Element:
    """The root element; the attribute ``line`` of every element is the line where it starts.

    Raises:
        DataError: not readable, not well-formed, or with a document type, which may hold entities that expand to
            gigabytes or read other files; with the line.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    parser, builder, depth = expat.ParserCreate(), TreeBuilder(), 0

    def refuse(*_: object) -> NoReturn:
        raise DataError(f"{path}:{parser.CurrentLineNumber}: has a document type (<!DOCTYPE>); remove it")

    def start(tag: str, _: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise DataError(f"{path}:{parser.CurrentLineNumber}: more than {_DEPTH} elements inside of one another")
        builder.start(tag, {"line": str(parser.CurrentLineNumber)})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise DataError(f"{path}:{error.lineno}: is not valid XML: {expat.errors.messages[error.code]}") from error
    except (ValueError, LookupError) as error:
        raise DataError(f"{path}:1: is not valid XML: {error}") from error
    return builder.close()


@dataclass(frozen=True)
class VocObject:
    """An object as its annotation states it.

    Args:
        box: ``xmin``, ``ymin``, ``xmax``, ``ymax``; None where there is only a polygon.
        polygon: a list of [x, y, x, y, ...]; empty where there is only a box.
        named: the file and the line, for messages.
    """

    label: str
    box: tuple[float, float, float, float] | None
    polygon: list[list[float]]
    named: str

    def region(self, *, edges: bool, boxes: bool) -> Region:
        """Its outline: the polygon unless `boxes` are wanted; a box by its `edges`, or by pixels that count from 1.

        Raises:
            DataError: a box that holds nothing.
        """
        left, top, right, bottom = self.box or _bounds(self.polygon)
        shift = 0 if edges or self.box is None else 1
        wide, high = right - left + shift, bottom - top + shift
        box = [left - shift, top - shift, wide, high]
        left, top, right, bottom = self.box or _bounds(self.polygon)
        shift = 0 if edges or self.box is None else 1
        box = [left - shift, top - shift, right - left + shift, bottom - top + shift]
        if self.polygon and not boxes:
            area = sum(map(polygon_area, self.polygon))
            return Region(self.label, "polygon", self.polygon, area, self.named, box=None if self.box is None else box)
        if min(box[2:]) <= 0:
            raise DataError(
                f"{self.named}: the box of {self.label!r} holds nothing: {left:g} to {right:g}, {top:g} to {bottom:g}"
            )
        return Region(self.label, "box", box, box[2] * box[3], self.named)


@dataclass(frozen=True)
class Annotation:
    """The size of an image, None where the file does not say, and its objects in the order of the file.

    Args:
        file_name: what ``filename`` says, without folders; "" where it is missing.
        edges: whether it says that its boxes are edges that count from 0: it is of a tool that writes them so, or has
            the coordinate 0, which pixels that count from 1 do not.
    """

    path: Path
    height: int | None
    width: int | None
    objects: tuple[VocObject, ...]
    file_name: str = ""
    edges: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width); None where the file does not say."""
        return None if self.height is None or self.width is None else (self.height, self.width)


def annotation_of(path: Path) -> Annotation:
    """The objects of an image; those marked ``difficult`` or ``truncated`` are objects like others, ``deleted`` none.

    Raises:
        DataError: no such XML, an object without name or outline; with the line.
    """
    root = xml_of(path)
    if root.tag != "annotation":
        hint = "; it is CVAT's own format: export as COCO 1.0 or PASCAL VOC 1.1" if root.tag == "annotations" else ""
        raise DataError(f"{path}:{root.get('line')}: expected an <annotation> of Pascal VOC, got <{root.tag}>{hint}")
    height, width = _size(root, path)
    elements = [element for element in root.findall("object") if (element.findtext("deleted") or "").strip() != "1"]
    objects = tuple(_object(element, path) for element in elements)
    name = (root.findtext("filename") or "").strip().replace("\\", "/").rpartition("/")[2]
    from_zero = any(0 <= min(one.box[:2]) < 1 for one in objects if one.box is not None)
    return Annotation(path, height, width, objects, name, from_zero or _of_datumaro(root))


def _of_datumaro(root: Element) -> bool:
    """Whether CVAT (or labelme2voc) wrote it: everything about the source is empty or "Unknown"."""
    texts = [root.findtext(f"source/{tag}") for tag in ("database", "annotation", "image")]
    return all(text is not None and text.strip() in ("", "Unknown") for text in texts)


def _size(root: Element, path: Path) -> tuple[int | None, int | None]:
    """The stated size; None where it is missing, empty or zero, which some tools write for an unknown size."""
    element = root.find("size")
    if element is None or not any((child.text or "").strip() for child in element):
        return None, None
    height, width = (_value(element, side, path) for side in ("height", "width"))
    if height <= 0 or width <= 0:
        return None, None
    return stated_size(int(height), int(width), f"{path}:{element.get('line')}: the image")


def _object(element: Element, path: Path) -> VocObject:
    named = f"{path}:{element.get('line')}"
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{named}: an object without a name")
    label = unicodedata.normalize("NFC", name)
    polygon = [_polygon(one, path) for one in element.findall("polygon")]
    box = element.find("bndbox")
    if box is None and not polygon:
        others = [child.tag for child in element if child.tag in _OTHER_OUTLINES]
        held = f"; it has a {others[0]}, which is not read: export polygons" if others else ""
        raise DataError(f"{named}: the object {name!r} has no bndbox and no polygon{held}")
    if box is None:
        return VocObject(label, None, polygon, named)
    left, top, right, bottom = (_value(box, side, path) for side in ("xmin", "ymin", "xmax", "ymax"))
    if right < left or bottom < top:
        raise DataError(f"{named}: the box of {name!r} holds nothing: {left:g} to {right:g}, {top:g} to {bottom:g}")
    return VocObject(label, (left, top, right, bottom), polygon, named)


#: outlines of other tools that are neither boxes nor polygons
_OTHER_OUTLINES = ("robndbox", "segm", "mask", "point", "keypoints", "line", "ellipse", "circle")


def _polygon(element: Element, path: Path) -> list[float]:
    """``<pt><x/><y/></pt>...`` of LabelMe and CVAT, or ``<x1/><y1/><x2/>...`` of Roboflow, as x, y, x, y, ..."""
    points = element.findall("pt")
    if points:
        return [_value(point, axis, path) for point in points for axis in ("x", "y")]
    count = sum(child.tag.startswith("x") for child in element)
    if count < 3:
        raise DataError(f"{path}:{element.get('line')}: a polygon of {count} points; three or more enclose something")
    return [_value(element, f"{axis}{place}", path) for place in range(1, count + 1) for axis in ("x", "y")]


def _bounds(polygon: list[list[float]]) -> tuple[float, float, float, float]:
    across, down = [x for one in polygon for x in one[0::2]], [y for one in polygon for y in one[1::2]]
    return min(across), min(down), max(across), max(down)


def _value(parent: Element, tag: str, path: Path) -> float:
    element = parent.find(tag)
    where = f"{path}:{(parent if element is None else element).get('line')}"
    try:
        value = float("" if element is None else element.text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        text = None if element is None else element.text
        raise DataError(f"{where}: {parent.tag}: {tag} is {text!r}; give a number")
    return value
