"""The algebra of measures, curves over doses, and expectations on them.

``accuracy.under(fade(each=[0, 0.5, 1]))`` is a curve. Compared with a number it must hold at every dose; ``.slope()``
and ``.area()`` make one number of it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal, NoReturn, get_args

from . import registry
from .calls import checked_call
from .errors import ExpressionError, nearest
from .spec import Context, MeasureSpec, as_context, is_finite, long_text, name_text, number_text, one_of, plain
from .strata import Comparison, Stratum

Operator = Literal["+", "-", "*", "/"]
Functional = Literal["slope", "area"]
#: the strata that "label", "group" or a column of the manifest divides the images into
Divided = Callable[[str], tuple[Stratum, ...]]
_OPERATORS = ("+", "-", "*", "/")
_PRECEDENCE = {"+": 1, "-": 1, "*": 2, "/": 2}


class Expression:
    """Base of all left sides. Refining an expression refines every measure in it.

    >>> from modelaudit.measures import accuracy, flip_rate
    >>> print((accuracy - flip_rate.under("lighting(3)")).of("candidate"))
    accuracy.of(candidate) - flip_rate.under(lighting(3)).of(candidate)
    """

    @checked_call
    def under(self, context: Context | type[Context] | str) -> Expression:
        """The same measure on images put under `context`. Compose contexts with ``a | b``."""
        wanted = as_context(context)
        return self._refined(lambda measure: measure._under(wanted))

    @checked_call
    def of(self, model: str) -> Expression:
        """The same measure of the model with that name in ``Audit(model={...})``."""
        if not isinstance(model, str) or not model:
            raise ExpressionError(f".of({model!r}): give the name of a model in Audit(model={{name: ...}})")
        return self._refined(lambda measure: measure._of(model))

    @checked_call
    def where(self, stratum: Stratum | str) -> Expression:
        """The same measure over the images of a stratum (or of its text); said twice, over the images of both."""
        wanted = registry.read("stratum", stratum) if isinstance(stratum, str) else stratum
        if not isinstance(wanted, Stratum):
            shown = f"'{stratum}'" if isinstance(stratum, Expression | Expectation) else repr(stratum)
            raise ExpressionError(f".where({shown}): give a stratum, e.g. correct, label('cat') or object_area < 0.1")
        return self._refined(lambda measure: measure._where(wanted))

    @checked_call
    def slope(self) -> Expression:
        """The slope of a curve over the doses of its series, in units of the measure a unit of dose."""
        return OfCurve("slope", self)

    @checked_call
    def area(self) -> Expression:
        """The mean height of a curve over the doses of its series (area under it, divided by the range of doses)."""
        return OfCurve("area", self)

    def measures(self) -> Iterator[Measure]:
        """Every measure in it, left to right; of a series one a dose."""
        raise NotImplementedError

    def long_form(self) -> str:
        """The text with every field and the versions of all definitions; of a part that has none its own text."""
        return str(self)

    def expansion(self, divided: Divided | None) -> Expression | None:
        """What it stands for where it is a name for other expressions; None where it stands for itself.

        Args:
            divided: the groups of a worst group; None: they are not told apart.
        """
        return None

    def ranking(self) -> Expression | None:
        """What images are ranked by, where that is another expression."""
        return None

    def _refined(self, change: Callable[[Measure], Measure]) -> Expression:
        raise NotImplementedError

    def _parts(self) -> tuple[Expression, ...]:
        """The expressions that it is made of."""
        return ()

    def _with_parts(self, parts: Sequence[Expression]) -> Expression:
        """The same made of other expressions."""
        return self

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

    def __call__(self, *args: Any, **kwargs: Any) -> Expression:
        """Itself: ``accuracy()`` is ``accuracy``, as in the text form."""
        if args or kwargs:
            raise ExpressionError(f"'{self}' takes no arguments in brackets; refine it by .under, .of and .where")
        return self

    def __abs__(self) -> NoReturn:
        raise ExpressionError(f"abs('{self}') is not possible; state two expectations, one above and one below zero")

    def _unknown_operator(self, other: object) -> NoReturn:
        raise ExpressionError(f"'{self}' and {other!r} are joined by an operator that expressions do not know: + - * /")

    __pow__ = __mod__ = __floordiv__ = _unknown_operator

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> NoReturn:
            raise AttributeError(f"a measure has no .{name}{nearest(name, ('under', 'of', 'where', 'slope', 'area'))}")

    def __bool__(self) -> NoReturn:
        raise ExpressionError(f"'{self}' has no truth value; compare it with a number to make an expectation")


@dataclass(frozen=True)
class Number(Expression):
    """A constant."""

    value: float

    def __post_init__(self) -> None:
        number_text(self.value)  # raises where it is not finite
        object.__setattr__(self, "value", float(self.value))

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

    def _parts(self) -> tuple[Expression, ...]:
        return self.left, self.right

    def _with_parts(self, parts: Sequence[Expression]) -> Expression:
        return Arithmetic(self.op, *parts)

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

    def expansion(self, divided: Divided | None) -> Expression:
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

    def _parts(self) -> tuple[Expression, ...]:
        return (self.curve,)

    def _with_parts(self, parts: Sequence[Expression]) -> Expression:
        return OfCurve(self.functional, *parts)

    def __str__(self) -> str:
        return self.text(str)

    def text(self, leaf: Callable[[Expression], str]) -> str:
        """The text with the curve written by `leaf`."""
        inner = leaf(self.curve)
        return f"{inner if isinstance(self.curve, Measure) else f'({inner})'}.{self.functional}()"


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
        threshold = plain(self.threshold)
        if isinstance(threshold, Expression):
            raise ExpressionError(
                f"'{self.expression}' is compared with '{threshold}': an expectation compares with a number; "
                f"write {self.expression} - ({threshold}) {self.op} 0"
            )
        if isinstance(threshold, bool) or not isinstance(threshold, int | float):
            raise ExpressionError(f"'{self.expression}' is compared with {threshold!r}, which is not a number")
        if not is_finite(threshold):
            shown = threshold if isinstance(threshold, float) else "too large an integer"
            raise ExpressionError(f"'{self.expression}' is compared with {shown}; give a finite number")
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
    if isinstance(expression, Arithmetic | OfCurve):
        return expression.text(long_form)
    return expression.long_form()


def refined_text(text: str, model: str | None, stratum: Stratum | None) -> str:
    """`text` with its refinements by a model and a stratum written behind it."""
    if model is not None:
        text += f".of({name_text(model)})"
    return text if stratum is None else f"{text}.where({stratum})"


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
        divided: the groups of a worst group; None: they are not told apart.
    """
    meaning = expression.expansion(divided)
    if meaning is not None:
        return expanded(meaning, divided)
    return expression._with_parts([expanded(part, divided) for part in expression._parts()])


