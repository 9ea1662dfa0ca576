"""The root search that the bounds share."""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq

_FAR = 1e12


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` changes sign between `low` and `high` (Brent 1973); infinite values count as far."""
    found = brentq(lambda x: max(-_FAR, min(_FAR, function(x))), low, high, xtol=1e-11, rtol=1e-12)  # type: ignore[no-untyped-call]
    return float(found)
