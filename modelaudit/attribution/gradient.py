"""Attributions that are read off the gradient at the input."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from captum.attr import InputXGradient
from captum.attr import Saliency as CaptumSaliency
from torch import Tensor, nn

from ..language.errors import AttributionError
from ..language.spec import Method
from .base import Cost, Declares, Maps, Question, attribution

_ONE_GRADIENT = Declares(cost=lambda spec: Cost(forward=1, backward=1), tensors=("input_gradient",))


@dataclass(frozen=True)
class Saliency(Method):
    """sum over channels of |d f / d x|, f the explained quantity, x pixel values (Simonyan et al. 2014)."""


@dataclass(frozen=True)
class InputTimesGradient(Method):
    """Sum over channels of x * d f / d x, signed, x pixel values (Shrikumar et al. 2016)."""


@attribution("saliency", Saliency, _ONE_GRADIENT)
def saliency_maps(spec: Saliency, question: Question) -> Maps:
    """[B, H, W] of values >= 0."""
    with gradients_wanted():
        pixels, selector = leaf(question)
        method = CaptumSaliency(explained_by(question.model))
        shares = method.attribute(pixels, abs=True, additional_forward_args=(selector,))
    return Maps(shares.detach().sum(1))


@attribution("input_x_gradient", InputTimesGradient, _ONE_GRADIENT)
def input_x_gradient_maps(spec: InputTimesGradient, question: Question) -> Maps:
    """[B, H, W], signed."""
    with gradients_wanted():
        pixels, selector = leaf(question)
        shares = InputXGradient(explained_by(question.model)).attribute(pixels, additional_forward_args=(selector,))
    return Maps(shares.detach().sum(1))


def explained_by(model: nn.Module, seen: str = "the image") -> Callable[[Tensor, Tensor], Tensor]:
    """(pixels, selector) -> [B], the explained quantity sum_c selector * logits, as captum differentiates it.

    Raises:
        AttributionError: (when called) gradients are wanted, and none leads from the logits back to what is `seen`.
    """

    def explained(pixels: Tensor, selector: Tensor) -> Tensor:
        logits: Tensor = model(pixels)
        value = (logits * selector).sum(1)
        if torch.is_grad_enabled() and not value.requires_grad:
            raise AttributionError(
                f"{type(model).__name__}: no gradient leads from its logits back to {seen}; the forward pass must use "
                "it, and must not switch gradients off (torch.no_grad, detach)"
            )
        return value

    return explained


@contextmanager
def gradients_wanted() -> Iterator[None]:
    """Gradients are recorded inside, whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def leaf(question: Question) -> tuple[Tensor, Tensor]:
    """Copies of pixels and selector that captum may mark: the pixels ask for a gradient, the selector does not."""
    return question.pixels.detach().clone().requires_grad_(), question.selector.detach().clone()
