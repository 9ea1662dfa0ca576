"""Passes of fixed size for methods that run the model with rules of their own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import Question


def in_passes(
    question: Question, explain: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """What ``explain(pixels, selector)`` gives, over all images, in passes of ``question.rows``, the last one padded."""
    with torch.inference_mode(False):
        pixels, selector = question.pixels.detach().clone(), question.selector.detach().clone()
    rows, first = question.rows or len(pixels), []
    second = []
    for start in range(0, len(pixels), rows):
        part, chosen = pixels[start : start + rows], selector[start : start + rows]
        count, missing = len(part), rows - len(part)
        if missing:
            part = torch.cat([part, part[-1:].expand(missing, *part.shape[1:])])
            chosen = torch.cat([chosen, chosen[-1:].expand(missing, -1)])
        shares, rest = explain(part, chosen)
        first.append(shares[:count].detach())
        second.append(rest[:count].detach())
    return torch.cat(first), torch.cat(second)
