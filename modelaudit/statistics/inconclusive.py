"""Why a verdict is INCONCLUSIVE, and how many further images would probably settle it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import bdtrik, ndtri

from ..language.expression import Expectation
from .bounds import Bound, Plan, lower_bound, upper_bound
from .clusters import LEAST_CLUSTERS, Clusters, connected_clusters, variances
from .columns import Columns, complete_at_worst, mostly_invalid
from .compound import ExtremeTree, Tree, blocks, decidable, tree_bound, tree_estimate
from .intervals import clopper_pearson
from .linear import Linear, Ratio
from .search import least_integer
from .verdict import Counts, Reason

#: whether a case would be decided: "complete" (over images without a missing value), "endless" (with any number of
#: images in the same shares)
Decided = Callable[[str], bool]
_LINKED = "linked"


def reason_of(
    expectation: Expectation,
    tree: Tree,
    known: bool,
    found: Counts,
    few: Clusters | None,
    columns: Columns,
    decided: Decided,
) -> Reason:
    """The reason of an INCONCLUSIVE, the first of these that holds; it asks for images only where images help.

    1. ``too_few_clusters``: no bound is given, whatever the values are.
    2. ``undefined_values``: values are missing, and the measure has no range, or the case would be decided without
       them, or the missing values alone would keep it open with any number of images. ``attribution_invalid`` where
       most of them are invalid attributions.
    3. ``undefined_values``: the left side has no value (a denominator of 0).
    4. ``too_few_images``.

    (``missing_data``, where no image has every value, is found before there is anything to decide.)

    Args:
        known: whether the left side has an estimate.
        few: clusters of which there are too few (:func:`too_few`).
    """
    if few is not None:
        return Reason.TOO_FEW_CLUSTERS
    if found.measured < found.asked and (
        _without_range(expectation, columns) or decided("complete") or not decided("endless")
    ):
        return Reason.ATTRIBUTION_INVALID if mostly_invalid(found) else Reason.UNDEFINED_VALUES
    return Reason.TOO_FEW_IMAGES if known and decidable(tree, columns) else Reason.UNDEFINED_VALUES


def fewest_clusters(tree: Tree, columns: Columns, *, guaranteed: bool) -> Clusters | None:
    """The clustering of the fewest clusters of any block, where they are fewer than ten; copies of pictures first.

    A guaranteed bound counts what no chain of shared clusters and donors links.
    """
    every: list[Clusters] = []
    for block in blocks(tree):
        for form in (block.numerator, block.denominator):
            found = columns.clusters(form.terms, columns[next(iter(form.terms))].asked) if form.terms else ()
            every += (
                [*found, replace(connected_clusters(found), name=_LINKED)] if guaranteed and len(found) > 1 else found
            )
    few = [one for one in every if one.sizes.size < LEAST_CLUSTERS]
    order = ("copies", "cluster", "donor", _LINKED)
    return min(few, key=lambda one: (order.index(one.name), one.sizes.size), default=None)


def advice_on(few: Clusters) -> str:
    """Advice where there are too few clusters: never more images of the same ones."""
    count, images = few.sizes.size, few.codes.size
    if few.name == "copies":
        return (
            f"{count} different pictures among {images} images: copies count as one image, and at least "
            f"{LEAST_CLUSTERS} different ones are needed; add other pictures"
        )
    if few.name == _LINKED:
        return (
            f"{images} images that share clusters, donors or pictures form {count} parts with nothing in common, and a "
            f"guaranteed bound needs {LEAST_CLUSTERS}; add other images, or use Audit(bounds='approximate')"
        )
    if few.name == "donor":
        return (
            f"the backgrounds of {images} images come from {count} donors, and at least {LEAST_CLUSTERS} are needed: "
            "add pictures that lend backgrounds (more images with the same ones do not help), or limit the claim to "
            "these backgrounds with Audit(claim='these_clusters')"
        )
    return (
        f"{images} images of {count} clusters, and at least {LEAST_CLUSTERS} are needed: add images of other clusters "
        "(more images of the same ones do not help), or limit the claim to these clusters with "
        "Audit(claim='these_clusters')"
    )


def _without_range(expectation: Expectation, columns: Columns) -> bool:
    declared = [columns[measure].column for measure in expectation.expression.measures()]
    return any(column.low is None or column.high is None for column in declared)


#: "probably": with this probability, if the estimate is the true value
POWER = 0.8


def further_images(
    expectation: Expectation, tree: Tree, estimate: float, bounds: tuple[Bound, Bound], columns: Columns, plan: Plan
) -> int | None:
    """The number of further images of the stratum after which a verdict is to be expected; None where none would do.

    The estimate is taken for the true value; missing values keep their share. It is a suggestion: the extension needs a
    fresh set, or a sequence declared beforehand; deciding again on the same images and some more is one look too many.
    """
    distance = estimate - expectation.threshold
    if abs(distance) <= 1e-12 * max(1.0, abs(expectation.threshold)):
        return None
    if isinstance(tree, ExtremeTree) and tree.extreme.kind == "minimum":
        return _of_the_least(tree, expectation, columns, plan)
    if not isinstance(tree, Ratio):
        return _by_width(tree, expectation, estimate, bounds, columns, plan)
    sign = math.copysign(1.0, distance)
    if not tree.plain and upper_bound(tree.denominator, columns, plan).value < 0:
        sign = -sign
    form = tree.numerator.plus(tree.denominator, -expectation.threshold).times(sign)
    if not form.terms:
        return None
    needed = [_until_positive(form, columns, replace(plan, inverting=not tree.plain))]
    if not tree.plain:  # and until the denominator can be told from 0
        below = tree.denominator
        if not (lower_bound(below, columns, plan).value > 0 or upper_bound(below, columns, plan).value < 0):
            needed.append(_until_positive(below.times(math.copysign(1.0, _mean(below, columns))), columns, plan))
    known = [one for one in needed if one is not None]
    return max(known) if len(known) == len(needed) else None


def _mean(form: Linear, columns: Columns) -> float:
    """The mean of a form over the images on which all of its measures are known."""
    known = columns.known(list(form.terms))
    return form.constant + sum(c * float(columns[m].column.values[known].mean()) for m, c in form.terms.items())


def _until_positive(form: Linear, columns: Columns, plan: Plan) -> int | None:
    """Images until the lower bound of the form lies above 0 with probability `POWER`."""
    completed = complete_at_worst(form, columns)
    if completed.values is None or completed.n == 0:
        return None
    mean, deviation, n = float(np.mean(completed.values)), float(np.std(completed.values)), completed.n
    clusterings = columns.clusters(form.terms, completed.asked)
    if clusterings and math.isfinite(variance := variances(completed.values, clusterings)[2]):
        deviation = math.sqrt(variance * n)
    now = lower_bound(form, columns, plan)
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
            bound = lower_bound(form, columns, replace(plan, images=images)).value
        return bound - float(ndtri(POWER)) * deviation / math.sqrt(images) > 0

    needed = least_integer(settled, n + 1, slack=200)
    return None if needed is None else needed - n


def _proportion_bound(constant: float, coefficient: float, mean: float, images: int, confidence: float) -> float:
    """The bound of ``constant + coefficient * p`` that the count to come clears with probability `POWER`."""
    p = min(1.0, max(0.0, (mean - constant) / coefficient))
    p = round(p) if abs(p - round(p)) < 1e-12 else p  # of 0 and 1 rounding errors have no quantile
    quantile = 1 - POWER if coefficient > 0 else POWER
    successes = images * p if p in (0.0, 1.0) else min(images, max(0, math.ceil(bdtrik(quantile, images, p))))
    return constant + coefficient * clopper_pearson(successes, images, confidence)[0 if coefficient > 0 else 1]


def _of_the_least(tree: ExtremeTree, expectation: Expectation, columns: Columns, plan: Plan) -> int | None:
    """The same for a worst group, in images of all groups, which keep their shares.

    Where the least lies above the threshold every group must come to lie there; where it lies below, one must, at what
    Bonferroni columns it.
    """
    estimates = [tree_estimate(part, columns) for part in tree.parts]
    assert all(one is not None for one in estimates)
    above = all(one is not None and one > expectation.threshold for one in estimates)
    each = plan if above else replace(plan, confidence=1 - (1 - plan.confidence) / len(tree.parts))
    factors: list[float | None] = []
    for part, estimate in zip(tree.parts, estimates, strict=True):
        assert estimate is not None
        if not above and estimate >= expectation.threshold:
            continue
        bounds = tree_bound(part, "lower", columns, each), tree_bound(part, "upper", columns, each)
        if bounds[0].value > expectation.threshold or bounds[1].value < expectation.threshold:
            factors.append(0.0)
            continue
        more = further_images(expectation, part, estimate, bounds, columns, each)
        factors.append(None if more is None else more / _images(part, columns))
    known = [one for one in factors if one is not None]
    if not known or (above and len(known) < len(factors)):
        return None
    return max(1, math.ceil((max(known) if above else min(known)) * _images(tree, columns)))


def _images(tree: Tree, columns: Columns) -> int:
    """How many images are asked of all blocks together, each once."""
    asked = [columns[measure].asked for block in blocks(tree) for measure in block.measures()]
    return int(np.logical_or.reduce(asked).sum())


def _by_width(
    tree: Tree, expectation: Expectation, estimate: float, bounds: tuple[Bound, Bound], columns: Columns, plan: Plan
) -> int | None:
    """The same where no single rule decides: the distance from estimate to bound shrinks with the root of n."""
    n = max(int(columns[measure].asked.sum()) for block in blocks(tree) for measure in block.measures())
    distance = abs(estimate - expectation.threshold)
    width = abs(bounds[0 if estimate > expectation.threshold else 1].value - estimate)
    if not math.isfinite(width):
        return None
    reserve = 1 + float(ndtri(POWER)) / float(ndtri(plan.confidence))
    return max(1, math.ceil(n * (reserve * width / distance) ** 2) - n)
