"""Strata of the measured samples: who belongs to one, by the same rules for a gallery and for a decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ...language.errors import ExpressionError, nearest
from ...language.sample import Sample
from ...language.strata import (
    Both,
    ColumnIs,
    ColumnNumber,
    Correct,
    Either,
    Group,
    Label,
    Misclassified,
    Not,
    ObjectArea,
    Stratum,
)
from ...language.text_column import HasColumns, TextColumn, attribute_names, column_of_attribute, column_of_texts
from .measured import Measured, MeasuredData, MeasuredSample, MeasuredSamples


@dataclass(frozen=True)
class Known:
    """What the whole data have: groups, columns, and what stands in the columns that strata name.

    Args:
        most: columns with more values than that are not listed whole, and any value may be one of them.
    """

    groups: Sequence[str]
    columns: Sequence[str]
    values: Mapping[str, Sequence[str]]
    most: int

    def check(self, stratum: Group | ColumnIs | ColumnNumber) -> None:
        """Raise an ExpressionError, with the nearest and what there is, where no sample has what a stratum names."""
        if isinstance(stratum, Group):
            if stratum.group not in self.groups:
                raise ExpressionError(f"{stratum}: no image is of that group{_there(stratum.group, self.groups)}")
            return
        self.check_column(stratum.name)
        values = self.values.get(stratum.name, ())
        if len(values) > self.most:
            return
        if isinstance(stratum, ColumnIs) and stratum.value not in values:
            raise ExpressionError(f"{stratum}: no image has that{_there(stratum.value, values)}")
        if isinstance(stratum, ColumnNumber) and all(math.isnan(number_of(value)) for value in values):
            raise ExpressionError(f"{stratum}: the column holds no number{_there('', values)}")

    def check_column(self, name: str) -> None:
        """Raise an ExpressionError where no sample has that column."""
        if name not in self.columns:
            raise ExpressionError(f"column({name!r}): no image has that column{_there(name, self.columns)}")


@dataclass(frozen=True)
class Facts:
    """Per-sample facts for one model, [n] each.

    Args:
        labels: the labels as the data name them.
        indices: the model's class index of each.
        correct: 1, 0, or NaN where it is not known; None when nobody asked.
        areas: the object's share of the valid pixels after geometry, NaN where there is no mask.
        classes: the model's class names.
        known_labels: all labels of the data, whatever the chunk.
        groups: the group of each, None where it has none.
        columns: what stands in the columns that strata name, None where a sample lacks it.
        known: what the whole data have; None where names need not be judged, since the decision does.
    """

    labels: Sequence[str] | TextColumn
    indices: NDArray[np.int64]
    correct: NDArray[np.float64] | None
    areas: NDArray[np.float64]
    classes: Sequence[str] | None
    known_labels: frozenset[str]
    groups: Sequence[str | None] = ()
    columns: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    known: Known | None = None


def membership(stratum: Stratum, facts: Facts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[n] bool each: inside, and not known.

    Raises:
        ExpressionError: the stratum names a class that neither the data nor the model have.
    """
    return joined(stratum, lambda part: _simple(part, facts))


