"""The last spatial layer of a model, found by watching one forward pass and proven by a gradient."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from ..language.errors import AttributionError, nearest
from ..language.spatial import SpatialLayer
from .borrow import borrowed_module
from .fingerprint import probe_pixels
from .loaded import LoadedModel, PixelModel, device_of, unwrapped

_ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_PROBES = 2
_WAY_OUT = 'name one with gradcam(layer="..."), or take another method, e.g. integrated_gradients'
Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Call:
    """One call of one module. Calls of equal `identity` returned the very same values in the same memory.

    ``single``: it returned one tensor; otherwise `output` is the first one that it returned.
    """

    name: str
    module: nn.Module
    output: Tensor
    identity: tuple[Any, ...]
    single: bool


def spatial_layer(model: LoadedModel | nn.Module, input_size: tuple[int, int]) -> SpatialLayer:
    """The layer that Grad-CAM reads: the outermost module with the last map of features over the image.

    Every module call of one forward pass on images of `input_size` (height, width) is looked at. A map is the single
    output [B, C, h, w] of a module called once, with h and w over 1 and in the proportion of the image; adaptive
    pooling makes none. Maps of which each channel feeds one logit alone (class maps, as behind SqueezeNet's last
    convolution) are passed over while there is one of features. A gradient must reach the layer.

    Raises:
        AttributionError: there is none, or tokens or [B, h, w, C] maps come after it; names the option to set.
    """
    module, run = _parts(model)
    with _probing(module):
        calls = _watched(module, run, input_size)
        layers = _outermost(_maps(calls, input_size))
        if not layers:
            raise AttributionError(
                f"{type(module).__name__} has no spatial layer on images of {input_size[0]} x {input_size[1]}: no "
                f"module that is called once returns [B, channels, height, width] over the image; {_WAY_OUT}"
            )
        found = _last_of_features(run, layers, input_size)
        _refuse_later_tokens(module, calls, found, input_size)
        _require_gradient(found, *_response(run, found.module, input_size))
    return _described(found)


def layer_named(model: LoadedModel | nn.Module, name: str, input_size: tuple[int, int] | None = None) -> nn.Module:
    """The user's module of that name; with `input_size`, only if it is a spatial layer on such images.

    Raises:
        AttributionError: no such module, or its output is no map over the image that the logits depend on.
    """
    module, run = _parts(model)
    known = dict(module.named_modules())
    known.pop("")
    if name not in known:
        raise AttributionError(f"{type(module).__name__} has no layer {name!r}{nearest(name, known)}")
    if input_size is not None:
        with _probing(module):
            calls = [call for call in _watched(module, run, input_size) if call.module is known[name]]
            _require_map(name, calls, input_size)
            _require_gradient(calls[0], *_response(run, known[name], input_size))
    layer: nn.Module = known[name]
    return layer


def lies_over(grid: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether a grid (h, w) has the proportion of an image (H, W) up to the rounding of strides: |hW - wH| < max(H, W).

    A grid of one row or column, and one finer than the image, lies over nothing.
    """
    (rows, columns), (height, width) = grid, image
    in_range = 1 < rows <= height and 1 < columns <= width
    return in_range and abs(rows * width - columns * height) < max(height, width)


def _parts(model: LoadedModel | nn.Module) -> tuple[nn.Module, Run]:
    """The user's module, whose names are meant, and what maps pixel values to logits."""
    pixel_model = model.pixel_model if isinstance(model, LoadedModel) else model
    if isinstance(pixel_model, PixelModel):
        return pixel_model.module, pixel_model
    return pixel_model, lambda pixels: unwrapped(pixel_model(pixels.to(device_of(pixel_model))))


@contextmanager
def _probing(module: nn.Module) -> Iterator[None]:
    with torch.inference_mode(False), borrowed_module(module, device_of(module)):
        yield


def _watched(module: nn.Module, run: Run, size: tuple[int, int]) -> list[_Call]:
    """Every module call in the order in which they end. The tensors are kept, so that no two share memory by chance;
    their version tells an activation in place from what it was applied to."""
    calls: list[_Call] = []

    def watch(name: str, part: nn.Module) -> RemovableHandle:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            tensors = (output,) if isinstance(output, Tensor) else _tensors(output)
            if tensors:
                first = tensors[0]
                identity = (first.data_ptr(), first._version, tuple(first.shape), first.stride())
                calls.append(_Call(name, part, first, identity, isinstance(output, Tensor)))

        return part.register_forward_hook(hook)

    handles = [watch(name, part) for name, part in module.named_modules() if name]
    try:
        with torch.no_grad():
            run(probe_pixels(size, _PROBES).to(device_of(module)))
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _tensors(output: Any) -> tuple[Tensor, ...]:
    values = output.values() if isinstance(output, Mapping) else output if isinstance(output, tuple | list) else ()
    return tuple(value for value in values if isinstance(value, Tensor))


