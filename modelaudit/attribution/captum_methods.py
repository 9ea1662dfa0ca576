"""Runs a class of captum on a batch, image by image.

Every image is explained by itself, so that captum's own batching, and its draws from global generators, cannot make one
image depend on another.
"""

from __future__ import annotations

import copy
import inspect
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..language.errors import AttributionError
from ..language.spatial import SpatialLayer
from ..language.upsampling import upsampled
from ..language.wording import Wording
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .captum_classes import (
    DRAWING,
    NAME,
    RELU_MODULES,
    Captum,
    CaptumClass,
    baselines_of,
    check_arguments,
    class_of,
    declared_class,
    segments_of,
)
from .guided import count_relus
from .integrated import completeness_error
from .layer_grid import require_grid, require_layer
from .passes import explained_by, gradients_wanted, scores
from .perturbed import filled, for_each_image
from .superpixels import grid


def _needs_layer(spec: Captum) -> bool:
    found = declared_class(spec)
    return found is not None and found.reads_layer


def _needs_gradients(spec: Captum) -> bool:
    from captum import attr

    found = declared_class(spec)
    return found is not None and not issubclass(found.made, attr.PerturbationAttribution | attr.LayerActivation)


def _draws(spec: Captum) -> bool:
    return spec.algorithm in DRAWING or "noise" in baselines_of(spec)


def _cost(spec: Captum) -> Cost:
    found, given = declared_class(spec), dict(spec.parameters)
    if found is None:
        return Cost(1, 1)

    def number(name: str) -> int:
        part = found.attribute.get(name)
        value = given.get(name, None if part is None else part.default)
        return value if isinstance(value, int) else 0

    parts = segments_of(spec) if found.takes("feature_mask") else 0
    if found.name == "ShapleyValues":
        forward = 1 + parts * math.factorial(parts)
    elif found.name == "ShapleyValueSampling":
        forward = 1 + parts * number("n_samples")
    elif found.takes("sliding_window_shapes"):
        forward = 1 + 15**2
    elif found.takes("layer_mask"):
        forward = 1 + 14**2
    else:
        forward = 2 * len(baselines_of(spec)) * max(1, number("n_steps"), number("n_samples"), parts) + 2
    return Cost(forward, forward if _needs_gradients(spec) else 0)


_DECLARES = MethodDeclaration(
    cost=_cost,
    spatial_layer=_needs_layer,
    gradients=_needs_gradients,
    draws=_draws,
    libraries=("captum",),
    wording=lambda spec: Wording.name(f"Captum {spec.algorithm}"),
)


@attribution(NAME, Captum, _DECLARES)
def captum_maps(spec: Captum, question: AttributionInput) -> Maps:
    """[B, H, W], signed; the completeness error [B] where captum promises completeness and nothing is drawn.

    Raises:
        AttributionError: captum has no such class or argument, the class cannot explain one image, refuses the model,
            or it gives values that do not lie over the image.
    """
    call = _Call.of(spec, question)
    maps = for_each_image(question, call.explain)
    errors = [one.completeness for one in maps if one.completeness is not None]
    return Maps(torch.cat([one.values for one in maps]), torch.cat(errors) if errors else None)


class _Explained(nn.Module):
    """The model with the explained quantity [N] as its output; a layer hands on copies of its values.

    Captum keeps a layer's values themselves, and an activation in place behind the layer would write into them. The
    hook that copies is put on anew in every pass, behind captum's.
    """

    def __init__(self, model: nn.Module, selector: Tensor, layer: nn.Module | None) -> None:
        super().__init__()
        self.model = model
        self._selector = selector
        self._layer = (layer,)  # a tuple: no second registration of the module

    def forward(self, pixels: Tensor) -> Tensor:
        """[N]."""
        layer = self._layer[0]
        if layer is None:
            return explained_by(self.model)(pixels, self._selector)
        before = layer.register_forward_pre_hook(lambda _, given: tuple(_copied(part) for part in given))
        after = layer.register_forward_hook(lambda _, __, output: _copied(output))
        try:
            return explained_by(self.model)(pixels, self._selector)
        finally:
            before.remove()
            after.remove()


