"""Reads names of classes by number: from a list in a reference, a text file, or the ``names`` of a YAML file."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..language.errors import DataError
from ..language.yaml_reader import read_yaml
from .files import text_of
from .root import refuse_unadmitted

YAML_ENDINGS = (".yaml", ".yml")


def names_given(text: str, root: Path, *bases: Path, named: str) -> dict[int, str]:
    """``?names=bolt,nut`` or the name of a file (``.txt`` one a line, ``.names``, ``.yaml``), below one of the folders.

    Raises:
        DataError: no such file, an empty name, something else than names in the file.
    """
    if not text.endswith((".txt", ".names", ".labels", *YAML_ENDINGS)):
        return _numbered(text.split(","), named)
    tried = [base / Path(text).expanduser() for base in (*bases, root)]
    path = next((path for path in tried if path.is_file()), None)
    if path is None:
        raise DataError(f"{named}: no file at " + " or ".join(map(str, dict.fromkeys(tried))))
    if text.endswith(YAML_ENDINGS):
        return names_in(yaml_of(path), path)
    return names_of_lines(path)


def names_of_lines(path: Path) -> dict[int, str]:
    """One name a line; empty lines at the end do not count."""
    return _numbered(text_of(path).rstrip().splitlines(), str(path))


def names_in(document: Mapping[Any, Any], path: Path) -> dict[int, str]:
    """The ``names`` of a YOLO data set: a list, or a mapping from numbers.

    Raises:
        DataError: another thing, or a number of classes ``nc`` that is another one.
    """
    names = document.get("names")
    if isinstance(names, list):
        found = _numbered(names, f"{path}: names")
    elif isinstance(names, dict) and names and all(_is_number(key) for key in names):
        found = {number: _name(name, f"{path}: names: {number}") for number, name in names.items()}
    else:
        raise DataError(
            f"{path}: names must be a list of names, or a mapping from class numbers to names, got {names!r}"
        )
    count = document.get("nc")
    if count is not None and count != len(found):
        raise DataError(f"{path}: nc is {count!r}, and there are {len(found)} names")
    return found


def yaml_of(path: Path) -> dict[Any, Any]:
    """A YAML file that holds a mapping; nothing in it is made into anything but plain values.

    Raises:
        DataError: not such a file, or a key occurs twice; with the line.
    """
    refuse_unadmitted(path)
    document = read_yaml(path, DataError, text_keys=False).value
    if not isinstance(document, dict):
        raise DataError(f"{path}:1: must be a mapping; a YOLO data set has names, train, val")
    return document


def _numbered(names: list[Any], named: str) -> dict[int, str]:
    if not names:
        raise DataError(f"{named}: has no class name")
    return {number: _name(name, f"{named}: {number}") for number, name in enumerate(names)}


def _name(name: Any, named: str) -> str:
    if _is_number(name):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        hint = "; put it in quotes" if isinstance(name, bool) else ""
        raise DataError(f"{named} must be the name of a class, got {name!r}{hint}")
    return unicodedata.normalize("NFC", name.strip())


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
