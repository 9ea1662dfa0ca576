"""Which limits networks trained with a shortcut met, compared with copies (docs/validation/limits.md)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ....contexts import donor_rule
from ....language import registry
from ....language.expression import Expectation, Measure

#: copies and trained networks that differ by more than this make the result rough
LARGEST_DIFFERENCE = 0.15
#: a limit so near to one that was tried is taken for it
NEAR = 0.05 + 1e-9


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
        """Whether copies are too far from every trained network that was on the edge of the limit."""
        return max(self.lowest - self.copies, self.copies - self.highest) > LARGEST_DIFFERENCE + 1e-9


#: made by benchmarks/limits_on_trained_models.py
TABLE = (
    Compared("gradcam", True, 0.3, 0.3, 0.52, 0.25),
    Compared("gradcam", True, 0.4, 0.52, 0.62, 0.39),
    Compared("gradcam", True, 0.5, 0.62, 0.68, 0.52),
    Compared("gradcam", True, 0.6, 0.8, 0.8, 0.63),
    Compared("gradcam", False, 0.3, 0.15, 0.3, 0.04),
    Compared("gradcam", False, 0.4, 0.3, 0.52, 0.15),
    Compared("gradcam", False, 0.5, 0.52, 0.62, 0.55),
    Compared("gradcam", False, 0.6, 0.62, 0.68, 0.94),
    Compared("integrated_gradients", True, 0.3, 0.64, 0.68, 0.55),
    Compared("integrated_gradients", True, 0.4, 0.8, 0.96, 0.7),
    Compared("integrated_gradients", True, 0.5, 0.8, 0.96, 0.81),
    Compared("integrated_gradients", True, 0.6, 0.8, 0.96, 0.9),
    Compared("integrated_gradients", False, 0.3, 0.62, 0.64, 0.08),
    Compared("integrated_gradients", False, 0.4, 0.8, 0.8, 0.32),
    Compared("integrated_gradients", False, 0.5, 0.8, 0.96, 0.78),
    Compared("integrated_gradients", False, 0.6, 0.8, 0.96, 0.94),
)


def compared(expectation: Expectation, methods: Iterable[str]) -> tuple[bool, tuple[float, float] | None]:
    """Whether what copies say is rough for this limit, and the range of the trained networks where that was tried.

    What was never compared (other measures and methods, limits further than 0.05 from those of the table) is rough
    without a range; of several methods the roughest counts.
    """
    found = [_compared(expectation, method.partition("(")[0].partition(" of ")[0]) for method in methods]
    return max(found, key=lambda one: (one[0], one[1] is not None), default=(True, None))


def _compared(expectation: Expectation, method: str) -> tuple[bool, tuple[float, float] | None]:
    leaf = expectation.expression
    if not isinstance(leaf, Measure) or registry.entry_of(leaf.spec).name != "background_dependence":
        return True, None
    rule = None if leaf.context is None else donor_rule(leaf.context)
    if (leaf.context is not None and rule is None) or (rule is not None and rule.kind != "other_class"):
        return True, None
    tried = [one for one in TABLE if (one.method, one.swapped) == (method, rule is not None)]
    nearest = min(tried, key=lambda one: abs(one.limit - expectation.threshold), default=None)
    if nearest is None or abs(nearest.limit - expectation.threshold) > NEAR:
        return True, None
    return nearest.rough, (nearest.lowest, nearest.highest) if nearest.rough else None