def joined(
    stratum: Stratum, simple: Callable[[Stratum], tuple[NDArray[np.bool_], NDArray[np.bool_]]]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """[n] bool each, inside and not known, from those of the simple strata that a stratum is made of.

    What is not known stays so under ``~``; under ``&`` and ``|`` only where the other parts do not settle it.
    """
    if isinstance(stratum, Not):
        inside, unknown = joined(stratum.stratum, simple)
        return ~(inside | unknown), unknown
    if not isinstance(stratum, Both | Either):
        return simple(stratum)
    pairs = [joined(part, simple) for part in stratum.parts]
    of_all = np.all if isinstance(stratum, Both) else np.any
    possible = of_all([inside | unknown for inside, unknown in pairs], axis=0)
    certain = of_all([inside & ~unknown for inside, unknown in pairs], axis=0)
    return certain, possible & ~certain


def may_hold(stratum: Stratum, labels: Sequence[str]) -> NDArray[np.bool_]:
    """[n] bool: the images that can be in a stratum, where nothing but their labels is known."""
    named, known = np.array(labels), frozenset(labels)
    every, none = np.ones(len(named), dtype=bool), np.zeros(len(named), dtype=bool)

    def simple(part: Stratum) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        if isinstance(part, Label) and str(part.label) in known:
            return named == str(part.label), none
        return none, every

    inside, unknown = joined(stratum, simple)
    return np.asarray(inside | unknown)


def _simple(stratum: Stratum, facts: Facts) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if isinstance(stratum, Correct | Misclassified):
        assert facts.correct is not None
        wanted = 1.0 if isinstance(stratum, Correct) else 0.0
        return facts.correct == wanted, np.isnan(facts.correct)
    if isinstance(stratum, Label):
        return _labelled(stratum, facts), np.zeros(len(facts.labels), dtype=bool)
    if isinstance(stratum, Group | ColumnIs | ColumnNumber) and facts.known is not None:
        facts.known.check(stratum)
    if isinstance(stratum, Group):
        return _named(stratum.group, TextColumn.of(facts.groups))
    if isinstance(stratum, ColumnIs):
        return _named(stratum.value, _cells(stratum.name, facts))
    if isinstance(stratum, ObjectArea):
        return _compared(facts.areas, stratum)
    if isinstance(stratum, ColumnNumber):
        return _compared(_numbers(_cells(stratum.name, facts)), stratum)
    raise ExpressionError(f"the stratum '{stratum}' is not known to this version")


def number_of(cell: str | None) -> float:
    """The finite number that a cell holds, else NaN."""
    try:
        value = math.nan if cell is None or "_" in cell else float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _cells(name: str, facts: Facts) -> TextColumn:
    return TextColumn.of(facts.columns.get(name) or [None] * len(facts.labels))


def _numbers(cells: TextColumn) -> NDArray[np.float64]:
    """[n]: the finite number that each cell holds, else NaN."""
    names, codes = cells.coded()
    return np.array([*map(number_of, names), math.nan], dtype=np.float64)[codes]


def _named(wanted: str, cells: TextColumn) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    return (
        cells.equal(wanted),
        cells.absent,
    )


def _compared(
    values: NDArray[np.float64], stratum: ObjectArea | ColumnNumber
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    unknown = np.isnan(values)
    with np.errstate(invalid="ignore"):
        compared = {
            "<": values < stratum.limit,
            "<=": values <= stratum.limit,
            ">": values > stratum.limit,
            ">=": values >= stratum.limit,
        }[stratum.op]
    return compared & ~unknown, unknown


def _labelled(stratum: Label, facts: Facts) -> NDArray[np.bool_]:
    wanted = stratum.label
    if isinstance(wanted, str) and wanted in facts.known_labels:
        return TextColumn.of(facts.labels).equal(wanted)
    classes = list(facts.classes or ())
    if isinstance(wanted, str) and wanted in classes:
        wanted = classes.index(wanted)
    if isinstance(wanted, int):
        return np.asarray(facts.indices == wanted)
    known = [*facts.known_labels, *classes]
    raise ExpressionError(f"label({wanted!r}): neither the data nor the model have that class{nearest(wanted, known)}")


def _there(wanted: str, known: Sequence[str]) -> str:
    """The nearest, and what there is, cut to a length that can be read."""
    if not known:
        return "; there are none"
    listed = ", ".join(repr(one if len(one) <= 40 else one[:39] + "…") for one in known[:12])
    more = f" and {len(known) - 12} more" if len(known) > 12 else ""
    close = nearest(wanted, known)
    close = close if len(close) <= 200 else ""
    return f"{close}{'' if close.endswith('?') else ';'} there is {listed}{more}"


#: into so many parts a group or a column may divide the images
MOST = 200


def sample_facts(
    samples: Iterable[Sample],
    columns: Sequence[str],
    copy_of: Mapping[str, str] = MappingProxyType({}),
    contents: Callable[[Sample], tuple[str, str] | None] = lambda _: None,
) -> MeasuredSamples:
    """The samples as they leave the measurement, with these columns of theirs, and which of them are copies.

    Args:
        contents: the digests of a sample's image and mask, None where they are not known.
    """
    every = samples if isinstance(samples, Sequence) else list(samples)
    known = [contents(one) or _NO_CONTENT for one in every]
    return MeasuredSamples(
        {
            "id": TextColumn.of(one.id for one in every),
            "label": TextColumn.of(str(one.label) for one in every),
            "group": TextColumn.of(one.group for one in every),
            "cluster": TextColumn.of(one.cluster for one in every),
            "copy_of": TextColumn.of(copy_of.get(one.id) for one in every),
            "image": TextColumn.of(image for image, _ in known),
            "mask": TextColumn.of(mask for _, mask in known),
        },
        {name: TextColumn.of(one.attributes.get(name) or None for one in every) for name in columns},
    )


_NO_CONTENT: tuple[str | None, str | None] = (None, None)


def values_of(samples: Sequence[Sample], columns: Iterable[str]) -> dict[str, list[str]]:
    """The distinct values of these columns, in order; one more than `MOST` where there are more."""
    found = {name: sorted({one.attributes[name] for one in samples if one.attributes.get(name)}) for name in columns}
    return {name: values[: MOST + 1] for name, values in found.items() if values}


def known_of(measured: Measured) -> Known:
    """What the whole data have, those samples too that were not looked at."""
    samples, data = measured.samples, measured.data
    columns = {name: column_of_attribute(samples, name).distinct() for name in attribute_names(samples)}
    return Known(
        sorted({*_groups(samples), *([] if data is None else data.groups)}),
        sorted({*columns, *([] if data is None else data.columns)}),
        {**{name: sorted(values) for name, values in columns.items()}, **({} if data is None else data.values)},
        MOST,
    )


def divided_by(by: str, measured: Measured) -> tuple[Stratum, ...]:
    """One stratum a label, a group, or a text of a column; of an audit that may stop early those to come too.

    Raises:
        ExpressionError: the samples are not divided by that, or into more than `MOST` parts.
    """
    samples = measured.samples
    whole: MeasuredData | None = measured.data if measured.looks is not None else None
    if by == "label":
        labels = column_of_texts(samples, "label").distinct() if whole is None else set(whole.labels)
        return tuple(Label(one) for one in sorted(labels))
    known = known_of(measured)
    if by == "group":
        groups = _groups(samples) if whole is None else set(known.groups)
        if not groups:
            raise ExpressionError("by='group': no image has a group; the data's ?group= says where groups stand")
        return tuple(Group(one) for one in _few(groups, by))
    if by not in known.columns:
        there = ", ".join(repr(one) for one in ("label", "group", *known.columns[:12]))
        raise ExpressionError(
            f"by={by!r}: the samples are not divided by that{nearest(by, ['label', 'group', *known.columns])}; "
            f"there is {there}"
        )
    values = column_of_attribute(samples, by).distinct()
    return tuple(ColumnIs(by, one) for one in _few(values if whole is None else set(known.values.get(by, ())), by))


def _groups(samples: Sequence[MeasuredSample] | HasColumns) -> set[str]:
    return column_of_texts(samples, "group").distinct() - {""}


def _few(names: set[str], by: str) -> list[str]:
    if len(names) > MOST:
        raise ExpressionError(
            f"by={by!r} divides the images into more than {MOST} parts, too many to judge each; "
            "take a coarser column, or compare a number: column(...) < 3"
        )
    return sorted(names)