def _maps(calls: list[_Call], size: tuple[int, int]) -> list[_Call]:
    times = Counter(call.name for call in calls)
    pooled = {call.identity for call in calls if isinstance(call.module, _ADAPTIVE)}
    return [
        call
        for call in calls
        if times[call.name] == 1 and call.single and call.identity not in pooled and _is_map(call.output, size)
    ]


def _is_map(output: Tensor, size: tuple[int, int]) -> bool:
    return output.ndim == 4 and len(output) == _PROBES and lies_over((output.shape[2], output.shape[3]), size)


def _outermost(maps: list[_Call]) -> list[_Call]:
    """One call for each distinct map, in order: the first that lies in no other module with the same map."""
    groups: dict[tuple[Any, ...], list[_Call]] = {}
    for call in maps:
        groups.setdefault(call.identity, []).append(call)
    return [
        next(call for call in group if not any(call.name.startswith(f"{other.name}.") for other in group))
        for group in groups.values()
    ]


def _last_of_features(run: Run, layers: list[_Call], size: tuple[int, int]) -> _Call:
    for call in reversed(layers):
        logits, output = _response(run, call.module, size)
        if logits.shape[1] != call.output.shape[1] or not _is_class_map(logits, output):
            return call
    return layers[-1]


def _is_class_map(logits: Tensor, output: Tensor) -> bool:
    """Whether the first and the last logit each depend on no channel but their own."""
    for index in (0, logits.shape[1] - 1):
        (gradient,) = torch.autograd.grad(logits[:, index].sum(), output, retain_graph=True, allow_unused=True)
        if gradient is not None:
            others = torch.arange(output.shape[1], device=gradient.device) != index
            if bool(gradient[:, others].any()):
                return False
    return True


def _response(run: Run, layer: nn.Module, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Logits of the probes, and the layer's output that they are a differentiable function of.

    The model goes on with a copy, so that an activation in place after the layer does not write into the output.
    """
    outputs: list[Tensor] = []

    def hook(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1].clone()

    handle = layer.register_forward_hook(hook)
    try:
        with torch.enable_grad():
            logits = run(probe_pixels(size, _PROBES).to(device_of(layer)))
    finally:
        handle.remove()
    return logits, outputs[-1]


def _require_gradient(call: _Call, logits: Tensor, output: Tensor) -> None:
    # weights that differ from logit to logit: a plain sum cancels where the rows of a head add up to zero
    weights = torch.cos(torch.arange(logits.shape[1], device=logits.device, dtype=logits.dtype))
    gradient = None
    if logits.requires_grad:
        (gradient,) = torch.autograd.grad((logits * weights).sum(), output, allow_unused=True)
    if gradient is None or not bool(gradient.any()):
        raise AttributionError(f"no gradient of the logits reaches the layer {call.name!r}; {_WAY_OUT}")


def _refuse_later_tokens(module: nn.Module, calls: list[_Call], found: _Call, size: tuple[int, int]) -> None:
    after = next(index for index, call in enumerate(calls) if call is found) + 1
    for call in calls[after:]:
        shape = call.output.shape
        tokens = call.output.ndim == 3 and min(shape[1:]) > 1
        channels_last = (
            call.output.ndim == 4 and not _is_map(call.output, size) and lies_over((shape[1], shape[2]), size)
        )
        if tokens or channels_last:
            raise AttributionError(
                f"{type(module).__name__}: after its last map, {found.name!r} with {list(found.output.shape)}, comes "
                f"{call.name!r} with {list(shape)}, which is {'tokens' if tokens else 'a map with channels last'}, so "
                f"that map is not what it decides on; {_WAY_OUT}"
            )


def _require_map(name: str, calls: list[_Call], size: tuple[int, int]) -> None:
    if len(calls) != 1:
        raise AttributionError(f"layer {name!r} is called {len(calls)} times in a pass, not once; {_WAY_OUT}")
    if not calls[0].single or not _is_map(calls[0].output, size):
        kind = "shape" if calls[0].single else "several parts, the first of shape"
        raise AttributionError(
            f"layer {name!r}: its output has {kind} {list(calls[0].output.shape)} for {_PROBES} images of "
            f"{size[0]} x {size[1]}, which is no [B, channels, height, width] over the image; {_WAY_OUT}"
        )


def _described(call: _Call) -> SpatialLayer:
    _, channels, height, width = call.output.shape
    return SpatialLayer(call.name, channels, height, width)
