"""One mask in numbers."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label  # type: ignore[attr-defined]

from ..language.findings import MaskFacts
from ..language.sample import BACKGROUND, IGNORE, OBJECT
from .base import Pixels

_EIGHT = np.ones((3, 3), dtype=np.uint8)


def mask_facts(mask: Pixels) -> MaskFacts:
    """Facts of a mask [H, W] of 1 object, 0 background, 255 ignore."""
    inside = mask == OBJECT
    edge = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    return MaskFacts(
        object=int(inside.sum()),
        background=int((mask == BACKGROUND).sum()),
        ignored=int((mask == IGNORE).sum()),
        pieces=int(label(inside, structure=_EIGHT)[1]),
        touches_border=bool(edge.any()),
    )
