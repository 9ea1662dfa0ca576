"""Score-CAM: channels of a layer weighed by what the model says of the image seen through each of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import one_of
from ..language.upsampling import upsampled
from .base import Cost, Declares, Maps, Question, attribution
from .layer_grid import OnLayer, cells, precise
from .perturbed import FILLS, Fill, filled, perturbed_scores

#: of ResNet's and Inception's last layers; few layers have more
_USUAL_MOST_CHANNELS = 2048


@dataclass(frozen=True)
class ScoreCam(OnLayer):
    """relu of sum_k w_k A_k, w the softmax over the channels of f(x H_k), H_k = A_k from 0 to 1 (Wang et al. 2020).

    Algorithm 1 of the paper; its f(x H_k) - f(0) is the same under the softmax. A_k [h, w] is brought to the image's
    size bilinearly with align_corners=False before it is scaled; H_k = 0 for a channel that is constant. x are pixel
    values. The authors' code has another weight, the class's probability without a softmax over channels; this is
    pytorch-grad-cam's and torch-cam's, up to how they upsample (pytorch-grad-cam: align_corners=True for H).
    One pass for each channel that is not constant: no gradient is needed.

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.
        channels: None for all, as in the paper, or how many, those that vary most over the image (the variance of A_k).
        fill: the colour that shows where H_k is 0; "black" is x H_k. "mean" is what peers do to a normalised x.

    Raises:
        ExpressionError: the layer is no name, `channels` no number from 1, or another colour.
    """

    channels: int | None = None
    fill: Fill = "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.channels, int) and not isinstance(self.channels, bool)
        if self.channels is not None and not (whole and self.channels > 0):
            raise ExpressionError(f"scorecam: channels={self.channels!r} is no number of channels; None takes all")
        one_of(self.fill, FILLS, "scorecam: fill")


_DECLARES = Declares(
    cost=lambda spec: Cost(forward=2 + (spec.channels or _USUAL_MOST_CHANNELS), backward=0),
    tensors=("layer_activation",),
    spatial_layer=True,
    gradients=False,
)


@attribution("scorecam", ScoreCam, _DECLARES)
def scorecam_maps(spec: ScoreCam, question: Question) -> Maps:
    """Maps >= 0 on the layer's grid, brought to the image's size bilinearly with align_corners=False.

    Raises:
        AttributionError: no layer, another one than named, one that does not run once in a pass, or one whose values
            are not [B, channels, height, width] over the image.
    """
    (activation,) = cells(spec, question, "layer_activation")
    chosen = _liveliest(activation, spec.channels)
    weights = _scores(spec, question, chosen).softmax(1)
    maps = (weights[:, :, None, None] * precise(chosen)).sum(1).relu()
    return Maps.on_grid(maps.to(activation.dtype), (question.pixels.shape[2], question.pixels.shape[3]))


def _liveliest(activation: Tensor, count: int | None) -> Tensor:
    """[B, k, h, w], each image's own channels in the order of their variance, constant ones last; ties by number."""
    spread = precise(activation).flatten(2).var(2, unbiased=False)
    order = torch.where(_varies(activation), spread, -1).argsort(dim=1, descending=True, stable=True)[:, :count]
    return activation.gather(1, order[:, :, None, None].expand(-1, -1, *activation.shape[2:]))


def _varies(activation: Tensor) -> Tensor:
    return activation.amax((2, 3)) > activation.amin((2, 3))


def _scores(spec: ScoreCam, question: Question, chosen: Tensor) -> Tensor:
    """[B, k] float64, f of the image behind each channel. Constant channels share one pass: H = 0."""
    pixels = question.pixels
    size = (pixels.shape[2], pixels.shape[3])
    behind = filled(pixels, spec.fill)
    live = _varies(chosen).sum(1)
    most = int(live.max())

    def seen_through(channel: int) -> Tensor:
        if channel == most:
            return behind
        mask = upsampled(chosen[:, channel], size)
        low, high = mask.amin((1, 2), keepdim=True), mask.amax((1, 2), keepdim=True)
        mask = torch.where(high > low, (mask - low) / (high - low), 0).unsqueeze(1).to(pixels.dtype)
        return behind + mask * (pixels - behind)

    found = precise(perturbed_scores(question, most + 1, seen_through))
    rank = torch.arange(chosen.shape[1], device=found.device).expand(len(found), -1)
    return found.gather(1, torch.where(rank < live[:, None], rank, most))
