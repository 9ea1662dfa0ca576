"""Scores of perturbed images: what the methods without gradients are made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from .base import Question
from .integrated import BASELINES
from .passes import scores

Fill = Literal["black", "white", "mean"]
#: what takes the place of pixels that are taken away: the colours that Integrated Gradients can start from
FILLS: tuple[Fill, ...] = ("mean", "black", "white")
Perturb = Callable[[int], Tensor]


def perturbed_scores(question: Question, count: int, perturb: Perturb) -> Tensor:
    """[B, count], the explained quantity of ``perturb(0)`` to ``perturb(count - 1)``, each [B, 3, H, W].

    One perturbation of all images follows the other, so a pass is full at any size of the batch, an image stands at
    the same place of every pass when the batch is one pass, and no more than a pass and a batch of images is kept.
    """
    images = len(question.pixels)
    rows = question.rows or images
    found: list[Tensor] = []
    pending: list[Tensor] = []
    done = 0
    for index in range(count):
        pending.append(perturb(index))
        waiting = sum(len(part) for part in pending)
        ready = waiting if index == count - 1 else waiting // rows * rows
        if ready:
            stack = torch.cat(pending)
            owner = torch.arange(done, done + ready, device=stack.device) % images
            found.append(scores(question, stack[:ready], question.selector[owner]))
            pending = [stack[ready:]] if ready < waiting else []
            done += ready
    return torch.cat(found).view(count, images).T


def filled(pixels: Tensor, fill: Fill) -> Tensor:
    """An image of the colour `fill` for each of pixels [B, 3, H, W], as a view."""
    colour = torch.tensor(BASELINES[fill], dtype=pixels.dtype, device=pixels.device)
    return colour.view(1, 3, 1, 1).expand_as(pixels)
