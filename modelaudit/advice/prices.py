"""What a rate of mistakes costs, and what meeting a requirement on one saves."""

from __future__ import annotations

from collections.abc import Sequence

from ..evidence.costs import Costs
from ..evidence.record import CaseRecord, ContextNode
from .mistakes import FALSE_ALARM_RATE, MISS_RATE

#: parts, where nobody says how many there are in a month
PER_PARTS = 1000


def parts_counted(costs: Costs) -> float:
    """The parts that amounts are of: those of a month where they are stated, else 1,000."""
    return PER_PARTS if costs.parts_a_month is None else costs.parts_a_month


def cost_of_a_rate(measure: str, costs: Costs) -> float | None:
    """What a rate of 1 costs: of all defective parts missed, or of all good ones rejected; None where not stated."""
    if costs.defect_share is None:
        return None
    defective = costs.defect_share / 100
    weights = {MISS_RATE: (defective, costs.missed_defect), FALSE_ALARM_RATE: (1 - defective, costs.false_alarm)}
    share, each = weights.get(measure, (0.0, None))
    return None if each is None else parts_counted(costs) * share * each


def saving_of(case: CaseRecord, costs: Costs | None) -> float | None:
    """What meeting a requirement on a rate of mistakes saves: the cost of what is above its limit; None for any other
    requirement, or where the costs are not stated."""
    left = case.left
    if costs is None or case.decision is None or case.decision.estimate is None or left.kind != "measure":
        return None
    factor = cost_of_a_rate(left.measure, costs)
    return None if factor is None else max(0.0, case.decision.estimate - case.threshold) * factor


def dearest_situation(cases: Sequence[CaseRecord], costs: Costs | None) -> tuple[float, tuple[ContextNode, ...]]:
    """What meeting requirements saves in the situation in which that is most, and its contexts: empty as photographed.

    Rates in one situation add up; each is counted once, by the requirement that asks for most. Different situations do
    not: parts come in one of them.
    """
    nodes: dict[str, tuple[ContextNode, ...]] = {}
    saved: dict[str, dict[str, float]] = {}
    for case in cases:
        amount = saving_of(case, costs)
        if amount and case.left.kind == "measure":
            contexts = tuple(node for node in case.left.contexts if node.name != "original")
            key = " | ".join(node.text for node in contexts)
            nodes[key] = contexts
            rates = saved.setdefault(key, {})
            rates[case.left.measure] = max(rates.get(case.left.measure, 0.0), amount)
    key = max(saved, key=lambda one: sum(saved[one].values()), default="")
    return sum(saved.get(key, {}).values()), nodes.get(key, ())