def without_composites(expression: Expression, divided: Divided | None = None) -> Expression:
    """The expression with every composite written out; slopes, areas and series stay as they are."""
    meaning = None if isinstance(expression, OfCurve) else expression.expansion(divided)
    if meaning is not None:
        return without_composites(meaning, divided)
    return expression._with_parts([without_composites(part, divided) for part in expression._parts()])


def of_one_image(expression: Expression) -> Expression:
    """The expression written out as it can be evaluated on a single image."""
    ranking = expression.ranking()
    if ranking is None and isinstance(expression, Arithmetic):
        return expression._with_parts([of_one_image(part) for part in expression._parts()])
    return expanded(expression if ranking is None else ranking)


def open_doses(expression: Expression) -> tuple[float, ...]:
    """The doses at each of which an expectation on the expression must hold: those of curves compared as they are.

    Raises:
        ExpressionError: two open curves of different doses.
    """
    return doses_of(expanded(expression))


def _series(expression: Expression) -> Iterator[tuple[float, ...]]:
    if isinstance(expression, OfCurve):
        raise ExpressionError(f"'{expression}' is one number already; take slope or area once")
    if isinstance(expression, Measure) and expression.context is not None and expression.context.doses:
        yield expression.context.doses
    meaning = expression.expansion(None)
    for part in expression._parts() if meaning is None else (meaning,):
        yield from _series(part)


def _operand(value: Expression | float) -> Expression:
    if isinstance(value, Expression):
        return value
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ExpressionError(f"{value!r} cannot stand in an expression; use measures and numbers")
    return Number(value)


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
