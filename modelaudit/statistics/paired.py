"""Bounds of the difference of two proportions on the same images.

The difference is ``p10 - p01``: the share of images that only the first term counts, minus the share that only the
second counts. `only_first` and `only_second` are these two discordant cells of the 2 x 2 table.
"""

from __future__ import annotations

import math

from scipy.special import ndtri

from .intervals import Interval, clopper_pearson
from .roots import root


def tango(only_first: float, only_second: float, n: float, confidence: float) -> Interval:
    """Tango's (1998) score bounds, never tighter than Clopper-Pearson's where a discordant cell is empty.

    With one cell empty the problem is that of a single proportion, where a score bound errs as Wilson's does (no
    discordance in 52 images would pass ``< 0.05``; 0.95^52 = .069); the exact bound takes over (59 images).
    """
    lower = -_upper(only_second, only_first, n, confidence)
    return lower, _upper(only_first, only_second, n, confidence)


def discordant_clopper_pearson(only_first: float, only_second: float, n: float, confidence: float) -> Interval:
    """The guaranteed mode: Clopper-Pearson on each discordant cell, with Bonferroni over the two."""
    each = 1 - (1 - confidence) / 2
    first, second = clopper_pearson(only_first, n, each), clopper_pearson(only_second, n, each)
    return first[0] - second[1], first[1] - second[0]


def score(difference: float, only_first: float, only_second: float, n: float) -> float:
    """Tango's z: the observed difference against `difference`, with p01 at its restricted maximum likelihood."""
    b, c, d = only_first, only_second, difference
    linear = -b - c + (2 * n - b + c) * d
    root = math.sqrt(max(linear * linear + 8 * n * c * d * (1 - d), 0.0))
    p01 = (root - linear) / (4 * n) if linear <= 0 else 2 * c * d * (1 - d) / (root + linear)
    variance = n * (2 * p01 + d * (1 - d))
    distance = b - c - n * d
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def _upper(only_first: float, only_second: float, n: float, confidence: float) -> float:
    z = float(ndtri(confidence))
    observed = (only_first - only_second) / n
    upper = 1.0
    if observed < 1 and score(1.0, only_first, only_second, n) < -z:
        upper = root(lambda d: score(d, only_first, only_second, n) + z, observed, 1.0)
    if only_second == 0:
        upper = max(upper, clopper_pearson(only_first, n, confidence)[1])
    elif only_first == 0:
        upper = max(upper, -clopper_pearson(only_second, n, confidence)[0])
    return upper
