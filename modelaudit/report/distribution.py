"""The values of single images: how they are distributed against the limit, and their mean by class, group and size."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ..evidence.image_values import RecordedImages, recorded_images
from ..evidence.record import CaseRecord, RunRecord
from .figures import Axis, Tick, axis_of, ticks_of
from .image_values import has_word, image_value, over_methods
from .sentences import digits_of, unit_of
from .words import Words

_BINS = 24
_MOST_TICKS = 5
#: what a proportion of one image can be, and a difference of two
_ALL_OR_NOTHING = (-1.0, 0.0, 1.0)
#: subgroups of one division that are listed
_MOST_LISTED = 6
_LEAST_WITH_SIZES = 6


@dataclass(frozen=True)
class Bar:
    """How many images have a value that is a word, and their share in per cent."""

    label: str
    count: str
    share: float


@dataclass(frozen=True)
class Histogram:
    """Columns as one path in a square of 100 x 100, the highest of which is 100 high; x in per cent of the width."""

    path: str
    ticks: tuple[Tick, ...]
    threshold: float
    threshold_label: str
    described: str


@dataclass(frozen=True)
class SubgroupView:
    """Some of the images: what they share, the mean of their values, and how many they are."""

    label: str
    mean: str
    images: str


@dataclass(frozen=True)
class DivisionView:
    """All images divided by one thing, the worst first; ``left_out`` says how many are not listed."""

    title: str
    subgroups: tuple[SubgroupView, ...]
    left_out: str


@dataclass(frozen=True)
class DistributionView:
    """The values of the images of one requirement: bars where they are words, otherwise a histogram."""

    bars: tuple[Bar, ...]
    histogram: Histogram | None
    of: str
    divisions: tuple[DivisionView, ...]


def distribution_view(record: RunRecord, index: int, words: Words) -> DistributionView | None:
    """What the images of a case say; None if it has none, or what is measured is not the mean of its images."""
    images = images_of(record)[index]
    case = record.cases[index]
    if images is None or len(images.values) < 2:
        return None
    bars = _bars(case, images.values, words)
    histogram = None if bars else _histogram(case, images.values, words)
    divisions = tuple(_divisions(case, images, words))
    if not bars and histogram is None:
        return None
    return DistributionView(bars, histogram, over_methods(case, words), divisions)


def images_of(record: RunRecord) -> tuple[RecordedImages | None, ...]:
    """The images of every case, worked out once a record."""
    return _images(_Identity(record))


class _Identity:
    """A record as a key of a cache: it is rendered in two languages, and again for its size."""

    def __init__(self, record: RunRecord) -> None:
        self.record = record

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and other.record is self.record

    def __hash__(self) -> int:
        return id(self.record)


@lru_cache(maxsize=1)
def _images(key: _Identity) -> tuple[RecordedImages | None, ...]:
    return recorded_images(key.record)


def _bars(case: CaseRecord, values: NDArray[np.float64], words: Words) -> tuple[Bar, ...]:
    """The worst value first; empty where the values are numbers of any size."""
    found, counts = np.unique(values, return_counts=True)
    if not all(has_word(case, value) or value in _ALL_OR_NOTHING for value in found.tolist()):
        return ()
    ordered = list(zip(found.tolist(), counts.tolist(), strict=True))
    if case.op in ("<", "<="):
        ordered.reverse()
    return tuple(
        Bar(image_value(case, value, words), words.count(count), round(100 * count / len(values), 2))
        for value, count in ordered
    )


def _histogram(case: CaseRecord, values: NDArray[np.float64], words: Words) -> Histogram | None:
    axis = axis_of([float(values.min()), float(values.max()), case.threshold])
    if axis is None:
        return None
    unit, digits = unit_of(case.left), digits_of(case)
    counts, left, width = _columns(values, case.threshold, axis)
    path = "".join(
        f"M{left + at * width:.4g} 100v{-100 * count / counts.max():.4g}h{width * 0.9:.3g}V100z"
        for at, count in enumerate(counts.tolist())
        if count
    )
    low = case.op in ("<", "<=")
    beyond = int((values > case.threshold).sum() if low else (values < case.threshold).sum())
    quarter, half, three = (words.quantity(float(one), unit, digits) for one in np.quantile(values, (0.25, 0.5, 0.75)))
    limit = words.limit(case.threshold, unit)
    described = words.ngettext(
        "distribution_described", beyond, all=words.count(len(values)), quarter=quarter, median=half, three=three
    )
    ticks = ticks_of(axis, unit, words)
    ticks = ticks[:: -(-len(ticks) // _MOST_TICKS)]
    return Histogram(path, ticks, axis.at(case.threshold), words._("threshold_of", limit=limit), described)


def _columns(values: NDArray[np.float64], limit: float, axis: Axis) -> tuple[NDArray[np.intp], float, float]:
    """Counts in equal bins, none with the limit within it; where the first begins and their width, in per cent."""
    step = (axis.high - axis.low) / _BINS
    first = limit - math.ceil((limit - axis.low) / step) * step
    last = first + (_BINS + 1) * step
    counts, _ = np.histogram(values.clip(first, last), bins=_BINS + 1, range=(first, last))
    return counts, 100 * (first - axis.low) / (axis.high - axis.low), 100 / _BINS


def _divisions(case: CaseRecord, images: RecordedImages, words: Words) -> Iterator[DivisionView]:
    """By class, by group and by the object's size, each where it divides the images."""
    labels = [sample.label for sample in images.samples]
    groups = [sample.group for sample in images.samples]
    for title, keys in ((words._("by_class"), labels), (words._("by_group"), groups)):
        names = sorted({key for key in keys if key is not None})
        parts = [(name, np.array([key == name for key in keys])) for name in names]
        yield from _division(title, parts, case, images, words)
    yield from _division(words._("by_object_size"), list(_sizes(images.areas, words)), case, images, words)


def _sizes(areas: NDArray[np.float64], words: Words) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """The images in three equally large parts by the size of their object."""
    known = np.isfinite(areas)
    if known.sum() < _LEAST_WITH_SIZES:
        return
    lower, upper = np.quantile(areas[known], (1 / 3, 2 / 3))
    if not areas[known].min() < lower < upper < areas[known].max():
        return
    ends = [words.quantity(float(end), "percent", 0) for end in (lower, upper)]
    yield words._("object_small", upper=ends[0]), areas <= lower
    yield words._("object_medium", lower=ends[0], upper=ends[1]), (areas > lower) & (areas <= upper)
    yield words._("object_large", lower=ends[1]), areas > upper


def _division(
    title: str,
    parts: Sequence[tuple[str, NDArray[np.bool_]]],
    case: CaseRecord,
    images: RecordedImages,
    words: Words,
) -> Iterable[DivisionView]:
    """One view, the worst subgroup first; None if there is only one."""
    found = [(float(images.values[inside].mean()), name, int(inside.sum())) for name, inside in parts if inside.any()]
    if len(found) < 2:
        return ()
    sign = -1 if case.op in ("<", "<=") else 1
    found.sort(key=lambda one: (sign * one[0], one[1]))
    unit, digits = unit_of(case.left), digits_of(case)
    subgroups = tuple(
        SubgroupView(name, words.quantity(mean, unit, digits), words.count(count))
        for mean, name, count in found[:_MOST_LISTED]
    )
    more = len(found) - len(subgroups)
    return (DivisionView(title, subgroups, words.ngettext("more_subgroups", more) if more else ""),)
