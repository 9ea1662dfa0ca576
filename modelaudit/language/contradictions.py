"""Facts that data state twice and differently, and how many of them are too many."""

from __future__ import annotations

from dataclasses import dataclass

#: from more than this share of the images on (and at least two) it is a fault of the export rather than a slip of the
#: hand, and images that show nothing wrong are as doubtful as those that do
SMALL_SHARE = 0.02
LEAST = 2


@dataclass(frozen=True)
class ContradictedFact:
    """One fact that is stated twice and differently.

    Args:
        where: the file and the place in it.
        what: the two facts, short: "outline and box".
        found, stated: their values, as parts of a sentence.
        cause: what probably happened and the way out; empty where nothing is likely.

    >>> ContradictedFact("a.json: annotation 7", "outline and box", "its outline is 12 wide", "its box is 24 wide").text
    'a.json: annotation 7: its outline is 12 wide, but its box is 24 wide'
    """

    where: str
    what: str
    found: str
    stated: str
    cause: str = ""

    @property
    def text(self) -> str:
        """All of it as a sentence."""
        return f"{self.where}: {self.found}, but {self.stated}{f' ({self.cause})' if self.cause else ''}"


def too_many(contradicting: int, images: int) -> bool:
    """Whether so many contradicting images of all are systematic: at least two, and more than 2 %.

    >>> too_many(1, 20), too_many(2, 20), too_many(20, 1000), too_many(21, 1000)
    (False, True, False, True)
    """
    return contradicting >= LEAST and contradicting > SMALL_SHARE * images
