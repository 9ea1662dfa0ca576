"""The change of one left side from a run to the next: its estimate, and one-sided bounds at any confidence.

Paired on the images that both runs have, it is one expression, ``new - old``, and has the bounds that any expression
has. Without enough common images the two sides are independent, and the bounds are those of MOVER (Zou & Donner 2008):

    lower = d - sqrt((new - l_new)^2 + (u_old - old)^2),    upper = d + sqrt((u_new - new)^2 + (old - l_old)^2)

with d = new - old, and l and u the one-sided bounds of each side. Images, clusters and donors that the two sides share
all the same make them alike, so that the difference varies less than this says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol, TypeVar

from scipy.special import ndtri

from ..language.audit import Bounds, Claim
from ..language.expression import Expectation, Expression
from ..statistics import ColumnTable, Counts, Decision, Verdict, decide
from ..statistics.columns import Columns
from ..statistics.expansion import single_expectations, written_out

_Member = TypeVar("_Member")
#: bounds nearer to a limit than this differ from it by rounding alone
_ROUNDING = 1e-12
#: the probability with which the images asked for settle a comparison, if the estimate is the true change
POWER = 0.8
#: more further images are asked for from nobody
_MOST_FURTHER = 10_000_000


@dataclass(frozen=True)
class ChangePart:
    """The change by one method at one dose; bounds are None where there are none."""

    estimate: float | None
    lower: float | None
    upper: float | None
    rule: str
    guaranteed: bool
    counts: Counts
    method: str | None = None
    dose: float | None = None

    def above(self, limit: float) -> bool:
        """Whether its lower bound lies above a limit."""
        return self.lower is not None and self.lower > limit + _ROUNDING

    def below(self, limit: float) -> bool:
        """Whether its upper bound lies below a limit."""
        return self.upper is not None and self.upper < limit - _ROUNDING


class SideChange(Protocol):
    """The change of one left side."""

    @property
    def paired(self) -> bool:
        """Whether it is measured on common images."""
        ...

    def parts(self, confidence: float) -> tuple[ChangePart, ...]:
        """The change with one-sided bounds, by every method and dose that the left side names."""
        ...

    def further_images(self, limit: float, confidence: float) -> int | None:
        """How many more images would show with 80 % that the change is on its side of a limit; 0 if it is shown."""
        ...

    def clusters(self) -> int | None:
        """How many clusters the images form; None where they are independent."""
        ...


@dataclass(frozen=True)
class Terms:
    """By which terms a left side is bounded: see :func:`~modelaudit.statistics.decide.decide`."""

    about: Literal["process", "this_set"] = "process"
    bounds: Bounds = "approximate"
    claim: Claim | None = None
    sequential: int | None = None

    def decide(
        self, expression: Expression, table: ColumnTable, confidence: float, *, limit: float = 0.0, brief: bool = True
    ) -> Decision:
        """Whether an expression is above a limit, with its bounds."""
        return decide(
            Expectation(expression, ">", limit),
            table,
            confidence=confidence,
            about=self.about,
            bounds=self.bounds,
            claim=self.claim,
            sequential=self.sequential,
            brief=brief,
        )


@dataclass(frozen=True, eq=False)
class PairedChange:
    """``expression`` is new minus old over the joined table of the common images."""

    expression: Expression
    table: ColumnTable
    terms: Terms
    paired: bool = True
    _found: dict[float, tuple[ChangePart, ...]] = field(default_factory=dict)

    def parts(self, confidence: float) -> tuple[ChangePart, ...]:
        """See :class:`SideChange`."""
        if confidence not in self._found:
            decision = self.terms.decide(self.expression, self.table, confidence)
            self._found[confidence] = tuple(map(_part, decision.parts or (decision,)))
        return self._found[confidence]

    def further_images(self, limit: float, confidence: float) -> int | None:
        """See :class:`SideChange`."""
        found = self.terms.decide(self.expression, self.table, confidence, limit=limit, brief=False)
        return found.more_images if found.verdict is Verdict.INCONCLUSIVE else 0

    def clusters(self) -> int | None:
        """See :class:`SideChange`."""
        return _clusters(self.expression, self.table, self.terms.claim)


@dataclass(frozen=True, eq=False)
class UnpairedChange:
    """Two independent sides, each (expression, table, terms)."""

    old: tuple[Expression, ColumnTable, Terms]
    new: tuple[Expression, ColumnTable, Terms]
    paired: bool = False
    _found: dict[float, tuple[ChangePart, ...]] = field(default_factory=dict)

    def parts(self, confidence: float) -> tuple[ChangePart, ...]:
        """See :class:`SideChange`."""
        if confidence not in self._found:
            old, new = (
                terms.decide(expression, table, confidence) for expression, table, terms in (self.old, self.new)
            )
            sides = zip(old.parts or (old,), new.parts or (new,), strict=True)
            self._found[confidence] = tuple(mover(_part(before), _part(after)) for before, after in sides)
        return self._found[confidence]

    def further_images(self, limit: float, confidence: float) -> int | None:
        """See :class:`SideChange`: images of the new side, if the old one has as many more."""
        return max_known([_by_width(part, limit, confidence) for part in self.parts(confidence)])

    def clusters(self) -> int | None:
        """See :class:`SideChange`: of the side with fewer."""
        found = [_clusters(expression, table, terms.claim) for expression, table, terms in (self.old, self.new)]
        return min((one for one in found if one is not None), default=None)


def mover(old: ChangePart, new: ChangePart) -> ChangePart:
    """The difference of two independent sides by MOVER; each has its one-sided bounds.

    >>> from modelaudit.statistics import Counts
    >>> old, new = (ChangePart(p, p - 0.04, p + 0.03, "", True, Counts(9, 9, 0, 0)) for p in (0.75, 0.5))
    >>> found = mover(old, new)
    >>> found.estimate, found.lower, round(found.upper, 3)
    (-0.25, -0.3, -0.2)
    """
    if old.estimate is None or new.estimate is None:
        return replace(new, estimate=None, lower=None, upper=None, rule="none")
    change, lower, upper = new.estimate - old.estimate, None, None
    if new.lower is not None and old.upper is not None:
        lower = change - math.hypot(new.estimate - new.lower, old.upper - old.estimate)
    if new.upper is not None and old.lower is not None:
        upper = change + math.hypot(new.upper - new.estimate, old.estimate - old.lower)
    rule = new.rule if new.rule == old.rule else f"{old.rule}, {new.rule}"
    return replace(new, estimate=change, lower=lower, upper=upper, rule=f"mover of {rule}", guaranteed=False)


def shows_worse(change: SideChange, confidence: float, *, higher_is_better: bool) -> bool:
    """Whether some part is worse, by Holm over the parts (of one claim that some part is worse Holm is Bonferroni)."""
    several = len(change.parts(confidence))
    each = change.parts(1 - (1 - confidence) / several)
    return any(part.below(0.0) if higher_is_better else part.above(0.0) for part in each)


def shows_better(change: SideChange, confidence: float, *, higher_is_better: bool) -> bool:
    """Whether every part is better."""
    return all(part.above(0.0) if higher_is_better else part.below(0.0) for part in change.parts(confidence))


def shows_equivalent(change: SideChange, margin: float, confidence: float) -> bool:
    """Whether every part lies within the margin on both sides: two one-sided tests."""
    return all(part.above(-margin) and part.below(margin) for part in change.parts(confidence))


def shows_no_worse(change: SideChange, margin: float, confidence: float, *, higher_is_better: bool) -> bool:
    """Whether no part is worse by more than the margin: one one-sided test."""
    each = change.parts(confidence)
    return all(part.above(-margin) if higher_is_better else part.below(margin) for part in each)


def worst_part(change: SideChange, confidence: float, *, higher_is_better: bool) -> ChangePart:
    """The part that came out worst: by its bound on the bad side, then by its estimate."""

    def badness(part: ChangePart) -> tuple[float, float]:
        bound = part.lower if higher_is_better else part.upper
        sign = 1.0 if higher_is_better else -1.0
        return tuple(-math.inf if value is None else sign * value for value in (bound, part.estimate))  # type: ignore[return-value]

    return min(change.parts(confidence), key=badness)


def images_to_settle(change: SideChange, margin: float, difference: float, equivalence: float) -> int | None:
    """How many further images would settle it one way or the other; None where no number would.

    Args:
        difference, equivalence: the confidence of each one-sided bound of the two claims.
    """
    estimates = [part.estimate for part in change.parts(equivalence)]
    if any(one is None for one in estimates):
        return None
    ways = [change.further_images(0.0, difference)]
    if all(one is not None and abs(one) < margin for one in estimates):
        ways.append(max_known([change.further_images(limit, equivalence) for limit in (-margin, margin)]))
    found = min((one for one in ways if one), default=None)
    return found if found is None or found <= _MOST_FURTHER else None


def max_known(numbers: list[int | None]) -> int | None:
    """The largest; None where one is not known."""
    known = [one for one in numbers if one is not None]
    return max(known) if known and len(known) == len(numbers) else None


def _part(decision: Decision) -> ChangePart:
    return ChangePart(
        decision.estimate,
        decision.lower,
        decision.upper,
        decision.rule,
        decision.guaranteed,
        decision.counts,
        decision.method,
        decision.dose,
    )


def _clusters(expression: Expression, table: ColumnTable, claim: Claim | None) -> int | None:
    """The fewest clusters that the images of one of its measures form."""
    columns = Columns(table, claim=claim)
    found: list[int] = []
    for single in single_expectations(Expectation(expression, ">", 0.0), table)[:1]:
        for measure in written_out(single, columns).expression.measures():
            found += [one.sizes.size for one in columns.clusters([measure], columns[measure].asked)]
    return min(found, default=None)


def _by_width(part: ChangePart, limit: float, confidence: float) -> int | None:
    """Further images by the distance from estimate to bound, which shrinks with the root of their number."""
    if part.estimate is None or part.estimate == limit:
        return None
    bound, distance = (part.lower if part.estimate > limit else part.upper), abs(part.estimate - limit)
    if bound is None:
        return None
    width = abs(part.estimate - bound)
    if width < distance:
        return 0
    reserve = 1 + float(ndtri(POWER)) / float(ndtri(confidence))
    return max(1, math.ceil(part.counts.asked * ((reserve * width / distance) ** 2 - 1)))


@dataclass(frozen=True, eq=False)
class OrientedChange:
    """A change, and whether it is good where it is positive."""

    change: SideChange
    higher_is_better: bool = True


@dataclass(frozen=True)
class Settled:
    """What a change is, and the confidence of the one-sided bounds that each claim was decided by, after Holm.

    ``within_margin``: it is equivalent, although a difference is shown. ``no_worse``: it is not worse by more than the
    margin, which is half of equivalence.
    """

    outcome: Literal["better", "worse", "equivalent", "cannot_tell"]
    difference: float
    equivalence: float
    within_margin: bool = False
    no_worse: bool = False


def settle(family: Sequence[OrientedChange], margin: float, confidence: float) -> list[Settled]:
    """Decide changes together: equivalent by two one-sided tests, else better or worse, else none of them.

    At most ``1 - confidence`` of such families hold a wrong claim of equivalence; likewise of a difference, and of
    being not worse by more than the margin: Holm's step-down procedure over the family, once for each kind. Of the two
    tests of equivalence each has the whole error rate, since both must hold (Schuirmann 1987); of the two directions of
    a difference each has half of it.
    """
    error = 1 - confidence

    def differs(one: OrientedChange, among: int) -> bool:
        return _direction(one, 1 - error / (2 * among)) is not None

    def same(one: OrientedChange, among: int) -> bool:
        return shows_equivalent(one.change, margin, 1 - error / among)

    def as_good(one: OrientedChange, among: int) -> bool:
        return shows_no_worse(one.change, margin, 1 - error / among, higher_is_better=one.higher_is_better)

    found = []
    for one, (differing, n), (equivalent, m), (no_worse, _) in zip(
        family, step_down(family, differs), step_down(family, same), step_down(family, as_good), strict=True
    ):
        level = 1 - error / (2 * n)
        direction = _direction(one, level) if differing else None
        found.append(
            Settled(
                "equivalent" if equivalent else direction or "cannot_tell",
                level,
                1 - error / m,
                within_margin=equivalent and differing,
                no_worse=no_worse,
            )
        )
    return found


def _direction(one: OrientedChange, confidence: float) -> Literal["better", "worse"] | None:
    if shows_worse(one.change, confidence, higher_is_better=one.higher_is_better):
        return "worse"
    return "better" if shows_better(one.change, confidence, higher_is_better=one.higher_is_better) else None


def step_down(family: Sequence[_Member], shows: Callable[[_Member, int], bool]) -> list[tuple[bool, int]]:
    """Holm's procedure: what is shown of each member, and over how many that was decided.

    Args:
        shows: whether a member's claim holds at the level that is shared among so many.
    """
    found = [(False, len(family))] * len(family)
    left = list(range(len(family)))
    while left:
        shown = [at for at in left if shows(family[at], len(left))]
        for at in left:
            found[at] = (at in shown, len(left))
        if not shown:
            break
        left = [at for at in left if at not in shown]
    return found
