"""The order in which requirements are shown: the worst first, known-bad models after them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..evidence.record import CaseRecord, DecisionRecord
from ..evidence.states import is_exception, meant_as
from .sentences import parts_of

#: after these come exceptions, what is marked xfail, and what was not run
_VERDICTS = ("FAIL", "ERROR", "INCONCLUSIVE", "EXCEPTION", "PASS")


def worst_first(cases: Sequence[CaseRecord]) -> list[int]:
    """The positions of all cases: requirements before known-bad models, and each of the two by verdict.

    FAIL, ERROR, INCONCLUSIVE, what is waived or advice and not met, PASS, then what is marked xfail, then what was not
    run. Within one of these by `distance_to_limit`, the furthest on the wrong side first; then as declared.
    """
    return sorted(range(len(cases)), key=lambda position: _key(cases[position], position))


def distance_to_limit(case: CaseRecord) -> tuple[float, float]:
    """How far a case is beyond its limit, and the same in the unit of its values.

    The first is in units of the interval: the distance between value and limit over the distance between value and the
    bound that faces the limit. Above 1 the interval is wholly on the wrong side, below -1 wholly on the right one, so
    that shares, points and numbers compare. Of several methods or doses the worst counts; -inf without a value.
    """
    found = [_distance(case, part) for part in parts_of(case)]
    return max(found, default=(-math.inf, -math.inf))


def _key(case: CaseRecord, position: int) -> tuple[bool, int, float, float, int]:
    relative, beyond = (-math.inf, -math.inf) if case.must_fail else distance_to_limit(case)
    return case.must_fail, _rank(case), -relative, -beyond, position


def _rank(case: CaseRecord) -> int:
    if case.standing in ("xfail", "not_run"):
        return len(_VERDICTS) + (case.verdict is None)
    return _VERDICTS.index("EXCEPTION" if is_exception(case) else str(meant_as(case)))


def _distance(case: CaseRecord, part: DecisionRecord) -> tuple[float, float]:
    if part.estimate is None:
        return -math.inf, -math.inf
    low = case.op in ("<", "<=")
    beyond = part.estimate - case.threshold if low else case.threshold - part.estimate
    facing = part.lower if (beyond > 0) == low else part.upper
    if facing is None:
        return math.copysign(0.0, beyond), beyond
    width = abs(part.estimate - facing)
    return (beyond / width if width else math.copysign(math.inf, beyond)), beyond
