"""Integrated Gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, one_of, within
from .base import Cost, Declares, Maps, Question, attribution
from .passes import explained_by, gradients_wanted

#: RGB in pixel values; "mean" is the mean colour of ImageNet
BASELINES = {"black": (0.0, 0.0, 0.0), "white": (1.0, 1.0, 1.0), "mean": (123 / 255, 116 / 255, 103 / 255)}
_MOST_STEPS = 1000
_PIXELS_IN_A_PASS = 16 * 224 * 224


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Sum over channels of (x - b) * integral over a in [0, 1] of d f / d x at b + a (x - b), signed.

    Gauss-Legendre quadrature with `steps` nodes, in pixel values, from the colour `baseline` (Sundararajan, Taly and
    Yan 2017). The sum over the image is f(x) - f(b); by how much it is not is each map's completeness error.

    Args:
        steps: nodes of the quadrature, 1 to 1000; each costs a forward and a backward pass.
        baseline: "black" (0), "white" (1) or "mean" (the mean colour of ImageNet, (123, 116, 103) / 255).

    Raises:
        ExpressionError: another baseline, or steps out of range.
    """

    steps: int = 64
    baseline: Literal["black", "white", "mean"] = "black"

    def __post_init__(self) -> None:
        within(self.steps, 1, _MOST_STEPS, "integrated_gradients: steps")
        if not isinstance(self.steps, int):
            raise ExpressionError(f"integrated_gradients: steps={self.steps!r} is no whole number")
        one_of(self.baseline, BASELINES, "integrated_gradients: baseline")


_DECLARES = Declares(cost=lambda spec: Cost(forward=spec.steps + 1, backward=spec.steps), completeness=True)


@attribution("integrated_gradients", IntegratedGradients, _DECLARES)
def integrated_gradients_maps(spec: IntegratedGradients, question: Question) -> Maps:
    """[B, H, W], signed, and the completeness error [B].

    Several nodes of small images go through the model together, up to the pixels of 16 images of 224 x 224; of larger
    ones one node of the batch at a time, so that memory does not grow with the steps.
    """
    explained = explained_by(question.model)
    with gradients_wanted():
        pixels, selector = question.pixels.detach().clone(), question.selector.detach().clone()
        baseline = _baseline(spec, pixels)
        method: Any = CaptumIntegratedGradients(explained)
        shares = method.attribute(
            pixels,
            baselines=baseline,
            additional_forward_args=(selector,),
            n_steps=spec.steps,
            method="gausslegendre",
            internal_batch_size=_images_in_a_pass(pixels),
        ).detach()
    with torch.inference_mode(False), torch.no_grad():
        at_baseline = explained(baseline, selector)
    return Maps(shares.sum(1), completeness_error(shares, question.explained.detach(), at_baseline))


def _images_in_a_pass(pixels: Tensor) -> int:
    """A whole number of nodes of the batch; it depends on shapes alone, so the values do not depend on the machine."""
    count, _, height, width = pixels.shape
    nodes = _PIXELS_IN_A_PASS // (count * height * width)
    return count * max(1, nodes)


def completeness_error(shares: Tensor, explained: Tensor, at_baseline: Tensor) -> Tensor:
    """[B] float64: |sum A - (f(x) - f(b))| / max(|f(x) - f(b)|, 0.01 sum |A|) over A [B, ...]; 0 where all is 0."""
    total = shares.double().flatten(1)
    change = explained.double() - at_baseline.double()
    scale = torch.maximum(change.abs(), 0.01 * total.abs().sum(1))
    error = (total.sum(1) - change).abs()
    return torch.where(scale == 0, error, error / scale)


def _baseline(spec: IntegratedGradients, pixels: Tensor) -> Tensor:
    colour = torch.tensor(BASELINES[spec.baseline], dtype=pixels.dtype, device=pixels.device)
    return colour.view(1, 3, 1, 1).expand_as(pixels).contiguous()
