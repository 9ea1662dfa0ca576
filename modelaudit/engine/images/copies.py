"""Which of the images that were measured are one picture: found from their signatures, and by decoding likely pairs.

What two images were found to be is stored by their pixels, so that an unchanged run decodes none of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from ...data import UnusableSample, decode
from ...data.base import Pixels
from ...data.copies import Copies, CopyFinder
from ...data.signature import AGREEING, TOLERANCE, Signature, agreement
from ...language.sample import ON_PICTURES, Sample
from ..results.measured import PassCounts
from ..store.keys import copies_key, digest
from ..store.store import Store, StoreBatch

#: decoded images that are kept for the next pair
_KEPT = 4


class PictureCopies:
    """The copies among some samples of a data set.

    Args:
        samples: those that may be asked for.
        signatures: by id, of the samples that were decoded by the time they are asked for, or known from the store.
        passes: counts what is decoded.
    """

    def __init__(
        self, samples: Sequence[Sample], signatures: Mapping[str, Signature], store: Store, passes: PassCounts
    ) -> None:
        self._samples = {sample.id: sample for sample in samples}
        self._signatures = signatures
        self._store, self._passes = store, passes
        self._finder = CopyFinder(self._same)
        self._batch = StoreBatch()
        self._images: OrderedDict[str, Pixels | None] = OrderedDict()

    def of(self, samples: Sequence[Sample]) -> Copies:
        """The copies among these samples and those that were asked for before."""
        known = {one.id: self._signatures[one.id] for one in samples if one.id in self._signatures}
        self._finder.add(known)
        self._store.commit(self._batch)
        self._batch, self._images = StoreBatch(), OrderedDict()
        return self._finder.found()

    def _same(self, one: str, other: str) -> bool:
        pixels = sorted(self._signatures[name].pixels.hex() for name in (one, other))
        name = digest(*pixels)
        (stored,) = self._store.cells([copies_key()], [name])
        if stored.found[0]:
            return bool(stored.values[0])
        first, second = self._image(one), self._image(other)
        if first is None or second is None:
            return False
        same = agreement(first, second) >= AGREEING
        self._batch.number(copies_key(), name, float(same))
        return same

    def _image(self, name: str) -> Pixels | None:
        """An image, decoded again; None where it cannot be any more."""
        if name not in self._images:
            try:
                self._images[name] = decode(replace(self._samples[name], mask=None, mask_kind="none")).image
            except UnusableSample:
                self._images[name] = None
            self._passes.decoded += 1
        self._images.move_to_end(name)
        while len(self._images) > _KEPT:
            self._images.popitem(last=False)
        return self._images[name]


def notes_on(copies: Copies, samples: Sequence[Sample]) -> Iterator[str]:
    """What belongs into the record: images that are one picture, and images that resemble each other."""
    return (f"{ON_PICTURES}{note}" for note in _notes(copies, samples))


def _notes(copies: Copies, samples: Sequence[Sample]) -> Iterator[str]:
    count, copy_of = len(samples), copies.copy_of
    if copy_of:
        pictures = count - len(copy_of) + len(set(copy_of.values()))
        first = min(copy_of.values())
        other = min(name for name in copy_of if copy_of[name] == first != name)
        yield (
            f"{pictures} different ones among {count} images; {len(copy_of)} images have copies, e.g. {first!r} and "
            f"{other!r} (equal pixels, or {AGREEING:.0%} within {TOLERANCE} of 255); copies count as one image"
        )
    clusters = {sample.id: sample.cluster for sample in samples}
    apart = [names for names in copies.alike if clusters[names[0]] is None or len({clusters[n] for n in names}) > 1]
    if apart:
        one, other = apart[0][:2]
        yield (
            f"{len(set().union(*apart))} of {count} images resemble others of them (a burst, or one scene?), e.g. "
            f"{one!r} and {other!r}; if they depend on each other, say so with ?cluster="
        )
    if copies.unchecked:
        yield f"{copies.unchecked} pairs of images that may be copies were not compared: there are too many of them"
