"""The layers that attribution methods may read, found and proven on the model itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..language.errors import AttributionError, nearest
from ..language.spatial import SpatialLayer
from .activations import PROBES, Arrangement, HookPoint, Run, Trace, TracedValue, arrangements, has_many_tokens
from .fingerprint import probe_pixels
from .loaded import LoadedModel, PixelModel, device_of, frozen_module_on
from .score_reading import LOGITS

#: the mean rank of a cell's own place among all places, 0 the first and 1 the last; a wrong order is at about 0.5
_RANK = 0.15
_TINY = 4
_SMALL = 16
_LARGER = (2, 4)
#: how many times as many rows as the last spatial layer an early one should have
_FINER = (4, 2)


def grid_is_proven(
    run: Run, use: HookPoint, arrangement: Arrangement, size: tuple[int, int], *, turned: bool = False
) -> bool:
    """Whether the cells of a grid stand for the places of the image where the arrangement puts them.

    With S[k, u] the norm of the gradient of cell k (one random combination of its channels) at the place u of the
    image, and N[k, u] = S[k, u] / mean over k, each with S[k] of sum 1: for the four corners, and for tokens two cells
    more, the cell's own place must come among the first in N[k]. What global mixing adds to all cells alike, and what
    borders take from all, cancels in N. Tokens behind a prefix must have their own place first in most cases (of 2 x 2
    in all), since a grid that is off by one token is wrong by one patch only.

    On grids of under 4 cells a side every cell of a deep network listens to all of the image; where such a one
    cannot be decided at the image's size, images 2 and 4 times as large are tried, if the model takes them.

    Args:
        turned: the values are [B, channels, tokens].
    """
    scales = (1, *_LARGER) if min(arrangement.height, arrangement.width) < _TINY else (1,)
    return any(_proven(run, use, arrangement, (size[0] * scale, size[1] * scale), turned) for scale in scales)


def _proven(run: Run, use: HookPoint, arrangement: Arrangement, size: tuple[int, int], turned: bool) -> bool:
    pixels = probe_pixels(size).to(device_of(use.module)).requires_grad_()
    values = _values_of(run, use, pixels)
    if values is None or not values.requires_grad:
        return False
    values = values.transpose(1, 2) if turned else values
    for one in arrangements(tuple(values.shape), size, 1):
        if (one.layout, one.prefix, one.channels) == (arrangement.layout, arrangement.prefix, arrangement.channels):
            return _listens(one, one.cells(values), pixels)
    return False


def _values_of(run: Run, use: HookPoint, pixels: Tensor) -> Tensor | None:
    """The output or input of the module on these pixels; None where the model cannot take them."""
    kept: list[Tensor] = []

    def before(_: nn.Module, given: tuple[Any, ...]) -> None:
        kept.append(given[0])

    def after(_: nn.Module, __: Any, output: Any) -> None:
        kept.append(output)

    register = use.module.register_forward_pre_hook if use.side == "input" else use.module.register_forward_hook
    handle = register(before if use.side == "input" else after)  # type: ignore[arg-type]
    try:
        with torch.enable_grad(), suppress(Exception):  # other sizes may fail behind the layer, or before it
            run(pixels.clone())
    finally:
        handle.remove()
    return kept[0] if len(kept) == 1 and isinstance(kept[0], Tensor) else None


def _listens(arrangement: Arrangement, grid: Tensor, pixels: Tensor) -> bool:
    places = _places(arrangement)
    shape = (arrangement.height, arrangement.width)
    rows, own = [], []
    mix = torch.randn(arrangement.channels, generator=torch.Generator().manual_seed(20240229)).to(grid)
    for row, column in places:
        with torch.enable_grad():
            heard = (grid[0, :, row, column] * mix).sum()
        (slope,) = torch.autograd.grad(heard, pixels, retain_graph=True)
        strength = functional.adaptive_avg_pool2d(slope.double().square().sum(1), shape).sqrt().flatten()
        if bool(strength.any()):  # a cell whose activations are all off shows nothing
            rows.append(strength / strength.sum())
            own.append(row * arrangement.width + column)
    if 2 * len(rows) <= len(places):
        return False
    heard = torch.stack(rows)
    heard = heard / heard.mean(0).clamp_min(1e-300)
    mine = heard[torch.arange(len(own)), own]
    ahead = (heard > mine[:, None]).sum(1) + (mine == 0) * heard.shape[1]
    first = int((ahead == 0).sum())
    if arrangement.prefix and (first < len(own) if len(own) <= 4 else 2 * first <= len(own)):
        return False
    return float((ahead / (heard.shape[1] - 1)).mean()) <= _RANK


def _places(arrangement: Arrangement) -> list[tuple[int, int]]:
    """The corners; tokens may stand in any order, so two cells more that lie symmetric to nothing; behind a prefix all
    cells of a small grid, on which a wrong count of tokens may look right at the corners."""
    height, width = arrangement.height, arrangement.width
    if arrangement.prefix and height * width <= _SMALL:
        return [(row, column) for row in range(height) for column in range(width)]
    corners = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1)]
    if arrangement.layout != "tokens" or min(height, width) < _TINY:
        return corners
    return [*corners, (height // 3, 2 * width // 3), (2 * height // 3, width // 4)]


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
    - lies where it says (:func:`~modelaudit.models.layers.grid_is_proven`).

    Maps of which each channel feeds one logit alone (class maps, as behind SqueezeNet's last convolution) are passed
    over while there is one of features. The layer is the outermost module, run once, that returns or is given it.

    Raises:
        AttributionError: no such layer, or the first candidate in this order cannot be proven; names the option to set.
    """
    module, run = _parts(model)
    with _probing(module):
        return _Search(module, run, input_size).last()


