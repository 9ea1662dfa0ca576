"""Score-CAM: channels of a layer weighed by what the model says of the image seen through each of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import one_of
from ..language.upsampling import upsampled
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import NAMES
from .layer_grid import OnLayer, cells, precise
from .perturbed import Fill, filled, for_each_image, perturbed_scores

#: of ResNet's and Inception's last layers; few layers have more
_USUAL_MOST_CHANNELS = 2048


@dataclass(frozen=True)
class ScoreCam(OnLayer):
    """relu of sum_k w_k A_k, w the softmax over the channels of f(x H_k), H_k = A_k from 0 to 1 (Wang et al. 2020).

    Algorithm 1 of the paper; its f(x H_k) - f(0) is the same under the softmax. A_k [h, w] is brought to the image's
    size bilinearly with align_corners=False before it is scaled; H_k = 0 for a channel that is constant. x are pixel
    values. The authors' code has another weight, the class's probability without a softmax over channels; this is
    pytorch-grad-cam's and torch-cam's, up to how they upsample (pytorch-grad-cam: align_corners=True for H).
    An image for each channel that is not constant goes through the model; no gradient is needed.

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.
        channels: None for all, as in the paper, or how many, those that vary most over the image (the variance of A_k).
        fill: what shows where H_k is 0, as baselines are; "black" is x H_k, "mean" what peers do to a normalised x.

    Raises:
        ExpressionError: the layer is no name, `channels` no number from 1, or another fill.
    """

    channels: int | None = None
    fill: Fill = "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.channels, int) and not isinstance(self.channels, bool)
        if self.channels is not None and not (whole and self.channels > 0):
            raise ExpressionError(f"scorecam: channels={self.channels!r} is no number of channels; None takes all")
        one_of(self.fill, NAMES, "scorecam: fill")


_DECLARES = MethodDeclaration(
    cost=lambda spec: Cost(forward=2 + (spec.channels or _USUAL_MOST_CHANNELS), backward=0),
    tensors=("layer_activation",),
    spatial_layer=True,
    gradients=False,
)


@attribution("scorecam", ScoreCam, _DECLARES.named("Score-CAM"))
def scorecam_maps(spec: ScoreCam, question: AttributionInput) -> Maps:
    """Maps >= 0 on the layer's grid, brought to the image's size bilinearly with align_corners=False.

    Raises:
        AttributionError: no layer, another one than named, one that does not run once in a pass, or one whose values
            are not [B, channels, height, width] over the image.
    """
    (activation,) = cells(spec, question, "layer_activation")
    maps = for_each_image(question, lambda image: _map(spec, question, image, activation[image]))
    return Maps.on_grid(torch.stack(maps), (question.pixels.shape[2], question.pixels.shape[3]))


def _map(spec: ScoreCam, question: AttributionInput, image: int, activation: Tensor) -> Tensor:
    """[h, w] of one image whose layer's values are [K, h, w]."""
    chosen, live = _liveliest(activation, spec.channels)
    pixels = question.pixels[image]
    behind = filled(question, image, spec.fill, "scorecam")

    def seen_through(channels: range) -> Tensor:
        mask = upsampled(chosen[channels.start : channels.stop], (pixels.shape[1], pixels.shape[2]))
        low, high = mask.amin((1, 2), keepdim=True), mask.amax((1, 2), keepdim=True)
        mask = torch.where(high > low, (mask - low) / (high - low), 0).unsqueeze(1).to(pixels.dtype)
        mask[live - channels.start :] = 0  # a constant map is one up to rounding after upsampling
        return behind + mask * (pixels - behind)

    found = precise(perturbed_scores(question, image, min(live + 1, len(chosen)), seen_through))
    scores = torch.cat([found[:live], found[live:].expand(len(chosen) - live)])
    weights = scores.softmax(0)
    return (weights[:, None, None] * precise(chosen)).sum(0).relu().to(activation.dtype)


def _liveliest(activation: Tensor, count: int | None) -> tuple[Tensor, int]:
    """[k, h, w] of [K, h, w] in the order of their variance, ties by number, and how many of them are not constant."""
    varies = activation.amax((1, 2)) > activation.amin((1, 2))
    spread = torch.where(varies, precise(activation).flatten(1).var(1, unbiased=False), -1)
    order = spread.argsort(dim=0, descending=True, stable=True)[:count]
    return activation[order], int(varies[order].sum())
