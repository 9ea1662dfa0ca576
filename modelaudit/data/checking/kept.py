"""The share of an object that a model's geometry leaves in its frame."""

from __future__ import annotations

import numpy as np
from PIL import Image

from ...language.errors import DataError
from ...language.sample import OBJECT, Preprocessing
from ..base import Pixels
from ..geometry import MOST_PIXELS, resized


def object_kept(mask: Pixels, preprocessing: Preprocessing) -> float | None:
    """Object pixels inside the centre crop over all of them, after the resize (nearest); None without an object.

    Raises:
        DataError: a size that cannot be made.
    """
    if not (mask == OBJECT).any():
        return None
    high, wide = mask.shape
    height, width = resized(high, wide, preprocessing.resize)
    if height * width > MOST_PIXELS or min(height, width) < 1:
        raise DataError(
            f"an image of {wide} x {high} resized to {preprocessing.resize} would be {width} x "
            f"{height} pixels; leave it out, or resize to (height, width)"
        )
    # by hand and not by the crop itself: what is counted is what the crop takes away
    inside = np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST)) == OBJECT
    if not inside.any():
        return 0.0
    rows, columns = _window(height, width, preprocessing.crop)
    return float(inside[rows, columns].sum() / inside.sum())


def _window(height: int, width: int, crop: int | tuple[int, int] | None) -> tuple[slice, slice]:
    """The centre crop as torchvision takes it; all of it where the crop is larger."""
    if crop is None:
        return slice(None), slice(None)
    high, wide = (crop, crop) if isinstance(crop, int) else crop
    top, left = max(0, round((height - high) / 2.0)), max(0, round((width - wide) / 2.0))
    return slice(top, top + high), slice(left, left + wide)
