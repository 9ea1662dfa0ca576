"""Left sides in normal form: a linear combination of measures, or a ratio of two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ..language.errors import ExpressionError
from ..language.expression import Arithmetic, Expression, Measure, Number


@dataclass(frozen=True)
class Linear:
    """``constant + sum of coefficient * measure``; equal measures are merged, cancelled ones are gone."""

    constant: float = 0.0
    terms: Mapping[Measure, float] = field(default_factory=dict)

    def plus(self, other: Linear, factor: float = 1.0) -> Linear:
        """``self + factor * other``; what cancels up to rounding is 0."""
        terms = dict(self.terms)
        for measure, coefficient in other.terms.items():
            terms[measure] = _added(terms.get(measure, 0.0), factor * coefficient)
        return Linear(_added(self.constant, factor * other.constant), {m: c for m, c in terms.items() if c != 0})

    def times(self, factor: float) -> Linear:
        """``factor * self``."""
        return Linear().plus(self, factor)

    def multiple_of(self, other: Linear) -> float | None:
        """k where ``self == k * other`` up to rounding; None where there is none."""
        if not other.terms or self.terms.keys() != other.terms.keys():
            return None
        measure, coefficient = next(iter(other.terms.items()))
        k = self.terms[measure] / coefficient
        rest = self.plus(other, -k)
        return k if not rest.terms and rest.constant == 0 else None


@dataclass(frozen=True)
class Ratio:
    """``numerator / denominator``; a plain linear form has the denominator 1."""

    numerator: Linear
    denominator: Linear = Linear(1.0)

    @property
    def plain(self) -> bool:
        """True where it is a linear form."""
        return not self.denominator.terms

    def measures(self) -> Iterator[Measure]:
        """Every measure of both, once."""
        return iter(dict.fromkeys((*self.numerator.terms, *self.denominator.terms)))


def normal_form(expression: Expression) -> Ratio | None:
    """The expression as one ratio of linear forms; None where it is none (a product of measures, say)."""
    if isinstance(expression, Number):
        return Ratio(Linear(expression.value))
    if isinstance(expression, Measure):
        return Ratio(Linear(0.0, {expression: 1.0}))
    if not isinstance(expression, Arithmetic):
        return None
    left, right = normal_form(expression.left), normal_form(expression.right)
    if left is None or right is None:
        return None
    if expression.op in "+-":
        return _sum(left, right, 1.0 if expression.op == "+" else -1.0)
    return _product(left, right) if expression.op == "*" else _quotient(left, right)


def _sum(left: Ratio, right: Ratio, sign: float) -> Ratio | None:
    if left.plain and right.plain:
        return Ratio(left.numerator.plus(right.numerator, sign))
    if right.plain and not right.numerator.terms:
        return Ratio(left.numerator.plus(left.denominator, sign * right.numerator.constant), left.denominator)
    if left.plain and not left.numerator.terms:
        shifted = right.numerator.times(sign).plus(right.denominator, left.numerator.constant)
        return Ratio(shifted, right.denominator)
    k = right.denominator.multiple_of(left.denominator)
    return None if k is None else Ratio(left.numerator.plus(right.numerator, sign / k), left.denominator)


def _product(left: Ratio, right: Ratio) -> Ratio | None:
    for one, other in ((left, right), (right, left)):
        if one.plain and not one.numerator.terms:
            return Ratio(other.numerator.times(one.numerator.constant), other.denominator)
    return None


def _quotient(left: Ratio, right: Ratio) -> Ratio | None:
    if right.plain and not right.numerator.terms:
        if right.numerator.constant == 0:
            raise ExpressionError("the expression divides by measures that cancel to 0; it has no value")
        return Ratio(left.numerator.times(1 / right.numerator.constant), left.denominator)
    if left.plain and right.plain:
        return Ratio(left.numerator, right.numerator)
    if left.plain and not left.numerator.terms:
        return Ratio(right.denominator.times(left.numerator.constant), right.numerator)
    k = right.denominator.multiple_of(left.denominator)
    return None if k is None else Ratio(left.numerator.times(k), right.numerator)


def _added(left: float, right: float) -> float:
    total = left + right
    return 0.0 if abs(total) <= 1e-12 * max(abs(left), abs(right)) else total
