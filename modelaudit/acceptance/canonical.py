"""Canonical JSON, so that a digest or a signature stands for a value, however it was written."""

from __future__ import annotations

import hashlib
from typing import Any

from ..language.errors import AcceptanceError, first_line


def canonical(value: Any) -> bytes:
    """`value` as canonical JSON in UTF-8 (RFC 8785): sorted keys, no spaces, one way to write a number.

    Raises:
        AcceptanceError: it holds what JSON cannot express (NaN, an infinite number, an integer beyond 2**53, a Python
            object).

    >>> canonical({"b": 1.0, "a": [True, None]})
    b'{"a":[true,null],"b":1}'
    """
    import rfc8785  # what only shows a record needs neither this nor cryptography

    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise AcceptanceError(f"cannot be written as canonical JSON (RFC 8785): {first_line(error)}") from error


def sha256_of(content: bytes) -> str:
    """Its SHA-256 in hexadecimal digits, as ``sha256sum`` prints it."""
    return hashlib.sha256(content).hexdigest()
