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

from ..language.expression import Arithmetic, Expression, Operator
from .bounds import Bound, Plan, ratio_bound, ratio_estimate
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


Tree = Ratio | Node


def tree_of(expression: Expression, leaves: Leaves) -> Tree:
    """The expression as blocks."""
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
        yield from blocks(tree.left)
        yield from blocks(tree.right)


def tree_estimate(tree: Tree, leaves: Leaves) -> float | None:
    """The plug-in value over complete images; None where a block has none, or a divisor is 0."""
    if isinstance(tree, Ratio):
        return ratio_estimate(tree, leaves)
    left, right = tree_estimate(tree.left, leaves), tree_estimate(tree.right, leaves)
    if left is None or right is None or (tree.op == "/" and right == 0):
        return None
    return {"+": left + right, "-": left - right, "*": left * right, "/": left / (right or 1.0)}[tree.op]


def tree_bound(tree: Tree, side: str, leaves: Leaves, plan: Plan) -> Bound:
    """The bound of the whole expression on one side ("lower" or "upper")."""
    if isinstance(tree, Ratio):
        return ratio_bound(tree, side, leaves, plan)
    index = _indexed(tree)
    needs = frozenset(_needs(tree, side, leaves, index))
    each = replace(plan, confidence=1 - (1 - plan.confidence) / len(needs))
    found: dict[_Need, Bound] = {}
    for block in blocks(tree):
        for end in ("lower", "upper"):
            need = (index[_key(block)], end)
            if need in needs and need not in found:
                found[need] = ratio_bound(block, end, leaves, each)

    def interval(block: Ratio) -> Interval:
        low, high = _range(block, leaves)
        here = index[_key(block)]
        lower, upper = found.get((here, "lower")), found.get((here, "upper"))
        return low if lower is None else lower.value, high if upper is None else upper.value

    value = _evaluated(tree, interval, _divided_surely)[0 if side == "lower" else 1]
    return Bound(
        value,
        "exact" if plan.exact else "interval_arithmetic",
        all(bound.guaranteed for bound in found.values()),
        "" if plan.exact else f"simultaneous bounds of {len(index)} parts (Bonferroni): conservative",
    )


def _key(block: Ratio) -> tuple[object, ...]:
    return tuple((form.constant, frozenset(form.terms.items())) for form in (block.numerator, block.denominator))


def _indexed(tree: Tree) -> dict[tuple[object, ...], int]:
    return {key: index for index, key in enumerate(dict.fromkeys(_key(block) for block in blocks(tree)))}


def _needs(tree: Tree, side: str, leaves: Leaves, index: dict[tuple[object, ...], int]) -> Iterator[_Need]:
    """Which bounds of which blocks a bound of the tree on `side` rests on."""
    if isinstance(tree, Ratio):
        if tree.numerator.terms or not tree.plain:
            yield index[_key(tree)], side
        return
    both = {"lower", "upper"}
    left, right = {side}, {side if tree.op in "+*" else _OPPOSITE[side]}
    if tree.op == "/":
        right = both  # its other bound must show that the divisor is not 0
    if tree.op in "*/":
        ranges = [_evaluated(part, lambda block: _range(block, leaves), _divided) for part in (tree.left, tree.right)]
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


def _range(block: Ratio, leaves: Leaves) -> Interval:
    """What the declared ranges of the measures alone say about a block."""
    return _divided(_form_range(block.numerator, leaves), _form_range(block.denominator, leaves))


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


def _evaluated(tree: Tree, interval: Callable[[Ratio], Interval], divide: _Division) -> Interval:
    if isinstance(tree, Ratio):
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
