"""Bilinear upsampling U of coarse maps and its adjoint: <U c, y> = <c, U^T y>.

A share of a map that was upsampled is a share of its cells, with the masks brought to the grid once by U^T: no map of
the image's size is needed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def upsampled(coarse: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, H, W] of coarse maps [B, h, w]: bilinear, align_corners=False."""
    from torch.nn import functional

    return functional.interpolate(coarse.unsqueeze(1), size, mode="bilinear", align_corners=False).squeeze(1)


def adjoint_of_upsampling(full: Tensor, size: tuple[int, int]) -> Tensor:
    """[B, h, w] float64 (float32 on a device without it) of any numbers [B, H, W]: the transpose of :func:`upsampled`.

    As two products with the weights of the rows and of the columns, in double precision: neither the order in which
    a device adds nor its TF32 mode shows in the result, as it would in the backward pass of the upsampling.
    """
    import torch

    dtype = torch.float32 if full.device.type == "mps" else torch.float64
    rows = _weights(size[0], full.shape[1], full.device, dtype)
    columns = _weights(size[1], full.shape[2], full.device, dtype)
    return rows @ (full.to(dtype) @ columns.T)


@lru_cache(maxsize=64)
def _weights(cells: int, pixels: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """[cells, pixels], what each cell gives to each pixel along one axis."""
    import torch
    from torch.nn import functional

    with torch.inference_mode(False):
        ones = torch.eye(cells, dtype=torch.float64).unsqueeze(0)
        return functional.interpolate(ones, pixels, mode="linear", align_corners=False)[0].to(device, dtype)
