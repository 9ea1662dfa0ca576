"""Donors in memory: decoded ahead, kept for the next image that borrows from them, within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...data import UnusableSample
from ...language.errors import DataError
from ...language.sample import Preprocessing, Sample
from .contents import SampleContents
from .prepared import PreparedSample

Begin = Callable[[Sample, Preprocessing], "Future[PreparedSample | UnusableSample]"]
#: donors that are being decoded at a time: of one context those of the chunks that are decoded ahead
_BEGUN = 1024
#: what the kept donors may take, in bytes: 2,600 images of 224 x 224
_KEPT = 512 << 20
_LEVELS = 255


class DonorCache:
    """The last donors that were prepared, by id and geometry.

    Args:
        begin: starts decoding a sample into a geometry.
        contents: notes what was decoded.
    """

    def __init__(self, begin: Begin, contents: SampleContents) -> None:
        self._begin = begin
        self._contents = contents
        self._begun: OrderedDict[Any, Future[PreparedSample | UnusableSample]] = OrderedDict()
        self._ready: OrderedDict[Any, PreparedSample] = OrderedDict()
        self._bytes = 0
        self.unusable: dict[str, UnusableSample] = {}

    def start(self, donor: Sample, preprocessing: Preprocessing) -> None:
        """Begin to decode one that is likely to be asked for."""
        key = (donor.id, preprocessing.geometry())
        if donor.id not in self.unusable and key not in self._ready and key not in self._begun:
            self._begun[key] = self._begin(donor, preprocessing)
            while len(self._begun) > _BEGUN:
                self._begun.popitem(last=False)[1].cancel()  # it is begun again where it is asked for

    def find(self, donor: Sample, preprocessing: Preprocessing) -> PreparedSample | None:
        """One donor, None where it cannot be decoded; that is found out once."""
        if donor.id in self.unusable:
            return None
        key = (donor.id, preprocessing.geometry())
        if key in self._ready:
            self._ready.move_to_end(key)
            return _mapped(self._ready[key], _floats)
        found = (self._begun.pop(key, None) or self._begin(donor, preprocessing)).result()
        error = found if isinstance(found, UnusableSample) else found.mask_error
        if isinstance(found, UnusableSample) or error is not None:  # nobody knows what of it is background
            assert error is not None
            self.unusable[donor.id] = error
            return None
        self._contents.note(donor, found.decoded.content)
        return self._keep(key, found)

    def get(self, donor: Sample, preprocessing: Preprocessing) -> PreparedSample:
        """One donor that could be decoded before.

        Raises:
            DataError: it cannot be any more.
        """
        found = self.find(donor, preprocessing)
        if found is None:
            raise DataError(f"{donor.id!r} was there a moment ago, and is not now: {self.unusable[donor.id]}")
        return found

    def _keep(self, key: Any, found: PreparedSample) -> PreparedSample:
        kept = _mapped(found, _bytes)
        self._ready[key] = kept
        self._bytes += _size(kept)
        while self._bytes > _KEPT and len(self._ready) > 1:
            self._bytes -= _size(self._ready.popitem(last=False)[1])
        return found


def _mapped(found: PreparedSample, pixels: Callable[[Tensor], Tensor]) -> PreparedSample:
    """The same with other pixels in its views."""
    views = {
        geometry: view if isinstance(view, DataError) else (pixels(view[0]), view[1])
        for geometry, view in found.views.items()
    }
    return replace(found, views=views)


def _bytes(pixels: Tensor) -> Tensor:
    """Pixels as the 256 levels that they come from, where they do: a quarter of the memory, and the same bits again."""
    levels = (pixels * _LEVELS).round().to(torch.uint8)
    return levels if torch.equal(_floats(levels), pixels) else pixels


def _floats(pixels: Tensor) -> Tensor:
    return pixels.float() / _LEVELS if pixels.dtype == torch.uint8 else pixels


def _size(found: PreparedSample) -> int:
    """What the views of one take, in bytes."""
    tensors = [tensor for view in found.views.values() if not isinstance(view, DataError) for tensor in view]
    return sum(tensor.nbytes for tensor in tensors if tensor is not None)
