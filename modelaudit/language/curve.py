"""Curves over doses: a measure under a series of contexts, and what of the curve an expectation can gate on.

``accuracy.under(fade(each=[0, 0.5, 1]))`` is a curve. Compared with a number it must hold at every dose; ``.slope()``
and ``.area()`` make one number of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import Literal, get_args

from .composite import Composite, Divided, Extreme
from .errors import ExpressionError
from .expression import Arithmetic, Expression, Measure, Number
from .spec import number_text, one_of

Functional = Literal["slope", "area"]


@dataclass(frozen=True)
class OfCurve(Expression):
    """One number of a curve y(x) over the doses x_1 < ... < x_n.

    ``slope``: of the least-squares line, ``sum (x_i - mean x) y_i / sum (x_i - mean x)^2``, in units of the measure a
    unit of dose. ``area``: under the curve by the trapezoidal rule, divided by ``x_n - x_1``: the mean height of the
    curve, in units of the measure. Both are linear in the y_i, so their intervals are those of linear combinations of
    measures on the same images.

    Args:
        curve: an expression in which at least one measure is under a series; several must have the same doses.
    """

    functional: Functional
    curve: Expression

    def __post_init__(self) -> None:
        one_of(self.functional, get_args(Functional), "curve")
        if not doses_of(self.curve):
            raise ExpressionError(
                f"'{self.curve}' is not a curve and has no {self.functional}; put it under a series, "
                "e.g. .under(fade(each=[0, 0.5, 1]))"
            )

    def expanded(self, divided: Divided | None = None) -> Expression:
        """The linear combination of the curve's values that it stands for."""
        doses, curve = doses_of(self.curve), expanded(self.curve, divided)
        weights = _slope_weights(doses) if self.functional == "slope" else _area_weights(doses)
        terms = [
            Arithmetic("*", Number(weight), at_dose(curve, dose))
            for dose, weight in zip(doses, weights, strict=True)
            if weight != 0
        ]
        return reduce(lambda left, right: Arithmetic("+", left, right), terms[1:], terms[0])

    def measures(self) -> Iterator[Measure]:
        return self.curve.measures()

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        return OfCurve(self.functional, self.curve._refined(change))

    def __str__(self) -> str:
        return self.text(str)

    def text(self, leaf: Callable[[Expression], str]) -> str:
        """The text with the curve written by `leaf`."""
        inner = leaf(self.curve)
        return f"{inner if isinstance(self.curve, Measure) else f'({inner})'}.{self.functional}()"


def doses_of(expression: Expression) -> tuple[float, ...]:
    """The doses of the series in an expression; empty where it has none.

    Raises:
        ExpressionError: two series of different doses.
    """
    found = dict.fromkeys(_series(expression))
    if len(found) > 1:
        listed = " and ".join("[" + ", ".join(map(number_text, doses)) + "]" for doses in found)
        raise ExpressionError(f"'{expression}' has series of different doses, {listed}; give them the same")
    return next(iter(found), ())


def at_dose(expression: Expression, dose: float) -> Expression:
    """The expression at one dose of its series; its other measures stay as they are."""

    def at(measure: Measure) -> Measure:
        context = measure.context
        if context is None or not context.doses:
            return measure
        return Measure(measure.spec, context.at_dose(dose), measure.model, measure.stratum)

    return expression._refined(at)


def expanded(expression: Expression, divided: Divided | None = None) -> Expression:
    """The expression with every slope, area and composite written out.

    Args:
        divided: the groups of a worst group; None: they are not distinguished.
    """
    if isinstance(expression, OfCurve):
        return expression.expanded(divided)
    if isinstance(expression, Composite):
        return expanded(expression.expanded(divided), divided)
    if isinstance(expression, Extreme):
        return replace(expression, parts=tuple(expanded(part, divided) for part in expression.parts))
    if isinstance(expression, Arithmetic):
        return Arithmetic(expression.op, expanded(expression.left, divided), expanded(expression.right, divided))
    return expression


def without_composites(expression: Expression, divided: Divided | None = None) -> Expression:
    """The expression with every composite written out; slopes, areas and series stay as they are."""
    if isinstance(expression, Composite):
        return without_composites(expression.expanded(divided), divided)
    if isinstance(expression, OfCurve):
        return OfCurve(expression.functional, without_composites(expression.curve, divided))
    if isinstance(expression, Extreme):
        return replace(expression, parts=tuple(without_composites(part, divided) for part in expression.parts))
    if isinstance(expression, Arithmetic):
        left, right = (without_composites(side, divided) for side in (expression.left, expression.right))
        return Arithmetic(expression.op, left, right)
    return expression


def of_one_image(expression: Expression) -> Expression:
    """The expression written out as it can be evaluated on a single image."""
    if isinstance(expression, Composite):
        return expanded(expression.of_one_image())
    if isinstance(expression, Arithmetic):
        return Arithmetic(expression.op, of_one_image(expression.left), of_one_image(expression.right))
    return expanded(expression)


def open_doses(expression: Expression) -> tuple[float, ...]:
    """The doses at each of which an expectation on the expression must hold: those of curves compared as they are.

    Raises:
        ExpressionError: two open curves of different doses.
    """
    return doses_of(expanded(expression))


def _series(expression: Expression) -> Iterator[tuple[float, ...]]:
    if isinstance(expression, Measure):
        if expression.context is not None and expression.context.doses:
            yield expression.context.doses
    elif isinstance(expression, Arithmetic):
        yield from _series(expression.left)
        yield from _series(expression.right)
    elif isinstance(expression, Extreme):
        for part in expression.parts:
            yield from _series(part)
    elif isinstance(expression, Composite):
        yield from _series(expression.expanded())
    elif isinstance(expression, OfCurve):
        raise ExpressionError(f"'{expression}' is one number already; take slope or area once")


def _slope_weights(doses: tuple[float, ...]) -> list[float]:
    mean = sum(doses) / len(doses)
    spread = sum((dose - mean) ** 2 for dose in doses)
    return [(dose - mean) / spread for dose in doses]


def _area_weights(doses: tuple[float, ...]) -> list[float]:
    weights = [0.0] * len(doses)
    for at, (left, right) in enumerate(pairwise(doses)):
        half = (right - left) / (doses[-1] - doses[0]) / 2
        weights[at] += half
        weights[at + 1] += half
    return weights
