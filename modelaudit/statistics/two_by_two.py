"""A ratio of two proportions on the same images, as the 2 x 2 table that a plan supposes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..language.expression import Expectation
from .leaves import Leaves
from .linear import Ratio

Values = NDArray[np.float64]


def is_of_two_proportions(tree: Ratio, leaves: Leaves) -> bool:
    """Whether it is ``A / B`` of two proportions, and of nothing else."""
    forms = (tree.numerator, tree.denominator)
    measures = [measure for form in forms for measure in form.terms]
    plain = all(form.constant == 0 and list(form.terms.values()) == [1.0] for form in forms)
    return plain and all(leaves[measure].column.scale == "proportion" for measure in measures)


def base_and_difference(tree: Ratio, leaves: Leaves) -> tuple[float, float]:
    """The share of images in which B counts, and that in which A and B differ."""
    (first,), (second,) = tree.numerator.terms, tree.denominator.terms
    known = leaves.known([first, second])
    above, below = (leaves[measure].column.values[known] for measure in (first, second))
    return float(below.mean()), float(np.mean(above != below))


def ratio_of_proportions(
    part: Expectation, supposed: float, base: float, differing: float
) -> tuple[Values, Values] | None:
    """[4], [4]: ``A - t B`` (oriented) of images where both, A alone, B alone and none count, and their shares.

    B counts in `base` of the images, A in `supposed` times that, and they differ in a share of `differing`, or as near
    to it as these leave. None where there are no such proportions.
    """
    above = base * supposed
    if not (0 < base <= 1 and 0 <= above <= 1):
        return None
    differing = max(abs(above - base), min(differing, above + base, 2 - above - base))
    only_a, only_b = (differing + above - base) / 2, (differing + base - above) / 2
    both = above - only_a
    sign, t = (-1.0 if part.wants_low else 1.0), part.threshold
    shares = np.array([both, only_a, only_b, 1 - both - only_a - only_b]).clip(0.0)
    return sign * np.array([1 - t, 1.0, -t, 0.0]), shares
