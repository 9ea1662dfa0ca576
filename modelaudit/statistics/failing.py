"""Only whether an expectation fails: what the plant asks of hundreds of resamples."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from ..language.expression import Expectation
from .bounds import Plan, lower_bound, upper_bound
from .compound import Tree, blocks, tree_bound, tree_of
from .curves import written_out
from .decide import holds, plan_of, singles
from .leaves import Leaves
from .linear import Linear, Ratio
from .values import Table


def fails(
    expectation: Expectation,
    table: Table,
    *,
    confidence: float,
    about: Literal["process", "this_set"],
    sequential: int | None = None,
) -> bool:
    """Whether :func:`~modelaudit.statistics.decide` says FAIL, from the one bound a part on which that rests."""
    leaves, parts = Leaves(table), singles(expectation, table)
    plan = plan_of(Plan(confidence, exact=about == "this_set", brief=True), parts[0], leaves, sequential)
    if len(parts) > 1 and not plan.exact:
        plan = replace(plan, confidence=1 - (1 - confidence) / len(parts))
    return any(_fails(written_out(part, leaves), leaves, plan) for part in parts)


def _fails(expectation: Expectation, leaves: Leaves, plan: Plan) -> bool:
    if not all(leaves[measure].known.any() for measure in expectation.expression.measures()):
        return False
    tree = tree_of(expectation.expression, leaves)
    groups = [list(block.measures()) for block in blocks(tree)]
    if not all(leaves.known(group).any() for group in groups if group):
        return False
    if isinstance(tree, Ratio) and not tree.plain:
        return _ratio_fails(expectation, tree, leaves, plan)
    return not holds(expectation, _better(expectation, tree, leaves, plan))


def _better(expectation: Expectation, tree: Tree, leaves: Leaves, plan: Plan) -> float:
    return tree_bound(tree, "lower" if expectation.wants_low else "upper", leaves, plan).value


def _ratio_fails(expectation: Expectation, ratio: Ratio, leaves: Leaves, plan: Plan) -> bool:
    """``A / B < t`` fails where ``A - t B > 0`` for a positive B: one bound in place of a search over t."""
    above, below = ratio.numerator, ratio.denominator
    if upper_bound(below, leaves, plan).value < 0:
        above, below = above.times(-1.0), below.times(-1.0)
    elif not lower_bound(below, leaves, plan).value > 0:
        return False
    distance: Linear = above.plus(below, -expectation.threshold)
    inverting = replace(plan, inverting=True)
    bound = lower_bound(distance if expectation.wants_low else distance.times(-1.0), leaves, inverting).value
    if abs(bound) > _NEAR:
        return bound > 0
    return not holds(expectation, _better(expectation, ratio, leaves, plan))


#: this near to the threshold the bound itself is searched, so that both ways round alike
_NEAR = 1e-6
