"""What the data say of a sample beside image, label and mask: texts by column."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any


def columns_of(cells: Mapping[str, Any], used: Collection[str | None]) -> dict[str, str]:
    """The cells that hold a text, a number or true and false, as text in NFC, but for those of `used` columns.

    Empty cells, lists, objects and bytes are no text that a stratum could name, and are left out too.
    """
    return {
        unicodedata.normalize("NFC", name): text
        for name, value in cells.items()
        if name and name not in used and isinstance(value, str | int | float)
        for text in [_text(value)]
        if text
    }


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return unicodedata.normalize("NFC", str(value)).strip()
