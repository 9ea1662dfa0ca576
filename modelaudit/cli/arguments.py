"""What several commands take: data, geometry, numbers."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..language import registry
from ..language.errors import DataError
from ..language.reference import parse_reference
from ..language.sample import Preprocessing

#: of the pages, as `report.words` has them
LANGUAGES = ("en", "ja")


def reference_of(text: str) -> str:
    """A data reference; a bare folder is taken as ``folder:DIR``, the bare name of a source as that source."""
    reference = parse_reference(text)
    if reference.scheme or reference.body in registry.names("data"):
        return text
    return f"folder:{text}"


def preprocessing_of(text: str) -> Preprocessing:
    """``RESIZE,CROP``: each a side in pixels, HEIGHTxWIDTH, or ``-`` for none; ``RESIZE`` alone crops nothing.

    Raises:
        DataError: anything else.
    """
    parts = text.split(",")
    if len(parts) > 2:
        raise DataError(f"--preprocessing {text}: write RESIZE,CROP, e.g. 256,224")
    sides = [_side(part.strip(), text) for part in parts]
    return Preprocessing(resize=sides[0], crop=sides[1] if len(sides) > 1 else None)


def at_least(least: int, what: str) -> Callable[[str], int]:
    """An argument that is a whole number from `least` on."""

    def number(text: str) -> int:
        if not text.isascii() or not text.isdigit() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} on ({what})")
        return int(text)

    return number


def _side(text: str, whole: str) -> int | tuple[int, int] | None:
    if text in ("-", ""):
        return None
    numbers = text.lower().split("x")
    if len(numbers) > 2 or not all(one.isascii() and one.isdigit() and int(one) > 0 for one in numbers):
        raise DataError(f"--preprocessing {whole}: {text!r} is no size; write e.g. 224, 480x640 (height x width) or -")
    sides = [int(one) for one in numbers]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])
