"""Pairs the images of two data sets, or of two readings of one, by what they hold and not by their names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

ContentPart = Literal["image", "mask", "label"]


@dataclass(frozen=True)
class ImageContent:
    """An image by its id and the sha256 of its bytes and of its mask's values; a text in their place if unusable."""

    id: str
    image: str
    mask: str
    label: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What two images have in common that are the same one."""
        return (self.image, self.mask, self.label)


@dataclass(frozen=True)
class ChangedContent:
    """An image that does not hold the same on both sides: positions, and what differs.

    It has the same id, or the same bytes under another id and another mask or label.
    """

    old: int
    new: int
    what: tuple[ContentPart, ...]


@dataclass(frozen=True)
class Pairing:
    """How the images of two sides belong together; positions in the order in which they were given.

    ``pairs``: the same content, under one id or under two where that is unambiguous (``renamed``). ``changed``: one id,
    another content, or one picture with another mask or label. ``missing``: only on the old side; ``new``: only on the
    new one. ``doubled_old``, ``doubled_new``: those of them whose content stands more than once, so that no partner is
    theirs alone. Every position is in exactly one of ``pairs``, ``changed`` and ``missing`` or ``new``.
    """

    pairs: tuple[tuple[int, int], ...]
    changed: tuple[ChangedContent, ...]
    missing: tuple[int, ...]
    new: tuple[int, ...]
    renamed: tuple[tuple[int, int], ...] = ()
    doubled_old: tuple[int, ...] = ()
    doubled_new: tuple[int, ...] = ()


def pair(old: Sequence[ImageContent], new: Sequence[ImageContent]) -> Pairing:
    """Pair two sides: first by id and content, then by content alone where it stands once on each side.

    >>> before = [ImageContent("a", "1", "", "nut"), ImageContent("b", "2", "", "nut")]
    >>> after = [ImageContent("c", "1", "", "nut"), ImageContent("b", "2", "", "bolt")]
    >>> found = pair(before, after)
    >>> found.pairs, found.renamed, found.changed
    (((0, 0),), ((0, 0),), (ChangedContent(old=1, new=1, what=('label',)),))
    """
    place = {content.id: at for at, content in enumerate(new)}
    pairs = [(at, place[one.id]) for at, one in enumerate(old) if one.id in place and new[place[one.id]].key == one.key]
    left = _Left(old, new, list(range(len(old))), list(range(len(new)))).without(pairs)
    often_old, often_new = (Counter(content.key for content in side) for side in (old, new))
    renamed = [
        (one, other)
        for one, other in left.matched(lambda content: content.key)
        if often_old[old[one].key] == often_new[new[other].key] == 1
    ]
    left = left.without(renamed)
    changed = left.matched(lambda content: content.id)
    left = left.without(changed)
    relabelled = left.matched(lambda content: content.image)  # a folder is part of a name: another label moves the file
    left = left.without(relabelled)
    return Pairing(
        tuple(sorted([*pairs, *renamed])),
        tuple(ChangedContent(at, to, _differing(old[at], new[to])) for at, to in sorted([*changed, *relabelled])),
        tuple(left.of_old),
        tuple(left.of_new),
        tuple(renamed),
        tuple(_doubled(old, left.of_old)),
        tuple(_doubled(new, left.of_new)),
    )


@dataclass(frozen=True)
class _Left:
    """The positions that have no partner yet."""

    old: Sequence[ImageContent]
    new: Sequence[ImageContent]
    of_old: list[int]
    of_new: list[int]

    def without(self, matched: Sequence[tuple[int, int]]) -> _Left:
        gone_old, gone_new = {one for one, _ in matched}, {other for _, other in matched}
        return _Left(
            self.old,
            self.new,
            [at for at in self.of_old if at not in gone_old],
            [at for at in self.of_new if at not in gone_new],
        )

    def matched(self, by: Callable[[ImageContent], Hashable]) -> list[tuple[int, int]]:
        """Those that agree in something that stands once among those left on each side.

        What cannot be used has an id, and no content that could be recognised.
        """
        places: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for side, positions, which in ((self.old, self.of_old, 0), (self.new, self.of_new, 1)):
            for at in positions:
                known = side[at].image and not side[at].image.startswith("unusable:")
                if known or by(side[at]) == side[at].id:
                    places[by(side[at])][which].append(at)
        return [(one[0], other[0]) for one, other in places.values() if len(one) == len(other) == 1]


def _differing(old: ImageContent, new: ImageContent) -> tuple[ContentPart, ...]:
    parts: tuple[ContentPart, ...] = ("image", "mask", "label")
    return tuple(part for part in parts if getattr(old, part) != getattr(new, part))


def _doubled(side: Sequence[ImageContent], positions: Sequence[int]) -> list[int]:
    often = Counter(content.image for content in side)
    return [at for at in positions if often[side[at].image] > 1]
