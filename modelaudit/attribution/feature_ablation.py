"""Feature ablation: one superpixel at a time is taken away."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.spec import Method
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .perturbed import Fill, for_each_image
from .superpixels import Segmentation, Superpixels, check_cut, most_segments


@dataclass(frozen=True)
class FeatureAblation(Method):
    """f(x) - f(x with a superpixel filled), for each superpixel, spread evenly over its pixels; signed.

    Args:
        segments: superpixels, 4 to 1024; slic may give fewer, a grid has the largest square number in it.
        segmentation: "grid" for rectangles, or "slic" for regions of like colour (scikit-image; the extra
            ``superpixels``), which follow the object's outline.
        fill: "mean" (the mean colour of ImageNet), "black", "white", "blur" or "noise", as baselines are.

    Raises:
        ExpressionError: an argument out of range.
    """

    segments: int = 64
    segmentation: Segmentation = "grid"
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        check_cut("feature_ablation", self)


def _cost(spec: FeatureAblation) -> Cost:
    return Cost(forward=1 + most_segments(spec), backward=0)


_DECLARES = MethodDeclaration(cost=_cost, gradients=False).named("Feature Ablation")


@attribution("feature_ablation", FeatureAblation, _DECLARES)
def feature_ablation_maps(spec: FeatureAblation, question: AttributionInput) -> Maps:
    """[B, H, W], signed; over a superpixel it sums to the drop of the score.

    Raises:
        AttributionError: slic is asked for, and scikit-image is not installed.
    """
    return Maps(torch.stack(for_each_image(question, lambda image: _ablated(spec, question, image))))


def _ablated(spec: FeatureAblation, question: AttributionInput, image: int) -> Tensor:
    parts = Superpixels.of(question, image, spec)

    def kept(numbers: range) -> Tensor:
        taken = torch.tensor(numbers) - 1  # the first is the whole image
        return torch.arange(parts.count) != taken[:, None]

    found = parts.values(1 + parts.count, kept)
    return parts.spread(found[0] - found[1:])
