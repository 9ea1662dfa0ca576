"""The algebra of measures, and expectations on it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal, NoReturn

from .errors import ExpressionError
from .spec import Context, MeasureSpec, as_context, long_text, name_text, number_text, plain
from .strata import Comparison, Stratum

Operator = Literal["+", "-", "*", "/"]
_OPERATORS = ("+", "-", "*", "/")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


class Expression:
    """Base of all left sides. Refining an expression refines every measure in it.

    >>> from modelaudit.measures import accuracy, flip_rate
    >>> print((accuracy - flip_rate.under("lighting(3)")).of("candidate"))
    accuracy.of(candidate) - flip_rate.under(lighting(3)).of(candidate)
    """

    def under(self, context: Context | type[Context] | str) -> Expression:
        """The same measure on images put under `context`. Compose contexts with ``a | b``."""
        wanted = as_context(context)
        return self._refined(lambda measure: measure._under(wanted))

    def of(self, model: str) -> Expression:
        """The same measure of the model with that name in ``Audit(model={...})``."""
        if not isinstance(model, str) or not model:
            raise ExpressionError(f".of({model!r}): give the name of a model in Audit(model={{name: ...}})")
        return self._refined(lambda measure: measure._of(model))

    def where(self, stratum: Stratum) -> Expression:
        """The same measure over the images of a stratum; said twice, over the images of both."""
        if not isinstance(stratum, Stratum):
            raise ExpressionError(f".where({stratum!r}): give a stratum, e.g. correct or object_area < 0.1")
        return self._refined(lambda measure: measure._where(stratum))

    def slope(self) -> Expression:
        """The slope of a curve over the doses of its series, in units of the measure a unit of dose."""
        from .curve import OfCurve

        return OfCurve("slope", self)

    def area(self) -> Expression:
        """The mean height of a curve over the doses of its series (area under it, divided by the range of doses)."""
        from .curve import OfCurve

        return OfCurve("area", self)

    def measures(self) -> Iterator[Measure]:
        """Every measure in it, left to right; of a series one a dose."""
        raise NotImplementedError

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        raise NotImplementedError

    def __add__(self, other: Expression | float) -> Expression:
        return Arithmetic("+", self, _operand(other))

    def __radd__(self, other: float) -> Expression:
        return Arithmetic("+", _operand(other), self)

    def __sub__(self, other: Expression | float) -> Expression:
        return Arithmetic("-", self, _operand(other))

    def __rsub__(self, other: float) -> Expression:
        return Arithmetic("-", _operand(other), self)

    def __mul__(self, other: Expression | float) -> Expression:
        return Arithmetic("*", self, _operand(other))

    def __rmul__(self, other: float) -> Expression:
        return Arithmetic("*", _operand(other), self)

    def __truediv__(self, other: Expression | float) -> Expression:
        return Arithmetic("/", self, _operand(other))

    def __rtruediv__(self, other: float) -> Expression:
        return Arithmetic("/", _operand(other), self)

    def __neg__(self) -> Expression:
        return Arithmetic("*", Number(-1.0), self)

    def __lt__(self, threshold: float) -> Expectation:
        return Expectation(self, "<", threshold)

    def __le__(self, threshold: float) -> Expectation:
        return Expectation(self, "<=", threshold)

    def __gt__(self, threshold: float) -> Expectation:
        return Expectation(self, ">", threshold)

    def __ge__(self, threshold: float) -> Expectation:
        return Expectation(self, ">=", threshold)

    def __bool__(self) -> NoReturn:
        raise ExpressionError(f"'{self}' has no truth value; compare it with a number to make an expectation")


@dataclass(frozen=True)
class Number(Expression):
    """A constant."""

    value: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", float(self.value))
        number_text(self.value)

    def measures(self) -> Iterator[Measure]:
        return iter(())

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        return self

    def __str__(self) -> str:
        return number_text(self.value)


@dataclass(frozen=True)
class Measure(Expression):
    """A measure with at most one context, one model and one stratum: the leaf of every expression.

    >>> from modelaudit import correct
    >>> from modelaudit.measures import background_dependence
    >>> print(background_dependence("gradcam").where(correct))
    background_dependence(gradcam).where(correct)
    """

    spec: MeasureSpec
    context: Context | None = None
    model: str | None = None
    stratum: Stratum | None = None

    def measures(self) -> Iterator[Measure]:
        context = self.context
        if context is None or not context.doses:
            yield self
        else:
            yield from (replace(self, context=context.at_dose(dose)) for dose in context.doses)

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        return change(self)

    def _under(self, context: Context) -> Measure:
        if self.context is not None:
            raise ExpressionError(
                f"'{self}' is under a context already; compose them: .under({self.context} | {context})"
            )
        return replace(self, context=context)

    def _of(self, model: str) -> Measure:
        if self.model is not None:
            raise ExpressionError(f"'{self}' is of model {self.model!r} already; say .of once")
        return replace(self, model=model)

    def _where(self, stratum: Stratum) -> Measure:
        return replace(self, stratum=stratum if self.stratum is None else self.stratum & stratum)

    def __str__(self) -> str:
        return self._text(str(self.spec), "" if self.context is None else str(self.context))

    def long_form(self) -> str:
        """Every field of measure, methods and context, with the versions of their definitions."""
        return self._text(long_text(self.spec), "" if self.context is None else long_text(self.context))

    def _text(self, spec: str, context: str) -> str:
        return refined_text(f"{spec}.under({context})" if context else spec, self.model, self.stratum)


@dataclass(frozen=True)
class Arithmetic(Expression):
    """``left op right``; a ratio of measures is the ratio of their means."""

    op: Operator
    left: Expression
    right: Expression

    def __post_init__(self) -> None:
        if self.op not in _OPERATORS:
            raise ExpressionError(f"{self.op!r} is not an operator of expressions; use + - * /")
        if self.op == "/" and isinstance(self.right, Number) and self.right.value == 0:
            raise ExpressionError(f"'{self.left}' is divided by zero")

    def measures(self) -> Iterator[Measure]:
        yield from self.left.measures()
        yield from self.right.measures()

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        return Arithmetic(self.op, self.left._refined(change), self.right._refined(change))

    def __str__(self) -> str:
        return self.text(str)

    def text(self, leaf: Callable[[Expression], str]) -> str:
        """The infix text with every leaf written by `leaf`, and parentheses only where they are needed."""
        left, right = self._side(self.left, leaf, strict=False), self._side(self.right, leaf, strict=True)
        return f"{left} {self.op} {right}"

    def _side(self, side: Expression, leaf: Callable[[Expression], str], *, strict: bool) -> str:
        if not isinstance(side, Arithmetic):
            return leaf(side)
        text = side.text(leaf)
        here, there = _PRECEDENCE[self.op], _PRECEDENCE[side.op]
        return f"({text})" if there < here or (strict and there == here) else text


@dataclass(frozen=True)
class Expectation:
    """``expression op threshold``: what must hold.

    >>> from modelaudit.measures import accuracy
    >>> expectation = accuracy.under("lighting(3)") > 0.90
    >>> str(expectation), expectation.holds(0.92)
    ('accuracy.under(lighting(3)) > 0.9', True)
    >>> len(expectation.fingerprint())
    64
    """

    expression: Expression
    op: Comparison
    threshold: float

    def __post_init__(self) -> None:
        from .curve import open_doses

        threshold = plain(self.threshold)
        if isinstance(threshold, Expression):
            raise ExpressionError(
                f"'{self.expression}' is compared with '{threshold}': an expectation compares with a number; "
                f"write {self.expression} - ({threshold}) {self.op} 0"
            )
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise ExpressionError(f"'{self.expression}' is compared with {threshold!r}, which is not a number")
        if not math.isfinite(threshold):
            raise ExpressionError(f"'{self.expression}' is compared with {threshold}; give a finite number")
        if next(self.expression.measures(), None) is None:
            raise ExpressionError(f"'{self.expression} {self.op} {threshold}' measures nothing; name a measure")
        object.__setattr__(self, "threshold", float(threshold))
        open_doses(self.expression)

    @property
    def wants_low(self) -> bool:
        """True for ``<`` and ``<=``."""
        return self.op in ("<", "<=")

    def holds(self, value: float) -> bool:
        """Whether a known value satisfies the comparison."""
        threshold = self.threshold
        return {
            "<": value < threshold,
            "<=": value <= threshold,
            ">": value > threshold,
            ">=": value >= threshold,
        }[self.op]

    def __bool__(self) -> NoReturn:
        raise ExpressionError(
            f"the expectation '{self}' has no truth value before it is measured: hand it to Audit.expect(...). "
            "Chained comparisons (0.1 < m < 0.4) are two expectations"
        )

    def __str__(self) -> str:
        return f"{self.expression} {self.op} {number_text(self.threshold)}"

    def long_form(self) -> str:
        """Every field, the defaults too: what is hashed and locked."""
        return f"{long_form(self.expression)} {self.op} {number_text(self.threshold)}"

    def fingerprint(self) -> str:
        """sha256 of the long form, as 64 hexadecimal digits."""
        return hashlib.sha256(self.long_form().encode()).hexdigest()


def long_form(expression: Expression) -> str:
    """The long form of a left side."""
    from .composite import Composite
    from .curve import OfCurve

    if isinstance(expression, Arithmetic | OfCurve):
        return expression.text(long_form)
    return expression.long_form() if isinstance(expression, Measure | Composite) else str(expression)


def refined_text(text: str, model: str | None, stratum: Stratum | None) -> str:
    """`text` with its refinements by a model and a stratum written behind it."""
    if model is not None:
        text += f".of({name_text(model)})"
    return text if stratum is None else f"{text}.where({stratum})"


def _operand(value: Expression | float) -> Expression:
    if isinstance(value, Expression):
        return value
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"{value!r} cannot stand in an expression; use measures and numbers")
    return Number(value)
