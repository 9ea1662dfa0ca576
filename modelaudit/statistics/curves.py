"""Curves over doses: what a slope or an area is made of."""

from __future__ import annotations

import math

from ..language.curve import OfCurve, at_dose, doses_of, expanded
from ..language.expression import Expectation, Expression
from .bounds import Plan
from .compound import blocks, tree_bound, tree_estimate, tree_of
from .extremes import groups_met
from .leaves import Leaves
from .verdict import Point


def written_out(expectation: Expectation, leaves: Leaves | None = None) -> Expectation:
    """The expectation with every slope, area and composite as what it stands for.

    With `leaves` a worst group is taken over the groups of its table that have images; else groups are not told apart.
    """
    return Expectation(algebra_of(expectation.expression, leaves), expectation.op, expectation.threshold)


def algebra_of(expression: Expression, leaves: Leaves | None = None) -> Expression:
    """The same of a left side."""
    if leaves is None:
        return expanded(expression)
    return groups_met(expanded(expression, lambda by: leaves.table.strata_by(by)), leaves)


def curve_points(curve: OfCurve, leaves: Leaves, plan: Plan) -> tuple[Point, ...]:
    """The curve at each of its doses, every bound at the plan's confidence by itself."""
    return tuple(_point(curve, dose, leaves, plan) for dose in doses_of(curve.curve))


def _point(curve: OfCurve, dose: float, leaves: Leaves, plan: Plan) -> Point:
    tree = tree_of(at_dose(algebra_of(curve.curve, leaves), dose), leaves)
    groups = [list(block.measures()) for block in blocks(tree)]
    if not all(leaves.known(group).any() for group in groups if group):
        return Point(dose, None, None, None)
    lower, upper = (tree_bound(tree, side, leaves, plan).value for side in ("lower", "upper"))
    return Point(
        dose, tree_estimate(tree, leaves), *(bound if math.isfinite(bound) else None for bound in (lower, upper))
    )
