"""How many images an audit needs, without a pilot: what a pilot would show is guessed."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betaincinv, ndtri

from ..language.errors import ExpressionError
from ..language.expression import Expectation
from ..language.strata import Label
from .clusters import LEAST_CLUSTERS
from .compound import tree_of
from .curves import written_out
from .decide import singles
from .feasibility import DeclaredValues
from .leaves import Leaves
from .linear import Linear, Ratio
from .power import Truth
from .sizing import Size, Wanted, kind_of, oriented, sized
from .truths import Values, moved, three_values, two_values
from .two_by_two import is_of_two_proportions, ratio_of_proportions

_POINTS = 256
_BY_EFFECT = "by the design effect alone; a pilot run tells what clusters really cost"


@dataclass(frozen=True)
class Guess:
    """What is supposed of the images.

    Args:
        discordance: share of images on which two proportions differ (at least their difference).
        deviation: standard deviation of a mean's left side, from image to image.
        base: mean of a ratio's denominator.
        cluster: images of one scene, camera or lot; 1: images are independent.
        correlation: of two images of one cluster (intraclass correlation).
        classes: labels, where groups by label must each pass.

    Raises:
        ExpressionError: a number that cannot be meant.
    """

    discordance: float = 0.1
    deviation: float = 0.2
    base: float = 0.9
    cluster: int = 1
    correlation: float = 0.5
    classes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for name in ("discordance", "correlation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ExpressionError(f"{name}={getattr(self, name)!r} is no share between 0 and 1")
        if not 0 < self.deviation < math.inf:
            raise ExpressionError(f"deviation={self.deviation!r} is no positive number")
        if not math.isfinite(self.base) or self.base == 0:
            raise ExpressionError(f"base={self.base!r}: a denominator is a number other than 0")
        if self.cluster < 1:
            raise ExpressionError(f"cluster={self.cluster!r}: a cluster has at least one image")


def from_guesses(expectation: Expectation, wanted: Wanted, guess: Guess) -> tuple[Size, ...]:
    """What each part of the expectation needs. The share of a stratum is not known: `images` are its own.

    A mean is supposed to be beta distributed over its range. Of a ratio of two proportions the images are those of a
    2 x 2 table with the guessed share of differing ones; of any other ratio ``A - t B`` is a mean with the guessed
    deviation. With clusters of m images the number is multiplied by the design effect ``1 + (m - 1) r``.
    """
    table = DeclaredValues(
        1, lambda stratum: 1, defaultdict(bool), lambda by: tuple(map(Label, guess.classes)) if by == "label" else ()
    )
    leaves = Leaves(table)
    parts = [written_out(single, leaves) for single in singles(expectation, table)]
    return tuple(_guessed(part, leaves, wanted.each(len(parts)), guess) for part in parts)


def _guessed(part: Expectation, leaves: Leaves, wanted: Wanted, guess: Guess) -> Size:
    stratum = next(iter(part.expression.measures())).stratum
    blank = Size(str(part), wanted.supposed(part), stratum=None if stratum is None else str(stratum))
    tree = tree_of(part.expression, leaves)
    if not isinstance(tree, Ratio):
        return replace(blank, note="parts over different images, or multiplied: only a pilot run tells how they vary")
    truth = _truth(part, tree, leaves, wanted, guess)
    if truth is None:
        return replace(blank, note="such a truth leads out of the range of the measure; ask for a smaller margin")
    found = sized(truth, wanted, blank)
    if guess.cluster == 1 or found.images is None:
        return found
    effect = 1 + (guess.cluster - 1) * guess.correlation
    clusters = max(LEAST_CLUSTERS, math.ceil(found.images * effect / guess.cluster))
    return replace(found, images=clusters * guess.cluster, clusters=clusters, note=_BY_EFFECT)


def _truth(part: Expectation, tree: Ratio, leaves: Leaves, wanted: Wanted, guess: Guess) -> Truth | None:
    form = oriented(part, tree)
    low, high = _range(form, leaves)
    kind = kind_of(form, leaves, ratio=not tree.plain)
    target = wanted.margin * (1.0 if tree.plain else abs(guess.base))
    if not low <= target <= high:
        return None
    if kind == "proportion":
        return two_values(form, (target - low) / (high - low))
    if kind == "difference":
        difference = (target - form.constant) / abs(next(iter(form.terms.values())))
        differing = max(abs(difference), guess.discordance)
        return three_values(form, (differing - difference) / 2, (differing + difference) / 2)
    if tree.plain or not is_of_two_proportions(tree, leaves):
        return Truth("mean", *_spread(target, guess.deviation, low, high), low, high)
    table = ratio_of_proportions(part, wanted.supposed(part), guess.base, guess.discordance)
    return None if table is None else Truth("mean", *table, low, high)


def _spread(mean: float, deviation: float, low: float, high: float) -> tuple[Values, Values]:
    """256 quantiles of a beta law with that mean and deviation (the largest that the range allows), or a normal one."""
    at = (np.arange(_POINTS) + 0.5) / _POINTS
    weights = np.full(_POINTS, 1 / _POINTS)
    span = high - low
    if not math.isfinite(span):
        return mean + deviation * ndtri(at), weights
    unit = min(1 - 1e-6, max(1e-6, (mean - low) / span))
    spread = min((deviation / span) ** 2, 0.95 * unit * (1 - unit))
    size = unit * (1 - unit) / spread - 1
    values = moved(low + span * betaincinv(unit * size, (1 - unit) * size, at), mean, low, high)
    assert values is not None
    return values, weights


def _range(form: Linear, leaves: Leaves) -> tuple[float, float]:
    low = high = form.constant
    for measure, coefficient in form.terms.items():
        column = leaves[measure].column
        ends = (-math.inf if column.low is None else column.low, math.inf if column.high is None else column.high)
        low, high = low + min(coefficient * one for one in ends), high + max(coefficient * one for one in ends)
    return low, high
