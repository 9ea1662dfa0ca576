"""The drawing of a curve over doses: across in per cent of its width, so that text keeps its size, down in pixels."""

from __future__ import annotations

from dataclasses import dataclass

from ..evidence.record import CaseRecord, CurveNode, DecisionRecord, PointRecord
from .left_side import digits_of, unit_of
from .plot import Axis, axis_of, ticks_of
from .vocabulary import method_text
from .words import Unit, Words

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
class Line:
    """One curve; several have the names of their methods."""

    label: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Curve:
    """All x are in per cent of the width, all y in pixels from the top; no threshold where a slope is gated on."""

    lines: tuple[Line, ...]
    doses: tuple[Mark, ...]
    heights: tuple[Mark, ...]
    threshold: float | None
    described: str


def curve_of(case: CaseRecord, words: Words) -> Curve | None:
    """The drawing of a case that is about a curve; None for any other, and where nothing can be drawn."""
    curves = _curves(case)
    known = {label: [point for point in points if point.estimate is not None] for label, points in curves.items()}
    values = [v for points in known.values() for p in points for v in (p.estimate, p.lower, p.upper) if v is not None]
    gated = isinstance(case.left, CurveNode)
    axis = axis_of(values if gated else [*values, case.threshold]) if values else None
    if axis is None:
        return None
    unit: Unit = unit_of(case.left.of if isinstance(case.left, CurveNode) else case.left)
    doses = sorted({point.dose for points in curves.values() for point in points})
    return Curve(
        tuple(Line(label, tuple(_dot(point, doses, axis) for point in points)) for label, points in known.items()),
        tuple(Mark(_across(dose, doses), f"{dose:g}") for dose in doses),
        tuple(Mark(_down(tick.at), tick.label) for tick in ticks_of(axis, unit, words)),
        None if gated else _down(axis.at(case.threshold)),
        _described(known, unit, digits_of(case), words),
    )


def _curves(case: CaseRecord) -> dict[str, list[PointRecord]]:
    """The points of every curve by the method that they are of."""
    found: dict[str, list[PointRecord]] = {}
    decisions = (case.decision.parts or [case.decision]) if case.decision else []
    for decision in decisions:
        label = method_text(decision.method) if decision.method else ""
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
    told = []
    for label, points in known.items():
        steps = [
            words._(
                "{value} at dose {dose}",
                value=words.quantity(point.estimate or 0.0, unit, digits),
                dose=f"{point.dose:g}",
            )
            for point in points
        ]
        told.append(" ".join(filter(None, (label, words._(", ").join(steps)))))
    return "; ".join(told)
