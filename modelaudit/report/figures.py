"""Drawings of intervals against a threshold and of curves over strengths: across in per cent of the width, so that text
keeps its size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..evidence.record import CaseRecord, CurveNode, DecisionRecord, PointRecord
from .naming import method_text, part_text
from .sentences import digits_of, parts_of, unit_of
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
        return round(100 * min(1.0, max(0.0, (value - self.low) / (self.high - self.low))), 2)


def plot_of(case: CaseRecord, words: Words, parts: list[DecisionRecord] | None = None) -> Plot | None:
    """The drawing of a case, or of some of its parts; None where nothing was measured or the numbers cannot be drawn on
    one axis."""
    decisions = parts_of(case) if parts is None else parts
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
        words._("threshold_of", limit=limit),
        0.0 if low_allowed else threshold,
        threshold if low_allowed else 100.0,
        "; ".join(" ".join(filter(None, (row.label, row.value, row.interval))) for row in rows),
    )


def interval_text(decision: DecisionRecord, unit: Unit, digits: int, words: Words) -> str:
    """*range 8.1% to 17.9%, 5% risk of error on each side*, the one bound that there is, or nothing."""
    low, high = decision.lower, decision.upper
    if low is not None and high is not None:
        if low == high == decision.estimate:
            return ""
        risk = words.limit(round(1 - decision.confidence, 6), "percent")
        lower, upper = (words.tick(bound, unit, digits) for bound in (low, high))
        return words._("interval_text", risk=risk, lower=lower, upper=upper)
    level = words.limit(decision.confidence, "percent")
    if high is not None:
        return words._("upper_bound_text", level=level, bound=words.tick(high, unit, digits))
    if low is not None:
        return words._("lower_bound_text", level=level, bound=words.tick(low, unit, digits))
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


HEIGHT = 180
_LEFT, _RIGHT = 12.0, 97.0


@dataclass(frozen=True)
class Mark:
    """A label at a place of an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Dot:
    """The curve at one dose; the bar is [upper, lower], downwards."""

    x: float
    y: float
    bar: tuple[float, float]


@dataclass(frozen=True)
class CurveLine:
    """One curve; several have the names of their methods."""

    label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Curve:
    """All x are in per cent of the width, all y in pixels from the top; no threshold where a slope is gated on."""

    lines: tuple[CurveLine, ...]
    doses: tuple[Mark, ...]
    heights: tuple[Mark, ...]
    threshold: float | None
    described: str


def curve_of(case: CaseRecord, words: Words) -> Curve | None:
    """The drawing of a case that is about a curve; None for any other, and where nothing can be drawn."""
    curves = _curves(case, words)
    known = {label: [point for point in points if point.estimate is not None] for label, points in curves.items()}
    values = [v for points in known.values() for p in points for v in (p.estimate, p.lower, p.upper) if v is not None]
    gated = isinstance(case.left, CurveNode)
    axis = axis_of(values if gated else [*values, case.threshold]) if values else None
    if axis is None:
        return None
    unit: Unit = unit_of(case.left.of if isinstance(case.left, CurveNode) else case.left)
    doses = sorted({point.dose for points in curves.values() for point in points})
    return Curve(
        tuple(CurveLine(label, tuple(_dot(point, doses, axis) for point in points)) for label, points in known.items()),
        tuple(Mark(_across(dose, doses), f"{dose:g}") for dose in doses),
        tuple(Mark(_down(tick.at), tick.label) for tick in ticks_of(axis, unit, words)),
        None if gated else _down(axis.at(case.threshold)),
        _described(known, unit, digits_of(case), words),
    )


def _curves(case: CaseRecord, words: Words) -> dict[str, list[PointRecord]]:
    """The points of every curve by the method that they are of."""
    found: dict[str, list[PointRecord]] = {}
    decisions = (case.decision.parts or [case.decision]) if case.decision else []
    for decision in decisions:
        label = method_text(decision.method, words) if decision.method else ""
        points = decision.curve or ([_as_point(decision)] if decision.dose is not None else [])
        found.setdefault(label, []).extend(points)
    return {label: points for label, points in found.items() if len(points) > 1}


def _as_point(part: DecisionRecord) -> PointRecord:
    assert part.dose is not None
    return PointRecord(dose=part.dose, estimate=part.estimate, lower=part.lower, upper=part.upper)


def _dot(point: PointRecord, doses: list[float], axis: Axis) -> Dot:
    assert point.estimate is not None
    lower = point.estimate if point.lower is None else point.lower
    upper = point.estimate if point.upper is None else point.upper
    bar = (_down(axis.at(upper)), _down(axis.at(lower)))
    return Dot(_across(point.dose, doses), _down(axis.at(point.estimate)), bar)


def _across(dose: float, doses: list[float]) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * (dose - doses[0]) / (doses[-1] - doses[0]), 3)


def _down(at: float) -> float:
    return round(HEIGHT * (1 - at / 100), 2)


def _described(known: dict[str, list[PointRecord]], unit: Unit, digits: int, words: Words) -> str:
    described = []
    for label, points in known.items():
        steps = [
            words._(
                "value_at_dose",
                value=words.quantity(point.estimate or 0.0, unit, digits),
                dose=f"{point.dose:g}",
            )
            for point in points
        ]
        described.append(" ".join(filter(None, (label, words._("comma").join(steps)))))
    return "; ".join(described)
