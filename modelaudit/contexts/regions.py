"""The parts of an image that a context acts on."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ..language.errors import ContextError
from ..language.sample import BACKGROUND, OBJECT
from .base import ContextInput, alone

Region = Literal["background", "object", "whole"]
REGIONS: tuple[Region, ...] = ("background", "object", "whole")


def mask_of(scene: ContextInput, what: str) -> Tensor:
    """[B, H, W], or a ContextError that names the context."""
    if scene.mask is None:
        raise ContextError(f"{what} acts on a part of the image and needs object masks, and these data have none")
    return scene.mask


def inside(scene: ContextInput, region: Region, what: str) -> Tensor:
    """[B, 1, H, W] bool. The ignore ring goes with the object: background is mask == 0, object mask != 0."""
    if region == "whole":
        return torch.ones_like(scene.pixels[:, :1], dtype=torch.bool)
    mask = mask_of(scene, what)
    return ((mask == BACKGROUND) if region == "background" else (mask != BACKGROUND)).unsqueeze(1)


def without_object_or_background(scene: ContextInput, what: str) -> Tensor:
    """[B] bool: no object pixel, or nothing but object and ring: there is no background to exchange."""
    mask = mask_of(scene, what).flatten(1)
    return ~(mask == OBJECT).any(dim=1) | ~(mask == BACKGROUND).any(dim=1)


def mean_of(pixels: Tensor, region: Tensor) -> Tensor:
    """[B, 3, 1, 1]: the mean of the pixels of each region [B, 1, H, W]; 0 of an empty one."""
    count = region.flatten(1).sum(dim=1)
    total = alone(lambda images, parts: (images.double() * parts).flatten(2).sum(dim=2), pixels, region)
    return (total / count.clamp_min(1)[:, None]).to(pixels.dtype)[:, :, None, None]
