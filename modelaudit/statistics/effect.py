"""The smallest effect that an audit of these images would FAIL: power, reported with a verdict and never part of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from ..language.audit import Bounds, Claim
from ..language.expression import Expectation
from .assumed_distribution import (
    Distribution,
    PilotValues,
    Values,
    base_and_difference,
    is_of_two_proportions,
    ratio_of_proportions,
)
from .bounds import IMAGES_WITHOUT_RANGE
from .clusters import LEAST_CLUSTERS, Clusters, design_effect, variances
from .columns import Columns, complete_at_worst
from .compound import tree_of
from .expansion import single_expectations, written_out
from .intervals import betting_lower, weighted_gaffke_lower
from .linear import Ratio
from .power import power
from .sample_size import kind_of, oriented
from .values import ColumnTable

#: an effect of this size FAILs with this probability
POWER = 0.8
#: halvings of the range in which the effect is searched
_STEPS = 14


def smallest_effect(
    expectation: Expectation,
    table: ColumnTable,
    *,
    confidence: float,
    about: Literal["process", "this_set"] = "process",
    bounds: Bounds = "approximate",
    claim: Claim | None = None,
    sequential: int | None = None,
) -> float | None:
    """The value of the left side, beyond the threshold, that these images would FAIL with a probability of 80 %.

    The images keep everything but their mean (discordance, spread, clusters, missing values), as a plan does
    (:mod:`~modelaudit.statistics.sample_size`). Where the expectation names several methods, doses or groups it is the
    value that one of them must have to FAIL after Holm, the most extreme over all of them.

    Returns:
        None for this set (the value itself decides), sequences, products and different strata, fewer than ten
        clusters, and where not even the worst end of the range would FAIL.
    """
    if about == "this_set" or sequential is not None:
        return None
    columns = Columns(table, claim=claim)
    parts = [written_out(single, columns) for single in single_expectations(expectation, table)]
    each = 1 - (1 - confidence) / len(parts)
    found = [_of_part(part, columns, each, bounds == "guaranteed") for part in parts]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    return max(known) if expectation.wants_low else min(known)


def _of_part(part: Expectation, columns: Columns, confidence: float, guaranteed: bool) -> float | None:
    tree = tree_of(part.expression, columns)
    measures = list(dict.fromkeys(part.expression.measures()))
    if not isinstance(tree, Ratio) or not all(columns[measure].known.any() for measure in measures):
        return None
    form = oriented(part, tree).times(-1.0)  # above 0 where it FAILs
    if not form.terms or not columns.known(list(form.terms)).any():
        return None
    completed = complete_at_worst(form, columns)
    scale = 1.0 if tree.plain else abs(_mean(tree, columns))
    if completed.values is None or scale == 0:
        return None
    asked = columns[next(iter(form.terms))].asked
    pilot = PilotValues(completed.values, columns.known(list(form.terms))[asked], completed.low, completed.high)
    together = columns.clusters(form.terms, completed.asked)
    if any(one.sizes.size < LEAST_CLUSTERS for one in together):
        return None
    audit = _Audit(completed.n, confidence, guaranteed, together, completed.values)
    kind = kind_of(form, columns, ratio=not tree.plain)

    of_two = not tree.plain and is_of_two_proportions(tree, columns)

    def distribution(margin: float) -> Distribution | None:
        if not of_two:
            return pilot.distribution(kind, form, margin * scale)
        supposed = part.threshold + (margin if part.wants_low else -margin)
        found = ratio_of_proportions(part, supposed, *base_and_difference(tree, columns))
        return None if found is None else pilot.with_missing(-found[0], found[1])  # above 0 where it FAILs

    furthest = completed.high / scale if math.isfinite(completed.high) else _farthest(audit) / scale
    if of_two and not part.wants_low:
        furthest = part.threshold
    margin = _least(lambda one: audit.fails(distribution(one)), furthest)
    return None if margin is None else part.threshold + (margin if part.wants_low else -margin)


def _mean(tree: Ratio, columns: Columns) -> float:
    form = tree.denominator
    known = columns.known(list(form.terms))
    return form.constant + sum(c * float(columns[m].column.values[known].mean()) for m, c in form.terms.items())


def _farthest(audit: _Audit) -> float:
    """Of a measure without a range: ten standard deviations of its mean, which no rule needs."""
    return 10 * math.sqrt(audit.without_range() / audit.n) * float(np.std(audit.values))


def _least(enough: Callable[[float], bool], furthest: float) -> float | None:
    """The least margin that is enough, to a fraction of a thousandth of the furthest one; None where none is."""
    low, high = 0.0, furthest
    if high <= 0 or not enough(high):
        return None
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True, eq=False)
class _Audit:
    """The images at hand: how many there are, how they depend on each other, and the rule that bounds them."""

    n: int
    confidence: float
    guaranteed: bool
    together: tuple[Clusters, ...]
    values: Values

    def fails(self, distribution: Distribution | None) -> bool:
        """Whether a mean so distributed would be shown to be above 0 with the required power; None is out of range."""
        if distribution is None or distribution.mean <= 0:
            return False
        images = self.n / self._design_effect(distribution)
        if distribution.kind != "mean":
            return power(distribution, max(1, int(images)), self.confidence, guaranteed=self.guaranteed) >= POWER
        return (
            self._expected(distribution, images) - float(ndtri(POWER)) * distribution.deviation / math.sqrt(images) > 0
        )

    def _design_effect(self, distribution: Distribution) -> float:
        spread = distribution.high - distribution.low
        if not math.isfinite(spread):
            return self.without_range()
        unit = np.clip((self.values - distribution.low) / spread, 0.0, 1.0)
        mean = (distribution.mean - distribution.low) / spread
        return 1 + sum(design_effect(unit, one, mean=mean) - 1 for one in self.together)

    def without_range(self) -> float:
        """The design effect of a measure without a range: by the variance over clusters."""
        if not self.together:
            return 1.0
        _, _, variance, alone = variances(self.values, self.together)
        return max(1.0, variance / alone) if alone > 0 and math.isfinite(variance) else 1.0

    def _expected(self, distribution: Distribution, images: float) -> float:
        """The lower bound of a sample with exactly this distribution."""
        spread = distribution.high - distribution.low
        if not math.isfinite(spread):
            width = float(ndtri(self.confidence)) * distribution.deviation / math.sqrt(images)
            return distribution.mean - width if images >= IMAGES_WITHOUT_RANGE and not self.guaranteed else -math.inf
        values, weights = distribution.joined
        unit = np.clip((values - distribution.low) / spread, 0.0, 1.0)
        if self.guaranteed:
            count = max(1, int(images))
            at = np.searchsorted(np.cumsum(weights), (np.arange(count) + 0.5) / count)
            return distribution.low + spread * betting_lower(unit[np.minimum(at, unit.size - 1)], self.confidence)
        return distribution.low + spread * weighted_gaffke_lower(unit, weights * images, self.confidence)