def early_layer(model: LoadedModel | nn.Module, input_size: tuple[int, int]) -> SpatialLayer:
    """An early spatial layer, whose features are of small places and of no class yet.

    Of the values over the image that carry all that the logits know of it, in the order of the pass, it is the last one
    with at least 4 times as many rows as the last spatial layer, else with 2 times as many, else the one after a
    quarter of the pass; or the nearest to it of which it can be proven that it covers the image, as in `spatial_layer`.

    Raises:
        AttributionError: there is none.
    """
    module, run = _parts(model)
    with _probing(module):
        return _Search(module, run, input_size).early()


def resolve_layer(model: LoadedModel | nn.Module, name: str, input_size: tuple[int, int]) -> SpatialLayer:
    """The user's module of that name and how its values lie over images of `input_size`, proven as in `spatial_layer`.

    It need not carry everything. Of a block behind which only the class token is read, it is the block's input.

    Raises:
        AttributionError: no such module, or its output is not a grid over the image that the logits depend on.
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
    return pixel_model, lambda pixels: LOGITS.run(pixel_model, pixels.to(device_of(pixel_model)))


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
    with torch.inference_mode(False), frozen_module_on(module, device_of(module)):
        yield


@dataclass
class _Search:
    """Searches from the logits backwards, and explains why nothing was found."""

    module: nn.Module
    run: Run
    size: tuple[int, int]

    def __post_init__(self) -> None:
        self.channels = self.run.preprocessing.channels if isinstance(self.run, PixelModel) else 3
        self.trace = Trace(self.module, self.run, self.size)
        self.unread: list[HookPoint] = []  # of values whose class token alone is read
        self.class_maps: list[tuple[TracedValue, HookPoint]] = []
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

    def early(self) -> SpatialLayer:
        last = self.last()
        found = [
            (use, reading)
            for value in self.trace.values
            if (use := self._place(value)) is not None and not _pooled(value) and self.trace.carries_all(value)
            for reading in arrangements(value.shape, self.size, PROBES)
        ]
        rows = [reading.height for _, reading in found]
        fine = next(
            (fine for times in _FINER if (fine := [at for at, n in enumerate(rows) if n >= times * last.height])), []
        )
        wanted = max(fine, default=len(found) // 4)
        for use, reading in sorted(found, key=lambda one: abs(found.index(one) - wanted)):
            if grid_is_proven(self.run, use, reading, self.size):
                return reading.spatial(use.name, use.side)
        return last

    def _read(self, value: TracedValue) -> tuple[Arrangement, HookPoint] | None:
        readings = arrangements(value.shape, self.size, PROBES)
        use = self._place(value)
        if use is None or not (readings or has_many_tokens(value.shape, PROBES)):
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

    def _proven(
        self, value: TracedValue, use: HookPoint, readings: list[Arrangement]
    ) -> tuple[Arrangement, HookPoint] | None:
        for reading in readings:
            if grid_is_proven(self.run, use, reading, self.size):
                return reading, use
        if len(value.shape) == 3 and self._channels_first(value, use):
            return None
        raise AttributionError(
            f"{type(self.module).__name__}: the last values that all of its decision goes through are the {use.side} "
            f"of {use.name!r}, {list(value.shape)} for {PROBES} images of {self.size[0]} x {self.size[1]}, and it "
            f"cannot be proven that they cover the image; {_WAY_OUT}"
        )

    def _channels_first(self, value: TracedValue, use: HookPoint) -> bool:
        """Whether [B, C, h w]: the grid of a value that comes earlier, turned."""
        batch, channels, tokens = value.shape
        turned = arrangements((batch, tokens, channels), self.size, PROBES)
        return any(grid_is_proven(self.run, use, one, self.size, turned=True) for one in turned)

    def _place(self, value: TracedValue) -> HookPoint | None:
        """Where to hook it: at a block whose output is not read any more, else at the outermost module."""
        hookable = [use for use in value.uses if use.single and self.trace.times[use.name] == 1]
        last_block = {use.name for use in self.unread if use.side == "output"}
        blocks = [use for use in hookable if use.side == "input" and use.name in last_block]
        outputs = [use for use in hookable if use.side == "output"]
        image = (self.channels, *self.size)
        inputs = [use for use in hookable if use.side == "input" and value.shape[1:] != image]
        for uses in (blocks, outputs, inputs):
            for use in uses:
                if not any(use.within(other) for other in uses):
                    return use
        return None


def _pooled(value: TracedValue) -> bool:
    return any(use.side == "output" and isinstance(use.module, _ADAPTIVE) for use in value.uses)


def _class_token_alone(shape: tuple[int, ...], readings: list[Arrangement], gradient: Tensor) -> bool:
    """Whether the gradient of tokens [B, T, C] is zero at all that could be cells."""
    if len(shape) != 3:
        return False
    if readings and not bool(readings[0].cells(gradient).any()):
        return True
    return int(gradient.flatten(2).any(2).any(0).sum()) == 1


def _is_class_map(trace: Trace, value: TracedValue, reading: Arrangement) -> bool:
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
        if bool(reading.cells(gradient).any()) and grid_is_proven(run, use, reading, size):
            return reading.spatial(name, use.side)
    raise AttributionError(
        f"layer {name!r}: it cannot be proven that its {use.side}, {list(value.shape)} for {PROBES} images of "
        f"{size[0]} x {size[1]}, lies over the image; {_WAY_OUT}"
    )


def _before(name: str, part: nn.Module, trace: Trace, size: tuple[int, int]) -> tuple[TracedValue, HookPoint, Tensor]:
    """The input of a block of whose output only the class token is read."""
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


def _required(name: str, value: TracedValue, use: HookPoint, size: tuple[int, int]) -> list[Arrangement]:
    readings = arrangements(value.shape, size, PROBES) if use.single else []
    if not readings:
        kind = "shape" if use.single else "several parts, the first of shape"
        raise AttributionError(
            f"layer {name!r}: its {use.side} has {kind} {list(value.shape)} for {PROBES} images of {size[0]} x "
            f"{size[1]}, which is not a grid [B, C, h, w], [B, h, w, C] or [B, prefix + h w, C] over the image; "
            f"{_WAY_OUT}"
        )
    return readings
