"""Strata: which images a measure is averaged over (``.where(correct)``, ``.where(object_area < 0.1)``).

Strata are their own type: ``object_area < 0.1`` is a stratum, never an expectation.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from types import UnionType
from typing import ClassVar, Literal, NoReturn, get_args

from .calls import CheckedCall
from .errors import ExpressionError
from .spec import is_finite, name_text, number_text, one_of, plain, within

Comparison = Literal["<", "<=", ">", ">="]
_COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)
_OPPOSITE: dict[Comparison, Comparison] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


class Stratum(metaclass=CheckedCall):
    """Base of all strata: ``a & b`` keeps the images that are in both, ``a | b`` those in either, ``~a`` all others.

    An image of which it is not known whether it is in ``a`` (it lacks the column, say) is neither in ``a`` nor in
    ``~a``. One meaning has one text: ``a & a`` is a, ``~~a`` is a, and the opposite of a comparison is a comparison.

    >>> from modelaudit import correct, label, object_area
    >>> print(~label("free") & (correct | (object_area < 0.1)))
    ~label(free) & (correct | (object_area < 0.1))
    >>> print(~correct, ~(object_area < 0.1), ~~label("free"))
    misclassified object_area >= 0.1 label(free)
    """

    def __and__(self, other: Stratum) -> Stratum:
        parts = tuple(dict.fromkeys((*conjuncts(self), *conjuncts(_stratum(other)))))
        return parts[0] if len(parts) == 1 else Both(parts)

    def __or__(self, other: Stratum) -> Stratum:
        parts = tuple(dict.fromkeys((*_alternatives(self), *_alternatives(_stratum(other)))))
        return parts[0] if len(parts) == 1 else Either(parts)

    def __invert__(self) -> Stratum:
        return Not(self)

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"the stratum '{self}' has no truth value; write & for and, | for or, ~ for not, "
            "and compare object_area or a column once"
        )

    def __call__(self, *args: object) -> Stratum:
        """Itself: ``correct()`` is ``correct``."""
        if args:
            raise ExpressionError(f"the stratum '{self}' takes no arguments in brackets")
        return self

    def _compared(self, other: object) -> NoReturn:
        raise ExpressionError(
            f"the stratum '{self}' says which images count and has no value to compare with {other!r}; put it behind a "
            f"measure, e.g. accuracy.where({self}) > 0.9"
        )

    __lt__ = __le__ = __gt__ = __ge__ = _compared


@dataclass(frozen=True)
class Correct(Stratum):
    """Images that the model classifies right on the original image.

    >>> from modelaudit import correct
    >>> from modelaudit.measures import confidence
    >>> print(confidence.where(correct))
    confidence.where(correct)
    """

    def __invert__(self) -> Stratum:
        return Misclassified()

    def __str__(self) -> str:
        return "correct"


@dataclass(frozen=True)
class Misclassified(Stratum):
    """Images that the model classifies wrong on the original image.

    >>> from modelaudit import misclassified
    >>> from modelaudit.measures import background_share
    >>> print(background_share("gradcam").where(misclassified))
    background_share(gradcam).where(misclassified)
    """

    def __invert__(self) -> Stratum:
        return Correct()

    def __str__(self) -> str:
        return "misclassified"


@dataclass(frozen=True)
class Label(Stratum):
    """Images of one class, by the data's name, the model's name, or the model's index.

    >>> from modelaudit import label
    >>> print(label("cat"))
    label(cat)
    """

    label: str | int

    written_as: ClassVar[str] = "label"
    example: ClassVar[str] = 'label("cat")'

    def __post_init__(self) -> None:
        label = plain(self.label)
        if isinstance(label, bool) or not isinstance(label, str | int) or label == "":
            raise ExpressionError(f"label({self.label!r}): give a class by its name or its index, e.g. label('cat')")
        object.__setattr__(self, "label", label)

    def __str__(self) -> str:
        return f"label({name_text(self.label) if isinstance(self.label, str) else self.label})"


@dataclass(frozen=True)
class ObjectArea(Stratum):
    """Images whose object takes a share of the valid pixels (after geometry) below or above a limit."""

    op: Comparison
    limit: float

    def __post_init__(self) -> None:
        one_of(self.op, _COMPARISONS, "object_area")
        object.__setattr__(self, "limit", float(within(self.limit, 0.0, 1.0, "object_area")))

    def __invert__(self) -> Stratum:
        return ObjectArea(_OPPOSITE[self.op], self.limit)

    def __str__(self) -> str:
        return f"object_area {self.op} {number_text(self.limit)}"


@dataclass(frozen=True)
class Group(Stratum):
    """Images of one group of the data (camera, line), by its name.

    >>> from modelaudit import correct, group
    >>> print(group("line_b") & correct)
    group(line_b) & correct
    """

    group: str

    written_as: ClassVar[str] = "group"
    example: ClassVar[str] = 'group("line_b")'

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", _text(self.group, "group(...)"))

    def __str__(self) -> str:
        return f"group({name_text(self.group)})"


@dataclass(frozen=True)
class ColumnIs(Stratum):
    """Images that have this text in a column of the data."""

    name: str
    value: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _text(self.name, "column(...)"))
        object.__setattr__(self, "value", _text(self.value, f"column({name_text(self.name)}) == ..."))

    def __str__(self) -> str:
        return f"column({name_text(self.name)}, {name_text(self.value)})"


@dataclass(frozen=True)
class ColumnNumber(Stratum):
    """Images whose number in a column of the data is below or above a limit."""

    name: str
    op: Comparison
    limit: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", _text(self.name, "column(...)"))
        one_of(self.op, _COMPARISONS, "column")
        limit = plain(self.limit)
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not is_finite(limit):
            raise ExpressionError(f"column({name_text(self.name)}) {self.op} {limit!r}: give a finite number")
        object.__setattr__(self, "limit", float(limit))

    def __invert__(self) -> Stratum:
        return ColumnNumber(self.name, _OPPOSITE[self.op], self.limit)

    def __str__(self) -> str:
        return f"column({name_text(self.name)}) {self.op} {number_text(self.limit)}"


@dataclass(frozen=True)
class Both(Stratum):
    """Images that are in every one of `parts`."""

    parts: tuple[Stratum, ...]

    def __str__(self) -> str:
        return " & ".join(_bracketed(part, ObjectArea | ColumnNumber | Either) for part in self.parts)


@dataclass(frozen=True)
class Either(Stratum):
    """Images that are in at least one of `parts`."""

    parts: tuple[Stratum, ...]

    def __str__(self) -> str:
        return " | ".join(_bracketed(part, ObjectArea | ColumnNumber) for part in self.parts)


@dataclass(frozen=True)
class Not(Stratum):
    """Images that are surely not in a stratum. Written as ``~stratum``, which takes a double negation away."""

    stratum: Stratum

    def __invert__(self) -> Stratum:
        return self.stratum

    def __str__(self) -> str:
        return f"~{_bracketed(self.stratum, Both | Either | ObjectArea | ColumnNumber)}"


class _Quantity:
    """What is compared first, and is a stratum then; Python's ~, & and | bind tighter than its comparisons."""

    def _compare_first(self, *_: object) -> NoReturn:
        raise ExpressionError(
            f"{self!r} is not a stratum before it is compared; put the comparison into brackets, e.g. ({self!r} < 0.1)"
        )

    __invert__ = __and__ = __rand__ = __or__ = __ror__ = _compare_first


