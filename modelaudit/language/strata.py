"""Strata: which images a measure is averaged over (``.where(correct)``, ``.where(object_area < 0.1)``).

Strata are their own type: ``object_area < 0.1`` is a stratum, never an expectation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .errors import ExpressionError
from .spec import name_text, number_text, one_of, within

Comparison = Literal["<", "<=", ">", ">="]


class Stratum:
    """Base of all strata; ``a & b`` keeps the images that are in both, and ``a & a`` is a."""

    def __and__(self, other: Stratum) -> Stratum:
        if not isinstance(other, Stratum):
            raise ExpressionError(f"{other!r} is no stratum; write e.g. correct & (object_area < 0.1)")
        parts = tuple(dict.fromkeys(_strata(self) + _strata(other)))
        return parts[0] if len(parts) == 1 else Both(parts)

    def __bool__(self) -> bool:
        raise ExpressionError(
            f"the stratum '{self}' has no truth value; combine strata with & and compare object_area once"
        )


@dataclass(frozen=True)
class Correct(Stratum):
    """Images that the model classifies right on the original image."""

    def __str__(self) -> str:
        return "correct"


@dataclass(frozen=True)
class Misclassified(Stratum):
    """Images that the model classifies wrong on the original image."""

    def __str__(self) -> str:
        return "misclassified"


@dataclass(frozen=True)
class Label(Stratum):
    """Images of one class, by the data's name, the model's name, or the model's index."""

    label: str | int

    def __str__(self) -> str:
        return f"label({name_text(self.label) if isinstance(self.label, str) else self.label})"


@dataclass(frozen=True)
class ObjectArea(Stratum):
    """Images whose object takes a share of the valid pixels (after geometry) below or above a limit."""

    op: Comparison
    limit: float

    def __post_init__(self) -> None:
        one_of(self.op, ("<", "<=", ">", ">="), "object_area")
        object.__setattr__(self, "limit", float(within(self.limit, 0.0, 1.0, "object_area")))

    def __str__(self) -> str:
        return f"object_area {self.op} {number_text(self.limit)}"


@dataclass(frozen=True)
class Both(Stratum):
    """Images that are in every one of `parts`."""

    parts: tuple[Stratum, ...]

    def __str__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, ObjectArea) else str(part) for part in self.parts)


class _ObjectAreaQuantity:
    """``object_area``: comparing it with a number gives a stratum."""

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


correct = Correct()
misclassified = Misclassified()
label = Label
object_area = _ObjectAreaQuantity()


def _strata(stratum: Stratum) -> tuple[Stratum, ...]:
    return stratum.parts if isinstance(stratum, Both) else (stratum,)
