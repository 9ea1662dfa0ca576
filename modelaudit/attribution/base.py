"""What an attribution method is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from torch import Tensor, nn

from ..language import registry
from ..language.spec import Method

_Function = TypeVar("_Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Question:
    """One batch, and what is to be explained on it.

    Args:
        model: frozen and in eval mode; maps pixel values [B, 3, H, W] in [0, 1] to logits [B, C] (normalisation is
            part of it, so attributions and baselines are in pixel values).
        pixels: [B, 3, H, W].
        selector: [B, C]; the explained quantity is ``sum_c selector * logits``, so one row with a single 1 explains
            a class and a 1 with a -1 the margin between two.
        explained: [B], that quantity on `pixels`, from the pass that gave the logits.
        layer: the spatial layer, where the method needs one.
    """

    model: nn.Module
    pixels: Tensor
    selector: Tensor
    explained: Tensor
    layer: nn.Module | None = None


@dataclass(frozen=True)
class Maps:
    """Attributions of one batch.

    Args:
        values: [B, H, W], signed, channels already reduced by the method's own rule.
        completeness: [B], |sum A - (f(x) - f(b))| / max(|f(x) - f(b)|, 0.01 sum |A|) over the unreduced map, for
            methods that promise completeness; else None.
    """

    values: Tensor
    completeness: Tensor | None = None


@dataclass(frozen=True)
class Cost:
    """Passes of the model for one image, beside the one that gives the logits."""

    forward: int
    backward: int


@dataclass(frozen=True)
class Declares:
    """The needs and the cost of a method, as data. ``tensors`` names what the engine may share between methods."""

    cost: Callable[[Any], Cost]
    tensors: tuple[str, ...]
    spatial_layer: bool = False
    own_passes: bool = True


def attribution(
    name: str, spec: type[Method], declares: Declares, *, version: int = 1
) -> Callable[[_Function], _Function]:
    """Register a pure function ``(spec, question) -> Maps`` under the name users write."""

    def decorate(function: _Function) -> _Function:
        registry.register(registry.Entry("attribution", name, spec, function, declares, version))
        return function

    return decorate
