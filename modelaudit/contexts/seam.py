"""Compositing an object onto a background, over a hard edge or a feathered seam."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..language.spec import plain, within

WIDEST_FEATHER = 64


def checked_feather(feather: float, what: str) -> float:
    """The feather as a float: 0 is a hard edge; a radius below 1 px reaches no neighbour and is none.

    Raises:
        ExpressionError: neither 0 nor a number from 1 to 64.
    """
    value = plain(feather)
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0.0
    return float(within(value, 1.0, WIDEST_FEATHER, f"{what}: feather (0 is a hard edge)"))


def composite(front: Tensor, back: Tensor, kept: Tensor, feather: float) -> Tensor:
    """`front` where `kept`, `back` elsewhere: [B, 3, H, W].

    With a feather of r pixels the weight of the front is the share of kept pixels in the disc of radius r, so that only
    pixels within r of the edge differ from the hard edge; weights 0 and 1 copy pixels to the bit.
    """
    if feather == 0:
        return torch.where(kept, front, back)
    weight = _share_in_disc(kept, feather)
    blended = (back + weight * (front - back)).clamp(0.0, 1.0)
    # equal pixels and whole weights are copied: a + w (b - a) is not exactly b at w = 1
    blended = torch.where((weight == 1) | (front == back), front, blended)
    return torch.where(weight == 0, back, blended)


def _share_in_disc(kept: Tensor, radius: float) -> Tensor:
    reach = int(radius)
    offsets = torch.arange(-reach, reach + 1, device=kept.device)
    disc = (offsets[:, None] ** 2 + offsets[None, :] ** 2 <= radius**2).float()
    around = functional.pad(kept.float(), (reach, reach, reach, reach), mode="replicate")
    # rounding makes the count of pixels exact on every device, and so the support of the seam
    return functional.conv2d(around, disc[None, None]).round() / disc.sum()
