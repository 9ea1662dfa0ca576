"""Pairs the images of two data sets, or of two readings of one, by what they hold and not by their names."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
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
    """An image of the same id on both sides that does not hold the same: positions, and what differs."""

    old: int
    new: int
    what: tuple[ContentPart, ...]


@dataclass(frozen=True)
class Pairing:
    """How the images of two sides belong together; positions in the order in which they were given.

    ``pairs``: the same content, under one id or under two where that is unambiguous (``renamed``). ``changed``: one id,
    another content. ``missing``: only on the old side; ``new``: only on the new one. ``doubled_old``, ``doubled_new``:
    those of them whose content stands more than once, so that no partner is theirs alone. Every position is in exactly
    one of ``pairs``, ``changed`` and ``missing`` or ``new``.
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
    paired_old, paired_new = {at for at, _ in pairs}, {at for _, at in pairs}
    left_old = [at for at in range(len(old)) if at not in paired_old]
    left_new = [at for at in range(len(new)) if at not in paired_new]
    renamed = _renamed(old, new, left_old, left_new)
    pairs += renamed
    left_old = [at for at in left_old if at not in {one for one, _ in renamed}]
    left_new = [at for at in left_new if at not in {one for _, one in renamed}]
    changed = [
        ChangedContent(at, place[old[at].id], _differing(old[at], new[place[old[at].id]]))
        for at in left_old
        if old[at].id in place and place[old[at].id] in left_new
    ]
    missing = [at for at in left_old if at not in {one.old for one in changed}]
    added = [at for at in left_new if at not in {one.new for one in changed}]
    return Pairing(
        tuple(sorted(pairs)),
        tuple(changed),
        tuple(missing),
        tuple(added),
        tuple(renamed),
        tuple(_doubled(old, missing)),
        tuple(_doubled(new, added)),
    )


def _renamed(
    old: Sequence[ImageContent], new: Sequence[ImageContent], left_old: Sequence[int], left_new: Sequence[int]
) -> list[tuple[int, int]]:
    """Those left whose content stands once on each side, in all of it."""
    often_old, often_new = (Counter(content.key for content in side) for side in (old, new))
    by_content: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for at in left_new:
        by_content[new[at].key].append(at)
    return [
        (at, by_content[old[at].key][0])
        for at in left_old
        if often_old[old[at].key] == 1 and often_new[old[at].key] == 1 and by_content[old[at].key]
        if not old[at].image.startswith("unusable:")  # no content that could be recognised
    ]


def _differing(old: ImageContent, new: ImageContent) -> tuple[ContentPart, ...]:
    parts: tuple[ContentPart, ...] = ("image", "mask", "label")
    return tuple(part for part in parts if getattr(old, part) != getattr(new, part))


def _doubled(side: Sequence[ImageContent], positions: Sequence[int]) -> list[int]:
    often = Counter(content.image for content in side)
    return [at for at in positions if often[side[at].image] > 1]
