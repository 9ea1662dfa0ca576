"""Scenes for the tests of contexts."""

from __future__ import annotations

import torch
from torch import Tensor

from modelaudit.contexts.base import ContextInput


def boxed_mask(height: int, width: int, top: int, left: int, rows: int, columns: int, ring: int = 1) -> Tensor:
    """[H, W] uint8: a rectangle of object with an ignore ring round it."""
    mask = torch.zeros(height, width, dtype=torch.uint8)
    mask[max(top - ring, 0) : top + rows + ring, max(left - ring, 0) : left + columns + ring] = 255
    mask[top : top + rows, left : left + columns] = 1
    return mask


def scene(count: int = 3, height: int = 24, width: int = 20, *, seed: int = 0, prefix: str = "own") -> ContextInput:
    """Random pixels, a rectangle with a ring in each image, and donors made the same way."""
    own = _scene(count, height, width, seed, prefix)
    donors = _scene(count, height, width, seed + 1000, "donor")
    return ContextInput(own.pixels, own.mask, own.ids, seed, donors)


def _scene(count: int, height: int, width: int, seed: int, prefix: str) -> ContextInput:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.rand(count, 3, height, width, generator=generator)
    masks = []
    for _ in range(count):
        rows, columns = (int(torch.randint(3, 8, (), generator=generator)) for _ in range(2))
        top = int(torch.randint(1, height - rows - 1, (), generator=generator))
        left = int(torch.randint(1, width - columns - 1, (), generator=generator))
        masks.append(boxed_mask(height, width, top, left, rows, columns))
    return ContextInput(pixels, torch.stack(masks), tuple(f"{prefix}/{index}" for index in range(count)), seed)


def part(whole: ContextInput, *indices: int) -> ContextInput:
    """The samples at `indices`, in that order, with their donors."""
    rows = list(indices)
    return ContextInput(
        whole.pixels[rows],
        None if whole.mask is None else whole.mask[rows],
        tuple(whole.ids[row] for row in rows),
        whole.seed,
        None if whole.donors is None else part(whole.donors, *indices),
    )
