"""Point spread functions: what optics and shake make of a point of light."""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor


def smeared(points: Tensor, reach: int) -> Tensor:
    """The kernel of a point of light spread evenly over `points`, each shared out to its four pixels: [B, k, k].

    The bilinear shares make the kernel a continuous function of the points, the identity where all are 0.

    Args:
        points: [B, N, 2] float64, rows and columns from the middle, within `reach` - 1 of it.
        reach: k = 2 reach + 1.
    """
    side = 2 * reach + 1
    corner = points.floor()
    share = points - corner
    kernel = torch.zeros(len(points), side * side, dtype=torch.float64, device=points.device)
    for down in (0, 1):
        for right in (0, 1):
            weight = (share[..., 0] if down else 1 - share[..., 0]) * (share[..., 1] if right else 1 - share[..., 1])
            place = (corner[..., 0] + down + reach) * side + corner[..., 1] + right + reach
            kernel.scatter_add_(1, place.long(), weight)
    return kernel.view(-1, side, side) / points.shape[1]


@functools.lru_cache(maxsize=32)
def disc(radius: float, resolution: int = 128) -> Tensor:
    """[1, k, k] float64: the image of a point out of focus, a disc of `radius` pixels on a grid of subpixel points."""
    axis = (torch.arange(resolution, dtype=torch.float64) + 0.5) * (2 / resolution) - 1
    grid = torch.cartesian_prod(axis, axis)
    return smeared(radius * grid[(grid**2).sum(dim=1) <= 1].unsqueeze(0), math.ceil(radius) + 1)


def streak(length: float, radians: Tensor, resolution: int = 512) -> Tensor:
    """[B, k, k] float64: the image of a point while the camera moves `length` pixels in a straight line.

    Args:
        radians: [B] float64, counterclockwise from "to the right".
    """
    points = torch.arange(resolution, dtype=torch.float64, device=radians.device)
    along = ((points + 0.5) / resolution - 0.5) * length
    step = torch.stack([-torch.sin(radians), torch.cos(radians)], dim=1)
    return smeared(along[None, :, None] * step[:, None, :], math.ceil(length / 2) + 1)
