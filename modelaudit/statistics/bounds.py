"""Chooses the rule that bounds a left side: linear forms and ratios of them, over one stratum."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from .clusters import (
    LARGEST_FOR_TANGO,
    LEAST_CLUSTERS,
    Clusters,
    cluster_betting_lower,
    cluster_gaffke_lower,
    connected_clusters,
    design_effect,
    variances,
)
from .columns import Columns, Completed, complete_at_worst, estimate
from .intervals import bca, betting_lower, clopper_pearson, discordant_clopper_pearson, gaffke_lower, tango
from .linear import Linear, Ratio
from .search import find_root
from .sequences import Looks, sequence_lower, sequence_lower_expected, sequence_lower_without_replacement

#: a measure without a range has a bound from this many images on
IMAGES_WITHOUT_RANGE = 200
#: of fewer images on which two proportions differ Tango's rule errs up to .073: their difference is bounded as a mean
DISCORDANT_FOR_TANGO = 10
_FARTHEST_RATIO = 1e9
_NOT_PROVEN = "a measure without a range has no guaranteed bound; use Audit(bounds='approximate')"
_SHARED = {"cluster": "clusters", "donor": "donors", "copies": "different pictures"}


@dataclass(frozen=True)
class Bound:
    """One one-sided bound: infinite where there is none."""

    value: float
    rule: str
    guaranteed: bool
    note: str = ""

    def mirrored(self) -> Bound:
        """The bound of the negated left side."""
        return replace(self, value=0.0 - self.value)


@dataclass(frozen=True)
class Plan:
    """How a bound is computed: at which confidence, exactly (``about="this_set"``), or for other numbers of images.

    With `images` the observed images stand for that many, in the same shares (planning). With `inverting` the
    difference of two proportions is bounded as a mean: a ratio's bound is searched over t in ``A - t B``, and a rule
    that holds at t = 1 alone would tear a hole into the search. With `looks` the bounds are those of confidence
    sequences. `brief`: the verdict alone is wanted, not what else there is to say of it. `guaranteed`: by proven rules
    alone (``bounds="guaranteed"``).
    """

    confidence: float
    exact: bool = False
    images: int | None = None
    inverting: bool = False
    looks: Looks | None = None
    brief: bool = False
    guaranteed: bool = False


def lower_bound(form: Linear, columns: Columns, plan: Plan) -> Bound:
    """The lower bound of a linear form over one stratum."""
    if not form.terms:
        return Bound(form.constant, "exact", True, "the measures cancel: the left side is a constant")
    completed = complete_at_worst(form, columns)
    if completed.n == 0:
        return Bound(-math.inf, "none", True)
    if completed.values is None:
        return Bound(-math.inf, "none", True, "a missing value of an unbounded measure has no worst end")
    if plan.exact:
        return Bound(math.fsum(completed.values) / completed.n, "exact", True)
    if plan.looks is not None:
        return _sequence(form, completed, columns, plan, plan.looks)
    images = completed.n if plan.images is None else plan.images
    clusterings, of_two = columns.clusters(form.terms, completed.asked), _of_two(form, columns, plan)
    if clusterings:
        return _clustered(completed, clusterings, images, plan, of_two)
    coefficients = list(form.terms.values())
    if len(coefficients) == 1 and columns[next(iter(form.terms))].column.scale == "proportion":
        return _proportion(form.constant, coefficients[0], completed, images, plan.confidence)
    if of_two is not None and plan.guaranteed:
        return _difference(*of_two, completed, images, plan.confidence, proven=True)
    if of_two is not None and _discordant(*of_two, completed) * images >= DISCORDANT_FOR_TANGO:
        return _difference(*of_two, completed, images, plan.confidence)
    return _mean(completed, images, plan)


def _of_two(form: Linear, columns: Columns, plan: Plan) -> tuple[float, float] | None:
    """(constant, size) of a difference of two proportions, which Tango's rule bounds; None for anything else."""
    first, *others = form.terms.values()
    proportions = all(columns[measure].column.scale == "proportion" for measure in form.terms)
    return (form.constant, abs(first)) if proportions and others == [-first] and not plan.inverting else None


def upper_bound(form: Linear, columns: Columns, plan: Plan) -> Bound:
    """The upper bound of a linear form over one stratum."""
    return lower_bound(form.times(-1.0), columns, plan).mirrored()


def _proportion(constant: float, coefficient: float, completed: Completed, images: int, confidence: float) -> Bound:
    assert completed.values is not None
    ones = _share(completed, constant + coefficient) * images
    low, high = clopper_pearson(ones, images, confidence)
    return Bound(constant + coefficient * (low if coefficient > 0 else high), "clopper_pearson", True)


