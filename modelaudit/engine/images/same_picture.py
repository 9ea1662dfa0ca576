"""Finds donors that are nearly the same picture as the image that borrows: their background would change nothing."""

from __future__ import annotations

from torch import Tensor

from ...data.signature import AGREEING, TOLERANCE
from ...language.sample import Preprocessing
from ..store.keys import digest, same_picture_key
from ..store.store import Store, StoreBatch

#: of a picture every fourth row and column is compared first
_STRIDE = 4


class SamePictures:
    """Which two images are nearly one picture in one geometry; what was found is stored by their contents."""

    def __init__(self, preprocessing: Preprocessing, store: Store) -> None:
        self._key = same_picture_key(preprocessing)
        self._store = store
        self._stored: dict[bytes, float] | None = None
        self._new: list[tuple[bytes, bool]] = []

    def known(self, content: str, other: str) -> bool | None:
        """Whether two contents are nearly one picture; None where they were never compared."""
        if content == other:
            return True
        found = self._all_stored().get(_name(content, other))
        return None if found is None else bool(found)

    def learn(self, content: str | None, other: str | None, same: bool) -> None:
        """Keep what a comparison found."""
        if content is None or other is None or not self._store.active:
            return
        name, known = _name(content, other), self._all_stored()
        if name not in known:
            known[name] = float(same)
            self._new.append((name, same))

    def write(self, batch: StoreBatch) -> None:
        """What was found out since the last time."""
        for name, same in self._new:
            batch.number(self._key, name, float(same))
        self._new.clear()

    def _all_stored(self) -> dict[bytes, float]:
        if self._stored is None:
            self._stored = self._store.all_cells(self._key)
        return self._stored


def nearly_equal(one: Tensor, other: Tensor) -> bool:
    """Whether at least 99 % of the pixels agree within 3 of 255 in every channel: the rule for copies of one picture.

    Args:
        one, other: [3, H, W] in [0, 1]; pictures of two sizes are never the same.
    """
    if one.shape != other.shape:
        return False
    most = (1 - AGREEING) * one.shape[1] * one.shape[2]
    # where a part of the pixels already disagrees too often the others need no look
    return _apart(one[:, ::_STRIDE, ::_STRIDE], other[:, ::_STRIDE, ::_STRIDE]) <= most and _apart(one, other) <= most


def _apart(one: Tensor, other: Tensor) -> int:
    return int(((one - other).abs().amax(dim=0) > (TOLERANCE + 0.5) / 255).sum())


def _name(content: str, other: str) -> bytes:
    return digest("same picture", *sorted((content, other)))
