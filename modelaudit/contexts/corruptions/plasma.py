"""Clouds: the diamond-square fractal of ImageNet-C's fog."""

from __future__ import annotations

import torch
from torch import Tensor


def side_of(height: int, width: int) -> int:
    """The least power of two that covers both sides, at least 2."""
    return max(2, 1 << (max(height, width) - 1).bit_length())


def plasma(uniform: Tensor, decay: float) -> Tensor:
    """[B, N, N] in [0, 1]: heights on a torus of N = 2^k points, by diamond and square.

    Starting from one corner at 0, every point midway between four others becomes their mean plus ``w^2 u``, u uniform
    in [-1, 1]: first the centres of the squares of step s, then the centres of their sides. s is halved and w divided
    by `decay` until every point has a height; w starts at 100. Then the least height becomes 0 and the greatest 1.

    Args:
        uniform: [B, N, N] in [-1, 1]: u of each point.
    """
    heights = torch.zeros_like(uniform)
    step, wobble = uniform.shape[-1], 100.0
    while step >= 2:
        half, height = step // 2, wobble**2
        corner, centre = (slice(None, None, step),) * 2, (slice(half, None, step),) * 2
        right, below = (corner[0], centre[1]), (centre[0], corner[1])
        corners = heights[:, *corner]
        pairs = corners + corners.roll(-1, 1)
        centres = (pairs + pairs.roll(-1, 2)) / 4 + height * uniform[:, *centre]
        heights[:, *centre] = centres
        heights[:, *right] = (centres + centres.roll(1, 1) + corners + corners.roll(-1, 2)) / 4 + (
            height * uniform[:, *right]
        )
        heights[:, *below] = (centres + centres.roll(1, 2) + pairs) / 4 + height * uniform[:, *below]
        step, wobble = half, wobble / decay
    heights -= heights.amin(dim=(1, 2), keepdim=True)
    return heights / heights.amax(dim=(1, 2), keepdim=True)
