"""Finds expectations that so many images could never pass, before anything is measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np

from ..language import registry
from ..language.audit import Bounds
from ..language.expression import Expectation, Measure
from ..language.spec import MeasureSpec
from ..language.strata import Stratum
from .bounds import Plan
from .clusters import LEAST_CLUSTERS, clusters_of
from .columns import Columns
from .compound import blocks, tree_bound, tree_of
from .decide import holds
from .expansion import lives_on_differences, single_expectations, written_out
from .search import least_integer
from .values import Clustering, Column, Membership

#: so many images stand for any number of them, in the same shares
_STANDING = 200
#: a value of a measure without a range, far beyond any threshold
_FAR = 1e6
#: left sides of more different measures are not judged: what can be said of them is not worth 2^k decisions
_MOST_MEASURES = 4


@dataclass(frozen=True)
class Infeasible:
    """An expectation that `images` images of the stratum cannot show.

    ``needed``: the least number that could; None where none could.
    ``still``: the left side compares contexts, and the best that was supposed is that the context changes nothing.
    ``clusters``: how many clusters the images are of, where they are of clusters. ``outside``: the range of a measure,
    where the threshold is outside of it.
    """

    images: int
    needed: int | None
    stratum: str | None = None
    still: bool = False
    clusters: int | None = None
    outside: str = ""

    def __str__(self) -> str:
        if self.clusters is not None and self.clusters < LEAST_CLUSTERS:
            return (
                f"cannot pass with images of {self.clusters} clusters; needs at least {LEAST_CLUSTERS} (more images of "
                "the same clusters do not help), or a claim about these alone: Audit(claim='these_clusters')"
            )
        of = "" if self.stratum is None else f" of {self.stratum}"
        even = " even where the context changes nothing" if self.still else ""
        if self.outside:
            return f"cannot pass: {self.outside}"
        if self.needed is None:
            return f"cannot pass{even}: no number of images shows it; the threshold is the best value there is"
        few = f"cannot pass with {self.images} images{of}{even}; needs at least {self.needed}"
        if self.clusters is None:
            return few
        in_all = math.floor(self.needed * self.clusters / self.images)
        return f"{few}, of {in_all} clusters as large as these {self.clusters}"


def best_case(
    expectation: Expectation,
    images: int,
    *,
    confidence: float,
    about: Literal["process", "this_set"],
    bounds: Bounds = "approximate",
    shared: tuple[Clustering, ...] = (),
    size_of: Callable[[Stratum], int] | None = None,
    divided: Callable[[str], tuple[Stratum, ...]] = lambda by: (),
) -> Infeasible | None:
    """Why the expectation could not pass, whatever the images show; None where it could, or where that is not known.

    Every measure is put at that end of its range which is best, on all images, and the rule that will decide is asked.
    Under its contexts a measure of one model has the value that it has without: a context that changes nothing is the
    best that is supposed. (That a model gains under a context would make ``accuracy - accuracy.under(c) < 0.05`` pass
    with three images; who expects it needs no audit.) Every image counts as measured, and as independent of those with
    which it shares no cluster.

    Args:
        images: how many there are in all.
        shared: the clusters of the images, as far as they are known and the claim is not limited to them.
        size_of: how many of them a stratum holds, or the most that it can hold; None: all of them.
        divided: the strata that "label", "group" or a column divide the images into.

    Raises:
        ExpressionError: the expression divides by a constant 0.
    """
    if about == "this_set" or images < 1:
        return None
    size = (lambda stratum: images) if size_of is None else size_of
    found = [
        _single(single, images, Plan(confidence, guaranteed=bounds == "guaranteed"), size, shared)
        for single in single_expectations(expectation, DeclaredValues(images, size, {}, divided))
    ]
    return max((one for one in found if one is not None), key=lambda one: one.needed or np.inf, default=None)


def _single(
    expectation: Expectation,
    images: int,
    plan: Plan,
    size: Callable[[Stratum], int],
    shared: tuple[Clustering, ...],
) -> Infeasible | None:
    single = written_out(expectation)
    if lives_on_differences(single.expression):
        return None
    measures = list(dict.fromkeys(single.expression.measures()))
    kinds = list(dict.fromkeys(map(_kind, measures)))
    if len(kinds) > _MOST_MEASURES:
        return None
    strata = {measure.stratum for measure in measures}
    sizes = {stratum: images if stratum is None else min(images, size(stratum)) for stratum in strata}
    smallest = min(sizes, key=lambda stratum: sizes[stratum])
    together = clusters_of((one.name, one.codes) for one in shared) if set(strata) == {None} else ()
    clusters = min((one.sizes.size for one in together), default=None)
    if clusters is not None and clusters < LEAST_CLUSTERS:
        return Infeasible(images, None, clusters=clusters)
    known = tuple(Clustering(one.name, one.codes) for one in together)

    def enough(n: int) -> bool:
        # those there are stand for n, in the same shares
        standing = images if known else _STANDING
        return _passes(single, kinds, standing, lambda _: standing, replace(plan, images=n), known)

    if min(sizes.values()) < 1:
        return None  # an empty stratum is an error of its own
    alike = len(set(sizes.values())) == 1
    if enough(sizes[smallest]) if alike else _passes(single, kinds, images, size, plan, known):
        return None

    needed = least_integer(enough, sizes[smallest] + 1)
    if needed is not None and clusters is not None:  # whole clusters
        needed = math.ceil(math.ceil(needed * clusters / images) * images / clusters)
    return Infeasible(
        sizes[smallest],
        needed,
        None if smallest is None else str(smallest),
        len(kinds) < len({(_kind(measure), measure.context) for measure in measures}),
        clusters,
        _outside(single),
    )


def _outside(single: Expectation) -> str:
    """Explains a threshold outside the range of the measure; "" where it is inside."""
    measure, threshold = single.expression, single.threshold
    if not isinstance(measure, Measure):
        return ""
    entry = registry.entry_of(measure.spec)
    low, high = entry.declares.low, entry.declares.high
    if low is None or high is None or low <= threshold <= high:
        return ""
    meant = f"; did you mean {threshold / 100:.2f}?" if (low, high) == (0, 1) and 1 < threshold <= 100 else ""
    return f"{entry.name} lies between {low:g} and {high:g}{meant}"


_Kind = tuple[MeasureSpec, str | None, Stratum | None]


def _kind(measure: Measure) -> _Kind:
    """The key of measures that share one value under all contexts."""
    return measure.spec, measure.model, measure.stratum


def _passes(
    single: Expectation,
    kinds: list[_Kind],
    images: int,
    size: Callable[[Stratum], int],
    plan: Plan,
    shared: tuple[Clustering, ...],
) -> bool:
    side = "upper" if single.wants_low else "lower"
    for ends in product((True, False), repeat=len(kinds)):
        columns = Columns(DeclaredValues(images, size, dict(zip(kinds, ends, strict=True)), shared=shared))
        tree = tree_of(single.expression, columns)
        if any(not columns.known(group).any() for group in _groups(tree)):
            return True  # strata that share no image: nothing is known
        if holds(single, tree_bound(tree, side, columns, plan).value):
            return True
    return False


def _groups(tree: object) -> Iterator[list[Measure]]:
    for block in blocks(tree):  # type: ignore[arg-type]
        if group := list(block.measures()):
            yield group


@dataclass(frozen=True)
class DeclaredValues:
    """A table in which every kind of measure has one value on all images: the upper end of its range, or the lower."""

    images: int
    size: Callable[[Stratum], int]
    ends: Mapping[_Kind, bool]
    divided: Callable[[str], tuple[Stratum, ...]] = lambda by: ()
    shared: tuple[Clustering, ...] = ()

    def column(self, measure: Measure) -> Column:
        declares = registry.entry_of(measure.spec).declares
        up = self.ends[_kind(measure)]
        end = declares.high if up else declares.low
        if end is None:  # values that differ, or a measure without a range has no bound
            values = (_FAR if up else -_FAR) + np.linspace(-1.0, 1.0, self.images)
        else:
            values = np.full(self.images, float(end))
        return Column(values, {}, declares.scale, declares.low, declares.high)

    def members(self, stratum: Stratum, model: str | None) -> Membership:
        inside = np.arange(self.images) < self.size(stratum)
        return Membership(inside, np.zeros(self.images, dtype=bool))

    def clusterings(self, measure: Measure) -> tuple[Clustering, ...]:
        return self.shared

    def strata_by(self, by: str) -> tuple[Stratum, ...]:
        return self.divided(by)
