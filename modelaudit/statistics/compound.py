"""Left sides of any shape: blocks that a rule can bound, and interval arithmetic over them.

A block is the largest part of the expression that is a linear form, or a ratio of two, over one stratum. An expression
that is one block is decided by that block's rule. Otherwise every bound that is needed of a block is taken at the
confidence that Bonferroni columns it, and the expression is evaluated over the resulting intervals: conservative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

from ..language.composite import Extreme
from ..language.expression import Arithmetic, Expression, Operator
from .bounds import Bound, Plan, ratio_bound, ratio_estimate
from .columns import Columns
from .intervals import Interval
from .linear import Linear, Ratio, normal_form

_Need = tuple[int, str]
_Division = Callable[[Interval, Interval], Interval]
_OPPOSITE = {"lower": "upper", "upper": "lower"}


@dataclass(frozen=True, eq=False)
class TreeOperation:
    """``left op right`` where no rule bounds the whole."""

    op: Operator
    left: Tree
    right: Tree


@dataclass(frozen=True, eq=False)
class ExtremeTree:
    """The least of several trees, or the largest in size: one number with bounds of its own."""

    extreme: Extreme
    parts: tuple[Tree, ...]


Tree = Ratio | TreeOperation | ExtremeTree
#: what has bounds of its own; interval arithmetic is done over these
Unit = Ratio | ExtremeTree


def tree_of(expression: Expression, columns: Columns) -> Tree:
    """The expression as blocks."""
    if isinstance(expression, Extreme):
        return ExtremeTree(expression, tuple(tree_of(part, columns) for part in expression.parts))
    form = normal_form(expression)
    if form is not None and columns.one_group(form.measures()):
        return form
    if form is not None and form.plain:
        return _by_stratum(form.numerator, columns)
    assert isinstance(expression, Arithmetic)
    return TreeOperation(expression.op, tree_of(expression.left, columns), tree_of(expression.right, columns))


def _by_stratum(form: Linear, columns: Columns) -> Tree:
    groups: dict[object, dict[object, float]] = {}
    for measure, coefficient in form.terms.items():
        groups.setdefault(columns[measure].group, {})[measure] = coefficient
    parts: list[Tree] = [Ratio(Linear(0.0, terms)) for terms in groups.values()]  # type: ignore[arg-type]
    first = parts[0]
    assert isinstance(first, Ratio)
    parts[0] = Ratio(first.numerator.plus(Linear(form.constant)))
    return reduce(lambda left, right: TreeOperation("+", left, right), parts)


def blocks(tree: Tree) -> Iterator[Ratio]:
    """Every block, left to right; the same block may come twice."""
    if isinstance(tree, Ratio):
        yield tree
    else:
        for part in tree.parts if isinstance(tree, ExtremeTree) else (tree.left, tree.right):
            yield from blocks(part)


def _units(tree: Tree) -> Iterator[Unit]:
    if isinstance(tree, TreeOperation):
        yield from _units(tree.left)
        yield from _units(tree.right)
    else:
        yield tree


def decidable(tree: Tree, columns: Columns) -> bool:
    """False where a part of a "larger of" has no value: its number then decides nothing."""
    if isinstance(tree, Ratio):
        return True
    if isinstance(tree, TreeOperation):
        return decidable(tree.left, columns) and decidable(tree.right, columns)
    known = all(tree_estimate(part, columns) is not None for part in tree.parts)
    return known and all(decidable(part, columns) for part in tree.parts)


def tree_estimate(tree: Tree, columns: Columns) -> float | None:
    """The plug-in value over complete images; None where a block has none, or a divisor is 0."""
    if isinstance(tree, Ratio):
        return ratio_estimate(tree, columns)
    if isinstance(tree, ExtremeTree):
        found = [tree_estimate(part, columns) for part in tree.parts]
        return least(found) if tree.extreme.kind == "minimum" else largest(found)
    left, right = tree_estimate(tree.left, columns), tree_estimate(tree.right, columns)
    if left is None or right is None or (tree.op == "/" and right == 0):
        return None
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1.0)}[tree.op]


def tree_bound(tree: Tree, side: str, columns: Columns, plan: Plan) -> Bound:
    """The bound of the whole expression on one side ("lower" or "upper")."""
    if isinstance(tree, Ratio):
        return ratio_bound(tree, side, columns, plan)
    if isinstance(tree, ExtremeTree):
        return _extreme_bound(tree, side, columns, plan)
    index = _indexed(tree)
    needs = frozenset(_needs(tree, side, columns, index))
    each = replace(plan, confidence=1 - (1 - plan.confidence) / len(needs))
    found: dict[_Need, Bound] = {}
    for unit in _units(tree):
        for end in ("lower", "upper"):
            need = (index[_key(unit)], end)
            if need in needs and need not in found:
                found[need] = tree_bound(unit, end, columns, each)

    def interval(unit: Unit) -> Interval:
        low, high = _range(unit, columns)
        here = index[_key(unit)]
        lower, upper = found.get((here, "lower")), found.get((here, "upper"))
        return low if lower is None else lower.value, high if upper is None else upper.value

    value = _evaluated(tree, interval, _divided_surely)[0 if side == "lower" else 1]
    return Bound(
        value,
        "exact" if plan.exact else "interval_arithmetic",
        all(bound.guaranteed for bound in found.values()),
        "" if plan.exact else f"simultaneous bounds of {len(index)} parts (Bonferroni): conservative",
    )


def _extreme_bound(tree: ExtremeTree, side: str, columns: Columns, plan: Plan) -> Bound:
    def bound(index: int, end: str, each: Plan) -> Bound:
        return tree_bound(tree.parts[index], end, columns, each)

    extreme = tree.extreme
    if extreme.kind == "minimum":
        return minimum_bound(len(tree.parts), side, plan, bound)
    return larger_bound(len(tree.parts), side, plan, bound, extreme.low, extreme.high)


def _key(tree: Tree) -> tuple[object, ...]:
    if isinstance(tree, TreeOperation):
        return tree.op, _key(tree.left), _key(tree.right)
    if isinstance(tree, ExtremeTree):
        return tree.extreme.kind, *map(_key, tree.parts)
    return tuple((form.constant, frozenset(form.terms.items())) for form in (tree.numerator, tree.denominator))


def _indexed(tree: Tree) -> dict[tuple[object, ...], int]:
    return {key: index for index, key in enumerate(dict.fromkeys(_key(unit) for unit in _units(tree)))}


def _needs(tree: Tree, side: str, columns: Columns, index: dict[tuple[object, ...], int]) -> Iterator[_Need]:
    """The bounds of blocks that a bound of the tree on `side` depends on."""
    if not isinstance(tree, TreeOperation):
        if isinstance(tree, ExtremeTree) or tree.numerator.terms or not tree.plain:
            yield index[_key(tree)], side
        return
    both = {"lower", "upper"}
    left, right = {side}, {side if tree.op in "+*" else _OPPOSITE[side]}
    if tree.op == "/":
        right = both  # its other bound must show that the divisor is not 0
    if tree.op in "*/":
        ranges = [_evaluated(part, lambda unit: _range(unit, columns), _divided) for part in (tree.left, tree.right)]
        if min(ranges[0][0], ranges[1][0]) < 0:
            left = right = both
        if tree.op == "*" and ranges[0][0] == ranges[0][1]:
            right = {side if ranges[0][0] >= 0 else _OPPOSITE[side]}
        if ranges[1][0] == ranges[1][1]:
            left = {side if ranges[1][0] >= 0 else _OPPOSITE[side]}
    for end in sorted(left):
        yield from _needs(tree.left, end, columns, index)
    for end in sorted(right):
        yield from _needs(tree.right, end, columns, index)


def _range(unit: Unit, columns: Columns) -> Interval:
    """The range of a unit that follows from the declared ranges of its measures."""
    if isinstance(unit, Ratio):
        return _divided(_form_range(unit.numerator, columns), _form_range(unit.denominator, columns))
    ranges = [_evaluated(part, lambda one: _range(one, columns), _divided) for part in unit.parts]
    low, high = (pick(one[end] for one in ranges) for end, pick in ((0, min), (1, max)))
    if unit.extreme.kind == "minimum":
        high = min(one[1] for one in ranges)
    return max(low, unit.extreme.low), min(high, unit.extreme.high)


def _form_range(form: Linear, columns: Columns) -> Interval:
    low = high = form.constant
    for measure, coefficient in form.terms.items():
        column = columns[measure].column
        ends = sorted(
            (
                coefficient * (-math.inf if column.low is None else column.low),
                coefficient * (math.inf if column.high is None else column.high),
            )
        )
        low, high = low + ends[0], high + ends[1]
    return low, high


def _evaluated(tree: Tree, interval: Callable[[Unit], Interval], divide: _Division) -> Interval:
    if not isinstance(tree, TreeOperation):
        return interval(tree)
    left, right = _evaluated(tree.left, interval, divide), _evaluated(tree.right, interval, divide)
    if tree.op == "+":
        return left[0] + right[0], left[1] + right[1]
    if tree.op == "-":
        return left[0] - right[1], left[1] - right[0]
    return _multiplied(left, right) if tree.op == "*" else divide(left, right)


def _divided_surely(left: Interval, right: Interval) -> Interval:
    """The quotient where the divisor's bounds exclude 0; nothing is known otherwise."""
    return _divided(left, right) if right[0] > 0 or right[1] < 0 else (-math.inf, math.inf)


