"""Passes of fixed size for methods that run the model with rules of their own."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import AttributionInput


def in_passes(
    question: AttributionInput, explain: Callable[..., tuple[Tensor, Tensor]], *more: Tensor
) -> tuple[Tensor, Tensor]:
    """What ``explain(pixels, selector, *more)`` gives, in passes of ``question.rows`` images, the last padded."""
    with torch.inference_mode(False):
        given = [part.detach().clone() for part in (question.pixels, question.selector, *more)]
    rows = question.rows or len(question.pixels)
    found: list[tuple[Tensor, Tensor]] = []
    for first in range(0, len(question.pixels), rows):
        parts = [part[first : first + rows] for part in given]
        count = len(parts[0])
        if count < rows:
            parts = [torch.cat([part, part[-1:].expand(rows - count, *part.shape[1:])]) for part in parts]
        shares, rest = explain(*parts)
        found.append((shares[:count].detach(), rest[:count].detach()))
    shares, rest = (torch.cat(column) for column in zip(*found, strict=True))
    return shares, rest
