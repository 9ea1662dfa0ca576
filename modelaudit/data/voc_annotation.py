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
from .objects import Region, stated_size
from .regular_files import read_file

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
class Annotation:
    """The size of an image, None where the file does not say, and its objects in the order of the file, as boxes."""

    path: Path
    height: int | None
    width: int | None
    objects: tuple[Region, ...]


def annotation_of(path: Path) -> Annotation:
    """The objects of an image; those marked ``difficult`` or ``truncated`` are objects like others.

    A box of VOC holds the pixels from ``xmin`` to ``xmax``, both included, and counts from 1.

    Raises:
        DataError: no such XML, an object without name or box, a box that holds nothing; with the line.
    """
    root = xml_of(path)
    if root.tag != "annotation":
        raise DataError(f"{path}:{root.get('line')}: expected an <annotation> of Pascal VOC, got <{root.tag}>")
    height, width = _size(root, path)
    objects = tuple(_object(element, path) for element in root.findall("object"))
    return Annotation(path, height, width, objects)


def _size(root: Element, path: Path) -> tuple[int | None, int | None]:
    """The stated size; None where it is missing or zero, which some tools write for an unknown size."""
    element = root.find("size")
    if element is None:
        return None, None
    height, width = (_value(element, side, path) for side in ("height", "width"))
    if height <= 0 or width <= 0:
        return None, None
    return stated_size(int(height), int(width), f"{path}:{element.get('line')}: the image")


def _object(element: Element, path: Path) -> Region:
    named = f"{path}:{element.get('line')}"
    name = (element.findtext("name") or "").strip()
    if not name:
        raise DataError(f"{named}: an object without a name")
    box = element.find("bndbox")
    if box is None:
        raise DataError(f"{named}: the object {name!r} has no bndbox")
    left, top, right, bottom = (_value(box, side, path) for side in ("xmin", "ymin", "xmax", "ymax"))
    wide, high = right - left + 1, bottom - top + 1
    if right < left or bottom < top:
        raise DataError(f"{named}: the box of {name!r} holds nothing: {left:g} to {right:g}, {top:g} to {bottom:g}")
    outline = [left - 1, top - 1, wide, high]
    return Region(unicodedata.normalize("NFC", name), "box", outline, wide * high, named)


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
