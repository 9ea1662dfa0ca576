"""Masks that are numpy files: ``.npy`` of bool, 0 and 1, or 0 and 255."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..language.reasons import Missing
from ..language.sample import BACKGROUND, IGNORE, OBJECT
from .base import Pixels, UnusableSample
from .masks import ReadMask
from .parts import Place

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


@dataclass(frozen=True)
class ArrayMask(ReadMask):
    """A mask [H, W] or [H, W, 1] in a ``.npy`` file, where anything but 0 is the object: True, 1, or 255."""

    path: Place

    @property
    def rule(self) -> str:
        return "npy"

    def of(self, content: bytes) -> Pixels:
        values = array_of(content, str(self.path))
        if values.ndim == 3 and values.shape[2] == 1:
            values = values[:, :, 0]
        if values.ndim != 2 or 0 in values.shape:
            raise _unusable(f"{self.path} has shape {values.shape}; a mask is [height, width] or [height, width, 1]")
        found = {value.item() for value in np.unique(values)}
        if not (found <= {BACKGROUND, OBJECT} or found <= {BACKGROUND, IGNORE}):
            listed = ", ".join(f"{value:g}" for value in sorted(found)[:5])
            raise _unusable(f"{self.path} has the values {listed}, ...; a mask has 0 and 1, or 0 and 255")
        mask: Pixels = (values != BACKGROUND).astype(np.uint8)
        return mask


def array_of(content: bytes, name: str) -> NDArray[Any]:
    """The array of numbers in a ``.npy`` file; pickled objects are never read.

    Raises:
        UnusableSample: it is no such file, or its header announces other than what is there.
    """
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        shape, _, dtype = _HEADERS[version](file)
        announced, there = math.prod(shape) * dtype.itemsize, len(content) - file.tell()
        if dtype.hasobject or dtype.kind not in "biuf":
            raise _unusable(f"{name} holds {dtype}; a mask holds bool or numbers")
        if announced != there:  # numpy allocates what the header says
            raise _unusable(f"{name} announces {announced} bytes of values and holds {there}")
        file.seek(0)
        array: NDArray[Any] = np.load(file, allow_pickle=False)
    except UnusableSample:
        raise
    except Exception as error:  # a broken header may raise anything
        raise _unusable(f"{name} is no .npy file of numbers: {type(error).__name__}: {error}") from error
    return array


def _unusable(message: str) -> UnusableSample:
    return UnusableSample(Missing.UNREADABLE_MASK, message)
