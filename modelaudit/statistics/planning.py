"""How many further images would probably settle an INCONCLUSIVE verdict."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import bdtrik, ndtri

from ..language.expression import Expectation
from .bounds import Bound, Plan, lower_bound, upper_bound
from .clusters import variances
from .compound import Several, Tree, blocks, tree_bound, tree_estimate
from .intervals import clopper_pearson
from .leaves import Leaves, lowest
from .linear import Linear, Ratio
from .roots import least_whole

#: "probably": with this probability, if the truth is what was estimated
POWER = 0.8


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
    if isinstance(tree, Several) and tree.extreme.kind == "minimum":
        return _of_the_least(tree, expectation, leaves, plan)
    if not isinstance(tree, Ratio):
        return _by_width(tree, expectation, estimate, bounds, leaves, plan)
    sign = math.copysign(1.0, distance)
    if not tree.plain and upper_bound(tree.denominator, leaves, plan).value < 0:
        sign = -sign
    form = tree.numerator.plus(tree.denominator, -expectation.threshold).times(sign)
    if not form.terms:
        return None
    needed = [_until_positive(form, leaves, replace(plan, inverting=not tree.plain))]
    if not tree.plain:  # and until the denominator can be told from 0
        below = tree.denominator
        if not (lower_bound(below, leaves, plan).value > 0 or upper_bound(below, leaves, plan).value < 0):
            needed.append(_until_positive(below.times(math.copysign(1.0, _mean(below, leaves))), leaves, plan))
    known = [one for one in needed if one is not None]
    return max(known) if len(known) == len(needed) else None


def _mean(form: Linear, leaves: Leaves) -> float:
    """Over the images on which all of its measures are known."""
    known = leaves.known(list(form.terms))
    return form.constant + sum(c * float(leaves[m].column.values[known].mean()) for m, c in form.terms.items())


def _until_positive(form: Linear, leaves: Leaves, plan: Plan) -> int | None:
    """Images until the lower bound of the form lies above 0 with probability `POWER`."""
    completed = lowest(form, leaves)
    if completed.values is None or completed.n == 0:
        return None
    mean, deviation, n = float(np.mean(completed.values)), float(np.std(completed.values)), completed.n
    clusterings = leaves.clusters(form.terms, completed.asked)
    if clusterings and math.isfinite(variance := variances(completed.values, clusterings)[2]):
        deviation = math.sqrt(variance * n)
    now = lower_bound(form, leaves, plan)
    if mean <= 0:
        return None
    scaled = now.rule == "bca" or now.rule.endswith(("clustered", "_t"))
    single = next(iter(form.terms.values()))

    def settled(images: int) -> bool:
        if now.rule == "clopper_pearson":
            return _proportion_bound(form.constant, single, mean, images, plan.confidence) > 0
        if scaled:
            bound = mean - (mean - now.value) * math.sqrt(n / images)
        else:
            bound = lower_bound(form, leaves, replace(plan, images=images)).value
        return bound - float(ndtri(POWER)) * deviation / math.sqrt(images) > 0

    needed = least_whole(settled, n + 1, slack=200)
    return None if needed is None else needed - n


def _proportion_bound(constant: float, coefficient: float, mean: float, images: int, confidence: float) -> float:
    """The bound of ``constant + coefficient * p`` that the count to come clears with probability `POWER`."""
    p = min(1.0, max(0.0, (mean - constant) / coefficient))
    p = round(p) if abs(p - round(p)) < 1e-12 else p  # of 0 and 1 rounding errors have no quantile
    quantile = 1 - POWER if coefficient > 0 else POWER
    successes = images * p if p in (0.0, 1.0) else min(images, max(0, math.ceil(bdtrik(quantile, images, p))))
    return constant + coefficient * clopper_pearson(successes, images, confidence)[0 if coefficient > 0 else 1]


def _of_the_least(tree: Several, expectation: Expectation, leaves: Leaves, plan: Plan) -> int | None:
    """The same for a worst group, in images of all groups, which keep their shares.

    Where the least lies above the threshold every group must come to lie there; where it lies below, one must, at what
    Bonferroni leaves it.
    """
    estimates = [tree_estimate(part, leaves) for part in tree.parts]
    assert all(one is not None for one in estimates)
    above = all(one is not None and one > expectation.threshold for one in estimates)
    each = plan if above else replace(plan, confidence=1 - (1 - plan.confidence) / len(tree.parts))
    factors: list[float | None] = []
    for part, estimate in zip(tree.parts, estimates, strict=True):
        assert estimate is not None
        if not above and estimate >= expectation.threshold:
            continue
        bounds = tree_bound(part, "lower", leaves, each), tree_bound(part, "upper", leaves, each)
        if bounds[0].value > expectation.threshold or bounds[1].value < expectation.threshold:
            factors.append(0.0)
            continue
        more = further_images(expectation, part, estimate, bounds, leaves, each)
        factors.append(None if more is None else more / _images(part, leaves))
    known = [one for one in factors if one is not None]
    if not known or (above and len(known) < len(factors)):
        return None
    return max(1, math.ceil((max(known) if above else min(known)) * _images(tree, leaves)))


def _images(tree: Tree, leaves: Leaves) -> int:
    """How many images are asked of all blocks together, each once."""
    asked = [leaves[measure].asked for block in blocks(tree) for measure in block.measures()]
    return int(np.logical_or.reduce(asked).sum())


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
