"""Resize and centre crop of pictures as torchvision's classification presets do them, to the bit.

On PIL images they are a few lines of PIL. torchvision itself loads torch's compiler with it, which takes as long as
torch: only what needs its models or its functions on tensors waits for that.
"""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image
from torch import Tensor

_FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}


def resized_size(height: int, width: int, resize: int | tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) after the resize: an int is the shorter side, the longer one is cut down to whole pixels."""
    if resize is None:
        return height, width
    if not isinstance(resize, int):
        return resize
    shorter, longer = sorted((height, width))
    other = int(resize * longer / shorter)
    return (other, resize) if width <= height else (resize, other)


def resized(picture: Image.Image, size: tuple[int, int], interpolation: str) -> Image.Image:
    """The picture in that (height, width), always antialiased; itself where it has that size."""
    if size == (picture.height, picture.width):
        return picture
    return picture.resize((size[1], size[0]), _FILTERS[interpolation])


def centre_cropped(picture: Image.Image, crop: int | tuple[int, int] | None) -> Image.Image:
    """The middle of the picture; where the crop is larger, the border is 0."""
    if crop is None:
        return picture
    height, width = (crop, crop) if isinstance(crop, int) else crop
    top, left = _start(picture.height, height), _start(picture.width, width)
    return picture.crop((left, top, left + width, top + height))


def as_tensor(picture: Image.Image) -> Tensor:
    """[C, H, W] uint8."""
    values = torch.from_numpy(np.array(picture))
    return values.unsqueeze(0) if values.ndim == 2 else values.permute(2, 0, 1).contiguous()


def prepared(
    picture: Image.Image,
    size: tuple[int, int],
    crop: int | tuple[int, int] | None,
    *,
    interpolation: str = "bilinear",
    antialias: bool = True,
) -> Tensor:
    """Resized to (height, width), then cropped: [C, H, W] float32 in [0, 1]; on tensors where ``antialias=False``."""
    if antialias:
        pixels = as_tensor(centre_cropped(resized(picture, size, interpolation), crop))
    else:
        pixels = _on_tensors(as_tensor(picture), size, crop, interpolation)
    return pixels.to(torch.float32) / 255


def _start(length: int, wanted: int) -> int:
    return -((wanted - length) // 2) if wanted > length else round((length - wanted) / 2)


def _on_tensors(
    pixels: Tensor, size: tuple[int, int], crop: int | tuple[int, int] | None, interpolation: str
) -> Tensor:
    from torchvision.transforms import InterpolationMode, functional

    if size != pixels.shape[1:]:
        pixels = functional.resize(pixels, list(size), InterpolationMode(interpolation), antialias=False)
    if crop is not None:
        pixels = functional.center_crop(pixels, [crop, crop] if isinstance(crop, int) else list(crop))
    return pixels
