"""The drawing of intervals against a threshold: positions in per cent of its width, so that text keeps its size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..evidence.record import CaseRecord, DecisionRecord
from .left_side import digits_of, unit_of
from .sentences import parts_of
from .vocabulary import part_text
from .words import Unit, Words

_PADDING = 0.12
_MOST_TICKS = 6


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Row:
    """One interval; without a bound on a side it runs to the edge. ``kind`` is its verdict, in lower case."""

    label: str
    kind: str
    estimate: float | None
    bar: tuple[float, float] | None
    ends: tuple[float, ...]
    value: str
    interval: str


@dataclass(frozen=True)
class Plot:
    """All positions are in [0, 100]; the allowed side is [allowed_from, allowed_to]."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    threshold: float
    threshold_label: str
    allowed_from: float
    allowed_to: float
    described: str


@dataclass(frozen=True)
class Axis:
    low: float
    high: float

    def at(self, value: float) -> float:
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 3)


def plot_of(case: CaseRecord, words: Words) -> Plot | None:
    """The drawing of a case; None where nothing was measured or the numbers cannot be drawn on one axis."""
    decisions = parts_of(case)
    values = [v for d in decisions for v in (d.estimate, d.lower, d.upper) if v is not None]
    axis = axis_of([*values, case.threshold]) if values else None
    if axis is None:
        return None
    unit = unit_of(case.left)
    threshold = axis.at(case.threshold)
    low_allowed = case.op in ("<", "<=")
    rows = tuple(_row(decision, axis, case, unit, words) for decision in decisions)
    limit = words.limit(case.threshold, unit)
    return Plot(
        rows,
        ticks_of(axis, unit, words),
        threshold,
        words._("threshold {limit}", limit=limit),
        0.0 if low_allowed else threshold,
        threshold if low_allowed else 100.0,
        "; ".join(" ".join(filter(None, (row.label, row.value, row.interval))) for row in rows),
    )


def interval_text(decision: DecisionRecord, unit: Unit, digits: int, words: Words) -> str:
    """*90% interval 8.1% to 17.9%*, the one bound that there is, or nothing."""
    low, high = decision.lower, decision.upper
    if low is not None and high is not None:
        if low == high == decision.estimate:
            return ""
        level = words.limit(round(2 * decision.confidence - 1, 6), "percent")
        lower, upper = (words.tick(bound, unit, digits) for bound in (low, high))
        return words._("{level} interval {lower} to {upper}", level=level, lower=lower, upper=upper)
    level = words.limit(decision.confidence, "percent")
    if high is not None:
        return words._("{level} upper bound {bound}", level=level, bound=words.tick(high, unit, digits))
    if low is not None:
        return words._("{level} lower bound {bound}", level=level, bound=words.tick(low, unit, digits))
    return ""


def value_text(decision: DecisionRecord, unit: Unit, digits: int, words: Words) -> str:
    """The estimate with its unit, or a dash."""
    return "–" if decision.estimate is None else words.quantity(decision.estimate, unit, digits)


def _row(decision: DecisionRecord, axis: Axis, case: CaseRecord, unit: Unit, words: Words) -> Row:
    digits = digits_of(case)
    bounded = decision.lower is not None or decision.upper is not None
    lower = axis.at(decision.lower) if decision.lower is not None else 0.0
    upper = axis.at(decision.upper) if decision.upper is not None else 100.0
    return Row(
        part_text(decision.method, decision.dose, words, decision.group),
        decision.verdict.lower(),
        None if decision.estimate is None else axis.at(decision.estimate),
        (lower, upper) if bounded else None,
        tuple(at for at, bound in ((lower, decision.lower), (upper, decision.upper)) if bound is not None),
        value_text(decision, unit, digits, words),
        interval_text(decision, unit, digits, words),
    )


def axis_of(values: list[float]) -> Axis | None:
    low, high = min(values), max(values)
    span = high - low
    if span == 0:
        span = abs(low) * 0.2 or 0.1
    start, end = low - _PADDING * span, high + _PADDING * span
    if low >= 0 and high <= 1:
        start, end = max(start, 0.0), min(end, 1.0)
    if not (math.isfinite(end - start) and end - start > 1e-9 * max(abs(start), abs(end), 1e-9)):
        return None
    return Axis(start, end)


def ticks_of(axis: Axis, unit: Unit, words: Words) -> tuple[Tick, ...]:
    rough = (axis.high - axis.low) / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    digits = min(6, max(0, -math.floor(math.log10(step) + 1e-9) - (0 if unit == "number" else 2)))
    first, last = math.ceil(axis.low / step - 1e-9), math.floor(axis.high / step + 1e-9)
    return tuple(Tick(axis.at(n * step), words.tick(n * step, unit, digits)) for n in range(first, last + 1))
