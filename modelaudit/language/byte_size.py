"""Sizes of files as people write them."""

from __future__ import annotations

import re

_UNITS = {"": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmg]?b)?\s*", re.IGNORECASE | re.ASCII)


def byte_size(text: str) -> int:
    """The bytes of ``5MB``, ``800 kB`` or ``2000000``.

    Raises:
        ValueError: not a size, or 0.

    >>> byte_size("1.5 MB")
    1500000
    """
    found = _SIZE.fullmatch(text)
    size = round(float(found[1]) * _UNITS[(found[2] or "").lower()]) if found else 0
    if size < 1:
        raise ValueError(f"{text}: not a size; write 5MB, 800kB or a number of bytes")
    return size
