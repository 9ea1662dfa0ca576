"""How many images show that a change is smaller than a margin, where there is none.

Two one-sided tests (Schuirmann 1987): equivalent where the lower bound of the change lies above ``-margin`` and its
upper bound below ``margin``, each at ``1 - (1 - confidence) / requirements``, which is Holm's first step. Supposed is
that both runs are equally good. What must be known besides is how many images change sides: the discordance, of which
half gets better and half gets worse; or, of a mean, how much values move from image to image.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom  # type: ignore[attr-defined]  # its stubs know no distributions

from ..language.audit import Bounds
from ..language.errors import ExpressionError
from ..language.expression import Expectation
from .assumed_distribution import Distribution
from .assumptions import Assumptions, beta_spread
from .columns import Columns
from .compound import Tree, tree_of
from .expansion import single_expectations, written_out
from .feasibility import DeclaredValues
from .intervals import clopper_pearson
from .linear import Ratio
from .power import AUDITS, betting_passes, difference_passes, gaffke_passes, likely_counts, proven_difference_passes
from .sample_size import smallest_size

Values = NDArray[np.float64]
Flags = NDArray[np.bool_]
#: images of clusters, beyond those that the design effect asks for
CLUSTER_RESERVE = 1.2


@dataclass(frozen=True)
class EquivalenceTarget:
    """To be shown with this power, over so many requirements at once.

    Raises:
        ExpressionError: a number outside its range.
    """

    margin: float
    power: float = 0.8
    confidence: float = 0.95
    requirements: int = 1
    bounds: Bounds = "approximate"

    def __post_init__(self) -> None:
        if not 0 < self.margin < math.inf:
            raise ExpressionError(f"margin={self.margin!r} must be positive: the change that does not matter")
        if not 0.5 <= self.power < 1:
            raise ExpressionError(f"power={self.power!r} must be at least 0.5 and below 1; 0.8 is usual")
        if not 0.5 < self.confidence < 1:
            raise ExpressionError(f"confidence={self.confidence!r} must be between 0.5 and 1; 0.95 is usual")
        if self.requirements < 1:
            raise ExpressionError(f"requirements={self.requirements!r} must be at least 1")

    @property
    def level(self) -> float:
        """The confidence of each one-sided bound."""
        return 1 - (1 - self.confidence) / self.requirements

    @property
    def guaranteed(self) -> bool:
        """Whether proven rules alone decide."""
        return self.bounds == "guaranteed"


def change_of_proportion(discordance: float) -> Distribution:
    """The change of a share, image by image: half of the discordant images get better, half of them worse."""
    values = np.array([-1.0, 0.0, 1.0])
    return Distribution("difference", values, np.array([discordance / 2, 1 - discordance, discordance / 2]), -1.0, 1.0)


def change_of_difference(discordance: float) -> Distribution:
    """The change of a difference of two shares, each of which changes by itself on so many images."""
    values = np.arange(-2.0, 3.0)
    half, same = discordance / 2, 1 - discordance
    one = np.array([half, same, half])
    return Distribution("mean", values, np.convolve(one, one), -2.0, 2.0)


def changes_of(expectation: Expectation, assumed: Assumptions) -> tuple[Distribution | None, ...]:
    """The change of each part of an expectation (a method, a dose, a group) between two runs that are equally good.

    Each share that the left side adds or subtracts changes by itself on `discordance` of the images. A mean changes
    from image to image with `deviation`. None where that does not say how the left side changes: ratios, products,
    parts over different images; two runs show it (:func:`~modelaudit.releases.comparison.compare`).

    Raises:
        ExpressionError: groups that are not known.
    """
    table = DeclaredValues(1, lambda stratum: 1, defaultdict(bool), assumed.divided)
    columns = Columns(table)
    parts = [written_out(single, columns) for single in single_expectations(expectation, table)]
    return tuple(_change_of(tree_of(part.expression, columns), columns, assumed) for part in parts)


def _change_of(tree: Tree, columns: Columns, assumed: Assumptions) -> Distribution | None:
    if not isinstance(tree, Ratio) or not tree.plain or not tree.numerator.terms:
        return None
    terms = list(tree.numerator.terms.items())
    shares = all(columns[measure].column.scale == "proportion" for measure, _ in terms)
    if shares and all(abs(coefficient) == 1 for _, coefficient in terms):
        if len(terms) == 1:
            return change_of_proportion(assumed.discordance)
        return change_of_difference(assumed.discordance) if len(terms) == 2 else None
    if len(terms) > 1 or shares:
        return None
    (measure, coefficient) = terms[0]
    column = columns[measure].column
    low, high = column.low, column.high
    if low is None or high is None:
        return None
    span = abs(coefficient) * (high - low)
    return Distribution("mean", *beta_spread(0.0, assumed.deviation, -span, span), -span, span)


def equivalence_power(
    distribution: Distribution, n: int, margin: float, confidence: float, *, guaranteed: bool = False
) -> float:
    """The probability that n common images show a change of this distribution to be within the margin.

    Summed over all outcomes for shares, simulated for means; of a mean 0 it is the power of the two tests together.
    """
    if distribution.kind == "difference":
        return _of_shares(distribution, n, margin, confidence, guaranteed)
    return float(np.mean(_of_means(distribution, n, margin, confidence, guaranteed)))


def _of_shares(distribution: Distribution, n: int, margin: float, confidence: float, guaranteed: bool) -> float:
    lost, won = float(distribution.weights[0]), float(distribution.weights[2])
    x, y = likely_counts(lost, n), likely_counts(won, n)
    rest = min(1.0, won / (1 - lost)) if lost < 1 else 0.0
    weights = binom.pmf(x, n, lost)[:, None] * binom.pmf(y[None, :], n - x[:, None], rest)
    rule = proven_difference_passes if guaranteed else difference_passes
    losses, gains = np.broadcast_arrays(x[:, None].astype(float), y[None, :].astype(float))
    no_worse = rule(losses, gains, n, margin, confidence)
    no_better = rule(gains, losses, n, margin, confidence)
    return float(np.sum(weights[no_worse & no_better]))


def _of_means(distribution: Distribution, n: int, margin: float, confidence: float, guaranteed: bool) -> Flags:
    values, weights = distribution.joined
    spread = distribution.high - distribution.low
    if not math.isfinite(spread):
        return np.zeros(1, dtype=bool)
    up, down = (values - distribution.low) / spread, (distribution.high - values) / spread
    at_low, at_high = (-margin - distribution.low) / spread, (distribution.high - margin) / spread
    generator = np.random.default_rng(n)
    shares = weights / weights.sum()
    if guaranteed:
        drawn = generator.choice(values.size, size=(AUDITS, n), p=shares)
        return betting_passes(up[drawn], at_low, confidence) & betting_passes(down[drawn], at_high, confidence)
    counts = generator.multinomial(n, shares, size=AUDITS).astype(np.float64)
    return gaffke_passes(up, counts, at_low, confidence) & gaffke_passes(down, counts, at_high, confidence)


def images_for_equivalence(distribution: Distribution, target: EquivalenceTarget) -> int | None:
    """The smallest number of common images that shows equivalence with the power that is wanted; None beyond 10^6.

    >>> images_for_equivalence(change_of_proportion(0.05), EquivalenceTarget(margin=0.02))
    1123
    """
    reserve = 2 * math.sqrt(target.power * (1 - target.power) / AUDITS) if distribution.kind == "mean" else 0.0

    def enough(n: int) -> bool:
        found = equivalence_power(distribution, n, target.margin, target.level, guaranteed=target.guaranteed)
        return found >= target.power + reserve

    return smallest_size(enough, exact=distribution.kind == "difference")


def unpaired_power(share: float, n: int, margin: float, confidence: float) -> float:
    """The same without common images: n of each run, which both answer this share of them rightly (by MOVER)."""
    counts = likely_counts(share, n)
    weights, found = binom.pmf(counts, n, share), counts / n
    bounds = np.array([clopper_pearson(int(count), n, confidence) for count in counts])
    below, above = found - bounds[:, 0], bounds[:, 1] - found
    change = found[None, :] - found[:, None]  # new in columns, old in rows
    lower = change - np.hypot(below[None, :], above[:, None])
    upper = change + np.hypot(above[None, :], below[:, None])
    return float(np.sum((weights[:, None] * weights[None, :])[(lower > -margin) & (upper < margin)]))


def images_unpaired(share: float, target: EquivalenceTarget) -> int | None:
    """The smallest number of images of each run without common ones; None beyond 10^6.

    >>> images_unpaired(0.9, EquivalenceTarget(margin=0.05))
    649
    """
    return smallest_size(lambda n: unpaired_power(share, n, target.margin, target.level) >= target.power, exact=True)


def with_clusters(images: int, size: float, correlation: float) -> int:
    """So many more where images come in clusters of one size.

    The design effect ``1 + (size - 1) correlation``, and a fifth more: the rule for clusters allows for kinds of
    clusters that were not met (found by simulation, docs/validation/release_comparison.md).
    """
    return images if size <= 1 else math.ceil(CLUSTER_RESERVE * images * (1 + (size - 1) * correlation))
