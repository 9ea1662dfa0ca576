"""Who lends a background, as users write it and as the engine reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, get_args

from ..language.errors import ExpressionError, nearest
from ..language.spec import plain
from ..language.wording import Phrase, Wording

#: said without a name
Plain = Literal["same_class", "other_class", "next_class", "random", "other_group"]
#: said with a name behind a colon: a class or a group of the data, a folder of photos, a pool of the audit
Named = Literal["class", "group", "photos", "pool"]
_PLAIN: tuple[str, ...] = get_args(Plain)
_NAMED = {"class": "class:NAME", "group": "group:NAME", "photos": "photos:DIR", "pool": "pool:NAME"}

#: label, and what the background is replaced by, in English and Japanese
_WORDS: dict[str, tuple[str, str, str, str]] = {
    "same_class": (
        "background of another image of the same class",
        "that of another image of the same class",
        "同じクラスの別画像の背景",
        "同じクラスの別画像の背景",
    ),
    "other_class": (
        "background of another class",
        "one of another class",
        "別クラスの背景",
        "別クラスの画像の背景",
    ),
    "next_class": (
        "background of the next class",
        "that of an image of the next class",
        "次のクラスの背景",
        "次のクラスの画像の背景",
    ),
    "random": (
        "background of a random image",
        "that of a random image",
        "無作為に選んだ画像の背景",
        "無作為に選んだ画像の背景",
    ),
    "other_group": (
        "background of another group",
        "that of an image of another group",
        "別グループの背景",
        "別グループの画像の背景",
    ),
    "class": (
        "background of class “NAME”",
        "that of an image of class “NAME”",
        "クラス「NAME」の背景",
        "クラス「NAME」の画像の背景",
    ),
    "group": (
        "background of group “NAME”",
        "that of an image of group “NAME”",
        "グループ「NAME」の背景",
        "グループ「NAME」の画像の背景",
    ),
    "photos": ("background from “NAME”", "a photo from “NAME”", "「NAME」の背景", "「NAME」の写真"),
    "pool": ("background from pool “NAME”", "one from pool “NAME”", "プール「NAME」の背景", "プール「NAME」の背景"),
}


class Lending(IntEnum):
    """Whether an image has a background to lend; 0 and 1 read as no and yes.

    ``NOTHING``: no background, or none that the context could fill the object's place with. ``TOO_LARGE``: object and
    ring cover more of the frame than the context allows, so what is lent would be mostly fill.
    """

    NOTHING = 0
    ABLE = 1
    TOO_LARGE = 2


@dataclass(frozen=True)
class DonorRule:
    """Who may lend a background to an image, and the place in rank of the one who does.

    Args:
        kind: "same_class", "other_class", "next_class" (the next label in sorted order, the first after the last),
            "random", "class", "group", "other_group": images of the data set; "photos", "pool": images from outside.
        name: of the class, the group, the folder or the pool; "" for the kinds that need none.
        rank: 0 for the first in rank among those who can lend, 1 for the next one, ...
    """

    kind: Plain | Named
    name: str = ""
    rank: int = 0

    @classmethod
    def of(cls, text: object, what: str, rank: int = 0) -> DonorRule:
        """The rule that `text` says.

        Raises:
            ExpressionError: it says none; names the nearest that does.
        """
        if not isinstance(text, str):
            raise ExpressionError(f"{what} must be a text, got {text!r}; write e.g. 'other_class' or 'pool:NAME'")
        kind, colon, name = text.partition(":")
        if not colon and kind in _PLAIN:
            return cls(kind, "", _checked_rank(rank, what))  # type: ignore[arg-type]
        if colon and kind in _NAMED and name.strip():
            return cls(kind, name, _checked_rank(rank, what))  # type: ignore[arg-type]
        if kind in _NAMED:
            raise ExpressionError(f"{what}: {text!r} has no name; write {_NAMED[kind]!r}")
        if colon and kind in _PLAIN:
            raise ExpressionError(f"{what}: {text!r} is not possible; {kind!r} takes no name")
        raise ExpressionError(f"{what}: {text!r} is not possible{_hint(kind, named=bool(colon))}")

    @property
    def outside(self) -> bool:
        """Whether the donors come from outside the audited data set."""
        return self.kind in ("photos", "pool")

    @property
    def text(self) -> str:
        """As users write it, without the rank."""
        return f"{self.kind}:{self.name}" if self.name else self.kind

    @property
    def wording(self) -> Wording:
        """Whose background it is, in words."""
        label, clause, japanese, japanese_clause = (text.replace("NAME", self.name) for text in _WORDS[self.kind])
        return Wording(
            Phrase(label, f"the background is replaced by {clause}"),
            Phrase(japanese, f"背景を{japanese_clause}に置き換え"),
        )

    def __str__(self) -> str:
        return f"{self.text}, rank {self.rank}" if self.rank else self.text


def as_rule(value: DonorRule | str) -> DonorRule:
    """A rule from a rule or its text."""
    return value if isinstance(value, DonorRule) else DonorRule.of(value, "donors")


def _checked_rank(rank: object, what: str) -> int:
    what, rank = what.partition(":")[0], plain(rank)
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 0:
        raise ExpressionError(f"{what}: rank must be an integer from 0 (the first), got {rank!r}")
    return rank


def _hint(kind: str, *, named: bool) -> str:
    """The nearest rules; what has a colon can only be meant for one that takes a name."""
    known = _NAMED if named else {**{plain: plain for plain in _PLAIN}, **_NAMED}
    hint = nearest(kind, known)
    if not hint.startswith("; did"):
        return f"; known: {', '.join([*_PLAIN, *_NAMED.values()])}"
    for head, text in _NAMED.items():
        hint = hint.replace(repr(head), repr(text))
    return hint
