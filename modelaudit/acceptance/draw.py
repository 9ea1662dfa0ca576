"""What a draw of images can find: the chance to meet at least one value that was forged."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: the share that is stated, and the chance that counts as certain enough
SHARE, CHANCE = 0.05, 0.95


@dataclass(frozen=True)
class Draw:
    """How many ``images`` of a data set were ``drawn`` at random, without putting them back.

    >>> draw = Draw("line_a", 10_000, 30)
    >>> round(draw.chance_to_find(0.05), 2)
    0.79
    >>> round(draw.share_found(), 3)
    0.095
    """

    data: str
    images: int
    drawn: int

    def chance_to_find(self, share: float = SHARE) -> float:
        """The chance that at least one drawn image is among a forged `share` of the images, at least one of them.

        It is ``1 - (1 - share)^drawn`` for a data set without end, and larger for a finite one (hypergeometric).
        """
        return self._chance(max(1, math.ceil(share * self.images - 1e-9)))

    def share_found(self, chance: float = CHANCE) -> float:
        """The smallest share of forged images that the draw finds with probability `chance`; 1 if nothing is drawn."""
        low, high = 1, self.images
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if self._chance(middle) >= chance else (middle + 1, high)
        return low / self.images if self.images else 1.0

    def _chance(self, forged: int) -> float:
        if not self.images:
            return 0.0
        spared = math.comb(max(self.images - forged, 0), self.drawn)
        return 1 - spared / math.comb(self.images, self.drawn)
