"""Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..language.errors import AttributionError, ExpressionError
from ..language.spec import Method
from .base import Cost, Declares, Maps, Question, attribution
from .passes import shared

_WAY_OUT = 'name one with gradcam(layer="..."), or take another method, e.g. integrated_gradients'


@dataclass(frozen=True)
class GradCam(Method):
    """relu of sum_k w_k A_k, w_k the mean over the layer's grid of d f / d A_k, A [B, K, h, w] the layer's output.

    Brought to the image's size bilinearly with align_corners=False (Selvaraju et al. 2017).

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is no name.
    """

    layer: str | None = None

    def __post_init__(self) -> None:
        if self.layer is not None and (not isinstance(self.layer, str) or not self.layer):
            raise ExpressionError(f"gradcam: layer={self.layer!r} is no name of a module; write e.g. layer='layer4'")


_DECLARES = Declares(
    cost=lambda spec: Cost(forward=1, backward=1),
    tensors=("layer_activation", "layer_gradient"),
    spatial_layer=True,
    own_passes=False,
)


@attribution("gradcam", GradCam, _DECLARES)
def gradcam_maps(spec: GradCam, question: Question) -> Maps:
    """[B, H, W] of values >= 0. `question.layer` is the layer that ``spec.layer`` names, or the last spatial one.

    Raises:
        AttributionError: no layer, another one than named, one that never runs, or one whose output is not
            [B, channels, height, width] over the image.
    """
    _check_layer(spec, question)
    tensors = shared(question, "layer_activation", "layer_gradient")
    activation, gradient = tensors["layer_activation"], tensors["layer_gradient"]
    size = (question.pixels.shape[2], question.pixels.shape[3])
    _require_grid(spec, activation, len(question.pixels), size)
    weights = gradient.mean((2, 3), keepdim=True)
    return Maps.on_grid((weights * activation).sum(1).relu(), size)


def _check_layer(spec: GradCam, question: Question) -> None:
    if question.layer is None:
        raise AttributionError(f"{spec}: the model has no spatial layer; {_WAY_OUT}")
    if spec.layer is not None:
        names = [name for name, part in question.model.named_modules() if part is question.layer]
        if not any(name == spec.layer or name.endswith(f".{spec.layer}") for name in names):
            raise AttributionError(f"{spec}: got the layer {' = '.join(names) or 'of another model'} instead")


def _require_grid(spec: GradCam, values: Tensor, count: int, image: tuple[int, int]) -> None:
    """Values [B, K, h, w] over the image; a sum over any other axes would be a map too, without a word.

    ``|hW - wH| < max(H, W)``: the proportion of the image up to the rounding of strides.
    """
    shape = tuple(values.shape)
    if len(shape) == 4 and shape[0] == count:
        (rows, columns), (height, width) = shape[2:], image
        if 1 < rows <= height and 1 < columns <= width and abs(rows * width - columns * height) < max(height, width):
            return
    raise AttributionError(
        f"{spec}: the layer's values have shape {shape} for {count} images of {image[0]} x {image[1]}, not [images, "
        f"channels, height, width] over the image (tokens or channels last?); {_WAY_OUT}"
    )
