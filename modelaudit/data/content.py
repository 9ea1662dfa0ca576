"""What a sample is made of, told without decoding it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..language.sample import Sample
from .masks import ReadMask
from .parts import FilePart, Place


def files_of(sample: Sample) -> Iterator[Place]:
    """The files, or parts of files, that a sample is decoded from."""
    for source in (sample.image, sample.mask):
        if isinstance(source, ReadMask):
            yield source.path
        elif isinstance(source, Path | FilePart):
            yield source


def content_of(sample: Sample, digests: Mapping[Place, str | None]) -> str | None:
    """sha256 of image, mask and label as 64 hexadecimal digits; None where only decoding tells.

    Files enter by the digests of their bytes, arrays by shape and values, callables by the text ``content`` that they
    carry where what they return is a function of it (a frame of the demo, a mask of COCO).

    Args:
        digests: sha256 of the sample's files and parts, None where one cannot be read.
    """
    parts = [_part(source, digests) for source in (sample.image, sample.mask)]
    if None in parts:
        return None
    text = "\n".join([*map(str, parts), repr(sample.label)])
    return hashlib.sha256(text.encode()).hexdigest()


def array_digest(array: NDArray[Any]) -> bytes:
    """sha256 of an array's shape and values."""
    shape = repr(array.shape).encode()
    return hashlib.sha256(shape + np.ascontiguousarray(array).tobytes()).digest()


def _part(source: Any, digests: Mapping[Place, str | None]) -> str | None:
    """One of the two sources; None where it is not known."""
    if source is None:
        return "none"
    if isinstance(source, ReadMask):
        found = digests.get(source.path)
        return None if found is None else f"file {found} {source.rule}"
    if isinstance(source, Path | FilePart):
        found = digests.get(source)
        return None if found is None else f"file {found}"
    if isinstance(source, bytes):
        return f"file {hashlib.sha256(source).hexdigest()}"
    if isinstance(source, np.ndarray):
        return f"array {source.dtype} {array_digest(source).hex()}"
    content = getattr(source, "content", None)
    if callable(source) and isinstance(content, str):
        kind = f"{type(source).__module__}.{type(source).__qualname__}"
        return f"drawn {kind} {hashlib.sha256(content.encode()).hexdigest()}"
    return None
