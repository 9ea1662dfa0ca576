"""Finds images that are one picture: those of equal pixels, and near copies.

Near copies are images whose perceptual hashes are near and of whose pixels at least 99 % agree within 3 of 255 in every
channel. Noise of a sensor (2 of 255 and more), light and moving parts make other pictures of one scene: they resemble
each other, and are not copies. Which images are copies depends on their pixels alone, not on names, files or order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from .signature import KEPT, NEAR, TOLERANCE, Signature, agreeing, joined, near_pairs, sets_of

Same = Callable[[str, str], bool]
Pairs = tuple[NDArray[np.intp], NDArray[np.intp]]
#: of the kept pixels of near copies at most so many disagree: 1 % do, and of 192 more than 7 by chance of 1 in 2,000
_MOST_APART = 7
#: the kept pixels of one picture in two sizes differ by at most so much on average
_RESCALED = 12.0
#: comparisons of two images, for each image and in any case
_EACH, _ANYHOW = 2, 50
_PAIRS = 4096
_LOOK_BYTES = 32
#: neighbours are looked for by so many kept pixels together, with others so many times, and so many of each image
_TOGETHER, _LOOKS, _NEIGHBOURS = 8, 3, 17
#: likely pairs that are kept for each comparison that may be made
_LISTED = 20


@dataclass(frozen=True)
class Copies:
    """The copies among images.

    Args:
        copy_of: for every image that shares its picture, the first of its images by id (itself, where it is that one).
        pictures: how many different pictures there are.
        alike: sets of images with near hashes that are not all one picture, by id.
        unchecked: of the likeliest pairs those that were not compared, because there are too many.
    """

    copy_of: Mapping[str, str]
    pictures: int
    alike: tuple[tuple[str, ...], ...] = ()
    unchecked: int = 0


@dataclass(frozen=True)
class SignatureTable:
    """The signatures of n images as arrays: [n, KEPT, 3] pixels, [n, 2] sizes, [n, 32] hashes."""

    pixels: NDArray[np.uint8]
    sizes: NDArray[np.int64]
    looks: NDArray[np.uint8]
    order: NDArray[np.intp]

    @classmethod
    def of(cls, signatures: Sequence[Signature]) -> SignatureTable:
        """Of pictures that have a hash."""
        pixels = np.frombuffer(b"".join(one.some for one in signatures), dtype=np.uint8).reshape(-1, KEPT, 3)
        looks = np.frombuffer(b"".join(one.look or b"" for one in signatures), dtype=np.uint8)
        sizes = np.array([(one.height, one.width) for one in signatures], dtype=np.int64).reshape(-1, 2)
        order = np.array(sorted(range(len(signatures)), key=lambda at: signatures[at].pixels), dtype=np.intp)
        return cls(pixels, sizes, looks.reshape(-1, _LOOK_BYTES), order)

    def equal_sizes(self, since: int) -> Pairs:
        """Pairs (one < other, other >= since) of one size of which all that is kept agrees well enough.

        Neighbours are looked for by some of the kept pixels, all of which must agree; several such looks miss few.
        """
        found: set[tuple[int, int]] = set()
        for size in np.unique(self.sizes, axis=0):
            members = self.order[(self.sizes[self.order] == size).all(axis=1)]
            for first in range(0, _LOOKS * _TOGETHER, _TOGETHER) if len(members) > 1 else ():
                points = self.pixels[members, first : first + _TOGETHER].reshape(len(members), -1).astype(np.float64)
                tree: Any = KDTree(points)  # type: ignore[no-untyped-call]
                _, near = tree.query(points, _NEIGHBOURS, p=np.inf, distance_upper_bound=TOLERANCE + 0.5)
                row, at = np.nonzero(near < len(members))
                pairs = np.sort(np.stack([members[row], members[near[row, at]]], axis=1), axis=1)
                pairs = pairs[(pairs[:, 0] < pairs[:, 1]) & (pairs[:, 1] >= since)]
                found.update(map(tuple, pairs.tolist()))
        one, other = np.array(sorted(found), dtype=np.intp).reshape(-1, 2).T
        bits = np.unpackbits(self.looks[one] ^ self.looks[other], axis=1).sum(axis=1, dtype=np.int64)
        likely = (bits <= NEAR) & (self.disagreeing(one, other) <= _MOST_APART)
        return one[likely], other[likely]

    def rescaled(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> Pairs:
        """Of these pairs those that may be one picture in two sizes: the smaller is the larger one divided by some
        number, to a pixel."""
        sizes, others = self.sizes[one], self.sizes[other]
        small, large = np.minimum(sizes, others), np.maximum(sizes, others)
        nested = ((sizes <= others).all(axis=1) | (sizes >= others).all(axis=1)) & (sizes != others).any(axis=1)
        scaled = np.abs(large[:, 0] * small[:, 1] - large[:, 1] * small[:, 0]) <= large.max(axis=1, initial=0)
        one, other = one[nested & scaled], other[nested & scaled]
        distance = [
            np.abs(self.pixels[one[at : at + _PAIRS]].astype(np.int16) - self.pixels[other[at : at + _PAIRS]]).mean(
                axis=(1, 2)
            )
            for at in range(0, len(one), _PAIRS)
        ]
        near = np.concatenate(distance) <= _RESCALED if distance else np.empty(0, dtype=bool)
        return one[near], other[near]

    def disagreeing(self, one: NDArray[np.intp], other: NDArray[np.intp]) -> NDArray[np.int64]:
        """How many of the kept pixels of each pair disagree."""
        counts = [
            (~agreeing(self.pixels[one[at : at + _PAIRS]], self.pixels[other[at : at + _PAIRS]])).sum(axis=1)
            for at in range(0, len(one), _PAIRS)
        ]
        return np.concatenate(counts).astype(np.int64) if counts else np.empty(0, dtype=np.int64)


class CopyFinder:
    """Finds copies among images that are added one part after the other.

    Args:
        same: whether the pixels of two images, by id, agree; asked of likely pairs alone.
    """

    def __init__(self, same: Same) -> None:
        self._same = same
        self._images: dict[str, int] = {}
        self._pictures: dict[bytes, int] = {}
        self._first: list[str] = []
        self._signatures: list[Signature] = []
        self._hashed: list[int] = []
        self._parents: list[int] = []
        self._belongs = np.empty(0, dtype=np.intp)
        self._compared = self._unchecked = 0

    def add(self, signatures: Mapping[str, Signature]) -> None:
        """Take more images in, by id."""
        since = len(self._hashed)
        for name, signature in signatures.items():
            if name not in self._images:
                self._images[name] = self._picture_of(name, signature)
        new = np.arange(len(self._belongs), len(self._hashed))
        self._belongs = np.append(self._belongs, new)
        # all frames of a still camera may be likely pairs: the likeliest are enough to link what belongs together
        self._compare(nsmallest(_LISTED * self._allowed, self._candidates(since)))

    def found(self) -> Copies:
        """What is known of the images that were added."""
        members: dict[int, list[str]] = defaultdict(list)
        for name in sorted(self._images):
            members[self._root(self._images[name])].append(name)
        copy_of = {name: names[0] for names in members.values() if len(names) > 1 for name in names}
        alike = []
        for positions in sets_of(self._belongs):
            roots = {self._root(self._hashed[at]) for at in positions}
            if len(roots) > 1:
                alike.append(tuple(sorted(name for root in roots for name in members[root])))
        return Copies(copy_of, len(members), tuple(sorted(alike)), self._unchecked)

    def _picture_of(self, name: str, signature: Signature) -> int:
        """The number of an image's picture: images of equal pixels share it."""
        number = self._pictures.setdefault(signature.pixels, len(self._signatures))
        if number == len(self._signatures):
            self._signatures.append(signature)
            self._first.append(name)
            self._parents.append(number)
            if signature.look is not None:
                self._hashed.append(number)
        self._first[number] = min(self._first[number], name)
        return number

    def _candidates(self, since: int) -> Iterator[tuple[int, bytes, bytes, int, int]]:
        """Pairs of pictures that may be near copies, in an order that their pixels fix, the likeliest first."""
        chosen = [self._signatures[number] for number in self._hashed]
        kept = SignatureTable.of(chosen)
        pairs, several = [kept.equal_sizes(since)], len(np.unique(kept.sizes, axis=0)) > 1
        for one, other in near_pairs([signature.look or b"" for signature in chosen], NEAR, since):
            apart = self._belongs[one] != self._belongs[other]
            if apart.any():
                self._belongs = joined(self._belongs, one[apart], other[apart])
            if several:
                pairs.append(kept.rescaled(one, other))
        for one, other in pairs:
            disagreeing = kept.disagreeing(one, other)
            for left, right, count in zip(one.tolist(), other.tolist(), disagreeing.tolist(), strict=True):
                pair = sorted((self._hashed[left], self._hashed[right]), key=lambda n: self._signatures[n].pixels)
                yield (count, *(self._signatures[n].pixels for n in pair), *pair)

    def _compare(self, candidates: list[tuple[int, bytes, bytes, int, int]]) -> None:
        """Join the pictures whose pixels agree; those that are joined already need no comparison."""
        for *_, one, other in candidates:
            if self._root(one) == self._root(other):
                continue
            if self._compared >= self._allowed:
                self._unchecked += 1
                continue
            self._compared += 1
            if self._same(self._first[one], self._first[other]):
                self._parents[self._root(other)] = self._root(one)

    @property
    def _allowed(self) -> int:
        """How many comparisons may be made by now."""
        return _ANYHOW + _EACH * len(self._images)

    def _root(self, number: int) -> int:
        while self._parents[number] != number:
            self._parents[number] = self._parents[self._parents[number]]
            number = self._parents[number]
        return number
