"""Bounds of the least of several left sides, and of the largest in size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from ..language.composite import Extreme
from ..language.expression import Arithmetic, Expression
from .bounds import Bound, Plan
from .leaves import Leaves

#: the bound of part `index` on one side ("lower" or "upper")
BoundOf = Callable[[int, str, Plan], Bound]
_NO_VALUE = "one of its denominators is 0 or cannot be told from 0: it prints what is left, and decides nothing"


def minimum_bound(parts: int, side: str, plan: Plan, bound: BoundOf) -> Bound:
    """The bound of ``min_i theta_i``.

    Lower: the least of the lower bounds L_i, each at the full confidence. The minimum is some theta_j, and
    ``min L_i > theta_j`` needs ``L_j > theta_j``, so the error is that of one bound: nothing is corrected.

    Upper: the least of the upper bounds, each at what Bonferroni leaves it. ``U_i < min theta`` needs
    ``U_i < theta_i``, which any of them may do. (Of one claim that some group fails Holm is Bonferroni.)
    """
    each = plan if side == "lower" or plan.exact else _shared(plan, parts)
    bounds = [bound(index, side, each) for index in range(parts)]
    chosen = min(bounds, key=lambda one: one.value)
    return replace(chosen, guaranteed=all(one.guaranteed for one in bounds))


def larger_bound(parts: int, side: str, plan: Plan, bound: BoundOf, low: float, high: float) -> Bound:
    """The bound of the theta_i that is largest in size, where all have one sign: the size is ``max |theta_i|``.

    Lower, with L_i at what Bonferroni leaves each and l_i at the full confidence:

    - all L_i >= 0: ``max L_i``. If the sign is positive this is the bound of a maximum (union bound).
    - else ``min(0, min l_i)``. If the sign is negative the value is some theta_j < 0: to be wrong, either case needs
      ``L_j >= 0 > theta_j`` or ``l_j > theta_j``, and the first implies the second, bounds being nested.

    With a positive sign the second case is never wrong, since it is at most 0; so the error is at most 1 - confidence
    whatever the sign. The envelope of all bounds (least lower, greatest upper) would hold too, but it does not shrink
    to the value: with (.2, .4) it could never show that a sensitivity of .33 is above .15.
    """
    sign = 1.0 if side == "lower" else -1.0
    strict = [bound(index, side, plan if plan.exact else _shared(plan, parts)) for index in range(parts)]
    if all(sign * one.value >= 0 for one in strict):
        chosen = max(strict, key=lambda one: sign * one.value)
    else:
        full = strict if plan.exact else [bound(index, side, plan) for index in range(parts)]
        chosen = min(full, key=lambda one: sign * one.value)
        chosen = replace(chosen, value=sign * min(0.0, sign * chosen.value))
    guaranteed = all(one.guaranteed for one in strict)
    if not math.isfinite(chosen.value):
        chosen = replace(chosen, rule="none", note=_NO_VALUE)
    return replace(chosen, value=min(high, max(low, chosen.value)), guaranteed=guaranteed)


def largest(values: list[float | None]) -> float | None:
    """The largest in size of those that there are."""
    return max((value for value in values if value is not None), key=abs, default=None)


def least(values: list[float | None]) -> float | None:
    """The least; None where one is not known."""
    known = [value for value in values if value is not None]
    return min(known) if len(known) == len(values) else None


def groups_met(expression: Expression, leaves: Leaves) -> Expression:
    """Without the parts of a minimum that no image belongs to; all of them where none has any, or images may come."""
    if leaves.partial:
        return expression
    if isinstance(expression, Arithmetic):
        return Arithmetic(expression.op, groups_met(expression.left, leaves), groups_met(expression.right, leaves))
    if not isinstance(expression, Extreme):
        return expression
    parts = tuple(groups_met(part, leaves) for part in expression.parts)
    if expression.kind == "minimum":
        met = [at for at, part in enumerate(parts) if any(leaves[one].asked.any() for one in part.measures())]
        if met and expression.names:
            return replace(
                expression, parts=tuple(parts[at] for at in met), names=tuple(expression.names[at] for at in met)
            )
    return replace(expression, parts=parts)


def lives_on_differences(expression: Expression) -> bool:
    """Whether it has a part that is 0 where contexts change nothing, and then has no value to be decided."""
    if isinstance(expression, Arithmetic):
        return lives_on_differences(expression.left) or lives_on_differences(expression.right)
    return isinstance(expression, Extreme) and expression.kind == "larger"


def _shared(plan: Plan, parts: int) -> Plan:
    return replace(plan, confidence=1 - (1 - plan.confidence) / parts)
