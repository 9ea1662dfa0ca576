"""How often a model misses defects and raises false alarms, as photographed and under each change that was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..evidence.leaves import leaves_of
from ..evidence.record import CaseRecord, ContextNode, MeasureNode, RunRecord
from ..evidence.recorded import RecordTable, Values, expression_of
from ..language.expression import Expectation
from ..statistics.decide import decide

MISS_RATE, FALSE_ALARM_RATE = "miss_rate", "false_alarm_rate"


@dataclass(frozen=True)
class Rate:
    """A share of images in [0, 1], and one-sided bounds of it; None where no rule gives one."""

    estimate: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Mistakes:
    """The mistakes of one model in one situation.

    Args:
        model: its key in the record.
        contexts: what was changed; empty as photographed.
        missed: of the defective images those that it calls good; None where no requirement asks for it.
        alarms: of the good images those that it does not call good; None likewise.
    """

    model: str
    data: str
    contexts: tuple[ContextNode, ...]
    missed: Rate | None
    alarms: Rate | None


@dataclass(frozen=True)
class _Asked:
    """A rate that a requirement asks for, and the requirement, whose rules bound it."""

    case: CaseRecord
    leaf: MeasureNode


def mistakes_of(record: RunRecord, *, risk: float) -> list[Mistakes]:
    """The mistakes of every model under test, as photographed first, then in the order of the requirements.

    A rate counts where a requirement, or a term of one, asks for it over all defective (or good) images; one that is
    narrowed further (to a lot, say) does not stand for the line. The first requirement that asks for it bounds it.

    Args:
        risk: that a single bound is on the wrong side of the true rate.
    """
    classes = {model.key: model.classes for model in record.models}
    values = {table.data: Values(table, classes) for table in record.tables}
    found: dict[tuple[str, str, str, str], dict[str, _Asked]] = {}
    for case in record.cases if record.quick_look is None else []:
        if case.must_fail or case.decision is None or case.data not in values:
            continue
        for leaf in asked_rates(case):
            good, context = leaf.specs[0].partition("(")[2], leaf.under or ""
            key = (str(case.data), case.model_names[leaf.model or ""], good, "" if context == "original" else context)
            found.setdefault(key, {}).setdefault(leaf.measure, _Asked(case, leaf))
    said = []
    for (data, model, _, context), asked in found.items():
        rates = {name: _rate(one, values[data], risk) for name, one in asked.items()}
        missed, alarms = rates.get(MISS_RATE), rates.get(FALSE_ALARM_RATE)
        if missed is not None or alarms is not None:
            nodes = next(iter(asked.values())).leaf.contexts if context else []
            said.append(Mistakes(model, data, tuple(nodes), missed, alarms))
    return sorted(said, key=lambda one: bool(one.contexts))


def asked_rates(case: CaseRecord) -> Iterator[MeasureNode]:
    """The rates of mistakes in a requirement, over all defective or all good images."""
    for leaf in leaves_of(case.left):
        whole = leaf.stratum is None or "&" not in leaf.stratum
        if leaf.measure in (MISS_RATE, FALSE_ALARM_RATE) and whole and not leaf.doses and len(leaf.specs) == 1:
            yield leaf


def _rate(asked: _Asked, values: Values, risk: float) -> Rate | None:
    """The rate, by the rules that decide the requirement; None where it cannot be estimated."""
    case = asked.case
    decision = decide(
        Expectation(expression_of(asked.leaf), "<", 0.5),
        RecordTable(case, values),
        confidence=1 - risk,
        about=case.about,
        bounds=case.bounds,
        claim=case.claim,
        brief=True,
    )
    return None if decision.estimate is None else Rate(decision.estimate, decision.lower, decision.upper)
