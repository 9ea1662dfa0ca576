"""How far two maps of the same image agree."""

from __future__ import annotations

import torch
from torch import Tensor


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """[B] float64: the rank correlation of two batches of maps [B, H, W] over their pixels (Spearman 1904).

    Pearson's correlation of the ranks, ties at their mean rank. NaN where a map has one value only, or one that is not
    finite.

    >>> maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> spearman(maps, -maps).tolist()
    [-1.0]
    """
    ranks = [_ranks(maps.flatten(1).double()) for maps in (first, second)]
    centred = [rank - rank.mean(dim=1, keepdim=True) for rank in ranks]
    spread = (centred[0].square().sum(1) * centred[1].square().sum(1)).sqrt()
    together = (centred[0] * centred[1]).sum(1)
    value = torch.where(spread > 0, together / spread.clamp_min(1e-300), torch.nan)
    return value.masked_fill(~(_finite(first) & _finite(second)), torch.nan)


def top_iou(first: Tensor, second: Tensor, share: float = 0.1) -> Tensor:
    """[B] float64: intersection over union of the `share` of pixels with the largest values of two maps [B, H, W].

    Equal values at the edge of the top go in by their place, so a map of one value is worth nothing: NaN there.

    >>> maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    >>> top_iou(maps, maps.square(), share=0.5).tolist()
    [1.0]
    """
    pixels = first.flatten(1).shape[1]
    count = max(1, round(share * pixels))
    tops = [_top(maps.flatten(1), count) for maps in (first, second)]
    value = (tops[0] & tops[1]).sum(1).double() / (tops[0] | tops[1]).sum(1)
    flat = [maps.flatten(1).amax(1) == maps.flatten(1).amin(1) for maps in (first, second)]
    return value.masked_fill(flat[0] | flat[1] | ~(_finite(first) & _finite(second)), torch.nan)


def _top(values: Tensor, count: int) -> Tensor:
    at = values.nan_to_num(-torch.inf).argsort(dim=1, descending=True, stable=True)[:, :count]
    return torch.zeros_like(values, dtype=torch.bool).scatter(1, at, True)


def _ranks(values: Tensor) -> Tensor:
    """[B, n] the mean rank of each value among its row, from 1: half of those below and at it, and a half."""
    ordered = values.nan_to_num(0.0, 0.0, 0.0).sort(dim=1).values
    rows = values.nan_to_num(0.0, 0.0, 0.0).contiguous()
    below = torch.searchsorted(ordered, rows, right=False)
    upto = torch.searchsorted(ordered, rows, right=True)
    return (below + upto + 1).double() / 2


def _finite(maps: Tensor) -> Tensor:
    return torch.isfinite(maps).flatten(1).all(1)
