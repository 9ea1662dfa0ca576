"""Costs in words: amounts, and what the parties or ``costs.yaml`` state."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..advice.prices import cost_of_a_rate, parts_counted
from ..evidence.record import AgreedCosts, CaseRecord, Costs
from .naming import context_label, short_name
from .words import Words

_DIGITS = 3


def money(value: float, currency: str, words: Words) -> str:
    """An amount with its currency."""
    number = number_text(value, words).replace("-", "−", 1)
    if currency == "JPY":
        return words._("money_yen", number=number)
    return words._("two_words", first=number, second=currency)


def number_text(value: float, words: Words) -> str:
    """A number as it was stated: whole ones without decimals."""
    return words.count(int(value)) if value == int(value) else words.limit(value, "number")


def rounded_money(value: float, currency: str, words: Words) -> str:
    """A computed amount with its currency, to three digits: it is not known more closely."""
    if currency == "JPY" and words.language == "ja":
        whole = rounded(value)
        if abs(whole) >= 10**8:
            return words._("money_oku", number=_short(whole / 10**8, words))
        if abs(whole) >= 10**4:
            return words._("money_man", number=_short(whole / 10**4, words))
    return money(rounded(value), currency, words)


def _short(value: float, words: Words) -> str:
    """A number of three digits without zeros at its end."""
    return number_text(value, words) if value == int(value) else f"{value:.3g}".replace("-", "−", 1)


def rounded(value: float) -> float:
    """A computed amount to three digits, and to whole units."""
    if not value:
        return 0.0
    digits = max(0, math.floor(math.log10(abs(value))) + 1 - _DIGITS)
    return float(round(value, -digits))


def stated_costs(costs: Costs | AgreedCosts, words: Words) -> Iterator[str]:
    """What mistakes and work cost, a sentence for each thing that is stated."""

    def amount(value: float) -> str:
        return money(value, costs.currency, words)

    missed, alarm = costs.missed_defect, costs.false_alarm
    per = words.own(costs.per) if costs.per else ""
    if missed is not None and alarm is not None:
        both = {"missed": amount(missed), "alarm": amount(alarm)}
        yield words._("agreed_costs_per", per=per, **both) if per else words._("agreed_costs", **both)
    elif missed is not None:
        yield words._("costs_missed", missed=amount(missed))
    elif alarm is not None:
        yield words._("costs_alarm", alarm=amount(alarm))
    if costs.defect_share is not None:
        yield words._("agreement_defect_share", share=words.limit(costs.defect_share / 100, "percent"))
    if not isinstance(costs, Costs):
        return
    if costs.parts_a_month is not None:
        yield words._("costs_parts", parts=words.count(round(costs.parts_a_month)))
    if costs.photograph is not None:
        yield words._("costs_photograph", cost=amount(costs.photograph))
    if costs.mask is not None:
        yield words._("costs_mask", cost=amount(costs.mask))
    if costs.gpu_hour is not None:
        yield words._("costs_gpu_hour", cost=amount(costs.gpu_hour))
    if costs.training_hours is not None:
        yield words.ngettext(
            "costs_training_hours",
            1 if costs.training_hours == 1 else 2,
            hours=number_text(costs.training_hours, words),
        )


def decision_threshold(costs: Costs, words: Words) -> str:
    """From which probability on it costs less to call a part defective; empty where one of the costs is not stated.

    Calling a part defective that is so with probability p costs (1 - p) C_f, calling it good p C_m: the first is less
    from p = C_f / (C_f + C_m) on (Elkan 2001, The foundations of cost-sensitive learning).
    """
    missed, alarm = costs.missed_defect, costs.false_alarm
    if not missed or not alarm:
        return ""
    share = alarm / (alarm + missed)
    digits = max(0, math.ceil(-math.log10(share)) - 1)
    return words._("costs_threshold", probability=words.quantity(share, "percent", digits))


def cost_at_the_limit(case: CaseRecord, costs: Costs, words: Words) -> str:
    """What mistakes cost at most where a requirement on them is just met; empty for any other requirement."""
    left = case.left
    factor = cost_of_a_rate(left.measure, costs) if left.kind == "measure" and case.op in ("<", "<=") else None
    if factor is None:
        return ""
    values = {
        "name": short_name(case.name),
        "limit": words.limit(case.threshold, "percent"),
        "cost": rounded_money(factor * case.threshold, costs.currency, words),
    }
    if costs.parts_a_month is None:
        said = words._("costs_at_limit", parts=words.count(round(parts_counted(costs))), **values)
    else:
        said = words._("costs_at_limit_a_month", **values)
    contexts = [node for node in left.contexts if node.name != "original"] if left.kind == "measure" else []
    if not contexts:
        return said
    under = words._("costs_at_limit_under", context=context_label(contexts, words))
    return words._("two_sentences", first=said, second=under)
