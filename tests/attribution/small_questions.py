"""A small network and questions about it, for the methods that are made of gradients."""

from __future__ import annotations

import torch
from torch import nn

from modelaudit.attribution import AttributionInput


def relu_net() -> nn.Module:
    torch.manual_seed(4)
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).eval().requires_grad_(False)


def asked(model: nn.Module, count: int = 4, side: int = 8) -> AttributionInput:
    images = torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))
    selector = torch.eye(3)[torch.arange(count) % 3]
    ids = tuple(f"image {index}" for index in range(count))
    return AttributionInput(model, images, selector, (model(images) * selector).sum(1), ids=ids)


def part(question: AttributionInput, chosen: list[int]) -> AttributionInput:
    """The same question about some of the images."""
    ids = tuple(question.ids[index] for index in chosen)
    tensors = [getattr(question, name)[chosen] for name in ("pixels", "selector", "explained")]
    return AttributionInput(question.model, *tensors, ids=ids, rows=question.rows)
