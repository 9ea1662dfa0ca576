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


class DonorPool:
    """The donors of one data set for one context name.

    Args:
        samples: all samples of the data set, whatever the run's limit is.
        seed, name: of the run and of the context; with the two ids they decide every weight.
    """

    def __init__(self, samples: Sequence[Sample], *, seed: int, name: str) -> None:
        self._samples = samples
        self._labels = np.array([str(sample.label) for sample in samples], dtype=object)
        self._hashes = np.array([_hash(f"{seed}\0{name}\0{sample.id}") for sample in samples], dtype=np.uint64)
        self._position = {sample.id: at for at, sample in enumerate(samples)}

    def ranked(self, sample: Sample, rule: str) -> Iterator[Sample]:
        """Eligible donors, the one to take first.

        Args:
            rule: "same_class" (never the sample itself), "other_class" or "random" (any but itself).
        """
        here = self._position[sample.id]
        same = self._labels == str(sample.label)
        eligible = {"same_class": same, "other_class": ~same, "random": np.ones_like(same)}[rule].astype(bool)
        eligible[here] = False
        candidates = np.flatnonzero(eligible)
        weights = _mix(self._hashes[candidates] ^ _mix(self._hashes[here : here + 1]))
        for at in candidates[np.argsort(weights, kind="stable")[::-1]]:
            yield self._samples[at]


def limited(samples: Sequence[Sample], limit: int | None, seed: int) -> tuple[Sample, ...]:
    """A fixed random subset of `limit` samples (all for None), in the samples' order."""
    if limit is None or limit >= len(samples):
        return tuple(samples)
    kept = {sample.id for sample in sorted(samples, key=lambda sample: _hash(f"{seed}\0limit\0{sample.id}"))[:limit]}
    return tuple(sample for sample in samples if sample.id in kept)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): every input bit moves every output bit."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