def _multiplied(left: Interval, right: Interval) -> Interval:
    corners = [0.0 if 0 in (a, b) else a * b for a in left for b in right]
    return min(corners), max(corners)


def _divided(left: Interval, right: Interval) -> Interval:
    if right == (1.0, 1.0):
        return left
    if right[0] >= 0 and right[1] > 0:
        return _multiplied(left, (1 / right[1], math.inf if right[0] == 0 else 1 / right[0]))
    if right[1] <= 0 and right[0] < 0:
        return _multiplied(left, (-math.inf if right[1] == 0 else 1 / right[1], 1 / right[0]))
    return -math.inf, math.inf


#: the bound of part `index` on one side ("lower" or "upper")
BoundOf = Callable[[int, str, Plan], Bound]
_NO_VALUE = "one of its denominators is 0 or cannot be told from 0: it prints what is left, and decides nothing"


def minimum_bound(parts: int, side: str, plan: Plan, bound: BoundOf) -> Bound:
    """The bound of ``min_i theta_i``.

    Lower: the least of the lower bounds L_i, each at the full confidence. The minimum is some theta_j, and
    ``min L_i > theta_j`` needs ``L_j > theta_j``, so the error is that of one bound: nothing is corrected.

    Upper: the least of the upper bounds, each at what Bonferroni columns it. ``U_i < min theta`` needs
    ``U_i < theta_i``, which any of them may do. (Of one claim that some group fails Holm is Bonferroni.)
    """
    each = plan if side == "lower" or plan.exact else _shared(plan, parts)
    bounds = [bound(index, side, each) for index in range(parts)]
    chosen = min(bounds, key=lambda one: one.value)
    return replace(chosen, guaranteed=all(one.guaranteed for one in bounds))


def larger_bound(parts: int, side: str, plan: Plan, bound: BoundOf, low: float, high: float) -> Bound:
    """The bound of the theta_i that is largest in size, where all have one sign: the size is ``max |theta_i|``.

    Lower, with L_i at what Bonferroni columns each and l_i at the full confidence:

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


def _shared(plan: Plan, parts: int) -> Plan:
    return replace(plan, confidence=1 - (1 - plan.confidence) / parts)
