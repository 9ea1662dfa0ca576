"""What is next, in stages: what was found, what to do, what that brings and costs; and what mistakes cost before and
after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..advice.mistakes import asked_rates
from ..advice.money import (
    MistakeCost,
    Outlay,
    mistake_costs,
    total,
    work_to_decide,
    work_to_mend_masks,
    work_to_retrain,
)
from ..advice.next_steps import Step, ends_of, steps_of
from ..advice.prices import PER_PARTS, saving_of
from ..evidence.record import CaseRecord, Costs, RunRecord
from .costs import money, number_text, rounded_money, stated_costs
from .grid import capitalised
from .naming import context_label
from .next_steps import names_of, step_texts
from .tested import model_title, tested_models, worst_models
from .words import Words

#: that an amount is beyond one end of its range
RISK = 0.05
MOST_MODELS = 4


@dataclass(frozen=True)
class StepView:
    """A step: its stage, what was found, what to do, what that brings, and what it costs; the last is empty where
    nothing is stated that it would pay for."""

    stage: str
    found: str
    actions: tuple[str, ...]
    brings: str
    cost: str


@dataclass(frozen=True)
class CostBar:
    """An amount in the drawing: all positions are in per cent of its width; ``whisker`` is None without a bound."""

    value: float
    whisker: tuple[float, float] | None


@dataclass(frozen=True)
class MoneyRow:
    """The mistakes of a model in one situation, and what they cost.

    ``parts``: what of it missed defects cost, and what false alarms.
    """

    situation: str
    amount: str
    interval: str
    parts: str
    bar: CostBar


@dataclass(frozen=True)
class MoneyTable:
    """What the mistakes of one model cost; ``model`` is empty where there is only one."""

    model: str
    rows: tuple[MoneyRow, ...]


@dataclass(frozen=True)
class StagesView:
    """``money``: of the models under test, the worst first; empty where no costs are stated or no rate was measured.

    ``heading``: what the amounts are of. ``assumptions``: everything that they rest on.
    """

    steps: tuple[StepView, ...]
    costs_known: bool
    money: tuple[MoneyTable, ...]
    heading: str
    assumptions: tuple[str, ...]


def stages_view(record: RunRecord, words: Words) -> StagesView:
    """The steps that follow from a run, and what mistakes cost."""
    costs = mistake_costs(record, risk=RISK)
    tables = tuple(_tables(record, costs, words)) if record.costs is not None else ()
    return StagesView(
        tuple(_step(step, record, words) for step in steps_of(record)),
        record.costs is not None,
        tables,
        _heading(record.costs, words) if tables and record.costs is not None else "",
        tuple(_assumptions(record, costs, words)) if record.costs is not None else (),
    )


def money_sentence(record: RunRecord, words: Words) -> str:
    """What the mistakes of the worst model are expected to cost as photographed, and under the costliest change; empty
    where that is not known."""
    models = [one.model.key for one in worst_models(record, tested_models(record)) if one.model is not None]
    costs = mistake_costs(record, risk=RISK) if record.costs is not None and models else []
    worst = next((key for key in models if any(one.model == key for one in costs)), None)
    own = [one for one in costs if one.model == worst]
    if not own or record.costs is None:
        return ""
    plain = next((one for one in own if not one.contexts), None)
    changed = max((one for one in own if one.contexts), key=lambda one: one.amount.expected, default=None)
    said = []
    if plain is not None:
        parts = _parts(record.costs, words)
        said.append(words._("money_as_photographed", parts=parts, **_amount(plain, record.costs, words)))
    if changed is not None:
        context = context_label(list(changed.contexts), words)
        said.append(words._("money_changed", context=context, **_amount(changed, record.costs, words)))
    return words.in_a_row(said)


def _amount(one: MistakeCost, costs: Costs, words: Words) -> dict[str, str]:
    cost = rounded_money(one.amount.expected, costs.currency, words)
    return {"cost": cost, "interval": _interval(one, costs, words)}


def _step(step: Step, record: RunRecord, words: Words) -> StepView:
    rule = step.rule
    return StepView(
        words.named("stage", rule.stage),
        _found(step, words),
        tuple(step_texts(step, record, words)),
        _brings(step, record.costs, words),
        _cost(step, record, words),
    )


def _found(step: Step, words: Words) -> str:
    if not step.cases:
        return words.named("found", step.rule.ends)
    return words._("found_of", names=names_of(step.cases, words), ending=_ending(step, words))


def _ending(step: Step, words: Words) -> str:
    ending = words.named("found", step.rule.ends)
    reasons = {case.reason for case in step.cases if case.reason and ends_of(case) == "INCONCLUSIVE"}
    if len(reasons) == 1:
        return words._("with_details", what=ending, details=words.named("chip", reasons.pop()))
    return ending


def _brings(step: Step, costs: Costs | None, words: Words) -> str:
    text = words._(f"brings.{step.rule.gain}")
    saved = max((saving_of(case, costs) or 0.0 for case in step.cases), default=0.0)
    if costs is None or not saved or step.rule.gain != "improvement":
        return text
    more = words._("brings_saving", cost=rounded_money(saved, costs.currency, words), parts=_parts(costs, words))
    return words._("two_sentences", first=text, second=more)


def _cost(step: Step, record: RunRecord, words: Words) -> str:
    if record.costs is None or step.rule.pays is None:
        return ""
    if step.rule.pays == "photographs":
        work = work_to_decide(record)
    elif step.rule.pays == "masks":
        work = work_to_mend_masks(step.cases, record.costs)
    else:
        work = work_to_retrain(record)
    return work_text(work, record.costs, words) if work else words._("cost_not_stated")


def work_text(work: Sequence[Outlay], costs: Costs, words: Words) -> str:
    """*129 photographs and 129 masks: 51,600 JPY*"""
    parts = []
    for one in work:
        each = money(one.each, costs.currency, words)
        if one.kind == "training":
            parts.append(
                words.ngettext(
                    "work_training", 1 if one.number == 1 else 2, hours=number_text(one.number, words), each=each
                )
            )
        else:
            parts.append(words.ngettext(f"work.{one.kind}", round(one.number), each=each))
    return words._("work_total", work=words._("comma").join(parts), cost=money(total(work), costs.currency, words))


def _tables(record: RunRecord, costs: Sequence[MistakeCost], words: Words) -> Iterator[MoneyTable]:
    assert record.costs is not None
    highest = max((one.amount.high or one.amount.expected for one in costs), default=0.0)
    models = [one for one in worst_models(record, tested_models(record)) if one.model is not None]
    shown = [(one, [cost for cost in costs if one.model is not None and cost.model == one.model.key]) for one in models]
    shown = [(one, own) for one, own in shown if own][:MOST_MODELS]
    for model, own in shown:
        title = model_title(model, words) if len(models) > 1 else ""
        yield MoneyTable(title, tuple(_row(one, record.costs, highest, words) for one in own))


def _row(cost: MistakeCost, costs: Costs, highest: float, words: Words) -> MoneyRow:
    amount = cost.amount
    scale = 100 / highest if highest else 0.0
    whisker = None if amount.low is None or amount.high is None else (amount.low * scale, amount.high * scale)
    return MoneyRow(
        capitalised(context_label(list(cost.contexts), words), words) if cost.contexts else words._("as_photographed"),
        rounded_money(amount.expected, costs.currency, words),
        _interval(cost, costs, words),
        _parts_of(cost, costs, words),
        CostBar(round(amount.expected * scale, 2), whisker and (round(whisker[0], 2), round(whisker[1], 2))),
    )


def _parts_of(cost: MistakeCost, costs: Costs, words: Words) -> str:
    if len(cost.parts) == 1:
        return words._(f"mistakes_alone.{next(iter(cost.parts))}")
    amounts = {kind: rounded_money(part.expected, costs.currency, words) for kind, part in cost.parts.items()}
    return words._("mistakes_each", **amounts)


def _interval(cost: MistakeCost, costs: Costs, words: Words) -> str:
    low, high = cost.amount.low, cost.amount.high
    if low is None or high is None:
        return words._("money_no_bounds")
    ends = (rounded_money(end, costs.currency, words) for end in (low, high))
    return words._("range", low=next(ends), high=next(ends))


def _parts(costs: Costs, words: Words) -> str:
    if costs.parts_a_month is None:
        return words._("for_parts", parts=words.count(PER_PARTS))
    return words._("a_month")


def _heading(costs: Costs, words: Words) -> str:
    return words._("money_heading", parts=_parts(costs, words))


def _assumptions(record: RunRecord, costs: Sequence[MistakeCost], words: Words) -> Iterator[str]:
    """What is stated, and what amounts made of it take for granted; where there is none, what is missing for one."""
    assert record.costs is not None
    yield from stated_costs(record.costs, words)
    if costs:
        yield words._("money_of_these_photographs", confidence=words.limit(1 - RISK, "percent"))
        yield words._("money_range")
    elif record.costs.defect_share is None:
        yield words._("money_without_share")
    elif not any(map(_asks_for_mistakes, record.cases)):
        yield words._("money_without_rates")


def _asks_for_mistakes(case: CaseRecord) -> bool:
    return next(asked_rates(case), None) is not None
