"""The model's geometry, on image and mask alike."""

from __future__ import annotations

import math
from dataclasses import replace

from PIL import Image
from torch import Tensor

from ..language.errors import DataError
from ..language.resizing import as_tensor, centre_cropped, prepared, resized, resized_size
from ..language.sample import OBJECT, Preprocessing
from .base import Decoded, Pixels

#: a strip of 1 x 10,000 resized to a shorter side of 256 would have 655 million pixels
MOST_PIXELS = 100_000_000


def apply_geometry(decoded: Decoded, preprocessing: Preprocessing) -> tuple[Tensor, Tensor | None]:
    """Resize, then centre crop: pixels [3, H, W] float32 in [0, 1], mask [H, W] uint8 or None.

    The image goes the way of torchvision's classification presets (:mod:`~modelaudit.language.resizing`); the mask
    through the same box, nearest. Where the crop is larger than the image, the border is black, and background in the
    mask.

    Raises:
        DataError: a size that cannot be made.
    """
    height, width = decoded.image.shape[:2]
    size = resized_size(height, width, preprocessing.resize)
    if size[0] * size[1] > MOST_PIXELS or min(size) < 1:
        raise DataError(
            f"an image of {width} x {height} resized to {preprocessing.resize} would be {size[1]} x {size[0]} pixels; "
            "leave it out, or give Preprocessing(resize=(height, width))"
        )
    pixels = _image(decoded.image, size, preprocessing)
    return pixels, None if decoded.mask is None else _mask(decoded.mask, size, preprocessing)


def object_kept(mask: Pixels | None, preprocessing: Preprocessing) -> float:
    """The share of the object's pixels, after the resize, that the crop leaves; NaN without a mask or an object."""
    if mask is None or not (mask == OBJECT).any():
        return math.nan
    if preprocessing.crop is None:
        return 1.0
    size = resized_size(mask.shape[0], mask.shape[1], preprocessing.resize)
    whole = _mask(mask, size, replace(preprocessing, crop=None)) == OBJECT
    left = _mask(mask, (whole.shape[0], whole.shape[1]), preprocessing) == OBJECT
    return float(left.sum()) / float(whole.sum()) if whole.any() else 0.0


def _image(image: Pixels, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    picture = Image.fromarray(image)
    interpolation, antialias = preprocessing.interpolation, preprocessing.antialias
    return prepared(picture, size, preprocessing.crop, interpolation=interpolation, antialias=antialias)


def _mask(mask: Pixels, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    return as_tensor(centre_cropped(resized(Image.fromarray(mask), size, "nearest"), preprocessing.crop))[0]
