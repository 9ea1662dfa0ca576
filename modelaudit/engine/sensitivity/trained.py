"""Which limits networks really trained with a shortcut met: what copies say beside it (docs/attribution.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...contexts import donor_rule
from ...language.expression import Expectation

#: copies and trained networks that differ by more than this make what is told rough
LARGEST_DIFFERENCE = 0.15


@dataclass(frozen=True)
class Compared:
    """The smallest share of answers changed by swaps at which a limit failed: of trained networks, and of copies."""

    method: str
    swapped: bool
    limit: float
    lowest: float
    highest: float
    copies: float

    @property
    def rough(self) -> bool:
        """Whether copies lie too far from every trained network that was on the edge of the limit."""
        return max(self.lowest - self.copies, self.copies - self.highest) > LARGEST_DIFFERENCE


TABLE = (
    Compared("gradcam", True, 0.3, 0.24, 0.33, 0.32),
    Compared("gradcam", True, 0.4, 0.46, 0.54, 0.40),
    Compared("gradcam", True, 0.5, 0.60, 0.71, 0.63),
    Compared("gradcam", False, 0.4, 0.38, 0.46, 0.34),
    Compared("integrated_gradients", True, 0.4, 0.82, 0.82, 0.75),
    Compared("integrated_gradients", False, 0.4, 0.81, 0.83, 0.47),
)


def compared(expectation: Expectation, methods: Mapping[str, float]) -> tuple[bool, tuple[float, float] | None]:
    """Whether what copies say is rough for this limit, and the range of the trained networks where it was tried.

    Methods that were never compared are rough without a range; of several methods the roughest is told.
    """
    swapped = any(
        leaf.context is not None and donor_rule(leaf.context) is not None for leaf in expectation.expression.measures()
    )
    found: list[tuple[bool, tuple[float, float] | None]] = []
    for method in methods:
        name = method.partition("(")[0].partition(" of ")[0]
        tried = [one for one in TABLE if one.method == name and one.swapped is swapped]
        if not tried:
            found.append((True, None))
            continue
        nearest = min(tried, key=lambda one: abs(one.limit - expectation.threshold))
        found.append((nearest.rough, (nearest.lowest, nearest.highest) if nearest.rough else None))
    return max(found, key=lambda one: (one[0], one[1] is not None), default=(True, None))