def _difference(
    constant: float, size: float, completed: Completed, images: float, confidence: float, *, proven: bool = False
) -> Bound:
    gains, losses = _share(completed, constant + size) * images, _share(completed, constant - size) * images
    rule = discordant_clopper_pearson if proven else tango
    low = rule(gains, losses, images, confidence)[0]
    return Bound(constant + size * low, "discordant_clopper_pearson" if proven else "tango", proven)


def _discordant(constant: float, size: float, completed: Completed) -> float:
    """The share of images on which the two proportions differ."""
    return _share(completed, constant + size) + _share(completed, constant - size)


def _share(completed: Completed, value: float) -> float:
    assert completed.values is not None
    return float(np.mean(np.isclose(completed.values, value, rtol=1e-9, atol=1e-12)))


def _mean(completed: Completed, images: int, plan: Plan) -> Bound:
    assert completed.values is not None
    spread = completed.high - completed.low
    if not math.isfinite(spread):
        return _unbounded(completed, images, plan)
    unit = (completed.values - completed.low) / spread
    if plan.guaranteed:
        repeated = unit if images == unit.size else np.resize(unit, images)
        return Bound(completed.low + spread * betting_lower(repeated, plan.confidence), "betting", True)
    low = gaffke_lower(unit, plan.confidence, repeat=images / unit.size)
    return Bound(completed.low + spread * low, "gaffke", False)


def _clustered(
    completed: Completed,
    clusterings: tuple[Clusters, ...],
    images: int,
    plan: Plan,
    of_two: tuple[float, float] | None,
) -> Bound:
    """The bound over clusters; with `images` there are as many more clusters of the same kind."""
    assert completed.values is not None
    if plan.guaranteed:
        clusterings = (connected_clusters(clusterings),)
    fewest, times = min(clusterings, key=lambda one: one.sizes.size), images / completed.n
    if fewest.sizes.size * times < LEAST_CLUSTERS:
        few = f"images of {fewest.sizes.size} {_SHARED.get(fewest.name, fewest.name)}"
        return Bound(-math.inf, "none", False, f"{few}: at least {LEAST_CLUSTERS} are needed to decide anything")
    clusters, _, variance, alone = variances(completed.values, clusterings)
    shared = f"images of {clusters.sizes.size} {_SHARED.get(clusters.name, clusters.name)}"
    note = f"{shared}: more images help where they are of new ones"
    if alone > 0 and variance > alone:
        count = max(1, round(completed.n * alone / variance))
        note = f"{shared}: counts as about {count} independent ones; more images help where they are of new ones"
    spread = completed.high - completed.low
    if not math.isfinite(spread):
        return _clustered_unbounded(completed, clusters, variance / times, images, plan)
    unit, confidence = (completed.values - completed.low) / spread, plan.confidence
    if plan.guaranteed:
        mean = float(np.mean(unit))
        low = mean - (mean - cluster_betting_lower(unit, clusters, confidence)) / math.sqrt(times)
        return Bound(completed.low + spread * low, "betting, clustered", True, note)
    low = cluster_gaffke_lower(unit, clusterings, confidence, times=times)
    found = Bound(completed.low + spread * low, "gaffke, clustered", False, note)
    counted = images / design_effect(unit, clusters, times=times)
    of_few = of_two is not None and _discordant(*of_two, completed) * counted < DISCORDANT_FOR_TANGO
    if of_two is None or len(clusterings) > 1 or clusters.size_per_image > LARGEST_FOR_TANGO or of_few:
        return found
    apart = _difference(*of_two, completed, counted, confidence)
    return found if found.value >= apart.value else replace(apart, rule="tango, clustered", note=note)


def _clustered_unbounded(completed: Completed, clusters: Clusters, variance: float, images: int, plan: Plan) -> Bound:
    assert completed.values is not None
    mean = float(np.mean(completed.values))
    totals = np.bincount(clusters.codes, weights=completed.values - mean)
    count = clusters.sizes.size * images / completed.n
    if plan.guaranteed:
        return Bound(-math.inf, "none", True, _NOT_PROVEN)
    if images < IMAGES_WITHOUT_RANGE or bca(totals, plan.confidence) is None:
        note = f"a measure without a range is decided from {IMAGES_WITHOUT_RANGE} images on, without spikes"
        return Bound(-math.inf, "none", False, note)
    low = mean - float(stdtrit(count - 1, plan.confidence)) * math.sqrt(variance)
    return Bound(
        low, "cluster_t", False, "a measure without a range: the bound is approximate and blind to rare extremes"
    )


