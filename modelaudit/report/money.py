"""What a model's mistakes cost, today and after retraining on other backgrounds, and on what the amounts rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..advice.mistakes import asked_rates
from ..advice.money import Amount, MistakeCost, break_even, gain_of, mistake_costs, total, work_to_retrain
from ..advice.prices import PER_PARTS
from ..evidence.record import Costs, ProbeRecord, RunRecord
from .costs import rounded_money, stated_costs
from .grid import capitalised
from .naming import context_label
from .tested import model_title, tested_models, worst_models
from .words import Words

#: that an amount is beyond one end of its range
RISK = 0.05
MOST_MODELS = 4


@dataclass(frozen=True)
class CostBar:
    """An amount in the drawing: all positions are in per cent of its width; ``whisker`` is None without a bound."""

    value: float
    whisker: tuple[float, float] | None


@dataclass(frozen=True)
class Retrained:
    """What mistakes would cost after retraining on other backgrounds, by a probe's estimate.

    ``gain``: what that saves, with its range. ``back``: when the training has paid for itself.
    """

    after: str
    gain: str
    back: str


@dataclass(frozen=True)
class MoneyRow:
    """The mistakes of a model in one situation, and what they cost.

    ``parts``: what of it missed defects cost, and what false alarms. ``retrained``: None without an estimate.
    """

    situation: str
    amount: str
    parts: str
    bar: CostBar
    retrained: Retrained | None = None


@dataclass(frozen=True)
class MoneyTable:
    """What the mistakes of one model cost; ``model`` is empty where there is only one.

    ``shares``: from which share of changed parts on retraining saves, where it costs something as photographed.
    """

    model: str
    rows: tuple[MoneyRow, ...]
    shares: tuple[str, ...] = ()

    @property
    def estimated(self) -> bool:
        """Whether there is an estimate of what retraining would save."""
        return any(row.retrained is not None for row in self.rows)


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
        parts = parts_text(record.costs, words)
        said.append(words._("money_as_photographed", parts=parts, **_amount(plain, record.costs, words)))
    if changed is not None:
        context = context_label(list(changed.contexts), words)
        said.append(words._("money_changed", context=context, **_amount(changed, record.costs, words)))
    fingerprint = next((one.fingerprint for one in record.models if one.key == worst), "")
    probe = _latest(record.probes, fingerprint)
    lost = None if plain is None or probe is None else gain_of(plain, probe, record.costs)
    won = None if changed is None or probe is None else gain_of(changed, probe, record.costs)
    if lost is not None and won is not None:
        gains = {"changed": _gain_text(won, record.costs, words), "plain": _gain_text(lost, record.costs, words)}
        said.append(words._("money_after_retraining", **gains))
    return words.in_a_row(said)


def _amount(one: MistakeCost, costs: Costs, words: Words) -> dict[str, str]:
    cost = rounded_money(one.amount.expected, costs.currency, words)
    return {"cost": cost, "interval": _interval(one, costs, words)}


def money_tables(record: RunRecord, costs: Sequence[MistakeCost], words: Words) -> Iterator[MoneyTable]:
    """A table for every model under test whose mistakes have a cost, the worst model first."""
    if record.costs is None:
        return
    highest = max((one.amount.high or one.amount.expected for one in costs), default=0.0)
    models = [one for one in worst_models(record, tested_models(record)) if one.model is not None]
    shown = [(one, [cost for cost in costs if one.model is not None and cost.model == one.model.key]) for one in models]
    shown = [(one, own) for one, own in shown if own][:MOST_MODELS]
    for model, own in shown:
        title = model_title(model, words) if len(models) > 1 else ""
        assert model.model is not None
        probe = _latest(record.probes, model.model.fingerprint)
        rows = [(one, _retrained(one, probe, record, words)) for one in own]
        shares = tuple(_shares(own, probe, record.costs, words))
        yield MoneyTable(title, tuple(_row(one, made, record.costs, highest, words) for one, made in rows), shares)


def _latest(probes: Sequence[ProbeRecord], model: str) -> ProbeRecord | None:
    """The newest probe of a model that measured mistakes."""
    own = [one for one in probes if one.model == model and one.good]
    return max(own, key=lambda one: one.created, default=None)


def _retrained(cost: MistakeCost, probe: ProbeRecord | None, record: RunRecord, words: Words) -> Retrained | None:
    costs = record.costs
    gain = None if probe is None or costs is None else gain_of(cost, probe, costs)
    if gain is None or costs is None:
        return None
    after = max(0.0, cost.amount.expected - gain.expected)
    return Retrained(
        rounded_money(after, costs.currency, words),
        _gain_text(gain, costs, words),
        _paid_back(gain, record, words),
    )


def _gain_text(gain: Amount, costs: Costs, words: Words) -> str:
    """*saves 500 EUR (300 to 700)*, or how much more it costs; the ends are what surely and what at best is saved."""
    ends = (gain.low, gain.high) if gain.expected >= 0 else (gain.high, gain.low)
    sign = 1 if gain.expected >= 0 else -1
    low, high = (rounded_money(sign * (end or 0.0), costs.currency, words) for end in ends)
    interval = words._("range", low=low, high=high)
    amount = rounded_money(abs(gain.expected), costs.currency, words)
    if gain.expected >= 0:
        return words._("money_saves", cost=amount, interval=interval)
    return words._("money_costs_more", cost=amount, interval=interval)


def _shares(costs: Sequence[MistakeCost], probe: ProbeRecord | None, stated: Costs, words: Words) -> Iterator[str]:
    """From which share of changed parts on retraining saves, where it costs something as photographed: the share s with
    s * (what it saves under the change) = (1 - s) * (what it costs as photographed)."""
    plain = next((one for one in costs if not one.contexts), None)
    if probe is None or plain is None:
        return
    lost = gain_of(plain, probe, stated)
    for one in costs:
        gain = gain_of(one, probe, stated) if one.contexts else None
        if gain is not None and lost is not None and lost.expected < 0 < gain.expected:
            share = -lost.expected / (gain.expected - lost.expected)
            context = context_label(list(one.contexts), words)
            yield words._("retraining_saves_from", context=context, share=words.quantity(share, "percent", 0))


def _paid_back(gain: Amount, record: RunRecord, words: Words) -> str:
    work = work_to_retrain(record)
    if not work or record.costs is None or record.costs.parts_a_month is None:
        return words._("paid_back_unknown")
    after = break_even(total(work), gain)
    if after is None:
        return words._("never_paid_back")
    if after.high is not None and after.high <= 1:
        return words._("paid_back_soon")
    months = words.quantity(after.expected, "number", 1)
    if after.high is None:
        return words._("paid_back_perhaps_never", months=months)
    return words._("paid_back", months=months, most=words.quantity(after.high, "number", 1))


def probe_lines(record: RunRecord, words: Words) -> Iterator[str]:
    """What each probe estimates, on the images as photographed and under every change, and with more images."""
    titles = {one.model.fingerprint: model_title(one, words) for one in tested_models(record) if one.model is not None}
    for probe in record.probes:
        for effect in probe.effects:
            if effect.label is None:
                points = {
                    name: words.quantity(value, "points", 1)
                    for name, value in (("change", effect.change), ("low", effect.lower), ("high", effect.upper))
                }
                yield words._(
                    "probe_effect",
                    model=titles.get(probe.model, probe.model_reference),
                    context=capitalised(_of_context(effect.context, words), words),
                    measure=words.named("measure_noun", effect.measure),
                    before=words.quantity(effect.before, "percent", 1),
                    after=words.quantity(effect.after, "percent", 1),
                    **points,
                )
        yield from _forecasts(probe, words)


def _forecasts(probe: ProbeRecord, words: Words) -> Iterator[str]:
    """What more training images of the same kind are forecast to bring, by the probe's learning curves."""
    for curve in probe.curves:
        for one in curve.forecasts if curve.label is None else ():
            error = {
                name: words.quantity(value, "percent", 1)
                for name, value in (("error", one.error), ("low", one.lower), ("high", one.upper))
            }
            context = capitalised(_of_context(curve.context, words), words)
            yield words._("probe_forecast", context=context, images=words.count(one.images), **error)


