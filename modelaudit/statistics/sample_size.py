"""How many images an audit needs: the smallest number that passes with a given power, by the rule that decides.

The true value is assumed to be `margin` on the right side of the threshold. What else must be known comes from a pilot
run (:func:`from_pilot`) or is assumed (:mod:`~modelaudit.statistics.assumptions`):

- a proportion: nothing;
- a difference of proportions on the same images: the share of images on which they differ, at least the difference;
- a mean: the pilot's values, all moved by the same amount and cut at the ends of the range, so that their mean is the
  supposed one;
- a ratio ``A / B``: the mean of ``A - t B``, which is the margin times that of B; of two proportions the pilot's share
  of images on which they differ, at least their difference;
- where images of one cluster belong together: the bound of the pilot, shifted, with the spread of its clusters' totals.

Missing values of the pilot keep their share, and stay at their worst end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..language.audit import Bounds, Claim
from ..language.errors import ExpressionError
from ..language.expression import Expectation
from .assumed_distribution import (
    Distribution,
    Kind,
    PilotValues,
    base_and_difference,
    is_of_two_proportions,
    ratio_of_proportions,
)
from .bounds import DISCORDANT_FOR_TANGO, Plan, lower_bound
from .columns import Columns, complete_at_worst
from .compound import tree_bound, tree_estimate, tree_of
from .expansion import single_expectations, written_out
from .linear import Linear, Ratio
from .power import power, power_lower_bound
from .search import least_integer
from .values import ColumnTable

MOST_IMAGES = 1_000_000
Values = NDArray[np.float64]
Codes = NDArray[np.int64]
#: images of clusters beyond those that the normal law of their mean would need
RESERVE = 1.1
_OUT_OF_RANGE = "the margin leads out of the range of the measure; ask for a smaller one"
_MISSING = "missing values alone keep it open at this margin"
_ONE_CLUSTER = "the pilot has too few clusters, or one of them holds nearly all images"
_ABOUT = "images of one cluster count less, as in the pilot; more of them help where they are of new clusters"
_TOO_MANY = f"not with {MOST_IMAGES} images"


@dataclass(frozen=True)
class SampleSize:
    """What one part of an expectation (a method, a dose, a group) needs.

    Args:
        text: the part.
        supposed: the assumed true value of its left side.
        images: of its stratum; None where no number would do.
        rule: what decides at that number.
        reached: the power there.
        share: of all images, that the stratum holds.
        clusters: how many, of about ``images / clusters`` images each; None where images are independent.
        note: why there is no number, or what limits it.
    """

    text: str
    supposed: float
    images: int | None = None
    rule: str = "none"
    reached: float | None = None
    share: float = 1.0
    stratum: str | None = None
    clusters: int | None = None
    note: str = ""

    @property
    def in_all(self) -> int | None:
        """How many images of all strata that takes."""
        return None if self.images is None or self.share <= 0 else math.ceil(self.images / self.share - 1e-9)


@dataclass(frozen=True)
class PowerTarget:
    """The power to pass with when the true value is `margin` from the threshold, at the confidence of the verdict.

    Raises:
        ExpressionError: a number outside its range.
    """

    margin: float
    power: float = 0.8
    confidence: float = 0.95
    bounds: Bounds = "approximate"

    @property
    def guaranteed(self) -> bool:
        """Whether proven rules alone decide."""
        return self.bounds == "guaranteed"

    def __post_init__(self) -> None:
        if not 0 < self.margin < math.inf:
            raise ExpressionError(
                f"margin={self.margin!r}: must be positive: the distance of the true value from the threshold"
            )
        if not 0.5 <= self.power < 1:
            raise ExpressionError(f"power={self.power!r} must be at least 0.5 and below 1; 0.8 is usual")
        if not 0.5 < self.confidence < 1:
            raise ExpressionError(f"confidence={self.confidence!r} must be between 0.5 and 1; 0.95 is usual")

    def each(self, parts: int) -> PowerTarget:
        """For each of several parts that must all pass: each may miss its share of what the whole may (Boole)."""
        return replace(self, power=1 - (1 - self.power) / parts)

    def supposed(self, expectation: Expectation) -> float:
        """The assumed true value of the left side."""
        return expectation.threshold + (-self.margin if expectation.wants_low else self.margin)


def from_pilot(
    expectation: Expectation, table: ColumnTable, wanted: PowerTarget, *, claim: Claim | None = None
) -> tuple[SampleSize, ...]:
    """What each part of the expectation needs, with the spread that a pilot found.

    All parts (methods, doses, groups) are supposed at the same margin, which is the worst case.

    Raises:
        DataError: values that contradict their own declaration.
    """
    columns = Columns(table, claim=claim)
    parts = [written_out(single, columns) for single in single_expectations(expectation, table)]
    return tuple(_pilot(part, columns, wanted.each(len(parts))) for part in parts)


def _pilot(part: Expectation, columns: Columns, wanted: PowerTarget) -> SampleSize:
    tree = tree_of(part.expression, columns)
    measures = list(dict.fromkeys(part.expression.measures()))
    blank = SampleSize(str(part), wanted.supposed(part))
    if not all(columns[measure].known.any() for measure in measures):
        return replace(blank, note="the pilot has no image with these values")
    if not isinstance(tree, Ratio):
        return _by_width(part, columns, wanted, blank)
    form = oriented(part, tree)
    first, target = columns[measures[0]], wanted.margin
    blank = replace(
        blank,
        share=float(first.asked.mean()),
        stratum=None if measures[0].stratum is None else str(measures[0].stratum),
    )
    if not tree.plain:
        target *= abs(_mean_of(tree.denominator, columns))
    completed = complete_at_worst(form, columns)
    if completed.values is None:
        return replace(blank, note="a missing value of a measure without a range has no worst end")
    pilot = PilotValues(completed.values, columns.known(list(form.terms))[first.asked], completed.low, completed.high)
    distribution = pilot.distribution(kind_of(form, columns, ratio=not tree.plain), form, target)
    if not tree.plain and is_of_two_proportions(tree, columns):
        distribution = _ratio_distribution(part, tree, columns, wanted, pilot)
    if distribution is None:
        return replace(blank, note=_OUT_OF_RANGE)
    shared = [one.codes[first.asked] for one in columns.clusterings(form.terms)]
    together = [codes for codes in map(_numbered, shared) if codes.max() + 1 < codes.size]
    return _clustered(
        required_size(distribution, wanted, blank), form, columns, pilot, together, target, wanted, ratio=not tree.plain
    )


def oriented(part: Expectation, tree: Ratio) -> Linear:
    """The form that must be shown to be positive; a denominator is taken as positive."""
    form = tree.numerator.plus(tree.denominator, -part.threshold)
    return form.times(-1.0) if part.wants_low else form


def kind_of(form: Linear, columns: Columns, *, ratio: bool) -> Kind:
    """Which rule bounds a form, as :func:`~modelaudit.statistics.bounds.lower_bound` chooses it."""
    coefficients = list(form.terms.values())
    if all(columns[measure].column.scale == "proportion" for measure in form.terms):
        if len(coefficients) == 1:
            return "proportion"
        if len(coefficients) == 2 and coefficients[0] == -coefficients[1] and not ratio:
            return "difference"
    return "mean"


def _ratio_distribution(
    part: Expectation, tree: Ratio, columns: Columns, wanted: PowerTarget, pilot: PilotValues
) -> Distribution | None:
    found = ratio_of_proportions(part, wanted.supposed(part), *base_and_difference(tree, columns))
    return None if found is None else pilot.with_missing(*found)


def required_size(distribution: Distribution, wanted: PowerTarget, blank: SampleSize) -> SampleSize:
    """The smallest number of independent images from which on they pass with the power that is wanted."""
    if distribution.mean <= 0:
        return replace(blank, note=_MISSING)
    level, proven = wanted.confidence, wanted.guaranteed

    def enough(n: int) -> bool:
        return power_lower_bound(distribution, n, level, guaranteed=proven) >= wanted.power

    n = smallest_size(enough, exact=distribution.kind != "mean")
    if n is None:
        return replace(blank, note=_TOO_MANY)
    reached = power(distribution, n, level, guaranteed=proven)
    return replace(blank, images=n, rule=_rule(distribution, n, wanted), reached=reached)


def _clustered(
    found: SampleSize,
    form: Linear,
    columns: Columns,
    pilot: PilotValues,
    together: Sequence[Codes],
    target: float,
    wanted: PowerTarget,
    *,
    ratio: bool,
) -> SampleSize:
    """The same where images belong together: the pilot's bound over clusters, moved and for n images, with the power.

    The spread of the mean is that of the totals of the pilot's clusters, and shrinks with the root of n; a tenth more
    images are for means that are not normal.
    """
    if not together or found.images is None:
        return found
    none = replace(found, images=None, rule="none", reached=None, note=_ONE_CLUSTER)
    if any(at.max() == 0 for at in together):
        return none
    shift = target - float(pilot.values[pilot.known].mean())
    centred = pilot.values - pilot.values.mean()
    spread = max(float(np.sum(np.bincount(at, centred) ** 2)) for at in together)
    reserve = float(ndtri(wanted.power)) * math.sqrt(spread / pilot.values.size)
    plan = Plan(wanted.confidence, inverting=ratio, guaranteed=wanted.guaranteed)

    def enough(n: int) -> bool:
        bound = lower_bound(form, columns, replace(plan, images=n)).value + shift
        return bound - reserve / math.sqrt(n) > 0

    n = smallest_size(enough, exact=False)
    if n is None:
        return none
    n = max(math.ceil(RESERVE * n), found.images)
    size = max(at.size / (at.max() + 1) for at in together)
    rule = lower_bound(form, columns, replace(plan, images=n)).rule
    return replace(found, images=n, rule=rule, reached=wanted.power, clusters=max(1, round(n / size)), note=_ABOUT)


def _numbered(codes: Codes) -> Codes:
    """Codes from 0 on; an image on its own (-1) has one of its own."""
    own = codes < 0
    return np.unique(np.where(own, codes.max(initial=-1) + np.cumsum(own), codes), return_inverse=True)[1].reshape(-1)


def _by_width(part: Expectation, columns: Columns, wanted: PowerTarget, blank: SampleSize) -> SampleSize:
    """Where no single rule decides: the pilot's distance from estimate to bound shrinks with the root of n."""
    tree = tree_of(part.expression, columns)
    estimate = tree_estimate(tree, columns)
    bound = tree_bound(
        tree, "upper" if part.wants_low else "lower", columns, Plan(wanted.confidence, guaranteed=wanted.guaranteed)
    ).value
    if estimate is None or not math.isfinite(bound):
        return replace(blank, note="the pilot has too few images to bound this left side")
    reserve = 1 + float(ndtri(wanted.power)) / float(ndtri(wanted.confidence))
    pilot = columns[next(iter(part.expression.measures()))].asked.size
    images = math.ceil(pilot * (reserve * abs(bound - estimate) / wanted.margin) ** 2)
    return replace(
        blank, images=images, rule="interval_arithmetic", note="from the width of the pilot's interval; approximate"
    )


