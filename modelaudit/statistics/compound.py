"""Left sides of any shape: blocks that a rule can bound, and interval arithmetic over them.

A block is the largest part of the expression that is a linear form, or a ratio of two, over one stratum. An expression
that is one block is decided by that block's rule. Otherwise every bound that is needed of a block is taken at the
confidence that Bonferroni leaves it, and the expression is evaluated over the resulting intervals: conservative.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

from ..language.composite import Extreme
from ..language.expression import Arithmetic, Expression, Operator
from .bounds import Bound, Plan, ratio_bound, ratio_estimate
from .extremes import larger_bound, largest, least, minimum_bound
from .intervals import Interval
from .leaves import Leaves
from .linear import Linear, Ratio, normal_form

_Need = tuple[int, str]
_Division = Callable[[Interval, Interval], Interval]
_OPPOSITE = {"lower": "upper", "upper": "lower"}


@dataclass(frozen=True, eq=False)
class Node:
    """``left op right`` where no rule bounds the whole."""

    op: Operator
    left: Tree
    right: Tree


@dataclass(frozen=True, eq=False)
class Several:
    """The least of several trees, or the largest in size: one number with bounds of its own."""

    extreme: Extreme
    parts: tuple[Tree, ...]


Tree = Ratio | Node | Several
#: what has bounds of its own; interval arithmetic is done over these
Unit = Ratio | Several


def tree_of(expression: Expression, leaves: Leaves) -> Tree:
    """The expression as blocks."""
    if isinstance(expression, Extreme):
        return Several(expression, tuple(tree_of(part, leaves) for part in expression.parts))
    form = normal_form(expression)
    if form is not None and leaves.one_group(form.measures()):
        return form
    if form is not None and form.plain:
        return _by_stratum(form.numerator, leaves)
    assert isinstance(expression, Arithmetic)
    return Node(expression.op, tree_of(expression.left, leaves), tree_of(expression.right, leaves))


def _by_stratum(form: Linear, leaves: Leaves) -> Tree:
    groups: dict[object, dict[object, float]] = {}
    for measure, coefficient in form.terms.items():
        groups.setdefault(leaves[measure].group, {})[measure] = coefficient
    parts: list[Tree] = [Ratio(Linear(0.0, terms)) for terms in groups.values()]  # type: ignore[arg-type]
    first = parts[0]
    assert isinstance(first, Ratio)
    parts[0] = Ratio(first.numerator.plus(Linear(form.constant)))
    return reduce(lambda left, right: Node("+", left, right), parts)


def blocks(tree: Tree) -> Iterator[Ratio]:
    """Every block, left to right; the same block may come twice."""
    if isinstance(tree, Ratio):
        yield tree
    else:
        for part in tree.parts if isinstance(tree, Several) else (tree.left, tree.right):
            yield from blocks(part)


def _units(tree: Tree) -> Iterator[Unit]:
    if isinstance(tree, Node):
        yield from _units(tree.left)
        yield from _units(tree.right)
    else:
        yield tree


def decidable(tree: Tree, leaves: Leaves) -> bool:
    """False where a part of what is largest in size has no value: it has a number then, which decides nothing."""
    if isinstance(tree, Ratio):
        return True
    if isinstance(tree, Node):
        return decidable(tree.left, leaves) and decidable(tree.right, leaves)
    known = all(tree_estimate(part, leaves) is not None for part in tree.parts)
    return known and all(decidable(part, leaves) for part in tree.parts)


def tree_estimate(tree: Tree, leaves: Leaves) -> float | None:
    """The plug-in value over complete images; None where a block has none, or a divisor is 0."""
    if isinstance(tree, Ratio):
        return ratio_estimate(tree, leaves)
    if isinstance(tree, Several):
        found = [tree_estimate(part, leaves) for part in tree.parts]
        return least(found) if tree.extreme.kind == "minimum" else largest(found)
    left, right = tree_estimate(tree.left, leaves), tree_estimate(tree.right, leaves)
    if left is None or right is None or (tree.op == "/" and right == 0):
        return None
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1.0)}[tree.op]


def tree_bound(tree: Tree, side: str, leaves: Leaves, plan: Plan) -> Bound:
    """The bound of the whole expression on one side ("lower" or "upper")."""
    if isinstance(tree, Ratio):
        return ratio_bound(tree, side, leaves, plan)
    if isinstance(tree, Several):
        return _extreme_bound(tree, side, leaves, plan)
    index = _indexed(tree)
    needs = frozenset(_needs(tree, side, leaves, index))
    each = replace(plan, confidence=1 - (1 - plan.confidence) / len(needs))
    found: dict[_Need, Bound] = {}
    for unit in _units(tree):
        for end in ("lower", "upper"):
            need = (index[_key(unit)], end)
            if need in needs and need not in found:
                found[need] = tree_bound(unit, end, leaves, each)

    def interval(unit: Unit) -> Interval:
        low, high = _range(unit, leaves)
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


def _extreme_bound(tree: Several, side: str, leaves: Leaves, plan: Plan) -> Bound:
    def bound(index: int, end: str, each: Plan) -> Bound:
        return tree_bound(tree.parts[index], end, leaves, each)

    extreme = tree.extreme
    if extreme.kind == "minimum":
        return minimum_bound(len(tree.parts), side, plan, bound)
    return larger_bound(len(tree.parts), side, plan, bound, extreme.low, extreme.high)


def _key(tree: Tree) -> tuple[object, ...]:
    if isinstance(tree, Node):
        return tree.op, _key(tree.left), _key(tree.right)
    if isinstance(tree, Several):
        return tree.extreme.kind, *map(_key, tree.parts)
    return tuple((form.constant, frozenset(form.terms.items())) for form in (tree.numerator, tree.denominator))


def _indexed(tree: Tree) -> dict[tuple[object, ...], int]:
    return {key: index for index, key in enumerate(dict.fromkeys(_key(unit) for unit in _units(tree)))}


def _needs(tree: Tree, side: str, leaves: Leaves, index: dict[tuple[object, ...], int]) -> Iterator[_Need]:
    """Which bounds of which blocks a bound of the tree on `side` rests on."""
    if not isinstance(tree, Node):
        if isinstance(tree, Several) or tree.numerator.terms or not tree.plain:
            yield index[_key(tree)], side
        return
    both = {"lower", "upper"}
    left, right = {side}, {side if tree.op in "+*" else _OPPOSITE[side]}
    if tree.op == "/":
        right = both  # its other bound must show that the divisor is not 0
    if tree.op in "*/":
        ranges = [_evaluated(part, lambda unit: _range(unit, leaves), _divided) for part in (tree.left, tree.right)]
        if min(ranges[0][0], ranges[1][0]) < 0:
            left = right = both
        if tree.op == "*" and ranges[0][0] == ranges[0][1]:
            right = {side if ranges[0][0] >= 0 else _OPPOSITE[side]}
        if ranges[1][0] == ranges[1][1]:
            left = {side if ranges[1][0] >= 0 else _OPPOSITE[side]}
    for end in sorted(left):
        yield from _needs(tree.left, end, leaves, index)
    for end in sorted(right):
        yield from _needs(tree.right, end, leaves, index)


def _range(unit: Unit, leaves: Leaves) -> Interval:
    """What the declared ranges of the measures alone say about a unit."""
    if isinstance(unit, Ratio):
        return _divided(_form_range(unit.numerator, leaves), _form_range(unit.denominator, leaves))
    ranges = [_evaluated(part, lambda one: _range(one, leaves), _divided) for part in unit.parts]
    low, high = (pick(one[end] for one in ranges) for end, pick in ((0, min), (1, max)))
    if unit.extreme.kind == "minimum":
        high = min(one[1] for one in ranges)
    return max(low, unit.extreme.low), min(high, unit.extreme.high)


def _form_range(form: Linear, leaves: Leaves) -> Interval:
    low = high = form.constant
    for measure, coefficient in form.terms.items():
        column = leaves[measure].column
        ends = sorted(
            (
                coefficient * (-math.inf if column.low is None else column.low),
                coefficient * (math.inf if column.high is None else column.high),
            )
        )
        low, high = low + ends[0], high + ends[1]
    return low, high


def _evaluated(tree: Tree, interval: Callable[[Unit], Interval], divide: _Division) -> Interval:
    if not isinstance(tree, Node):
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
