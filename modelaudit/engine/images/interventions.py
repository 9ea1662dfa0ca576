"""Masks that are moved, and backgrounds that a model cannot see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from ...language.sample import BACKGROUND, IGNORE, OBJECT
from ..results.interventions import RADIUS, Intervention

#: what a model that is blind to the background sees there: the mean colour of ImageNet
_FILLED = (123 / 255, 116 / 255, 103 / 255)


def radius(size: Sequence[int], share: float = RADIUS) -> int:
    """By how many pixels masks of (height, width) are moved: `share` of the shorter side, at least 1."""
    return max(1, round(share * min(size)))


def changed_mask(mask: Tensor, intervention: Intervention, share: float = RADIUS) -> Tensor:
    """[B, H, W] uint8: the masks of an intervention, moved by r = `share` of the shorter side.

    Erosion and dilation take a square of 2 r + 1 and move both edges of the ignore ring, that to the object and that to
    the background, so the ring keeps its place between them. Nothing comes in from outside of the frame: an object that
    touches the border is not eroded there. A shifted mask repeats its first rows or columns.
    """
    if not intervention.of_masks:
        return mask
    r = radius(mask.shape[1:], share)
    if intervention in (Intervention.SHIFTED_X, Intervention.SHIFTED_Y):
        axis = 2 if intervention is Intervention.SHIFTED_X else 1
        at = (torch.arange(mask.shape[axis], device=mask.device) - r).clamp_min(0)
        return mask.index_select(axis, at)
    object_, kept = mask == OBJECT, mask != BACKGROUND
    if intervention is Intervention.DILATED:
        object_, kept = _widened(object_, r), _widened(kept, r)
    else:
        object_, kept = ~_widened(~object_, r), ~_widened(~kept, r)
    between = torch.where(kept, IGNORE, BACKGROUND)
    return torch.where(object_, OBJECT, between).to(mask.dtype)


def blinded(pixels: Tensor, mask: Tensor) -> Tensor:
    """The images with everything but the object in the mean colour of ImageNet."""
    colour = torch.tensor(_FILLED, dtype=pixels.dtype, device=pixels.device).view(1, 3, 1, 1)
    return torch.where((mask == OBJECT).unsqueeze(1), pixels, colour)


def _widened(region: Tensor, r: int) -> Tensor:
    """[B, H, W] bool: the region and all pixels within `r` of it, in the larger of the two directions."""
    return max_pool2d(region[:, None].float(), 2 * r + 1, stride=1, padding=r)[:, 0] > 0.5
