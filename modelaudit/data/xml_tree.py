"""XML from outside: parsed without a document type (no entities, nothing from elsewhere), with the lines kept."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from ..language.errors import DataError

#: elements inside of one another; annotation files have four
_DEPTH = 50


def xml_of(path: Path) -> Element:
    """The root element; the attribute ``line`` of every element is the line where it starts.

    Raises:
        DataError: not readable, not well-formed, or with a document type, which may hold entities that expand to
            gigabytes or read other files; with the line.
    """
    try:
        content = path.read_bytes()
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
        raise DataError(f"{path}:{error.lineno}: is no XML: {expat.errors.messages[error.code]}") from error
    except (ValueError, LookupError) as error:
        raise DataError(f"{path}:1: is no XML: {error}") from error
    return builder.close()
