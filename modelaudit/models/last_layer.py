"""The last layer of a classifier: found, and proven to yield its logits from the features before it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..language.errors import ModelError
from .fingerprint import probe_pixels
from .loaded import LoadedModel, device_of, frozen_on

_PROBES = 4
#: the largest difference of logits, over max(1, largest logit), that float32 explains
_TOLERANCE = 1e-3
_WAY_OUT = (
    "only a model whose logits are one linear layer (nn.Linear), or a 1x1 convolution and a mean over the image, of "
    "its features can be probed; give the network itself (module.py:function) in place of a saved program, and leave "
    "out what stands between that layer and the logits (a temperature, a norm)"
)


@dataclass(frozen=True, eq=False)
class LastLayer:
    """The layer behind which no other has parameters: logits = features @ weight.T + bias, up to a number per image.

    Args:
        name: of the module, within the model.
        weight, bias: [C, D] and [C] float64 on the CPU; `bias` is None where the layer has none. Of a model with one
            output for yes or no, the two rows of its two logits.
        rectified: it is a 1x1 convolution whose values go through a ReLU before the mean over the image (SqueezeNet),
            so that the logits are not exactly linear in the mean features.
    """

    name: str
    weight: Tensor
    bias: Tensor | None
    rectified: bool = False

    def logits(self, features: Tensor) -> Tensor:
        """[n, C] float64 of features [n, D]."""
        linear = features @ self.weight.T
        return linear if self.bias is None else linear + self.bias


def last_layer(loaded: LoadedModel) -> LastLayer:
    """The last layer of a model, by a forward pass of fixed images in which every layer is watched.

    Of all ``nn.Linear`` and 1x1 ``nn.Conv2d`` that ran once, from the last one backwards, the first is taken whose
    values, averaged over the places of the image where it has some, are the logits, up to one number per image
    (centring, log-softmax), and so decide as they do. Of a convolution they may pass a ReLU before that average.

    Raises:
        ModelError: there is none, or the model answers each label by itself (multilabel).
    """
    if loaded.reading.scores == "multilabel":
        raise ModelError(f"{loaded.ref}: answers each label by itself (scores='multilabel'), which is not probed yet")
    with frozen_on(loaded, device_of(loaded.module)) as model:
        parts = _candidates(loaded.module)
        with _watched(parts) as runs, torch.inference_mode(False), torch.no_grad():
            pixels = probe_pixels(loaded.input_size, _PROBES).to(device_of(loaded.module))
            logits = model(pixels).double().cpu()
        for name in dict.fromkeys(name for name, _, _ in reversed(runs)):
            seen = [(given, made) for other, given, made in runs if other == name]
            layer = None if len(seen) != 1 else _proven(name, parts[name], *seen[0], logits)
            if layer is not None:
                return layer
    last = f"; the last layer with weights is {runs[-1][0]!r}, whose values are not its logits" if runs else ""
    raise ModelError(f"{loaded.ref}: has no last layer that yields its logits{last}; {_WAY_OUT}")


@contextmanager
def features_of(loaded: LoadedModel, layer: LastLayer, device: str) -> Iterator[Any]:
    """Yields a function of pixels [B, 3, H, W]: the features [B, D] before `layer` and the logits [B, C], both float64
    on the CPU."""
    with frozen_on(loaded, device) as model:
        part = loaded.module.get_submodule(layer.name)

        def run(pixels: Tensor) -> tuple[Tensor, Tensor]:
            kept: list[Tensor] = []
            handle = part.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
            try:
                with torch.inference_mode(False), torch.no_grad():
                    logits = model(pixels.to(device))
            finally:
                handle.remove()
            return _pooled(part, kept[0]), logits.double().cpu()

        yield run


def differs(layer: LastLayer, features: Tensor, logits: Tensor) -> bool:
    """Whether logits [n, C] are not what the layer makes of features [n, D]; not asked of a rectified layer."""
    return not layer.rectified and not _same(layer.logits(features), logits)


def _candidates(module: nn.Module) -> dict[str, nn.Module]:
    return {
        name: part
        for name, part in module.named_modules()
        if isinstance(part, nn.Linear)
        or (isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) and part.groups == 1 and part.padding == (0, 0))
    }


@contextmanager
def _watched(parts: dict[str, nn.Module]) -> Iterator[list[tuple[str, Tensor, Tensor]]]:
    """Yields a list that fills with name, input and output of each layer, in the order in which they end."""
    runs: list[tuple[str, Tensor, Tensor]] = []

    def keep(name: str) -> Any:
        def hook(_: nn.Module, given: tuple[Any, ...], made: Any) -> None:
            if given and isinstance(given[0], Tensor) and isinstance(made, Tensor):
                runs.append((name, given[0].detach().clone(), made.detach().clone()))

        return hook

    handles = [part.register_forward_hook(keep(name)) for name, part in parts.items()]
    try:
        yield runs
    finally:
        for handle in handles:
            handle.remove()


def _proven(name: str, part: nn.Module, given: Tensor, made: Tensor, logits: Tensor) -> LastLayer | None:
    """The layer where its values, averaged, are the logits; else None."""
    if given.ndim < 2 or given.shape[0] != len(logits):
        return None
    weight, bias = _parameters(part)
    if len(weight) == 1 and logits.shape[1] == 2:
        weight, bias = torch.cat([-weight / 2, weight / 2]), None if bias is None else torch.cat([-bias / 2, bias / 2])
    if len(weight) != logits.shape[1]:
        return None
    layer = LastLayer(name, weight, bias)
    if _same(layer.logits(_pooled(part, given)), logits):
        return layer
    if isinstance(part, nn.Conv2d) and _same(_pooled(part, made.relu()), logits):
        return LastLayer(name, weight, bias, rectified=True)
    return None


def _parameters(part: Any) -> tuple[Tensor, Tensor | None]:
    weight = part.weight.detach().double().cpu().flatten(1)
    return weight, None if part.bias is None else part.bias.detach().double().cpu()


def _pooled(part: nn.Module, values: Tensor) -> Tensor:
    """[B, channels] float64 on the CPU: the mean over places (of a convolution) or tokens (of a linear layer)."""
    wide = values.detach().double().cpu()
    if isinstance(part, nn.Conv2d):
        return wide.mean(dim=(2, 3))
    return wide if wide.ndim == 2 else wide.flatten(1, -2).mean(dim=1)


def _same(one: Tensor, other: Tensor) -> bool:
    """Whether two sets of logits [n, C] are equal up to a number per image, and so give the same probabilities."""
    apart = (one - one.mean(1, keepdim=True)) - (other - other.mean(1, keepdim=True))
    scale = max(1.0, float(other.abs().max()))
    return bool(apart.isfinite().all()) and float(apart.abs().max()) <= _TOLERANCE * scale
