"""The searches that the rules share: for a root, and for a number of images."""

from __future__ import annotations

from collections.abc import Callable

from scipy.optimize import brentq

_FAR = 1e12
#: no number of images is looked for beyond this one
MOST_IMAGES = 10_000_000


def find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where `function` changes sign between `low` and `high` (Brent 1973); infinite values count as far."""
    found = brentq(lambda x: max(-_FAR, min(_FAR, function(x))), low, high, xtol=1e-11, rtol=1e-12)  # type: ignore[no-untyped-call]
    return float(found)


def least_integer(
    enough: Callable[[int], bool], start: int = 1, *, most: int = MOST_IMAGES, slack: int = 0
) -> int | None:
    """The least whole number from `start` on that is `enough`, by doubling and halving; None beyond `most`.

    Args:
        enough: once true it stays true.
        slack: 0 for the least itself; k for one that is at most 1 / k of it too large, found sooner.
    """
    low, high = start - 1, start
    while not enough(high):
        if high > most:
            return None
        low, high = high, 2 * high
    while high - low > (max(1, high // slack) if slack else 1):
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
