"""Base of the methods that read a spatial layer, and the check that its values lie over the image."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language import registry
from ..language.errors import AttributionError, ExpressionError
from ..language.spatial import lies_over
from ..language.spec import Method
from .base import AttributionInput, Shared
from .passes import shared


@dataclass(frozen=True)
class OnLayer(Method):
    """A method that reads a spatial layer.

    Args:
        layer: the module's name in the user's model (``"layer4"``); None takes the last spatial layer.

    Raises:
        ExpressionError: the layer is not a name.
    """

    layer: str | None = None

    def __post_init__(self) -> None:
        if self.layer is not None and (not isinstance(self.layer, str) or not self.layer):
            name = registry.entry_of(self).name
            raise ExpressionError(f"{name}: layer must name a module, e.g. layer='layer4', got {self.layer!r}")


def cells(spec: OnLayer, question: AttributionInput, *wanted: Shared) -> tuple[Tensor, ...]:
    """The `wanted` tensors of the layer, each [B, K, h, w] over the image.

    Raises:
        AttributionError: no layer, another one than named, one that does not run once in a pass, or one whose values
            are not [B, channels, height, width] over the image.
    """
    require_layer(spec, spec.layer, question)
    found = shared(question, *wanted)
    size = (question.pixels.shape[2], question.pixels.shape[3])
    for name in wanted:
        require_grid(spec, found[name], len(question.pixels), size)
    return tuple(found[name] for name in wanted)


def precise(values: Tensor) -> Tensor:
    """In float64, where the device has it."""
    return values.to(precision(values))


def precision(values: Tensor) -> torch.dtype:
    """float64, where the device has it."""
    return torch.float32 if values.device.type == "mps" else torch.float64


def way_out(spec: Method) -> str:
    """Suggest what to do if the model has no such layer."""
    name = registry.entry_of(spec).name
    return f'name one with {name}(layer="..."), or take another method, e.g. integrated_gradients'


def require_layer(spec: Method, layer: str | None, question: AttributionInput) -> None:
    """Check that the question has a layer, and the one that is named, if one is.

    Raises:
        AttributionError: it has not.
    """
    if question.layer is None:
        raise AttributionError(f"{spec}: the model has no spatial layer; {way_out(spec)}")
    if layer is not None:
        names = [name for name, part in question.model.named_modules() if part is question.layer]
        if not any(name == layer or name.endswith(f".{layer}") for name in names):
            raise AttributionError(f"{spec}: got the layer {' = '.join(names) or 'of another model'} instead")


def require_grid(spec: Method, values: Tensor, count: int, image: tuple[int, int]) -> None:
    """Check that values are [B, K, h, w] over the image: a sum over any other axes would be taken for a map too.

    Raises:
        AttributionError: they are not.
    """
    shape = tuple(values.shape)
    if len(shape) == 4 and shape[0] == count and lies_over((shape[2], shape[3]), image):
        return
    raise AttributionError(
        f"{spec}: the layer's values have shape {shape} for {count} images of {image[0]} x {image[1]}, not [images, "
        f"channels, height, width] over the image (tokens or channels last?); {way_out(spec)}"
    )
