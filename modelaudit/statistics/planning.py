"""How many further images would probably settle an INCONCLUSIVE verdict."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import bdtrik, ndtri

from ..language.expression import Expectation
from .bounds import Bound, Plan, lower_bound, upper_bound
from .compound import Tree, blocks
from .intervals import clopper_pearson
from .leaves import Leaves, lowest
from .linear import Linear, Ratio

#: "probably": with this probability, if the truth is what was estimated
POWER = 0.8
_MOST_IMAGES = 10_000_000


def further_images(
    expectation: Expectation, tree: Tree, estimate: float, bounds: tuple[Bound, Bound], leaves: Leaves, plan: Plan
) -> int | None:
    """The number of further images of the stratum after which a verdict is to be expected; None where none would do.

    The estimate is taken for the truth, and missing values keep their share. It is a suggestion: the extension needs a
    fresh set, or a sequence declared beforehand; deciding again on the same images and some more is one look too many.
    """
    distance = estimate - expectation.threshold
    if abs(distance) <= 1e-12 * max(1.0, abs(expectation.threshold)):
        return None
    if not isinstance(tree, Ratio):
        return _by_width(tree, expectation, estimate, bounds, leaves, plan)
    sign = math.copysign(1.0, distance)
    if not tree.plain and upper_bound(tree.denominator, leaves, plan).value < 0:
        sign = -sign
    form = tree.numerator.plus(tree.denominator, -expectation.threshold).times(sign)
    return _until_positive(form, leaves, replace(plan, inverting=not tree.plain)) if form.terms else None


def _until_positive(form: Linear, leaves: Leaves, plan: Plan) -> int | None:
    """Images until the lower bound of the form lies above 0 with probability `POWER`."""
    completed = lowest(form, leaves)
    if completed.values is None or completed.n == 0:
        return None
    mean, deviation, n = float(np.mean(completed.values)), float(np.std(completed.values)), completed.n
    now = lower_bound(form, leaves, plan)
    if mean <= 0:
        return None
    scaled = now.rule in ("gaffke", "bca")
    single = next(iter(form.terms.values()))

    def settled(images: int) -> bool:
        if now.rule == "clopper_pearson":
            return _proportion_bound(form.constant, single, mean, images, plan.confidence) > 0
        if scaled:
            bound = mean - (mean - now.value) * math.sqrt(n / images)
        else:
            bound = lower_bound(form, leaves, replace(plan, images=images)).value
        return bound - float(ndtri(POWER)) * deviation / math.sqrt(images) > 0

    needed = _smallest(settled, n + 1)
    return None if needed is None else needed - n


def _proportion_bound(constant: float, coefficient: float, mean: float, images: int, confidence: float) -> float:
    """The bound of ``constant + coefficient * p`` that the count to come clears with probability `POWER`."""
    p = min(1.0, max(0.0, (mean - constant) / coefficient))
    quantile = 1 - POWER if coefficient > 0 else POWER
    successes = images * p if p in (0.0, 1.0) else min(images, max(0, math.ceil(bdtrik(quantile, images, p))))
    return constant + coefficient * clopper_pearson(successes, images, confidence)[0 if coefficient > 0 else 1]


def _by_width(
    tree: Tree, expectation: Expectation, estimate: float, bounds: tuple[Bound, Bound], leaves: Leaves, plan: Plan
) -> int | None:
    """The same where no single rule decides: the distance from estimate to bound shrinks with the root of n."""
    n = max(int(leaves[measure].asked.sum()) for block in blocks(tree) for measure in block.measures())
    distance = abs(estimate - expectation.threshold)
    width = abs(bounds[0 if estimate > expectation.threshold else 1].value - estimate)
    if not math.isfinite(width):
        return None
    reserve = 1 + float(ndtri(POWER)) / float(ndtri(plan.confidence))
    return max(1, math.ceil(n * (reserve * width / distance) ** 2) - n)


def _smallest(settled: Callable[[int], bool], start: int) -> int | None:
    low, high = start - 1, start
    while not settled(high):
        if high > _MOST_IMAGES:
            return None
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if settled(middle) else (middle, high)
    return high
