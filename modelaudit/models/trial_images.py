"""Pictures on which a transform and a `Preprocessing` are compared."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..language.resizing import prepared, resized_size
from ..language.sample import LUMINANCE, Preprocessing


def waves(height: int, width: int) -> Image.Image:
    """Colours that change from place to place, coarse and fine."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float64)
    parts = [np.sin(rows / scale + shift) * np.cos(columns / (scale + 2)) for scale, shift in ((5, 0), (9, 1), (3, 2))]
    return Image.fromarray(np.uint8(127.5 + 127 * np.stack(parts, -1)))


def random_picture(height: int, width: int, *, noise: float, seed: int) -> Image.Image:
    """Random soft patches of colour, of 80 pixels, with noise of that amplitude (of 255) on every pixel."""
    draws = np.random.Generator(np.random.PCG64(seed))
    coarse = draws.integers(0, 256, (height // 80 + 2, width // 80 + 2, 3), dtype=np.uint8)
    soft = np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC), dtype=np.float64)
    return Image.fromarray(np.uint8(np.clip(soft + noise * draws.uniform(-1, 1, soft.shape), 0, 255).round()))


def shown(picture: Image.Image, preprocessing: Preprocessing) -> Tensor:
    """The picture after geometry and in the model's channels, [C, H, W] in [0, 1], before mean and std."""
    size = resized_size(picture.height, picture.width, preprocessing.resize)
    interpolation, antialias = preprocessing.interpolation, preprocessing.antialias
    pixels = prepared(picture, size, preprocessing.crop, interpolation=interpolation, antialias=antialias)
    if preprocessing.channels == 1:
        return (pixels * torch.tensor(LUMINANCE).view(3, 1, 1)).sum(0, keepdim=True)
    return pixels


def normalised(pixels: Tensor, preprocessing: Preprocessing) -> Tensor:
    """``(x - mean) / std`` of [C, H, W]."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocessing.mean, preprocessing.std))
    return (pixels - mean) / std


def levels_apart(made: Tensor, wanted: Tensor, std: tuple[float, ...]) -> tuple[float, float]:
    """The mean and the 99th percentile of how far two prepared images [C, H, W] are apart, in steps of 1/255.

    Up to one pixel of shift: where a crop cannot be in the middle, libraries round to other sides. Infinite where the
    shapes differ.
    """
    if made.shape != wanted.shape or min(made.shape[1:]) < 3:
        return float("inf"), float("inf")
    scale = torch.tensor(std).view(-1, 1, 1) * 255
    height, width = made.shape[1:]
    inside, found = made[:, 1 : height - 1, 1 : width - 1], []
    for down, right in product((1, 0, 2), repeat=2):
        levels = (inside - wanted[:, down : height - 2 + down, right : width - 2 + right].float()).abs() * scale
        found.append((float(levels.mean()), float(np.quantile(levels.numpy(), 0.99))))
    return min(found)
