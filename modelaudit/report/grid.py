"""Tables of cells by class: what they are made of, and how their values, ranges, models and data read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..evidence.record import RunRecord
from .naming import short_reference
from .words import Unit, Words

#: shades of a cell, from none to the worst
TONES = 7


@dataclass(frozen=True)
class CellView:
    """One cell: its value, the range between its bounds, images where not all of the class have a value."""

    value: str
    interval: str = ""
    images: str = ""
    tone: int = 0
    few: bool = False


@dataclass(frozen=True)
class RowView:
    label: str
    images: str
    cells: tuple[CellView, ...]


@dataclass(frozen=True)
class MatrixView:
    """One table; ``numbered`` are the contexts in words where the heads are their numbers, ``corner`` says what the
    rows are, and ``intro`` how the table is read where it is not read as the others."""

    title: str
    model: str
    data: str
    heads: tuple[str, ...]
    numbered: tuple[str, ...]
    rows: tuple[RowView, ...]
    notes: tuple[str, ...]
    corner: str
    intro: str = ""


def interval_text(lower: float | None, upper: float | None, unit: Unit, words: Words) -> str:
    """The bounds, rounded away from each other; without the sign of per cent, which stands at the value."""
    if lower is None or upper is None:
        return ""
    step = 100.0  # whole per cent, or two digits
    low, high = math.floor(round(lower * step, 6)) / step, math.ceil(round(upper * step, 6)) / step
    bare: Unit = "points" if unit == "percent" else "number"
    return words._(
        "range",
        **{name: words.tick(value, bare, digits_of(unit, 0)) for name, value in (("low", low), ("high", high))},
    )


def digits_of(unit: Unit, percent: int) -> int:
    """So many digits of per cent, or two."""
    return percent if unit == "percent" else 2


def capitalised(text: str, words: Words) -> str:
    """The beginning of a title."""
    return text[:1].upper() + text[1:] if words.language == "en" else text


def model_name(key: str, record: RunRecord, words: Words) -> str:
    """A model by the name that the audits have for it, else by its name among several, or by its reference."""
    given = [name for case in record.cases for name, one in case.model_names.items() if name and one == key]
    if given:
        return ", ".join(dict.fromkeys(given))
    for model in record.models:
        if model.key == key:
            named = ", ".join(model.names)
            return named if len(record.models) > 1 and named else short_reference(model.reference, words)
    return key.removeprefix("model:")


def data_name(key: str, record: RunRecord) -> str:
    """The reference of the data, where a run has several."""
    if len(record.data) < 2:
        return ""
    return next((data.reference for data in record.data if data.key == key), key)
