"""Strata: which images a measure is averaged over (``.where(correct)``, ``.where(object_area < 0.1)``).

Strata are their own type: ``object_area < 0.1`` is a stratum, never an expectation.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

from .errors import ExpressionError
from .spec import name_text, number_text, one_of, plain, within

Comparison = Literal["<", "<=", ">", ">="]
_COMPARISONS: tuple[Comparison, ...] = get_args(Comparison)


class Stratum:
    """Base of all strata; ``a & b`` keeps the images that are in both, and ``a & a`` is a."""

    def __and__(self, other: Stratum) -> Stratum:
        if not isinstance(other, Stratum):
            raise ExpressionError(f"{other!r} is not a stratum; write e.g. correct & (object_area < 0.1)")
        parts = tuple(dict.fromkeys(_strata(self) + _strata(other)))
        return parts[0] if len(parts) == 1 else Both(parts)

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"the stratum '{self}' has no truth value; combine strata with & and compare object_area or a column once"
        )


@dataclass(frozen=True)
class Correct(Stratum):
    """Images that the model classifies right on the original image.

    >>> from modelaudit import correct
    >>> from modelaudit.measures import confidence
    >>> print(confidence.where(correct))
    confidence.where(correct)
    """

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
        if isinstance(limit, bool) or not isinstance(limit, int | float) or not _is_finite(limit):
            raise ExpressionError(f"column({name_text(self.name)}) {self.op} {limit!r}: give a finite number")
        object.__setattr__(self, "limit", float(limit))

    def __str__(self) -> str:
        return f"column({name_text(self.name)}) {self.op} {number_text(self.limit)}"


@dataclass(frozen=True)
class Both(Stratum):
    """Images that are in every one of `parts`."""

    parts: tuple[Stratum, ...]

    def __str__(self) -> str:
        return " & ".join(
            f"({part})" if isinstance(part, ObjectArea | ColumnNumber) else str(part) for part in self.parts
        )


class _ObjectAreaQuantity:
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


class ColumnQuantity:
    """``column(name)``: equal to a text, or compared with a number, it gives a stratum.

    >>> from modelaudit import column
    >>> print((column("camera") == "cam3") & (column("exposure") < 3))
    column(camera, cam3) & (column(exposure) < 3)
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = _text(name, "column(...)")

    def __eq__(self, value: object) -> Stratum:  # type: ignore[override]
        return ColumnIs(self.name, value)  # type: ignore[arg-type]

    def __ne__(self, value: object) -> Stratum:  # type: ignore[override]
        raise ExpressionError(f"{self} != {value!r}: strata know ==, <, <=, > and >=")

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


def _strata(stratum: Stratum) -> tuple[Stratum, ...]:
    return stratum.parts if isinstance(stratum, Both) else (stratum,)


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


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number that no float holds
        return False
