"""Linear light: the transfer curve of sRGB (IEC 61966-2-1), on which exposure, shadows and optics act."""

from __future__ import annotations

import torch
from torch import Tensor


def to_linear(pixels: Tensor) -> Tensor:
    """Linear light of sRGB values, both in [0, 1]: ``x / 12.92`` up to .04045, ``((x + .055) / 1.055)^2.4`` above."""
    return torch.where(pixels <= 0.04045, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Tensor) -> Tensor:
    """sRGB values of linear light, which is clipped to [0, 1] first; the inverse of :func:`to_linear`."""
    light = light.clamp(0.0, 1.0)
    # 1.055 l^(1/2.4) - .055, so written that white is exactly 1
    return torch.where(light <= 0.0031308, 12.92 * light, 1.0 - 1.055 * (1.0 - light ** (1 / 2.4)))


def relit(pixels: Tensor, gain: Tensor, added: Tensor | float = 0.0) -> Tensor:
    """``gain x + added`` in linear light; where the gain is 1 and nothing is added the value stays, to the bit.

    Args:
        pixels: [B, 3, H, W] sRGB values.
        gain: broadcast to it.
        added: broadcast to it.
    """
    light = to_srgb(gain * to_linear(pixels) + added)
    return torch.where((gain == 1) & (torch.as_tensor(added, device=gain.device) == 0), pixels, light)