class _ObjectAreaQuantity(_Quantity):
    """``object_area``: comparing it with a number gives a stratum.

    >>> from modelaudit import object_area
    >>> print(object_area < 0.1)
    object_area < 0.1
    """

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, limit: float) -> Stratum:
        return ObjectArea("<", limit)

    def __le__(self, limit: float) -> Stratum:
        return ObjectArea("<=", limit)

    def __gt__(self, limit: float) -> Stratum:
        return ObjectArea(">", limit)

    def __ge__(self, limit: float) -> Stratum:
        return ObjectArea(">=", limit)

    def __repr__(self) -> str:
        return "object_area"


class ColumnQuantity(_Quantity, metaclass=CheckedCall):
    """``column(name)``: equal to a text or not, or compared with a number, it gives a stratum.

    >>> from modelaudit import column
    >>> print((column("camera") == "cam3") & (column("exposure") < 3))
    column(camera, cam3) & (column(exposure) < 3)
    >>> print(column("camera") != "cam3")
    ~column(camera, cam3)
    """

    written_as: ClassVar[str] = "column"
    example: ClassVar[str] = 'column("camera")'

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = _text(name, "column(...)")

    def __eq__(self, value: object) -> Stratum:  # type: ignore[override]
        return ColumnIs(self.name, value)  # type: ignore[arg-type]

    def __ne__(self, value: object) -> Stratum:  # type: ignore[override]
        return ~ColumnIs(self.name, value)  # type: ignore[arg-type]

    def __lt__(self, limit: float) -> Stratum:
        return ColumnNumber(self.name, "<", limit)

    def __le__(self, limit: float) -> Stratum:
        return ColumnNumber(self.name, "<=", limit)

    def __gt__(self, limit: float) -> Stratum:
        return ColumnNumber(self.name, ">", limit)

    def __ge__(self, limit: float) -> Stratum:
        return ColumnNumber(self.name, ">=", limit)

    def __bool__(self) -> bool:
        raise ExpressionError(f'{self} has no truth value; compare it, e.g. {self} == "cam3" or {self} < 3')

    def __repr__(self) -> str:
        return f"column({name_text(self.name)})"


correct = Correct()
misclassified = Misclassified()
label = Label
object_area = _ObjectAreaQuantity()
group = Group
column = ColumnQuantity


def conjuncts(stratum: Stratum | None) -> tuple[Stratum, ...]:
    """The strata that an image must all be in to be in this one."""
    if isinstance(stratum, Both):
        return stratum.parts
    return () if stratum is None else (stratum,)


def strata_of(stratum: Stratum | None) -> Iterator[Stratum]:
    """The simple strata that a stratum is made of."""
    if isinstance(stratum, Both | Either):
        for part in stratum.parts:
            yield from strata_of(part)
    elif isinstance(stratum, Not):
        yield from strata_of(stratum.stratum)
    elif stratum is not None:
        yield stratum


def _alternatives(stratum: Stratum) -> tuple[Stratum, ...]:
    return stratum.parts if isinstance(stratum, Either) else (stratum,)


def _stratum(value: object) -> Stratum:
    if not isinstance(value, Stratum):
        raise ExpressionError(f"{value!r} is not a stratum; write e.g. correct & (object_area < 0.1)")
    return value


def _bracketed(stratum: Stratum, kinds: type | UnionType) -> str:
    return f"({stratum})" if isinstance(stratum, kinds) else str(stratum)


def _text(value: object, what: str) -> str:
    """A text as the data have it, in NFC; whole numbers as their digits.

    Raises:
        ExpressionError: neither a text nor a whole number, or empty.
    """
    value = plain(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise ExpressionError(f"{what}: {value!r} must be text: the name as it is in the data")
    return unicodedata.normalize("NFC", value)
