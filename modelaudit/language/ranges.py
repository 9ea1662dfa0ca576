"""Between which values the left side of an expectation lies, by interval arithmetic over the ranges of its measures."""

from __future__ import annotations

from typing import TypeAlias

from . import registry
from .composite import Extreme
from .errors import ExpressionError
from .expression import Arithmetic, Expectation, Expression, Measure, Number, expanded
from .spec import number_text

Range: TypeAlias = tuple[float, float]
_EVERYTHING: Range = (-float("inf"), float("inf"))


def range_of(expression: Expression) -> Range:
    """The least and the largest value of an expression; infinite where a measure or a ratio has no bound.

    >>> from modelaudit.measures import accuracy
    >>> range_of(accuracy - accuracy.under("lighting(3)"))
    (-1.0, 1.0)
    """
    return _range(expanded(expression))


def refuse_per_cent(expectation: Expectation) -> None:
    """Refuse a threshold that the left side can never reach: every image, or none, would satisfy it.

    Raises:
        ExpressionError: with the number that was probably meant: 0.9 for 90, 0.05 for 5.
    """
    low, high = range_of(expectation.expression)
    threshold = expectation.threshold
    if low <= threshold <= high:
        return
    holds = expectation.holds(low)
    share = threshold / 100
    meant = f"; did you mean {share:.2f}?" if low <= share <= high and 1 < abs(threshold) <= 100 else ""
    what = "holds for any model" if holds else "cannot hold for any model"
    left = str(expectation.expression)
    named = left if isinstance(expectation.expression, Measure) and len(left) <= 60 else f"'{left}'"
    raise ExpressionError(
        f"'{expectation}' {what}: {named} lies between {number_text(low)} and {number_text(high)}{meant}"
    )


def _range(expression: Expression) -> Range:
    if isinstance(expression, Number):
        return expression.value, expression.value
    if isinstance(expression, Measure):
        declares = registry.entry_of(expression.spec).declares
        low, high = getattr(declares, "low", None), getattr(declares, "high", None)
        return (_EVERYTHING[0] if low is None else float(low), _EVERYTHING[1] if high is None else float(high))
    if isinstance(expression, Extreme):
        return _extreme(expression)
    if isinstance(expression, Arithmetic):
        return _arithmetic(expression)
    return _EVERYTHING


def _extreme(extreme: Extreme) -> Range:
    if extreme.kind == "larger":
        return extreme.low, extreme.high
    parts = [_range(part) for part in extreme.parts]
    return min(low for low, _ in parts), min(high for _, high in parts)


def _arithmetic(expression: Arithmetic) -> Range:
    (a, b), (c, d) = _range(expression.left), _range(expression.right)
    if expression.op == "+":
        return a + c, b + d
    if expression.op == "-":
        return a - d, b - c
    if expression.op == "/":
        if c <= 0 <= d:
            return _EVERYTHING
        c, d = 1 / d, 1 / c
    ends = [_product(x, y) for x in (a, b) for y in (c, d)]
    return min(ends), max(ends)


def _product(x: float, y: float) -> float:
    """0 times an infinite end is 0: the end is a bound, not a value."""
    return 0.0 if x == 0 or y == 0 else x * y