def _mean_of(form: Linear, columns: Columns) -> float:
    known = columns.known(list(form.terms)) if form.terms else np.ones(1, dtype=bool)
    return form.constant + sum(c * float(columns[m].column.values[known].mean()) for m, c in form.terms.items())


def _rule(distribution: Distribution, n: int, wanted: PowerTarget) -> str:
    if wanted.guaranteed and distribution.kind != "proportion":
        return "discordant_clopper_pearson" if distribution.kind == "difference" else "betting"
    if distribution.kind != "mean":
        tango = distribution.kind == "difference" and n * (1 - distribution.weights[1]) >= DISCORDANT_FOR_TANGO
        return "clopper_pearson" if distribution.kind == "proportion" else "tango" if tango else "gaffke"
    if not math.isfinite(distribution.high - distribution.low):
        return "bca"
    return "gaffke"


def smallest_size(enough: Callable[[int], bool], *, exact: bool) -> int | None:
    """The smallest n that is enough; where power goes up and down in n, from which on up to 10 % more is too."""
    high = least_integer(enough, most=MOST_IMAGES, slack=0 if exact else 100)
    if high is None:
        return None
    if not exact:
        return high
    while True:
        # Discrete rules saw: a few images more may pass less often
        beyond = [n for n in _ahead(high) if not enough(n)]
        if not beyond:
            return high
        high = beyond[-1] + 1


def _ahead(n: int) -> range:
    reach = max(20, n // 10)
    return range(n, n + reach, max(1, reach // 60))