def _of_context(context: str, words: Words) -> str:
    if context == "original":
        return words._("as_photographed")
    phrase = words.phrase("contexts", context)
    return phrase.label if phrase else context


def _row(cost: MistakeCost, retrained: Retrained | None, costs: Costs, highest: float, words: Words) -> MoneyRow:
    amount = cost.amount
    scale = 100 / highest if highest else 0.0
    whisker = None if amount.low is None or amount.high is None else (amount.low * scale, amount.high * scale)
    return MoneyRow(
        capitalised(context_label(list(cost.contexts), words), words) if cost.contexts else words._("as_photographed"),
        words._(
            "with_details",
            what=rounded_money(amount.expected, costs.currency, words),
            details=_interval(cost, costs, words),
        ),
        _parts_of(cost, costs, words),
        CostBar(round(amount.expected * scale, 2), whisker and (round(whisker[0], 2), round(whisker[1], 2))),
        retrained,
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


def parts_text(costs: Costs, words: Words) -> str:
    """What amounts are of: a month, or so many parts."""
    if costs.parts_a_month is None:
        return words._("for_parts", parts=words.count(PER_PARTS))
    return words._("a_month")


def assumptions(record: RunRecord, costs: Sequence[MistakeCost], words: Words) -> Iterator[str]:
    """What is stated, and what amounts made of it take for granted; where there is none, what is missing for one."""
    said = dict.fromkeys(one for probe in record.probes for one in probe.assumptions)
    yield from (words._(f"probe_assumption.{one}") for one in said)
    if record.costs is None:
        return
    yield from stated_costs(record.costs, words)
    if costs:
        yield words._("money_of_these_photographs", confidence=words.limit(1 - RISK, "percent"))
        yield words._("money_range")
    elif record.costs.defect_share is None:
        yield words._("money_without_share")
    elif not any(True for case in record.cases for _ in asked_rates(case)):
        yield words._("money_without_rates")
