"""Answers as they were read from a file, row by row, and what counts as a number or a label in it."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .damage import Damage

#: what every row holds: a score of every class, or the strongest labels
AnswerKind = Literal["scores", "top"]
_LARGEST: Final = float(np.finfo(np.float32).max)
#: a cell of a score that is empty, or is a number that counts for nothing
_EMPTY = "row(s) with an empty score"
_NOT_FINITE = "score(s) that are not finite"
NOT_NUMBERS = "score(s) that are not numbers"
WRITE_NUMBERS = "write a finite number for every class"


@dataclass
class StoredAnswers:
    """The answers in a file, in its order.

    Args:
        kind: what every row holds.
        names: of kind "scores": the class of every column; None where rows are lists without names.
        width: columns a row: scores, or labels of kind "top".
        scored: whether there are scores, one a column.
        prefixed: whether the columns say that they are scores, so that they may be of classes that no label has.
        pictures: what each row says it is of.
        places: where each row is, for messages.
        digests: the sha256 of the picture's file that each row gives; "" for none.
        labels: of kind "top": the labels of each row, strongest first.
        digest: sha256 of the file.
        refused: what the rows that count for nothing say they are of: these have been told, and are not missing.
    """

    path: Path
    kind: AnswerKind
    names: tuple[str, ...] | None
    width: int
    scored: bool
    prefixed: bool = False
    digest: str = ""
    refused: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    labels: list[tuple[str, ...]] = field(default_factory=list)
    _numbers: array[float] = field(default_factory=lambda: array("f"), repr=False)

    @property
    def scores(self) -> NDArray[np.float32] | None:
        """[n, width] float32, as models give them; None of labels without scores."""
        if not self.scored:
            return None
        return np.frombuffer(self._numbers, dtype=np.float32).reshape(len(self.pictures), self.width)

    def add(
        self, place: str, picture: str, digest: str, numbers: Sequence[float], labels: tuple[str, ...] = ()
    ) -> None:
        """One more row."""
        self.pictures.append(picture)
        self.places.append(place)
        self.digests.append(digest)
        self._numbers.extend(numbers)
        if self.kind == "top":
            self.labels.append(labels)


def numbers_of(cells: Sequence[Any], names: Sequence[str], place: str, damage: Damage) -> Sequence[float] | None:
    """The scores of a row; None where one of them counts for nothing."""
    if all(map(_counts, cells)):
        return [float(cell) for cell in cells]
    for name, cell in zip(names, cells, strict=True):
        where = f"{place}, {name!r}: {cell!r}"
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            damage.count(_EMPTY, f"{place}, {name!r}", WRITE_NUMBERS)
        elif isinstance(cell, bool) or not _is_number(cell):
            damage.count(NOT_NUMBERS, where, WRITE_NUMBERS)
        elif not _counts(cell):
            damage.count(_NOT_FINITE, where, "look for what went wrong in the box on these pictures")
        else:
            continue
        return None
    return None


def _is_number(cell: Any) -> bool:
    """Whether a cell is a number, finite or not; Python's own ``1_000`` is none elsewhere."""
    if isinstance(cell, bool) or (isinstance(cell, str) and "_" in cell):
        return False
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    except OverflowError:
        return True
    return True


def _counts(cell: Any) -> bool:
    """Whether a cell is a number that a float32 can hold."""
    try:
        return _is_number(cell) and abs(float(cell)) <= _LARGEST
    except OverflowError:
        return False


def label_of(cell: Any) -> str:
    """A label as it is, spaces and all: which one it is is decided elsewhere. A whole number is its text."""
    if isinstance(cell, bool) or cell is None:
        return ""
    return cell if isinstance(cell, str) else str(cell)


def text_of(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)
