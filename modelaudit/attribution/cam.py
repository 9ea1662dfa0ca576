"""Class activation maps: a layer's channels, weighted by gradients, scores or their first principal component.

A [B, K, h, w] are the layer's values, g = d f / d A, f the explained quantity. The maps are >= 0 on the layer's grid
and brought to the image's size bilinearly with align_corners=False.
"""

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

_DECLARES = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=1),
    tensors=("layer_activation", "layer_gradient"),
    spatial_layer=True,
    own_passes=False,
)


@dataclass(frozen=True)
class GradCam(OnLayer):
    """relu of sum_k w_k A_k, w_k the mean of g_k over the grid (Selvaraju et al. 2017).

    >>> str(GradCam(layer="layer3"))
    'gradcam(layer=layer3)'

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is not a name.
    """


@dataclass(frozen=True)
class GradCamPlusPlus(OnLayer):
    """relu of sum_k w_k A_k, w_k = sum over the grid of a_k relu(g_k), a_k = 1 / (2 + g_k sum A_k).

    Equation 19 of Chattopadhay et al. 2018 for the score exp(f), with g^2 cancelled: a = g^2 / (2 g^2 + g^3 sum A). The
    a_k are weights as long as 2 + g_k sum A_k > 0 where g_k > 0, as behind a ReLU always; an image where that fails
    gets no finite map and is counted as ``attribution_invalid``.

    >>> str(GradCamPlusPlus())
    'gradcam_plus_plus'

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is not a name.
    """


@dataclass(frozen=True)
class LayerCam(OnLayer):
    """relu of sum_k relu(g_k) A_k, a weight for each channel and cell (Jiang et al. 2021).

    >>> str(LayerCam(layer="features"))
    'layercam(layer=features)'

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is not a name.
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
    """Maps on the layer's grid, NaN where the weights are not defined.

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


#: where the two largest singular values are closer than this, relative, rounding decides on the vector
_SMALLEST_GAP = 1e-4


@dataclass(frozen=True)
class EigenCam(OnLayer):
    """relu of O v, O [hw, K] the layer's values by cell, v their first right-singular vector (Muhammad, Yeasin 2020).

    A singular vector has no sign: it gets the one with which the largest |O v| is positive, so values >= 0, as behind a
    ReLU, give a map without negative cells. It needs no gradient and does not depend on the target: it shows what
    stands out in the layer. An image whose first two singular values agree to 1e-4 has no first vector; its map is NaN
    and counted as ``attribution_invalid``.

    >>> str(EigenCam(centred=True))
    'eigencam(centred=True)'

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.
        centred: whether each channel's mean over the cells is taken off first. The paper does not; pytorch-grad-cam
            does, and leaves the sign open.

    Raises:
        ExpressionError: the layer is not a name, or `centred` is not a bool.
    """

    centred: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.centred, bool):
            raise ExpressionError(f"eigencam: centred must be true or false, got {self.centred!r}")


_DECLARES_EIGENCAM = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=0),
    tensors=("layer_activation",),
    spatial_layer=True,
    own_passes=False,
    gradients=False,
)


@attribution("eigencam", EigenCam, _DECLARES_EIGENCAM.named("Eigen-CAM"))
def eigencam_maps(spec: EigenCam, question: AttributionInput) -> Maps:
    """Maps on the layer's grid, brought to the image's size bilinearly with align_corners=False.

    Raises:
        AttributionError: no layer, another one than named, one that does not run once in a pass, or one whose values
            are not [B, channels, height, width] over the image.
    """
    (activation,) = cells(spec, question, "layer_activation")
    by_cell = activation.flatten(2).transpose(1, 2)
    if spec.centred:
        by_cell = by_cell - by_cell.mean(1, keepdim=True)
    projected = first_projection(by_cell).view(len(activation), *activation.shape[2:])
    size = (question.pixels.shape[2], question.pixels.shape[3])
    return Maps.on_grid(projected.relu().to(activation.dtype), size)


def first_projection(matrices: Tensor) -> Tensor:
    """[B, N] of matrices [B, N, K]: their product with the first right-singular vector, the largest entry positive.

    From the eigenvectors of the smaller Gram matrix, in double precision. NaN where the vector is not determined.
    """
    values = (matrices.cpu() if matrices.device.type == "mps" else matrices).double()
    finite = values.isfinite().flatten(1).all(1)
    values = torch.where(finite[:, None, None], values, 0)
    few_cells = values.shape[1] <= values.shape[2]
    gram = values @ values.mT if few_cells else values.mT @ values
    squares, vectors = torch.linalg.eigh(gram)
    first = vectors[:, :, -1:]
    projected = (first * squares[:, None, -1:].clamp_min(0).sqrt() if few_cells else values @ first).squeeze(2)
    largest = projected.gather(1, projected.abs().argmax(1, keepdim=True))
    projected = torch.where(largest < 0, -projected, projected)
    return torch.where((finite & _determined(squares))[:, None], projected, torch.nan).to(matrices.device)


def _determined(squares: Tensor) -> Tensor:
    """Whether the largest of the squared singular values stands out; a matrix of zeros is a map of zeros."""
    if squares.shape[1] < 2:
        return torch.ones_like(squares[:, -1], dtype=torch.bool)
    first, second = squares[:, -1], squares[:, -2].clamp_min(0)
    return (second.sqrt() <= (1 - _SMALLEST_GAP) * first.sqrt()) | (first == 0)


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

    >>> str(ScoreCam(channels=64))
    'scorecam(channels=64)'

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.
        channels: None for all, as in the paper, or how many, those that vary most over the image (the variance of A_k).
        fill: what shows where H_k is 0, as baselines are; "black" is x H_k, "mean" what peers do to a normalised x.

    Raises:
        ExpressionError: the layer is not a name, `channels` is not an integer from 1, or another fill.
    """

    channels: int | None = None
    fill: Fill = "black"

    def __post_init__(self) -> None:
        super().__post_init__()
        whole = isinstance(self.channels, int) and not isinstance(self.channels, bool)
        if self.channels is not None and not (whole and self.channels > 0):
            raise ExpressionError(f"scorecam: channels must be an integer from 1, or None, got {self.channels!r}")
        one_of(self.fill, NAMES, "scorecam: fill")


_DECLARES_SCORECAM = MethodDeclaration(
    cost=lambda spec: Cost(forward=2 + (spec.channels or _USUAL_MOST_CHANNELS), backward=0),
    tensors=("layer_activation",),
    spatial_layer=True,
    gradients=False,
)


@attribution("scorecam", ScoreCam, _DECLARES_SCORECAM.named("Score-CAM"))
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
