"""Eigen-CAM: the first principal map of a layer, whatever the class."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .layer_grid import OnLayer, cells

#: where the two largest singular values are closer than this, relative, rounding decides on the vector
_SMALLEST_GAP = 1e-4


@dataclass(frozen=True)
class EigenCam(OnLayer):
    """relu of O v, O [hw, K] the layer's values by cell, v their first right-singular vector (Muhammad, Yeasin 2020).

    A singular vector has no sign: it gets the one with which the largest |O v| is positive, so values >= 0, as behind a
    ReLU, give a map without negative cells. It needs no gradient and does not depend on the target: it shows what
    stands out in the layer. An image whose first two singular values agree to 1e-4 has no first vector; its map is NaN
    and counted as ``attribution_invalid``.

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.
        centred: whether each channel's mean over the cells is taken off first. The paper does not; pytorch-grad-cam
            does, and leaves the sign open.

    Raises:
        ExpressionError: the layer is no name, or `centred` is neither true nor false.
    """

    centred: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.centred, bool):
            raise ExpressionError(f"eigencam: centred={self.centred!r} is neither true nor false")


_DECLARES = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=0),
    tensors=("layer_activation",),
    spatial_layer=True,
    own_passes=False,
    gradients=False,
)


@attribution("eigencam", EigenCam, _DECLARES.named("Eigen-CAM"))
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