def _copied(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class _Call:
    """A class of captum, the model that it may change, and what it is called with."""

    spec: Captum
    found: CaptumClass
    question: AttributionInput
    model: nn.Module
    layer: nn.Module | None

    @classmethod
    def of(cls, spec: Captum, question: AttributionInput) -> _Call:
        found = class_of(spec.algorithm)
        check_arguments(spec, found)
        if found.reads_layer:
            require_layer(spec, spec.layer, question)
        if found.name in RELU_MODULES:
            _require_relu_modules(spec, question)
        model, layer = _own_copy(spec, question)
        return cls(spec, found, question, model, layer if found.reads_layer else None)

    @property
    def spatial(self) -> SpatialLayer | None:
        return self.question.spatial

    def explain(self, image: int) -> Maps:
        """The map of one image, drawn by its id alone."""
        from captum import attr

        pixels = self.question.pixels[image : image + 1]
        generator = self.question.generator(image, NAME)
        with gradients_wanted(), _reproducible(generator, pixels.device):
            leaf = pixels.detach().clone().requires_grad_()
            starts = [filled(self.question, image, name, NAME) for name in baselines_of(self.spec)]  # type: ignore[arg-type]
            baselines = torch.stack(starts).clone()
            function = _Explained(self.model, self.question.selector[image : image + 1].clone(), self.layer)
            values = self._attributed(function, leaf, baselines)
        if issubclass(self.found.made, attr.LayerAttribution):
            values = self._on_image(values)
        elif values.shape != pixels.shape:
            raise AttributionError(
                f"{self.spec}: captum gave values of shape {tuple(values.shape)} for pixels {tuple(pixels.shape)}"
            )
        maps = values.sum(1)
        if maps.shape[1:] != pixels.shape[2:]:
            maps = upsampled(maps, (pixels.shape[2], pixels.shape[3]))
        return Maps(maps.to(pixels.dtype), self._completeness(values, image, baselines))

    def _attributed(self, function: nn.Module, pixels: Tensor, baselines: Tensor) -> Tensor:
        """The values as captum gives them, its exceptions with the method's name."""
        constructor, attribute = self._arguments(pixels, baselines)
        try:
            method = self.found.made(function, *([self.layer] if self.found.reads_layer else []), **constructor)
            values = method.attribute(pixels, **attribute)
        except (AttributionError, torch.cuda.OutOfMemoryError):
            raise
        except Exception as error:
            raise AttributionError(f"{self.spec}: captum raised {type(error).__name__}: {error}") from error
        values = values[0] if isinstance(values, tuple) and len(values) == 1 else values
        if not isinstance(values, Tensor) or values.dim() < 2:
            raise AttributionError(f"{self.spec}: captum gave {type(values).__name__}, not one tensor over the image")
        return values.detach()

    def _arguments(self, pixels: Tensor, baselines: Tensor) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the constructor and ``attribute`` are called with."""
        rows = self.question.rows or len(self.question.pixels)
        at_input = self.spatial is not None and self.spatial.side == "input"
        height, width = pixels.shape[2:]
        ours: dict[str, Any] = {
            "baselines": baselines,
            "internal_batch_size": rows,
            "perturbations_per_eval": rows,
            "attribute_to_layer_input": at_input,
            "attribute_to_neuron_input": at_input,
            "feature_mask": grid(pixels[0], segments_of(self.spec))[None, None],
            "sliding_window_shapes": (3, math.ceil(height / 8), math.ceil(width / 8)),
        }
        if self.found.takes("layer_mask"):
            ours["layer_mask"] = self._layer_mask()
        given = dict(self.spec.parameters)
        if "sliding_window_shapes" not in given and "strides" not in given:
            ours["strides"] = (3, math.ceil(height / 16), math.ceil(width / 16))
        given = {name: value for name, value in given.items() if name not in ("baselines", "segments")}
        attribute = {name: value for name, value in {**ours, **given}.items() if self.found.takes(name)}
        constructor = {name: value for name, value in given.items() if name in self.found.constructor}
        return _as_declared(constructor, self.found.constructor), _as_declared(attribute, self.found.attribute)

    def _layer_mask(self) -> Tensor:
        """One feature for each place of the layer, all its channels together."""
        device, spatial = self.question.pixels.device, self.spatial
        if spatial is None:
            raise AttributionError(f"{self.spec}: how the layer's values lie is not known; it needs a spatial layer")
        if spatial.layout == "tokens":
            return torch.arange(spatial.prefix + spatial.height * spatial.width, device=device)[None, :, None]
        places = torch.arange(spatial.height * spatial.width, device=device).view(spatial.height, spatial.width)
        return places[None, None] if spatial.layout == "NCHW" else places[None, :, :, None]

    def _on_image(self, values: Tensor) -> Tensor:
        """[1, K, h, w] of the values at the layer."""
        spatial, size = self.spatial, (self.question.pixels.shape[2], self.question.pixels.shape[3])
        if spatial is not None and not (spatial.layout == "NCHW" and values.dim() == 4):
            values = spatial.grid(values)
        elif spatial is not None and values.shape[2:] != (spatial.height, spatial.width):
            values = spatial.grid(values)  # it says what is wrong
        require_grid(self.spec, values, 1, size)
        return values

    def _completeness(self, values: Tensor, image: int, baselines: Tensor) -> Tensor | None:
        """[1], by how much the values miss f(x) - f(baseline), where captum says that they sum to it."""
        instance: Any = object.__new__(self.found.made)
        given = dict(self.spec.parameters)
        if self.spec.algorithm in DRAWING or not instance.has_convergence_delta():
            return None
        if given.get("multiply_by_inputs", True) is False:
            return None
        explained = self.question.explained[image : image + 1]
        start = torch.zeros_like(explained)
        if self.found.takes("baselines"):
            selector = self.question.selector[image : image + 1].expand(len(baselines), -1)
            alone = replace(self.question, rows=len(baselines))
            start = scores(alone, baselines, selector).mean(0, keepdim=True)
        return completeness_error(values, explained, start)


def _as_declared(values: Mapping[str, Any], parts: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    """Whole numbers as float where captum's default is one, since some of its classes insist."""
    return {
        name: float(value) if type(parts[name].default) is float and type(value) is int else value
        for name, value in values.items()
    }


def _own_copy(spec: Captum, question: AttributionInput) -> tuple[nn.Module, nn.Module | None]:
    """A copy of the model, with its layer: captum leaves hooks on modules and changes weights when it fails.

    Activations in place are switched off, which changes no value.
    """
    names = [name for name, part in question.model.named_modules() if part is question.layer]
    try:
        with gradients_wanted():  # copied in inference mode, parameters would be tensors of that mode
            model = copy.deepcopy(question.model)
    except Exception as error:
        raise AttributionError(f"{spec}: the model cannot be copied, which captum needs: {error}") from error
    for part in model.modules():
        if getattr(part, "inplace", False) is True:
            part.inplace = False  # type: ignore[assignment]
    return model, model.get_submodule(names[0]) if names else None


def _require_relu_modules(spec: Captum, question: AttributionInput) -> None:
    """Captum changes modules called ReLU alone; any other would silently pass the plain gradient."""
    modules, inside = count_relus(str(spec), question)
    if modules != inside:
        raise AttributionError(
            f"{spec}: captum changes nn.ReLU modules alone; they run {modules} times, and a pass goes through {inside} "
            "ReLUs (functions, ReLU6); take guided_backprop, deconvolution or guided_gradcam"
        )


@contextmanager
def _reproducible(generator: torch.Generator, device: torch.device) -> Iterator[None]:
    """Global generators start from the sample's seed and are put back afterwards; captum's warnings are not shown."""
    before, seed = np.random.get_state(), generator.initial_seed()
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.default_generator.manual_seed(seed)  # torch.manual_seed would reach the generators of all devices
            if device.type == "cuda":
                with torch.cuda.device(device):
                    torch.cuda.manual_seed(seed)
            np.random.seed(seed % 2**32)
            yield
    finally:
        np.random.set_state(before)
