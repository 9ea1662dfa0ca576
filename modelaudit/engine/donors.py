"""Which image lends its background: rendezvous hashing over the whole eligible pool.

Every (sample, donor) pair has a fixed pseudo-random weight; a sample takes the eligible donor of the highest weight.
A new image, or one taken away, therefore changes the donor of few samples, and `--audit-limit` changes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..language.sample import Sample
from .mixing import mix_in_place, mixed


class DonorPool:
    """The donors of one data set for one context name.

    Args:
        samples: all samples of the data set, whatever the run's limit is.
        seed, name: of the run and of the context; with the two ids they decide every weight.
    """

    def __init__(self, samples: Sequence[Sample], *, seed: int, name: str) -> None:
        self._samples = samples
        self._labels = np.unique([str(sample.label) for sample in samples], return_inverse=True)[1]
        self._hashes = np.array([_hash(f"{seed}\0{name}\0{sample.id}") for sample in samples], dtype=np.uint64)
        self._mixed = mixed(self._hashes)
        self._position = {sample.id: at for at, sample in enumerate(samples)}
        self._classes: dict[int, NDArray[np.intp]] = {}
        everybody = np.empty(len(samples), dtype=np.uint64)
        self._weights, self._scratch = everybody, everybody.copy()

    def first(self, sample: Sample, rule: str) -> Sample | None:
        """The donor to take first, None where there is none; the beginning of :meth:`ranked`, and much faster."""
        here = self._position[sample.id]
        if rule == "same_class":
            candidates = self._class(here)
            if len(candidates) < 2:
                return None
            weights = mixed(self._hashes[candidates] ^ self._mixed[here])
            weights[np.searchsorted(candidates, here)] = 0
            return self._samples[int(candidates[int(weights.argmax())])]
        weights = np.bitwise_xor(self._hashes, self._mixed[here], out=self._weights)
        mix_in_place(weights, self._scratch)
        if rule == "other_class":
            weights[self._class(here)] = 0
        weights[here] = 0
        best = int(weights.argmax())
        return self._samples[best] if weights[best] else None

    def ranked(self, sample: Sample, rule: str) -> Iterator[Sample]:
        """Eligible donors, the one to take first.

        Args:
            rule: "same_class" (never the sample itself), "other_class" or "random" (any but itself).
        """
        here = self._position[sample.id]
        same = self._labels == self._labels[here]
        eligible = {"same_class": same, "other_class": ~same, "random": np.ones_like(same)}[rule].astype(bool)
        eligible[here] = False
        candidates = np.flatnonzero(eligible)
        weights = mixed(self._hashes[candidates] ^ self._mixed[here])
        for at in candidates[np.argsort(weights, kind="stable")[::-1]]:
            yield self._samples[at]

    def _class(self, here: int) -> NDArray[np.intp]:
        label = int(self._labels[here])
        if label not in self._classes:
            self._classes[label] = np.flatnonzero(self._labels == label)
        return self._classes[label]


def limited(samples: Sequence[Sample], limit: int | None, seed: int) -> tuple[Sample, ...]:
    """A fixed random subset of `limit` samples (all for None), in the samples' order."""
    if limit is None or limit >= len(samples):
        return tuple(samples)
    kept = {sample.id for sample in sorted(samples, key=lambda sample: _hash(f"{seed}\0limit\0{sample.id}"))[:limit]}
    return tuple(sample for sample in samples if sample.id in kept)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
