r"""What a model's mistakes cost, what the next steps cost, and after how long they have paid for themselves.

Of `N` parts of which the share `d` is defective, a model that misses the share `m` of the defective parts and rejects
the share `f` of the good ones is expected to cost

    N (d m C_m + (1 - d) f C_f)

where `C_m` is the cost of a missed defect and `C_f` that of a false alarm. `d` and the costs are stated, `m` and `f`
are measured. The lower (upper) end of an amount is this sum at the lower (upper) bounds of both rates, each of which is
wrong with half of the risk, so that each end is wrong with at most the whole of it (Bonferroni).

A cost that is not stated is not guessed: what needs it is left out, and said to be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ..evidence.costs import Costs
from ..evidence.probe import ProbeRecord
from ..evidence.record import CaseRecord, ContextNode, RunRecord
from .mistakes import FALSE_ALARM_RATE, MISS_RATE, Rate, mistakes_of
from .next_steps import images_asked, steps_of
from .prices import cost_of_a_rate

MistakeKind = Literal["missed", "alarms"]
OutlayKind = Literal["photograph", "mask", "training"]


@dataclass(frozen=True)
class Amount:
    """An amount of money; ``low`` and ``high`` are one-sided bounds, None where there is none."""

    expected: float
    low: float | None = None
    high: float | None = None

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.expected + other.expected, _sum(self.low, other.low), _sum(self.high, other.high))


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other


@dataclass(frozen=True)
class MistakeCost:
    """What the mistakes of one model in one situation are expected to cost.

    Args:
        contexts: what was changed; empty as photographed.
        parts: of each kind of mistake; of one that is not there the cost is not stated, or the rate was not measured.
    """

    model: str
    data: str
    contexts: tuple[ContextNode, ...]
    parts: Mapping[MistakeKind, Amount]

    @property
    def amount(self) -> Amount:
        """Of all kinds."""
        return sum(self.parts.values(), Amount(0.0, 0.0, 0.0))


@dataclass(frozen=True)
class Outlay:
    """Work to be paid for once: how many photographs, masks or hours of training, and what each costs."""

    kind: OutlayKind
    number: float
    each: float

    @property
    def cost(self) -> float:
        """number * each."""
        return self.number * self.each


def cost_of_mistakes(missed: Rate | None, alarms: Rate | None, costs: Costs) -> dict[MistakeKind, Amount]:
    """What mistakes at these rates are expected to cost, of each kind that has a cost and a rate."""
    found: dict[MistakeKind, Amount] = {}
    rates: tuple[tuple[MistakeKind, str, Rate | None], ...] = (
        ("missed", MISS_RATE, missed),
        ("alarms", FALSE_ALARM_RATE, alarms),
    )
    for kind, measure, rate in rates:
        factor = cost_of_a_rate(measure, costs)
        if rate is not None and factor is not None:
            low, high = (None if end is None else factor * end for end in (rate.lower, rate.upper))
            found[kind] = Amount(factor * rate.estimate, low, high)
    return found


def mistake_costs(record: RunRecord, *, risk: float) -> list[MistakeCost]:
    """What the mistakes of every model under test cost in every situation that was measured; empty without costs.

    Where a rate was measured as photographed and not under a change, the change has the other rate alone, and says so.

    Args:
        risk: that the true amount is beyond one end.
    """
    if record.costs is None or record.costs.defect_share is None:
        return []
    found = []
    for one in mistakes_of(record, risk=risk / 2):
        if parts := cost_of_mistakes(one.missed, one.alarms, record.costs):
            found.append(MistakeCost(one.model, one.data, one.contexts, parts))
    return found


def gain_of(cost: MistakeCost, probe: ProbeRecord, costs: Costs) -> Amount | None:
    """What retraining on other backgrounds would save, by a probe's estimate; None where it did not measure these
    mistakes in this situation.

    The ends are those of the probe's intervals, of each kind of mistake by itself: of two of them the sum holds with
    less than their confidence, by as much as either may be wrong.
    """
    context = " | ".join(node.text for node in cost.contexts) or "original"
    rates = {"missed": MISS_RATE, "alarms": FALSE_ALARM_RATE}
    found = Amount(0.0, 0.0, 0.0)
    for kind in cost.parts:
        factor = cost_of_a_rate(rates[kind], costs)
        effect = next(
            (
                one
                for one in probe.effects
                if one.measure == rates[kind] and one.context == context and one.label is None
            ),
            None,
        )
        if effect is None or factor is None:
            return None
        found += Amount(-factor * effect.change, -factor * effect.upper, -factor * effect.lower)
    return found


def photographs_wanted(record: RunRecord) -> int:
    """How many photographs, none of them used before, would decide what lacks images.

    Of each class, group or stratum it is the largest set that a requirement asks for; a set of all classes alike serves
    the single ones too.
    """
    most: dict[str, int] = {}
    for step in steps_of(record):
        for case in step.cases if step.rule.key == "photograph" else ():
            if case.decision is not None and case.decision.more_images is not None:
                which = _of_which(case)
                most[which] = max(most.get(which, 0), images_asked(case.decision) + case.decision.more_images)
    whole = most.pop("", 0)
    return max(whole, sum(most.values()))


def _of_which(case: CaseRecord) -> str:
    group = None if case.decision is None else case.decision.group
    return group or (case.left.stratum if case.left.kind == "measure" and case.left.stratum else "")


def work_to_decide(record: RunRecord) -> list[Outlay]:
    """The photographs that would decide what lacks images, with their masks where the audit reads masks."""
    costs, number = record.costs, photographs_wanted(record)
    if costs is None or number == 0:
        return []
    masks = number if any(case.needs_masks for step in steps_of(record) for case in step.cases) else 0
    return _priced(("photograph", number, costs.photograph), ("mask", masks, costs.mask))


def work_to_mend_masks(cases: Sequence[CaseRecord], costs: Costs | None) -> list[Outlay]:
    """A new mask for every image of the requirements that depend on the masks' borders."""
    images = max((case.decision.counts.asked for case in cases if case.decision is not None), default=0)
    return [] if costs is None else _priced(("mask", images, costs.mask))


def work_to_retrain(record: RunRecord) -> list[Outlay]:
    """One training, where its hours and their cost are stated."""
    costs = record.costs
    return [] if costs is None else _priced(("training", costs.training_hours or 0.0, costs.gpu_hour))


def _priced(*work: tuple[OutlayKind, float, float | None]) -> list[Outlay]:
    return [Outlay(kind, number, each) for kind, number, each in work if number and each is not None]


def break_even(once: float, gain: Amount) -> Amount | None:
    """After how many months (or thousands of parts) what is paid once is won back; None where nothing is gained.

    The greater the gain, the sooner it is won back: the low end belongs to the high end of the gain. Where the gain may
    be 0 the high end is open.
    """
    if gain.expected <= 0:
        return None
    low = once / gain.high if gain.high is not None and gain.high > 0 else None
    high = once / gain.low if gain.low is not None and gain.low > 0 else None
    return Amount(once / gain.expected, low, high)


def total(work: Sequence[Outlay]) -> float:
    """What all of it costs."""
    return sum(one.cost for one in work)
