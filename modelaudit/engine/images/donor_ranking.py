"""Which image lends its background: rendezvous hashing over the whole eligible pool.

Every (sample, donor) pair has a fixed pseudo-random weight; a sample takes the eligible donor of the highest weight.
A new image, or one taken away, therefore changes the donor of few samples, and `--audit-limit` changes none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ...contexts.donor_rules import DonorRule, as_rule
from ...language.sample import Sample
from ..store.keys import choice_key, digest
from ..store.mixing import Words, mix_in_place, mixed
from ..store.store import Store, StoreBatch
from .donor_pools import DonorPool, sorted_labels

Positions = NDArray[np.intp]
#: of a long ranking so many are put in order first: most who ask take one of these
_FIRST_BLOCK = 64
_NOT_ASKED, _NOBODY = 2**32 - 1, 2**32 - 2


class DonorRanking:
    """The donors of one data set for one context name.

    Args:
        samples: all samples of the data set, whatever the run's limit is: those who borrow.
        seed, name: of the run and of the context; with the two ids they decide every weight.
        pool: the images whose backgrounds are taken; None: the samples themselves.
    """

    def __init__(self, samples: Sequence[Sample], *, seed: int, name: str, pool: DonorPool | None = None) -> None:
        pool = DonorPool.own(samples) if pool is None else pool
        self._outside, self._pool = pool.outside, pool.samples
        self._order = sorted_labels(samples)
        numbers = {label: at for at, label in enumerate(self._order)}
        self._labels = np.array([numbers[str(sample.label)] for sample in samples], dtype=np.intp)
        self._groups = np.array(["" if sample.group is None else f"={sample.group}" for sample in samples])
        self._hashes = _hashes(pool.names, seed, name)
        self._mixed = mixed(_hashes([sample.id for sample in samples], seed, name) if self._outside else self._hashes)
        self._position = {sample.id: at for at, sample in enumerate(samples)}
        self._sets: dict[tuple[str, object], Positions] = {}
        self._weights = np.empty(len(self._pool), dtype=np.uint64)
        self._scratch = self._weights.copy()

    def first(self, sample: Sample, rule: DonorRule | str) -> Sample | None:
        """The donor to take first, None where there is none; the beginning of :meth:`ranked`, and much faster."""
        here = self._position[sample.id]
        members, excluded = self._members(here, as_rule(rule))
        if not excluded:
            candidates = members if self._outside else members[members != here]
            weights = mixed(self._hashes[candidates] ^ self._mixed[here])
            return self._pool[int(candidates[int(weights.argmax())])] if len(candidates) else None
        weights = np.bitwise_xor(self._hashes, self._mixed[here], out=self._weights)
        mix_in_place(weights, self._scratch)
        weights[members] = 0
        if not self._outside:
            weights[here] = 0
        best = int(weights.argmax()) if len(weights) else 0
        return self._pool[best] if len(weights) and weights[best] else None

    def ranked(self, sample: Sample, rule: DonorRule | str) -> Iterator[Sample]:
        """Eligible donors, the one to take first; never the sample itself.

        Args:
            rule: who is eligible; its rank plays no part.
        """
        candidates = self.eligible(sample, rule)
        weights = mixed(self._hashes[candidates] ^ self._mixed[self._position[sample.id]])
        for block in _in_order(weights):
            for at in candidates[block]:
                yield self._pool[at]

    def eligible(self, sample: Sample, rule: DonorRule | str) -> Positions:
        """The positions in the pool of those that a rule names, in no order of rank; never the sample itself."""
        here = self._position[sample.id]
        members, excluded = self._members(here, as_rule(rule))
        inside = np.full(len(self._pool), excluded)
        inside[members] = not excluded
        if not self._outside:
            inside[here] = False
        return np.flatnonzero(inside)

    def _members(self, here: int, rule: DonorRule) -> tuple[Positions, bool]:
        """Positions in the pool, and whether these are all but the eligible ones."""
        if self._outside or rule.kind == "random":
            return np.empty(0, dtype=np.intp), True
        label = int(self._labels[here])
        if rule.kind in ("same_class", "other_class"):
            return self._of_class(label), rule.kind == "other_class"
        if rule.kind == "next_class":
            return self._of_class((label + 1) % len(self._order)), False
        if rule.kind == "class":
            return self._of_class(self._order.index(rule.name) if rule.name in self._order else -1), False
        if rule.kind == "group":
            return self._of_group(f"={rule.name}"), False
        own = self._groups[here]  # images whose group is not known may be of the same one
        return (self._not_known_other(own), True) if own else (np.empty(0, dtype=np.intp), False)

    def _of_class(self, label: int) -> Positions:
        if ("class", label) not in self._sets:
            self._sets["class", label] = np.flatnonzero(self._labels == label)
        return self._sets["class", label]

    def _of_group(self, group: str) -> Positions:
        if ("group", group) not in self._sets:
            self._sets["group", group] = np.flatnonzero(self._groups == group)
        return self._sets["group", group]

    def _not_known_other(self, group: str) -> Positions:
        if ("not", group) not in self._sets:
            self._sets["not", group] = np.flatnonzero((self._groups == group) | (self._groups == ""))
        return self._sets["not", group]


class FirstDonors:
    """The first donor of every sample by one rule, kept in the store once all are known.

    Args:
        samples: those who borrow, the whole data set.
        name: of the context; with the seed, the ids and the rule it decides who is first.
    """

    def __init__(
        self, samples: Sequence[Sample], pool: DonorPool, rule: DonorRule, *, seed: int, name: str, store: Store
    ) -> None:
        self._samples = samples
        self._pool = pool
        self._rule = rule
        self._store = store
        self._seed, self._name = seed, name
        self._position = {sample.id: at for at, sample in enumerate(samples)}
        self._place = {donor.id: at for at, donor in enumerate(pool.samples)}
        self._found: list[int] = []
        self._stored = True

    def first(self, ranking: DonorRanking, sample: Sample) -> Sample | None:
        """The donor to take first."""
        if not self._found:
            self._found = self._recalled()
        here = self._position[sample.id]
        if self._found[here] == _NOT_ASKED:
            donor = ranking.first(sample, self._rule)
            self._found[here] = _NOBODY if donor is None else self._place[donor.id]
            self._stored = False
        return None if self._found[here] == _NOBODY else self._pool.samples[self._found[here]]

    def write(self, batch: StoreBatch) -> None:
        """Keep the choices once all of them are made."""
        if not self._stored and _NOT_ASKED not in self._found:
            content = b"".join(at.to_bytes(4, "little") for at in self._found)
            batch.content(choice_key(), self._key(), content)
            self._stored = True

    def _recalled(self) -> list[int]:
        (content,) = self._store.contents(choice_key(), [self._key()]) if self._store.active else [None]
        parts = [] if content is None else [content[at : at + 4] for at in range(0, len(content), 4)]
        known = [int.from_bytes(part, "little") for part in parts]
        return known if len(known) == len(self._samples) else [_NOT_ASKED] * len(self._samples)

    def _key(self) -> bytes:
        own = digest(*(f"{sample.id}\0{sample.label}\0{sample.group}" for sample in self._samples))
        outside = digest(*self._pool.names) if self._pool.outside else b""
        return digest(self._name, self._rule.text, str(self._seed), own.hex(), outside.hex())


def limited(samples: Sequence[Sample], limit: int | None, seed: int) -> tuple[Sample, ...]:
    """A fixed random subset of `limit` samples (all for None), in the samples' order."""
    if limit is None or limit >= len(samples):
        return tuple(samples)
    kept = {sample.id for sample in look_order(samples, seed)[:limit]}
    return tuple(sample for sample in samples if sample.id in kept)


def look_order(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """The samples in a random order that the seed and the ids alone fix."""
    return sorted(samples, key=lambda sample: _hash(f"{seed}\0limit\0{sample.id}"))


def first_positions(samples: Sequence[Sample], count: int, seed: int) -> list[int]:
    """Where the first `count` samples of the fixed random order stand, in the samples' order."""
    kept = {sample.id for sample in limited(samples, count, seed)}
    return [at for at, sample in enumerate(samples) if sample.id in kept]


def _in_order(weights: Words) -> Iterator[Positions]:
    """Positions from the largest weight down: the first ones at once, all others only where somebody asks."""
    if len(weights) <= 2 * _FIRST_BLOCK:
        yield np.argsort(weights, kind="stable")[::-1]
        return
    parted = np.argpartition(weights, len(weights) - _FIRST_BLOCK)
    for part in (parted[-_FIRST_BLOCK:], parted[:-_FIRST_BLOCK]):
        yield part[np.argsort(weights[part], kind="stable")[::-1]]


def _hashes(names: Sequence[str], seed: int, context: str) -> Words:
    return np.array([_hash(f"{seed}\0{context}\0{name}") for name in names], dtype=np.uint64)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
