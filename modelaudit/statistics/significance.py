"""How strong a FAIL is: the smallest error rate at which it would still be one."""

from __future__ import annotations

import math
from collections.abc import Callable

#: a FAIL that holds at this rate is not asked further
LEAST = 1e-9
_STEPS = 12


def smallest_error(fails: Callable[[float], bool], error: float) -> float:
    """The smallest error rate in [`LEAST`, `error`] at which `fails` holds, which it does at `error`.

    Bisection on the logarithm in 12 steps, rounded up: at most .5 % too large. It is the p value of a FAIL wherever
    the bounds of its rule are nested, as those of all rules here are.
    """
    if fails(LEAST):
        return LEAST
    low, high = math.log(LEAST), math.log(error)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if fails(math.exp(middle)) else (middle, high)
    return math.exp(high) if high < math.log(error) else error
