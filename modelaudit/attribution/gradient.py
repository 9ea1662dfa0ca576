"""Attributions that are read off the gradient at the input."""

from __future__ import annotations

from dataclasses import dataclass

from ..language.spec import Method
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .passes import shared

_ONE_GRADIENT = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=1), tensors=("input_gradient",), own_passes=False
)


@dataclass(frozen=True)
class Saliency(Method):
    """sum over channels of |d f / d x|, f the explained quantity, x pixel values (Simonyan et al. 2014)."""


@dataclass(frozen=True)
class InputTimesGradient(Method):
    """Sum over channels of x * d f / d x, signed, x pixel values (Shrikumar et al. 2016)."""


@attribution("saliency", Saliency, _ONE_GRADIENT.named("Saliency"))
def saliency_maps(spec: Saliency, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0."""
    return Maps(shared(question, "input_gradient")["input_gradient"].abs().sum(1))


@attribution("input_x_gradient", InputTimesGradient, _ONE_GRADIENT.named("Input × Gradient"))
def input_x_gradient_maps(spec: InputTimesGradient, question: AttributionInput) -> Maps:
    """[B, H, W], signed."""
    return Maps((question.pixels * shared(question, "input_gradient")["input_gradient"]).sum(1))
