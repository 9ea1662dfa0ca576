"""Closed forms on a linear model f(x) = w . x + c."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from modelaudit.attribution import AttributionInput, input_x_gradient, integrated_gradients, saliency
from modelaudit.attribution.gradient import input_x_gradient_maps, saliency_maps
from modelaudit.attribution.integrated import BASELINES, integrated_gradients_maps


def linear(seed: int) -> tuple[AttributionInput, Tensor]:
    """A linear model on two images, each explained by another class, and the weights [2, 3, 5, 4] of those classes."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Flatten(), nn.Linear(60, 3)).eval().requires_grad_(False)
    model[1].weight.copy_(torch.randn(3, 60, generator=generator))
    images = torch.rand(2, 3, 5, 4, generator=generator)
    selector = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, -1.0]])
    weights = (selector @ model[1].weight).view(2, 3, 5, 4)
    return AttributionInput(model, images, selector, (model(images) * selector).sum(1)), weights


seeds = settings(deadline=None, max_examples=20)(given(st.integers(0, 2**31)))


@seeds
def test_saliency_of_a_linear_model_is_the_size_of_its_weights(seed: int) -> None:
    question, weights = linear(seed)
    torch.testing.assert_close(saliency_maps(saliency(), question).values, weights.abs().sum(1))


@seeds
def test_input_times_gradient_of_a_linear_model_is_weight_times_pixel(seed: int) -> None:
    question, weights = linear(seed)
    maps = input_x_gradient_maps(input_x_gradient(), question)
    torch.testing.assert_close(maps.values, (weights * question.pixels).sum(1))


@seeds
def test_integrated_gradients_of_a_linear_model_are_exact_from_every_baseline(seed: int) -> None:
    question, weights = linear(seed)
    for name, colour in BASELINES.items():
        maps = integrated_gradients_maps(integrated_gradients(steps=2, baseline=name), question)  # type: ignore[arg-type]
        away = question.pixels - torch.tensor(colour)[:, None, None]
        torch.testing.assert_close(maps.values, (weights * away).sum(1), rtol=1e-4, atol=1e-5)
        assert maps.completeness is not None and bool((maps.completeness < 1e-3).all())
