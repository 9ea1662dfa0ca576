"""Lots: frames of one shift or burst depend on each other, and together they are one unit of the evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..language.draws import order
from .monitor_file import UnitRule

#: the score is the position of a class, which has no mean
_WITHOUT_MEAN = "classes"


@dataclass(frozen=True)
class LotFrame:
    """What the lots need to know of one image.

    Args:
        lot: the name of its lot, where lots are folders or stated; else empty.
        time: seconds since 1970, by whatever clock stamped it.
        scores: by statistic.
    """

    group: str
    lot: str
    time: float
    scores: Mapping[str, float]


@dataclass(frozen=True)
class LotScore:
    """The scores of one statistic in a lot: how many, their sum, and the score of the frame that is drawn."""

    frames: int
    total: float
    drawn: float


@dataclass(frozen=True)
class OpenLot:
    """A lot to which frames may still come.

    Args:
        number: its place among the lots of its group, from 1.
        began: the time of its first frame.
    """

    name: str
    number: int
    began: float
    frames: int = 0
    scores: Mapping[str, LotScore] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> OpenLot:
        """What :meth:`to_json` wrote."""
        return cls(**{**stored, "scores": {name: LotScore(**one) for name, one in stored["scores"].items()}})


@dataclass(frozen=True)
class ClosedLot:
    """One unit of the evidence: its scores by statistic."""

    name: str
    number: int
    frames: int
    scores: Mapping[str, float]


@dataclass(frozen=True)
class Gathered:
    """What a frame did to the lots of its group.

    Args:
        number: of the lot that the frame belongs to.
        lot: the lot that is open now.
        closed: lots that are complete, in order.
        clock_jumped: the frame is earlier than the open lot by more than the length of a lot: a clock was set back.
    """

    number: int
    lot: OpenLot | None
    closed: tuple[ClosedLot, ...] = ()
    clock_jumped: bool = False


def takes_names(rule: UnitRule) -> bool:
    """Whether lots have names, by which a late frame of a closed lot is recognised."""
    return rule.kind in ("folder", "stated")


def gather(rule: UnitRule, seed: int, lot: OpenLot | None, last: int, frame: LotFrame) -> Gathered:
    """Put a frame into the open lot of its group, or close that lot and begin the next.

    Args:
        seed: of the draw of a lot's one frame.
        lot: the open one, if there is one.
        last: the number of the group's latest lot, open or closed; 0 before the first.
    """
    closed = []
    jumped = lot is not None and _jumped(rule, lot, frame)
    if lot is not None and (jumped or _ends(rule, lot, frame)):
        closed.append(close(rule, lot))
        lot = None
    if lot is None:
        lot = OpenLot(frame.lot if takes_names(rule) else "", last + 1, frame.time)
    number = lot.number
    lot = _with(lot, frame, seed)
    if rule.kind == "each" or (rule.kind == "frames" and rule.size is not None and lot.frames >= rule.size):
        closed.append(close(rule, lot))
        return Gathered(number, None, tuple(closed), jumped)
    return Gathered(number, lot, tuple(closed), jumped)


def close(rule: UnitRule, lot: OpenLot) -> ClosedLot:
    """The unit that a lot has become: of each statistic the mean score, or that of the drawn frame."""
    return ClosedLot(
        lot.name, lot.number, lot.frames, {name: _score(rule, name, one) for name, one in lot.scores.items()}
    )


def _score(rule: UnitRule, statistic: str, found: LotScore) -> float:
    return found.total / found.frames if rule.score == "mean" and statistic != _WITHOUT_MEAN else found.drawn


def _ends(rule: UnitRule, lot: OpenLot, frame: LotFrame) -> bool:
    """Whether the frame belongs to a later lot."""
    if takes_names(rule):
        return lot.name != frame.lot
    return rule.kind == "minutes" and rule.size is not None and frame.time >= lot.began + 60 * rule.size


def _jumped(rule: UnitRule, lot: OpenLot, frame: LotFrame) -> bool:
    # frames come out of order by seconds; one that is earlier by the length of a whole lot was stamped by another clock
    return rule.kind == "minutes" and rule.size is not None and frame.time < lot.began - 60 * rule.size


def _with(lot: OpenLot, frame: LotFrame, seed: int) -> OpenLot:
    scores = dict(lot.scores)
    for name, score in frame.scores.items():
        before = scores.get(name, LotScore(0, 0.0, score))
        count = before.frames + 1
        drawn = score if _drawn(seed, frame.group, name, lot.number, count) else before.drawn
        scores[name] = LotScore(count, before.total + score, drawn)
    return replace(lot, frames=lot.frames + 1, scores=scores)


def _drawn(seed: int, group: str, statistic: str, number: int, count: int) -> bool:
    """Whether the lot's `count`-th frame replaces the one drawn so far: with probability 1 / count, so that in the end
    each frame has been drawn with the same probability."""
    return order(seed, f"{group}\0{statistic}\0drawn", f"{number}\0{count}") * count < 2**64
