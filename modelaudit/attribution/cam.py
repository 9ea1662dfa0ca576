"""Grad-CAM."""

from __future__ import annotations

from dataclasses import dataclass

from captum.attr import LayerGradCam
from torch import Tensor, nn
from torch.nn import functional

from ..language.errors import AttributionError, ExpressionError
from ..language.spec import Method
from .base import Cost, Declares, Maps, Question, attribution
from .gradient import explained_by, gradients_wanted

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
    cost=lambda spec: Cost(forward=1, backward=1), tensors=("layer_activation", "layer_gradient"), spatial_layer=True
)


@attribution("gradcam", GradCam, _DECLARES)
def gradcam_maps(spec: GradCam, question: Question) -> Maps:
    """[B, H, W] of values >= 0. `question.layer` is the layer that ``spec.layer`` names, or the last spatial one.

    Raises:
        AttributionError: no layer, another one than named, one that never runs, or one whose output is not
            [B, channels, height, width] over the image.
    """
    layer = _layer(spec, question)
    with gradients_wanted():
        pixels, selector = question.pixels.detach().clone(), question.selector.detach().clone()
        method = LayerGradCam(explained_by(question.model, "the layer"), layer)
        try:
            cams = method.attribute(pixels, additional_forward_args=(selector,), relu_attributions=True)
        except AssertionError as error:  # captum's word for a hook that found nothing
            raise AttributionError(f"{spec}: {error}; {_WAY_OUT}") from error
    size = (pixels.shape[2], pixels.shape[3])
    _require_grid(spec, cams, len(pixels), size)
    full = functional.interpolate(cams.detach(), size, mode="bilinear", align_corners=False)
    return Maps(full.squeeze(1))


def _layer(spec: GradCam, question: Question) -> nn.Module:
    if question.layer is None:
        raise AttributionError(f"{spec}: the model has no spatial layer; {_WAY_OUT}")
    if spec.layer is not None:
        names = [name for name, part in question.model.named_modules() if part is question.layer]
        if not any(name == spec.layer or name.endswith(f".{spec.layer}") for name in names):
            raise AttributionError(f"{spec}: got the layer {' = '.join(names) or 'of another model'} instead")
    return question.layer


def _require_grid(spec: GradCam, cams: object, count: int, image: tuple[int, int]) -> None:
    """A map of [B, 1, h, w] over the image; captum sums over any axis without a word.

    ``|hW - wH| < max(H, W)``: the proportion of the image up to the rounding of strides.
    """
    shape = tuple(cams.shape) if isinstance(cams, Tensor) else None
    if shape is not None and len(shape) == 4 and shape[:2] == (count, 1):
        (rows, columns), (height, width) = shape[2:], image
        if 1 < rows <= height and 1 < columns <= width and abs(rows * width - columns * height) < max(height, width):
            return
    raise AttributionError(
        f"{spec}: the layer's map has shape {shape} for {count} images of {image[0]} x {image[1]}, not [images, 1, "
        f"height, width] over the image (tokens or channels last?); {_WAY_OUT}"
    )
