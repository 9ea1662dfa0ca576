"""The last spatial layer of a model, found by watching one forward pass and proven by gradients."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..language.errors import AttributionError, nearest
from ..language.spatial import SpatialLayer
from .borrow import borrowed_module
from .layouts import Arrangement, arrangements, many_tokens
from .loaded import LoadedModel, PixelModel, device_of, unwrapped
from .locality import lies_where_it_says
from .watching import PROBES, Run, Trace, Use, Value

_ADAPTIVE = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
_WAY_OUT = (
    'name one with the method\'s option layer="...", e.g. gradcam(layer="..."), or take a method that needs none, '
    "e.g. integrated_gradients"
)


def spatial_layer(model: LoadedModel | nn.Module, input_size: tuple[int, int]) -> SpatialLayer:
    """The layer that the methods of the CAM family read: the last values over the image that decide.

    One forward pass on images of `input_size` (height, width) is watched. What is found, from the logits backwards,
    is the first value which

    - can be read as a grid over the image: [B, C, h, w], [B, h, w, C] or [B, prefix + h w, C], h and w over 1 and in
      the image's proportion; adaptive pooling makes none;
    - carries all that the logits know of the image: no way in the graph leads past it (so neither a branch nor the
      inside of a residual block will do);
    - has a gradient at cells of the grid, not at class tokens alone: of a ViT whose head reads the class token that is
      the input of the last block;
    - lies where it says (:func:`~modelaudit.models.locality.lies_where_it_says`).

    Maps of which each channel feeds one logit alone (class maps, as behind SqueezeNet's last convolution) are passed
    over while there is one of features. The layer is the outermost module, run once, that returns or is given it.

    Raises:
        AttributionError: there is none, or what comes first in this order cannot be proven; names the option to set.
    """
    module, run = _parts(model)
    with _probing(module):
        return _Search(module, run, input_size).last()


def resolve_layer(model: LoadedModel | nn.Module, name: str, input_size: tuple[int, int]) -> SpatialLayer:
    """The user's module of that name and how its values lie over images of `input_size`, proven as in `spatial_layer`.

    It need not carry everything. Of a block behind which only the class token is read, it is the block's input.

    Raises:
        AttributionError: no such module, or its output is no grid over the image that the logits depend on.
    """
    part = module_named(model, name)
    module, run = _parts(model)
    with _probing(module):
        return _named(name, part, Trace(module, run, input_size), run, input_size)


def module_named(model: LoadedModel | nn.Module, name: str) -> nn.Module:
    """The user's module of that name.

    Raises:
        AttributionError: no such module.
    """
    module, _ = _parts(model)
    known = dict(module.named_modules())
    known.pop("")
    if name not in known:
        raise AttributionError(f"{type(module).__name__} has no layer {name!r}{nearest(name, known)}")
    found: nn.Module = known[name]
    return found


def layer_named(model: LoadedModel | nn.Module, name: str, input_size: tuple[int, int] | None = None) -> nn.Module:
    """As :func:`module_named`; with `input_size`, only if it is a spatial layer on such images."""
    if input_size is not None:
        resolve_layer(model, name, input_size)
    return module_named(model, name)


def _parts(model: LoadedModel | nn.Module) -> tuple[nn.Module, Run]:
    """The user's module, whose names are meant, and what maps pixel values to logits."""
    pixel_model = model.pixel_model if isinstance(model, LoadedModel) else model
    _require_visible(pixel_model)
    if isinstance(pixel_model, PixelModel):
        return pixel_model.module, pixel_model
    return pixel_model, lambda pixels: unwrapped(pixel_model(pixels.to(device_of(pixel_model))))


def _require_visible(model: nn.Module) -> None:
    module = model.module if isinstance(model, PixelModel) else model
    scripted = "a TorchScript module" if isinstance(module, torch.jit.ScriptModule) else ""
    if hidden := getattr(module, "hidden_layers", scripted):
        raise AttributionError(
            f"the model is {hidden}: nothing says what its layers give; take a method that needs none, e.g. "
            "integrated_gradients or occlusion, or audit the module that it was made from"
        )


@contextmanager
def _probing(module: nn.Module) -> Iterator[None]:
    with torch.inference_mode(False), borrowed_module(module, device_of(module)):
        yield


@dataclass
class _Search:
    """From the logits backwards, and why nothing was found."""

    module: nn.Module
    run: Run
    size: tuple[int, int]

    def __post_init__(self) -> None:
        self.trace = Trace(self.module, self.run, self.size)
        self.unread: list[Use] = []  # of values whose class token alone is read
        self.class_maps: list[tuple[Value, Use]] = []
        self.problems: list[str] = []
        self.nothing = (
            f"{type(self.module).__name__} has no spatial layer on images of {self.size[0]} x {self.size[1]}: no "
            "module that is run once returns [B, C, h, w], [B, h, w, C] or [B, prefix + h w, C] over the image"
        )
        if not self.trace.logits.requires_grad:
            self.nothing = f"{type(self.module).__name__}: no gradient leads from its logits back to the image"

    def last(self) -> SpatialLayer:
        for value in reversed(self.trace.values):
            if not _pooled(value) and (found := self._read(value)) is not None:
                return found[0].spatial(found[1].name, found[1].side)
        for value, use in self.class_maps:
            if (found := self._proven(value, use, arrangements(value.shape, self.size, PROBES))) is not None:
                return found[0].spatial(use.name, use.side)
        raise AttributionError(f"{(self.problems or [self.nothing])[0]}; {_WAY_OUT}")

    def _read(self, value: Value) -> tuple[Arrangement, Use] | None:
        readings = arrangements(value.shape, self.size, PROBES)
        use = self._place(value)
        if use is None or not (readings or many_tokens(value.shape, PROBES)):
            return None
        if self.trace.reaches(value) and not self.trace.carries_all(value):
            self.problems.append(
                f"{type(self.module).__name__}: its logits see the image on ways past {use.name!r} as well"
            )
            return None
        gradient = self.trace.gradient(value)
        if gradient is None or not bool(gradient.any()):
            self.problems.append(f"no gradient of the logits reaches the layer {use.name!r}")
            return None
        if _class_token_alone(value.shape, readings, gradient):
            self.unread.extend(value.uses)
            return None
        if any(_is_class_map(self.trace, value, reading) for reading in readings):
            self.class_maps.append((value, use))
            return None
        return self._proven(value, use, [one for one in readings if bool(one.cells(gradient).any())])

    def _proven(self, value: Value, use: Use, readings: list[Arrangement]) -> tuple[Arrangement, Use] | None:
        for reading in readings:
            if lies_where_it_says(self.run, use, reading, self.size):
                return reading, use
        if len(value.shape) == 3 and self._channels_first(value, use):
            return None
        raise AttributionError(
            f"{type(self.module).__name__}: the last values that all of its decision goes through are the {use.side} "
            f"of {use.name!r}, {list(value.shape)} for {PROBES} images of {self.size[0]} x {self.size[1]}, and it "
            f"cannot be proven that they lie over the image; {_WAY_OUT}"
        )

    def _channels_first(self, value: Value, use: Use) -> bool:
        """Whether [B, C, h w]: the grid of a value that comes earlier, turned."""
        batch, channels, tokens = value.shape
        turned = arrangements((batch, tokens, channels), self.size, PROBES)
        return any(lies_where_it_says(self.run, use, one, self.size, turned=True) for one in turned)

    def _place(self, value: Value) -> Use | None:
        """Where to hook it: at a block whose output is not read any more, else at the outermost module."""
        hookable = [use for use in value.uses if use.single and self.trace.times[use.name] == 1]
        last_block = {use.name for use in self.unread if use.side == "output"}
        blocks = [use for use in hookable if use.side == "input" and use.name in last_block]
        outputs = [use for use in hookable if use.side == "output"]
        inputs = [use for use in hookable if use.side == "input" and value.shape[1:] != (3, *self.size)]
        for uses in (blocks, outputs, inputs):
            for use in uses:
                if not any(use.within(other) for other in uses):
                    return use
        return None


def _pooled(value: Value) -> bool:
    return any(use.side == "output" and isinstance(use.module, _ADAPTIVE) for use in value.uses)


def _class_token_alone(shape: tuple[int, ...], readings: list[Arrangement], gradient: Tensor) -> bool:
    """Whether the gradient of tokens [B, T, C] is zero at all that could be cells."""
    if len(shape) != 3:
        return False
    if readings and not bool(readings[0].cells(gradient).any()):
        return True
    return int(gradient.flatten(2).any(2).any(0).sum()) == 1


def _is_class_map(trace: Trace, value: Value, reading: Arrangement) -> bool:
    """Whether the first and the last logit each depend on no channel but their own."""
    outputs = trace.logits.shape[1]
    if reading.channels != outputs:
        return False
    for index in (0, outputs - 1):
        weights = torch.zeros(outputs)
        weights[index] = 1
        gradient = trace.gradient(value, weights)
        if gradient is not None:
            others = torch.arange(outputs, device=gradient.device) != index
            if bool(reading.cells(gradient)[:, others].any()):
                return False
    return True


def _named(name: str, part: nn.Module, trace: Trace, run: Run, size: tuple[int, int]) -> SpatialLayer:
    if trace.times[name] != 1:
        raise AttributionError(f"layer {name!r} is called {trace.times[name]} times in a pass, not once; {_WAY_OUT}")
    values = trace.of(part, "output")
    if not values:
        raise AttributionError(f"no gradient of the logits reaches the layer {name!r}; {_WAY_OUT}")
    value, use = values[0]
    readings = _required(name, value, use, size)
    gradient = trace.gradient(value)
    if gradient is None or not bool(gradient.any()):
        raise AttributionError(f"no gradient of the logits reaches the layer {name!r}; {_WAY_OUT}")
    if _class_token_alone(value.shape, readings, gradient):
        value, use, gradient = _before(name, part, trace, size)
        readings = _required(name, value, use, size)
    for reading in readings:
        if bool(reading.cells(gradient).any()) and lies_where_it_says(run, use, reading, size):
            return reading.spatial(name, use.side)
    raise AttributionError(
        f"layer {name!r}: it cannot be proven that its {use.side}, {list(value.shape)} for {PROBES} images of "
        f"{size[0]} x {size[1]}, lies over the image; {_WAY_OUT}"
    )


def _before(name: str, part: nn.Module, trace: Trace, size: tuple[int, int]) -> tuple[Value, Use, Tensor]:
    """What a block is given of whose output the class token alone is read."""
    for value, use in trace.of(part, "input"):
        gradient = trace.gradient(value)
        if use.single and gradient is not None:
            readings = arrangements(value.shape, size, PROBES)
            if not _class_token_alone(value.shape, readings, gradient):
                return value, use, gradient
    raise AttributionError(
        f"layer {name!r}: no gradient of the logits reaches its spatial tokens, only the class token behind it is "
        f"read; {_WAY_OUT}"
    )


def _required(name: str, value: Value, use: Use, size: tuple[int, int]) -> list[Arrangement]:
    readings = arrangements(value.shape, size, PROBES) if use.single else []
    if not readings:
        kind = "shape" if use.single else "several parts, the first of shape"
        raise AttributionError(
            f"layer {name!r}: its {use.side} has {kind} {list(value.shape)} for {PROBES} images of {size[0]} x "
            f"{size[1]}, which is no [B, C, h, w], [B, h, w, C] or [B, prefix + h w, C] over the image; {_WAY_OUT}"
        )
    return readings
