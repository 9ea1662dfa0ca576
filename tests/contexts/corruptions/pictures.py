"""Pictures like photos: smooth, coloured, on the 256 levels of 8 bits."""

from __future__ import annotations

import functools

import torch
from contexts.scenes import boxed_mask
from torch import Tensor

from modelaudit.contexts.base import ContextInput
from modelaudit.language.parser import parse_context
from modelaudit.language.spec import Context

NAMES = (
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "speckle_noise",
    "gaussian_blur",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "spatter",
    "brightness",
    "contrast",
    "saturate",
    "jpeg_compression",
    "pixelate",
    "elastic_transform",
)


def corruption(name: str, severity: int, region: str = "background") -> Context:
    """By the name that users write."""
    return parse_context(f"{name}({severity}, region={region})")


@functools.cache
def picture(height: int = 224, width: int = 224, seed: int = 0) -> Tensor:
    """[3, H, W] float32: random fields of three scales, on 256 levels."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, height, width)
    for cells, weight in ((4, 0.6), (16, 0.3), (64, 0.25)):
        field = torch.rand(1, 3, cells, cells, generator=generator) - 0.5
        total += weight * torch.nn.functional.interpolate(
            field, size=(height, width), mode="bicubic", align_corners=False
        )
    return ((total[0] * 1.6 + 0.5).clamp(0, 1) * 255).round() / 255


def pictures(count: int = 2, height: int = 224, width: int = 224, seed: int = 0) -> ContextInput:
    """A scene of them, with a rectangle of object and a ring in each."""
    pixels = torch.stack([picture(height, width, seed * 1000 + index) for index in range(count)])
    mask = boxed_mask(height, width, height // 4, width // 3, height // 3, width // 3)
    return ContextInput(pixels, mask.expand(count, -1, -1), tuple(f"picture/{index}" for index in range(count)), seed)


def grey(value: float, height: int = 224, width: int = 224, count: int = 1, seed: int = 0) -> ContextInput:
    """Scenes of one colour."""
    own = pictures(count, height, width, seed)
    return ContextInput(torch.full_like(own.pixels, value), own.mask, own.ids, seed)
