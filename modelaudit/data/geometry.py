"""The model's geometry, on image and mask alike."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as transforms

from ..language.errors import DataError
from ..language.sample import OBJECT, Preprocessing
from .base import Decoded, Pixels

#: a strip of 1 x 10,000 resized to a shorter side of 256 would have 655 million pixels
MOST_PIXELS = 100_000_000


def apply_geometry(decoded: Decoded, preprocessing: Preprocessing) -> tuple[Tensor, Tensor | None]:
    """Resize, then centre crop: pixels [3, H, W] float32 in [0, 1], mask [H, W] uint8 or None.

    The image goes through torchvision's functions on PIL images (always antialiased; on tensors where
    ``antialias=False``), as its classification presets do; the mask through the same box, nearest. Where the crop is
    larger than the image, the border is black, and background in the mask.

    Raises:
        DataError: a size that cannot be made.
    """
    height, width = decoded.image.shape[:2]
    size = resized(height, width, preprocessing.resize)
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
    whole = (
        _mask(mask, resized(mask.shape[0], mask.shape[1], preprocessing.resize), replace(preprocessing, crop=None))
        == OBJECT
    )
    left = _mask(mask, (whole.shape[0], whole.shape[1]), preprocessing) == OBJECT
    return float(left.sum()) / float(whole.sum()) if whole.any() else 0.0


def resized(height: int, width: int, resize: int | tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) after the resize: an int is the shorter side, the longer one is cut down to whole pixels."""
    if resize is None:
        return height, width
    if not isinstance(resize, int):
        return resize
    shorter, longer = sorted((height, width))
    other = int(resize * longer / shorter)
    return (other, resize) if width <= height else (resize, other)


def _image(image: Pixels, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    mode = InterpolationMode(preprocessing.interpolation)
    # torchvision annotates its functions for tensors only, and takes PIL images too
    picture: Any = Image.fromarray(image)
    if not preprocessing.antialias:
        picture = transforms.pil_to_tensor(picture)
    if size != image.shape[:2]:
        picture = transforms.resize(picture, list(size), mode, antialias=preprocessing.antialias)
    picture = _cropped(picture, preprocessing.crop)
    pixels = picture if isinstance(picture, Tensor) else transforms.pil_to_tensor(picture)
    return transforms.convert_image_dtype(pixels, torch.float32)


def _mask(mask: Pixels, size: tuple[int, int], preprocessing: Preprocessing) -> Tensor:
    picture: Any = Image.fromarray(mask)
    if size != mask.shape:
        picture = transforms.resize(picture, list(size), InterpolationMode.NEAREST)
    return transforms.pil_to_tensor(_cropped(picture, preprocessing.crop))[0]


def _cropped(picture: Any, crop: int | tuple[int, int] | None) -> Any:
    if crop is None:
        return picture
    return transforms.center_crop(picture, [crop, crop] if isinstance(crop, int) else list(crop))
