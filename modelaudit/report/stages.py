"""What is next, in stages: what was found, what to do, what that brings and costs; and what mistakes cost before and
after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..advice.money import Outlay, mistake_costs, total, work_to_decide, work_to_mend_masks, work_to_retrain
from ..advice.next_steps import Step, ends_of, steps_of
from ..advice.prices import dearest_situation
from ..evidence.record import Costs, RunRecord
from .costs import money, number_text, rounded_money
from .money import RISK, MoneyTable, assumptions, money_tables, parts_text, probe_lines
from .naming import context_label
from .next_steps import names_of, step_texts, waits_for_retraining
from .words import Words


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
class StagesView:
    """``money``: of the models under test, the worst first; empty where no costs are stated or no rate was measured.

    ``heading``: what the amounts are of. ``assumptions``: everything that they rest on. ``estimates``: what probes say
    of the accuracy after retraining on other backgrounds.
    """

    steps: tuple[StepView, ...]
    costs_known: bool
    money: tuple[MoneyTable, ...]
    heading: str
    assumptions: tuple[str, ...]
    estimates: tuple[str, ...] = ()


def stages_view(record: RunRecord, words: Words) -> StagesView:
    """The steps that follow from a run, and what mistakes cost."""
    costs, steps = mistake_costs(record, risk=RISK), steps_of(record)
    tables = tuple(money_tables(record, costs, words))
    return StagesView(
        tuple(_step(step, steps, record, words) for step in steps),
        record.costs is not None,
        tables,
        words._("money_heading", parts=parts_text(record.costs, words)) if tables and record.costs is not None else "",
        tuple(assumptions(record, costs, words)),
        tuple(probe_lines(record, words)),
    )


def _step(step: Step, steps: Sequence[Step], record: RunRecord, words: Words) -> StepView:
    rule = step.rule
    return StepView(
        words.named("stage", rule.stage),
        _found(step, words),
        tuple(step_texts(step, record, words)),
        _brings(step, steps, record.costs, words),
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


def _brings(step: Step, steps: Sequence[Step], costs: Costs | None, words: Words) -> str:
    text = words._(f"brings.{step.rule.gain}")
    if waits_for_retraining(step, steps):
        return words._("two_sentences", first=text, second=words._("after_retraining_first"))
    saved, contexts = dearest_situation(step.cases, costs)
    if costs is None or not saved or step.rule.gain != "improvement":
        return text
    said = {"cost": rounded_money(saved, costs.currency, words), "parts": parts_text(costs, words)}
    if contexts:
        more = words._("brings_saving_under", context=context_label(list(contexts), words), **said)
    else:
        more = words._("brings_saving", **said)
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
