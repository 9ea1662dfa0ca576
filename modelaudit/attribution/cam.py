"""Class activation maps that weigh a layer's channels by gradients: Grad-CAM, Grad-CAM++, LayerCAM.

A [B, K, h, w] are the layer's values, g = d f / d A, f the explained quantity. The maps are >= 0 on the layer's grid
and brought to the image's size bilinearly with align_corners=False.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .layer_grid import OnLayer, cells

_DECLARES = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=1),
    tensors=("layer_activation", "layer_gradient"),
    spatial_layer=True,
    own_passes=False,
)


@dataclass(frozen=True)
class GradCam(OnLayer):
    """relu of sum_k w_k A_k, w_k the mean of g_k over the grid (Selvaraju et al. 2017).

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is no name.
    """


@dataclass(frozen=True)
class GradCamPlusPlus(OnLayer):
    """relu of sum_k w_k A_k, w_k = sum over the grid of a_k relu(g_k), a_k = 1 / (2 + g_k sum A_k).

    Equation 19 of Chattopadhay et al. 2018 for the score exp(f), with g^2 cancelled: a = g^2 / (2 g^2 + g^3 sum A). The
    a_k are weights as long as 2 + g_k sum A_k > 0 where g_k > 0, as behind a ReLU always; an image where that fails
    gets no finite map and is counted as ``attribution_invalid``.

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is no name.
    """


@dataclass(frozen=True)
class LayerCam(OnLayer):
    """relu of sum_k relu(g_k) A_k, a weight for each channel and cell (Jiang et al. 2021).

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is no name.
    """


@attribution("gradcam", GradCam, _DECLARES.named("Grad-CAM"))
def gradcam_maps(spec: GradCam, question: AttributionInput) -> Maps:
    """Maps on the layer's grid. `question.layer` is the layer that ``spec.layer`` names, or the last spatial one.

    Raises:
        AttributionError: no layer, another one than named, one that does not run once in a pass, or one whose values
            are not [B, channels, height, width] over the image.
    """
    activation, gradient = cells(spec, question, "layer_activation", "layer_gradient")
    weights = gradient.mean((2, 3), keepdim=True)
    return Maps.on_grid((weights * activation).sum(1).relu(), _size(question))


@attribution("gradcam_plus_plus", GradCamPlusPlus, _DECLARES.named("Grad-CAM++"))
def gradcam_plus_plus_maps(spec: GradCamPlusPlus, question: AttributionInput) -> Maps:
    """Maps on the layer's grid, NaN where the weights are none.

    Raises:
        AttributionError: as :func:`gradcam_maps`.
    """
    activation, gradient = cells(spec, question, "layer_activation", "layer_gradient")
    below = 2 + gradient * activation.sum((2, 3), keepdim=True)
    rising = gradient > 0
    weights = torch.where(rising, gradient / below, 0).sum((2, 3), keepdim=True)
    broken = (rising & (below <= 0)).flatten(1).any(1)
    maps = (weights * activation).sum(1).relu()
    return Maps.on_grid(torch.where(broken[:, None, None], torch.nan, maps), _size(question))


@attribution("layercam", LayerCam, _DECLARES.named("LayerCAM"))
def layercam_maps(spec: LayerCam, question: AttributionInput) -> Maps:
    """Maps on the layer's grid.

    Raises:
        AttributionError: as :func:`gradcam_maps`.
    """
    activation, gradient = cells(spec, question, "layer_activation", "layer_gradient")
    return Maps.on_grid((gradient.relu() * activation).sum(1).relu(), _size(question))


def _size(question: AttributionInput) -> tuple[int, int]:
    return question.pixels.shape[2], question.pixels.shape[3]