def _sequence(form: Linear, completed: Completed, columns: Columns, plan: Plan, looks: Looks) -> Bound:
    """The bound that holds at every look."""
    assert completed.values is not None
    spread = completed.high - completed.low
    if not math.isfinite(spread):  # without a sequence it keeps the audit looking, so the only look is the last one
        images = completed.n if plan.images is None else plan.images
        if completed.asked.size >= looks.available and not looks.of_this_set:
            return _unbounded(completed, images, plan)
        return Bound(-math.inf, "none", False, "a measure without a range is not decided before all images are there")
    unit = (completed.values - completed.low) / spread
    if looks.of_this_set:
        every = np.zeros(completed.asked.shape)
        every[completed.asked] = unit
        low = sequence_lower_without_replacement(every, plan.confidence, looks.available, completed.asked)
        return Bound(completed.low + spread * low, "wor_sequence", True)
    taken = columns.taken(form.terms, completed.asked)
    unit, passed = unit[taken], int((~taken).sum())
    note = f"{passed} of {completed.n} images are passed over: who lends them the background lent it before"
    if plan.images is None:
        low = sequence_lower(unit, plan.confidence)
    else:
        low = sequence_lower_expected(unit, plan.confidence, round(plan.images * unit.size / completed.n))
    return Bound(completed.low + spread * low, "betting_sequence", True, note if passed else "")


def _unbounded(completed: Completed, images: int, plan: Plan) -> Bound:
    assert completed.values is not None
    if plan.guaranteed:
        return Bound(-math.inf, "none", True, _NOT_PROVEN)
    if images < IMAGES_WITHOUT_RANGE:
        note = f"a measure without a range is decided from {IMAGES_WITHOUT_RANGE} images on"
        return Bound(-math.inf, "none", False, note)
    interval = bca(completed.values, plan.confidence)
    if interval is None:
        return Bound(-math.inf, "none", False, "a measure without a range, with equal or spiked values, has no bound")
    mean = float(np.mean(completed.values))
    low = mean + (interval[0] - mean) * math.sqrt(completed.n / images)
    return Bound(low, "bca", False, "a measure without a range: the bound is approximate and blind to rare extremes")


def ratio_estimate(ratio: Ratio, columns: Columns) -> float | None:
    """The ratio of the means over complete images; None where there is none, or the denominator is 0."""
    measures = list(ratio.measures())
    above, below = (estimate(form, columns, measures) for form in (ratio.numerator, ratio.denominator))
    return None if above is None or below is None or below == 0 else above / below


def ratio_bound(ratio: Ratio, side: str, columns: Columns, plan: Plan) -> Bound:
    """The bound of A / B on one side ("lower" or "upper").

    Where a bound of B shows its sign, ``A / B > t`` is ``A - t B > 0`` (B positive), paired; the bound of the ratio is
    the t at which the bound of ``A - t B`` crosses 0 (Fieller's way, with the rules of this module).
    """
    if ratio.plain:
        return (lower_bound if side == "lower" else upper_bound)(ratio.numerator, columns, plan)
    above, below = ratio.numerator, ratio.denominator
    if upper_bound(below, columns, plan).value < 0:
        above, below = above.times(-1.0), below.times(-1.0)
    elif not lower_bound(below, columns, plan).value > 0:
        return Bound(-math.inf if side == "lower" else math.inf, "none", True, "the denominator cannot be told from 0")
    if side == "upper":
        return _inverted(above.times(-1.0), below, columns, plan).mirrored()
    return _inverted(above, below, columns, plan)


def ratio_beyond(ratio: Ratio, threshold: float, side: str, columns: Columns, plan: Plan) -> bool:
    """Whether the bound of A / B on one side lies beyond a threshold: one bound of ``A - t B``, no search for it."""
    above, below = ratio.numerator, ratio.denominator
    if upper_bound(below, columns, plan).value < 0:
        above, below = above.times(-1.0), below.times(-1.0)
    elif not lower_bound(below, columns, plan).value > 0:
        return False
    distance = above.plus(below, -threshold)
    oriented = distance if side == "lower" else distance.times(-1.0)
    return lower_bound(oriented, columns, replace(plan, inverting=True)).value > 0


def _inverted(above: Linear, below: Linear, columns: Columns, plan: Plan) -> Bound:
    """The largest t with a positive lower bound of ``above - t * below``, for a positive `below`."""

    def at(t: float) -> Bound:
        return lower_bound(above.plus(below, -t), columns, replace(plan, inverting=True))

    middle = ratio_estimate(Ratio(above, below), columns) or 0.0
    low = high = middle
    step = max(abs(middle), 0.1)
    while at(high).value > 0:
        if step > _FARTHEST_RATIO:
            return replace(at(high), value=high)
        low, high = high, high + step
        step *= 2
    step = max(abs(middle), 0.1)
    while not at(low).value > 0:
        if step > _FARTHEST_RATIO:
            return Bound(-math.inf, "none", True)
        low -= step
        step *= 2
    crossing = find_root(lambda t: at(t).value, low, high)
    inside = at(crossing - 1e-6 * max(1.0, abs(crossing)))
    return replace(inside, value=crossing, note="a ratio, decided as numerator - threshold * denominator")
