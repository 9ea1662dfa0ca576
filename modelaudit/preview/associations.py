"""Looks for what the class is tied to: columns of the data, and the surroundings of the objects."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..data.appearance import place_differences, surroundings_by_place
from ..data.base import Pixels
from ..language.associations import Association, ClassTie, Reason
from ..language.draws import order
from ..language.findings import DataFacts, Item, Kind, SampleFacts
from ..language.sample import DataSet, Sample
from ..statistics.association import (
    EXCHANGES,
    AssociationTest,
    Codes,
    association_test,
    contingency,
    exchange,
    holm,
)
from ..statistics.discriminant import recognition

#: the surroundings of so many images are measured
MOST_IMAGES = 5_000
#: classes of fewer images take no part where the class is recognised by the surroundings, and of more classes the
#: most frequent
_IMAGES_EACH, _CLASSES = 5, 100
_LEAST_IMAGES = 20
#: numbers of more different values than this are put into so many ranges, with as many images in each
_DISTINCT, _RANGES = 10, 5
_TIES, _SHOWN = 4, 6
#: exchanges for each test, so that Holm's correction can still find something
_FOR_EACH_TEST = 40

Places = Mapping[str, NDArray[np.float32]]


class SurroundingsSeen:
    """Keeps the surroundings of images as they are decoded; of more than 5,000, those first in a seeded order.

    Where the surroundings are not known (no mask) nothing is kept: the whole image would show the object.
    """

    def __init__(self, data: DataSet, seed: int = 0) -> None:
        drawn = sorted(data.samples, key=lambda sample: order(seed, sample.id, "association"))
        self._wanted = {sample.id for sample in drawn[:MOST_IMAGES]}
        self._lock = Lock()
        self.places: dict[str, NDArray[np.float32]] = {}

    def __call__(self, sample: Sample, image: Pixels, mask: Pixels | None) -> None:
        """Measures an image; may be called from several threads."""
        if sample.id not in self._wanted or (mask is None and not sample.without_object):
            return
        places = surroundings_by_place(image, mask)
        if np.isfinite(places[0]).any():
            with self._lock:
                self.places[sample.id] = places


@dataclass(frozen=True)
class ModelView:
    """Features that a model has of the surroundings alone.

    Args:
        reference: of the model.
        features: [columns, rows, columns of a grid] by id; NaN at places that it did not see.
    """

    reference: str
    features: Places


def associations(
    data: DataSet, facts: DataFacts, places: Places, *, view: ModelView | None = None, seed: int = 0
) -> tuple[Association, ...]:
    """Tests the class against the surroundings, a model's view of them, the group and every attribute.

    Images of one cluster, and pictures that are the same or nearly the same, are exchanged as a whole. All p-values are
    adjusted together by Holm's method.

    Args:
        facts: of the same data; names the pictures that are alike.
        places: the surroundings by id, as :class:`SurroundingsSeen` keeps them.
    """
    usable = [one for one in facts.samples if one.format]
    clusters = _clusters(usable, facts)
    labels = [one.label for one in usable]
    columns = list(_columns(data, usable))
    exchanges = max(EXCHANGES, _FOR_EACH_TEST * (len(columns) + 2) - 1)
    study = _Study(usable, labels, clusters, exchanges, seed)
    found = [study.surroundings("surroundings", "", places)]
    if view is not None:
        found.append(study.surroundings("model", view.reference, view.features))
    found += study.columns(columns)
    tested = [one for one in found if one.p is not None]
    adjusted = dict(zip(map(id, tested), holm([one.p or 0.0 for one in tested]), strict=True))
    return tuple(_told(replace(one, adjusted=adjusted.get(id(one)))) for one in found)


def tied(found: Sequence[Association], facts: DataFacts) -> Iterator[tuple[Kind, Item]]:
    """The findings: what the class is tied to, and classes whose images are all of one cluster."""
    for one in found:
        if one.found:
            yield Kind.CLASS_TIED, Item((), f"{one.name or one.about}: V {one.v:.2f}")
    if len(facts.clusters) > 1:
        for label, own in _by_label(facts.samples).items():
            shared = {one.cluster for one in own}
            if len(own) > 1 and len(shared) == 1 and None not in shared:
                yield Kind.CLASS_IN_ONE_CLUSTER, Item(tuple(one.id for one in own), f"{label}: {shared.pop()}")


@dataclass(frozen=True)
class _Study:
    """The images of a data set, and how they are tested."""

    usable: Sequence[SampleFacts]
    labels: Sequence[str]
    clusters: Codes
    exchanges: int
    seed: int

    def columns(self, columns: Sequence[tuple[str, Sequence[str | None]]]) -> Iterator[Association]:
        """One association a column; a column that divides the images as an earlier one does is named with that."""
        divisions: dict[bytes, str] = {}
        for number, (name, values) in enumerate(columns):
            division = _codes([value or "" for value in values])[0].tobytes()
            if division in divisions and name == divisions[division]:
                continue  # the column that the group is read from
            if division in divisions:
                yield Association("column", name, reason="same_as_column", detail=divisions[division])
                continue
            divisions[division] = name
            yield self._column(name, values, np.random.default_rng([self.seed, 2, number]))

    def _column(self, name: str, values: Sequence[str | None], rng: np.random.Generator) -> Association:
        known = np.array([at for at, value in enumerate(values) if value is not None], dtype=np.intp)
        told = _ranges([str(values[at]) for at in known])
        labels = [self.labels[at] for at in known]
        classes, names = _codes(labels)
        column, seen = _codes(told)
        clusters = self.clusters[known]
        none = Association("column", name, images=len(known), units=len(np.unique(clusters)))
        if name == "cluster":
            return replace(none, reason="clusters_are_exchanged")
        if reason := _untestable(classes, column, clusters, labels == told):
            return replace(none, reason=reason)
        how = exchange(classes, column, clusters, rng)
        if how is None:
            return replace(none, reason="few_clusters")
        test = association_test(classes, column, how, rng, self.exchanges)
        ids = [self.usable[at].id for at in known]
        return _with_test(replace(none, units=how.count), test, _column_ties(classes, column, names, seen, ids))

    def surroundings(self, about: Literal["surroundings", "model"], name: str, measured: Places) -> Association:
        """Recognises the class by what was measured of the surroundings, by id and place."""
        positions = [at for at, one in enumerate(self.usable) if one.id in measured]
        if len(set(self.labels)) < 2:
            return Association(about, name, reason="one_class")
        if not positions:
            masks = any(one.mask is not None for one in self.usable)
            return Association(about, name, reason="no_surroundings" if masks else "no_masks")
        kept = _frequent(positions, self.labels)
        clusters = self.clusters[kept]
        none = Association(about, name, images=len(kept), units=len(np.unique(clusters)))
        classes, names = _codes([self.labels[at] for at in kept])
        if len(names) < 2 or len(kept) < _LEAST_IMAGES:
            return replace(none, reason="few_images")
        rng = np.random.default_rng([self.seed, 1, about == "model"])
        how = exchange(classes, None, clusters, rng)
        if how is None:
            return replace(none, reason="few_clusters")
        ids = [self.usable[kept[at]].id for at in how.rows]
        used, names_used = _codes([names[at] for at in classes[how.rows]])
        if len(names_used) < 2:
            return replace(none, reason="few_images")
        result = recognition(
            place_differences(np.stack([measured[one] for one in ids])), used, how, rng, self.exchanges
        )
        by_chance = 1 / len(names_used)
        ties = []
        for at in np.argsort(-result.recalls, kind="stable")[:_TIES].tolist():
            own = [row for row in np.argsort(-result.margins, kind="stable").tolist() if used[row] == at]
            shown = tuple(ids[row] for row in own[:_SHOWN] if result.margins[row] > 0)
            if result.recalls[at] > by_chance:
                ties.append(ClassTie(names_used[at], "", float(result.recalls[at]), by_chance, shown))
        test = AssociationTest(result.v, result.p, result.chance)
        made = _with_test(replace(none, images=len(ids), units=how.count), test, ties)
        return replace(made, accuracy=result.accuracy, by_chance=by_chance)


def _with_test(association: Association, test: AssociationTest, ties: Iterable[ClassTie]) -> Association:
    return replace(association, v=test.v, p=test.p, chance=test.chance, ties=tuple(ties))


def _told(association: Association) -> Association:
    """Without ties where nothing was found."""
    return association if association.found else replace(association, ties=())


def _untestable(classes: Codes, column: Codes, clusters: Codes, same: bool) -> Reason:
    """Why a column cannot be tested; empty where it can."""
    units = len(np.unique(clusters))
    kinds, values = (len(np.unique(codes)) for codes in (classes, column))
    if kinds < 2:
        return "one_class"
    if same:
        return "same_as_class"
    if values < 2:
        return "one_value"
    if 2 * values > units:
        return "own_value_each"
    if len(classes) < _LEAST_IMAGES or units < 2 * kinds:
        return "few_images"
    return ""


def _column_ties(
    classes: Codes, column: Codes, names: Sequence[str], values: Sequence[str], ids: Sequence[str]
) -> Iterator[ClassTie]:
    """The pairs of class and value whose share in the class is furthest above that in all images, one a class."""
    table = contingency(classes, column)
    usual = table.sum(axis=0) / table.sum()
    shares = table / table.sum(axis=1, keepdims=True)
    excess = shares - usual
    for row in np.argsort(-excess.max(axis=1), kind="stable")[:_TIES].tolist():
        value = int(excess[row].argmax())
        if excess[row, value] > 0:
            own = np.flatnonzero((classes == row) & (column == value))[:_SHOWN]
            shown = tuple(ids[at] for at in own)
            yield ClassTie(names[row], values[value], float(shares[row, value]), float(usual[value]), shown)


def _columns(data: DataSet, usable: Sequence[SampleFacts]) -> Iterator[tuple[str, Sequence[str | None]]]:
    """The group, the cluster and the attributes of the images that can be read; values by image."""
    by_id = {sample.id: sample for sample in data.samples}
    samples = [by_id[one.id] for one in usable]
    for name in ("group", "cluster"):
        values = [getattr(sample, name) for sample in samples]
        if any(value is not None for value in values):
            yield name, values
    for name in sorted({name for sample in samples for name in sample.attributes}):
        yield name, [sample.attributes.get(name) for sample in samples]


def _clusters(usable: Sequence[SampleFacts], facts: DataFacts) -> Codes:
    """[n] what must be exchanged as a whole: the cluster, or the set of pictures that are alike; else the image."""
    alike = {}
    for finding in facts.findings:
        if finding.kind in (Kind.SAME, Kind.ALIKE, Kind.SAME_ACROSS_CLASSES, Kind.ALIKE_ACROSS_CLASSES):
            for number, item in enumerate(finding.items):
                alike.update(dict.fromkeys(item.ids, f"{finding.kind} {number}"))
    names = [f"cluster {one.cluster}" if one.cluster is not None else alike.get(one.id, one.id) for one in usable]
    return _codes(names)[0]


def _frequent(positions: Sequence[int], labels: Sequence[str]) -> NDArray[np.intp]:
    """The positions whose class has enough images, of the 100 most frequent classes."""
    counts: dict[str, int] = {}
    for at in positions:
        counts[labels[at]] = counts.get(labels[at], 0) + 1
    often = sorted((label for label in counts if counts[label] >= _IMAGES_EACH), key=lambda one: (-counts[one], one))
    wanted = set(often[:_CLASSES])
    return np.array([at for at in positions if labels[at] in wanted], dtype=np.intp)


def _ranges(values: Sequence[str]) -> list[str]:
    """The values; numbers of many different values as ranges that hold equally many images."""
    if len(set(values)) <= _DISTINCT:
        return list(values)
    try:
        numbers = np.array([float(value) for value in values])
    except ValueError:
        return list(values)
    if not np.isfinite(numbers).all():
        return list(values)
    ends = np.unique(np.quantile(numbers, np.linspace(0, 1, _RANGES + 1)[1:-1], method="inverted_cdf"))
    names = [f"{low:g} to {high:g}" for low, high in _bounds(numbers, ends)]
    return [names[at] for at in np.searchsorted(ends, numbers, side="left")]


def _bounds(numbers: NDArray[np.float64], ends: NDArray[np.float64]) -> Iterator[tuple[float, float]]:
    """The smallest and the largest number of every range."""
    place = np.searchsorted(ends, numbers, side="left")
    for at in range(len(ends) + 1):
        own = numbers[place == at]
        yield (float(own.min()), float(own.max())) if own.size else (math.nan, math.nan)


def _codes(names: Sequence[str]) -> tuple[Codes, list[str]]:
    """Names as 0, 1, ... in the order in which they come first."""
    known: dict[str, int] = {}
    codes = [known.setdefault(name, len(known)) for name in names]
    return np.array(codes, dtype=np.int64), list(known)


def _by_label(samples: Sequence[SampleFacts]) -> dict[str, list[SampleFacts]]:
    found: dict[str, list[SampleFacts]] = {}
    for sample in samples:
        found.setdefault(sample.label, []).append(sample)
    return found
