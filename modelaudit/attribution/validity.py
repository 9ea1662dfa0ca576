"""Which maps are honest numbers, and which are none."""

from __future__ import annotations

from torch import Tensor

from ..language.errors import AttributionError
from ..language.reasons import Missing
from .base import Maps

#: the largest completeness error of a map that counts; see :class:`~modelaudit.attribution.base.Maps`
COMPLETENESS_LIMIT = 0.05


def check(maps: Maps, pixels: Tensor, explained: Tensor) -> dict[Missing, Tensor]:
    """Where the maps [B, H, W] of images [B, 3, H, W] are undefined: [B] bool by reason; no image has two reasons.

    ``attribution_invalid``: a value of the map, the explained quantity or the completeness error is not finite, or
    the completeness error exceeds 0.05. ``zero_attribution``: all of the map is zero, otherwise nothing is wrong.

    Raises:
        AttributionError: the map lies over other axes than the image: an error in a method, not a value.
    """
    wanted = (len(pixels), *pixels.shape[2:])
    if maps.shape != wanted:
        raise AttributionError(f"a method gave maps of shape {maps.shape} for images {wanted}")
    if tuple(explained.shape) != wanted[:1]:
        raise AttributionError(f"{tuple(explained.shape)} explained values for {wanted[0]} images")
    flat = maps.cells.flatten(1)
    invalid = ~(flat.isfinite().all(1) & explained.to(flat.device).isfinite())
    if maps.coarse is not None:
        invalid |= (flat < 0).any(1)  # cells are read as positive parts
    if maps.completeness is not None:
        if tuple(maps.completeness.shape) != wanted[:1]:
            raise AttributionError(f"{tuple(maps.completeness.shape)} completeness errors for {wanted[0]} images")
        invalid |= ~(maps.completeness.to(flat.device) <= COMPLETENESS_LIMIT)  # NaN is not within the limit
    zero = (flat == 0).all(1) & ~invalid
    return {Missing.ATTRIBUTION_INVALID: invalid, Missing.ZERO_ATTRIBUTION: zero}
