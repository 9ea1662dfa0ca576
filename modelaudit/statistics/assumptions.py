"""How many images an audit needs, by assumptions in place of a pilot."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.special import betaincinv, ndtri

from ..language.errors import ExpressionError
from ..language.expression import Expectation
from ..language.strata import Label, Stratum
from .assumed_distribution import (
    Distribution,
    Values,
    difference_distribution,
    is_of_two_proportions,
    proportion_distribution,
    ratio_of_proportions,
    shifted,
)
from .clusters import LEAST_CLUSTERS
from .columns import Columns
from .compound import tree_of
from .expansion import single_expectations, written_out
from .feasibility import DeclaredValues
from .linear import Linear, Ratio
from .sample_size import PowerTarget, SampleSize, kind_of, oriented, required_size

_POINTS = 256
_BY_EFFECT = "by the design effect alone; a pilot run shows what clusters really cost"


@dataclass(frozen=True)
class Assumptions:
    """Assumptions about the images.

    Args:
        discordance: share of images on which two proportions differ (at least their difference).
        deviation: standard deviation of a mean's left side, from image to image.
        base: mean of a ratio's denominator.
        cluster: images of one scene, camera or lot; 1: images are independent.
        correlation: of two images of one cluster (intraclass correlation).
        classes: labels, where groups by label must each pass.
        divisions: the strata that "label", "group" or a column divide the images into, where they are known.
        share_of: the share of all images that a stratum holds (None: those that the expectation is about).

    Raises:
        ExpressionError: a number outside its range.
    """

    discordance: float = 0.1
    deviation: float = 0.2
    base: float = 0.9
    cluster: int = 1
    correlation: float = 0.5
    classes: Sequence[str] = ()
    divisions: Mapping[str, Sequence[Stratum]] = field(default_factory=dict)
    share_of: Callable[[Stratum | None], float] = lambda stratum: 1.0

    def __post_init__(self) -> None:
        for name in ("discordance", "correlation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ExpressionError(f"{name}={getattr(self, name)!r} must be a share between 0 and 1")
        if not 0 < self.deviation < math.inf:
            raise ExpressionError(f"deviation={self.deviation!r} must be a positive number")
        if not math.isfinite(self.base) or self.base == 0:
            raise ExpressionError(f"base={self.base!r}: a denominator must be a number other than 0")
        if self.cluster < 1:
            raise ExpressionError(f"cluster={self.cluster!r}: a cluster has at least one image")

    def divided(self, by: str) -> tuple[Stratum, ...]:
        """The strata that "label", "group" or a column divide the images into.

        Raises:
            ExpressionError: they are not known.
        """
        known = tuple(self.divisions.get(by, ())) or (tuple(map(Label, self.classes)) if by == "label" else ())
        if not known and self.divisions:
            raise ExpressionError(f"by={by!r}: the data do not say it of any image")
        if not known:
            way_out = "name them by --classes" if by == "label" else "plan for an audit file, whose data are read"
            raise ExpressionError(f"by={by!r}: it is not known which there are, and each must pass; {way_out}")
        return known


def from_assumptions(expectation: Expectation, wanted: PowerTarget, assumed: Assumptions) -> tuple[SampleSize, ...]:
    """The sample size of each part of the expectation, in images of its own stratum.

    A mean is assumed to be beta distributed over its range. Of a ratio of two proportions the images are those of a
    2 x 2 table with the assumed share of differing ones; of any other ratio ``A - t B`` is a mean with the assumed
    deviation. With clusters of m images the number is multiplied by the design effect ``1 + (m - 1) r``.
    """
    table = DeclaredValues(1, lambda stratum: 1, defaultdict(bool), assumed.divided)
    columns = Columns(table)
    parts = [written_out(single, columns) for single in single_expectations(expectation, table)]
    return tuple(_size_of(part, columns, wanted.each(len(parts)), assumed) for part in parts)


def _size_of(part: Expectation, columns: Columns, wanted: PowerTarget, assumed: Assumptions) -> SampleSize:
    stratum = next(iter(part.expression.measures())).stratum
    share = assumed.share_of(stratum)
    blank = SampleSize(str(part), wanted.supposed(part), share=share, stratum=None if stratum is None else str(stratum))
    if share <= 0:
        return replace(blank, note="the data have no image of it")
    tree = tree_of(part.expression, columns)
    if not isinstance(tree, Ratio):
        return replace(blank, note="parts over different images, or multiplied: only a pilot run shows how they vary")
    distribution = _distribution(part, tree, columns, wanted, assumed)
    if distribution is None:
        return replace(blank, note="this margin leads out of the range of the measure; ask for a smaller one")
    found = required_size(distribution, wanted, blank)
    if assumed.cluster == 1 or found.images is None:
        return found
    effect = 1 + (assumed.cluster - 1) * assumed.correlation
    clusters = max(LEAST_CLUSTERS, math.ceil(found.images * effect / assumed.cluster))
    return replace(found, images=clusters * assumed.cluster, clusters=clusters, note=_BY_EFFECT)


def _distribution(
    part: Expectation, tree: Ratio, columns: Columns, wanted: PowerTarget, assumed: Assumptions
) -> Distribution | None:
    form = oriented(part, tree)
    low, high = _range(form, columns)
    kind = kind_of(form, columns, ratio=not tree.plain)
    target = wanted.margin * (1.0 if tree.plain else abs(assumed.base))
    if not low <= target <= high:
        return None
    if kind == "proportion":
        return proportion_distribution(form, (target - low) / (high - low))
    if kind == "difference":
        difference = (target - form.constant) / abs(next(iter(form.terms.values())))
        differing = max(abs(difference), assumed.discordance)
        return difference_distribution(form, (differing - difference) / 2, (differing + difference) / 2)
    if tree.plain or not is_of_two_proportions(tree, columns):
        return Distribution("mean", *beta_spread(target, assumed.deviation, low, high), low, high)
    table = ratio_of_proportions(part, wanted.supposed(part), assumed.base, assumed.discordance)
    return None if table is None else Distribution("mean", *table, low, high)


def beta_spread(mean: float, deviation: float, low: float, high: float) -> tuple[Values, Values]:
    """256 quantiles of a beta law with that mean and deviation (the largest that the range allows), or a normal one."""
    at = (np.arange(_POINTS) + 0.5) / _POINTS
    weights = np.full(_POINTS, 1 / _POINTS)
    span = high - low
    if not math.isfinite(span):
        return mean + deviation * ndtri(at), weights
    unit = min(1 - 1e-6, max(1e-6, (mean - low) / span))
    spread = min((deviation / span) ** 2, 0.95 * unit * (1 - unit))
    size = unit * (1 - unit) / spread - 1
    values = shifted(low + span * betaincinv(unit * size, (1 - unit) * size, at), mean, low, high)
    assert values is not None
    return values, weights


def _range(form: Linear, columns: Columns) -> tuple[float, float]:
    low = high = form.constant
    for measure, coefficient in form.terms.items():
        column = columns[measure].column
        ends = (-math.inf if column.low is None else column.low, math.inf if column.high is None else column.high)
        low, high = low + min(coefficient * one for one in ends), high + max(coefficient * one for one in ends)
    return low, high
