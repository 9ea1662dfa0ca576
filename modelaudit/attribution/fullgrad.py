"""FullGrad: the gradient at the image together with the gradients at all biases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ..language.errors import AttributionError
from ..language.spatial import lies_over
from ..language.spec import Method, one_of
from ..language.upsampling import upsampled
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .bias import BiasedOutput, Biases
from .integrated import completeness_error
from .layer_grid import precision
from .passes import gradients_wanted, name_of, no_gradient
from .validity import COMPLETENESS_LIMIT

_RESCALES = ("layer", "channel", "none")
_INSTEAD = "take another method, e.g. integrated_gradients"


@dataclass(frozen=True)
class FullGrad(Method):
    """psi(x df/dx) + the sum of psi(b df/db) over all biases b, psi = upsample(rescale(abs)) (Srinivas, Fleuret 2019).

    For piecewise linear networks f(x) = <x, df/dx> + sum <b, df/db> exactly, b the biases of convolutions, linear
    layers and batch norm (its own and -mean gamma / std), constants that are added, and the ends of ReLU6. By how much
    the sum is not f(x) is each map's completeness error (with b = 0 and f(b) = 0 in its formula). x is the image as
    the network sees it, behind the normalisation. The psi of a layer is summed over its channels; biases without a
    place on the image, as in linear layers, are in the sum and not in the map, as in the authors' code.

    Args:
        rescale: from the smallest to the largest of an image to [0, 1] by "layer" (the authors' code), by "channel"
            (the paper's equation and pytorch-grad-cam, which gives channels of rounding noise as much weight as any),
            or "none" (shares stay in units of f).

    Bilinear with align_corners=False; the authors' code has True. pytorch-grad-cam leaves out the biases of layers that
    are subclasses of Conv2d or BatchNorm2d or are called as functions, and takes constants added elsewhere for nothing.

    Raises:
        ExpressionError: another rescale.
    """

    rescale: Literal["layer", "channel", "none"] = "layer"

    def __post_init__(self) -> None:
        one_of(self.rescale, _RESCALES, "fullgrad: rescale")


_DECLARES = MethodDeclaration(cost=lambda spec: Cost(forward=1, backward=1), completeness=True)


@attribution("fullgrad", FullGrad, _DECLARES.named("FullGrad"))
def fullgrad_maps(spec: FullGrad, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0, and the completeness error [B].

    Raises:
        AttributionError: the network is not piecewise linear, or a bias of it was not seen.
    """
    count = len(question.pixels)
    rows = question.rows or count
    maps, errors = [], []
    for first in range(0, count, rows):
        chosen = torch.arange(first, first + rows, device=question.pixels.device).clamp_max(count - 1)
        values, error = _explained(spec, question, question.pixels[chosen], question.selector[chosen])
        maps.append(values[: count - first])
        errors.append(error[: count - first])
    completeness = torch.cat(errors)
    _require_some_complete(question, completeness)
    return Maps(torch.cat(maps), completeness)


def _explained(spec: FullGrad, question: AttributionInput, pixels: Tensor, selector: Tensor) -> tuple[Tensor, Tensor]:
    name = name_of(question.model)
    with gradients_wanted(), torch.autocast(pixels.device.type, enabled=False):
        leaf = pixels.detach().clone().requires_grad_()
        shares = _Shares(spec, leaf)
        with Biases(leaf, shares.watch) as biases:
            logits = question.model(leaf)
        if biases.curved:
            raise AttributionError(
                f"{spec}: {name} is not piecewise linear, it uses {', '.join(sorted(biases.curved))}; {_INSTEAD}"
            )
        if shares.unplaced:
            raise AttributionError(
                f"{spec}: in {name} {shares.unplaced[0]}, whose place on the image is unknown; it must be [images, "
                f"channels, height, width] or [images, channels]; {_INSTEAD}"
            )
        value = (logits * selector.detach().clone()).sum(1)
        if not value.requires_grad:
            raise AttributionError(no_gradient(name, "the image"))
        (gradient,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
        if gradient is None:
            raise AttributionError(no_gradient(name, "the image"))
    return shares.map(gradient), shares.error(value.detach())


class _Shares:
    """Adds up the shares <b, df/db> while the backward pass comes by; of a layer only its reduced map is kept."""

    def __init__(self, spec: FullGrad, pixels: Tensor) -> None:
        self._spec = spec
        self._pixels = pixels.detach()
        self._at_pixels = torch.zeros_like(self._pixels)
        self.unplaced: list[str] = []
        self._sums: list[Tensor] = []
        self._maps: dict[tuple[int, int], Tensor] = {}

    def watch(self, found: BiasedOutput) -> None:
        """Ask for the gradient at an output; a hook is bound to the values as they are now, also if they change."""
        shape = found.values.shape
        if shape[0] != len(self._pixels) or len(shape) not in (2, 4) or (found.name == "linear" and len(shape) == 4):
            self.unplaced.append(f"{found.name} adds a bias to values {list(shape)}")
            return
        bias, at_pixels = found.bias, found.at_pixels

        def come_by(gradient: Tensor) -> None:  # it must not know the values: they know it
            self._add(bias * gradient.detach(), at_pixels)

        found.values.register_hook(come_by)  # type: ignore[no-untyped-call]

    def map(self, gradient: Tensor) -> Tensor:
        """[B, H, W], given the gradient at the pixels."""
        share = self._pixels * gradient + self._at_pixels
        self._sums.append(_sums(share))
        size = (share.shape[2], share.shape[3])
        total = _rescaled(share.abs(), self._spec.rescale).sum(1)
        for maps in self._maps.values():
            total = total + upsampled(maps, size)
        return total

    def error(self, value: Tensor) -> Tensor:
        """[B], of all shares of an image, one to each layer and sign."""
        return completeness_error(torch.cat(self._sums, 1), value, torch.zeros_like(value))

    def _add(self, share: Tensor, at_pixels: bool) -> None:
        if at_pixels:
            self._at_pixels = self._at_pixels + share
            return
        self._sums.append(_sums(share))
        grid = (share.shape[-2], share.shape[-1])
        if share.ndim == 4 and lies_over(grid, (self._pixels.shape[2], self._pixels.shape[3])):
            maps = _rescaled(share.abs(), self._spec.rescale).sum(1)
            self._maps[grid] = self._maps[grid] + maps if grid in self._maps else maps


def _sums(share: Tensor) -> Tensor:
    """[B, 2]: of the positive and of the negative shares."""
    signs = (share.clamp_min(0), share.clamp_max(0))
    return torch.stack([part.flatten(1).sum(1, dtype=precision(share)) for part in signs], 1)


def _rescaled(shares: Tensor, by: str) -> Tensor:
    """[B, K, h, w] >= 0 from its smallest to its largest value to [0, 1]; 0 where all are the same."""
    if by == "none":
        return shares
    axes = (1, 2, 3) if by == "layer" else (2, 3)
    low, high = shares.amin(axes, keepdim=True), shares.amax(axes, keepdim=True)
    return torch.where(high > low, (shares - low) / (high - low), 0)


def _require_some_complete(question: AttributionInput, errors: Tensor) -> None:
    """Where every image misses f(x), it is not the images: something ran that is not linear, or was not seen."""
    finite = errors[errors.isfinite()]
    if len(finite) and bool((finite > COMPLETENESS_LIMIT).all()):
        raise AttributionError(
            f"fullgrad: the shares of the biases of {name_of(question.model)} miss its logits by "
            f"{float(finite.median()):.0%}, so it is not piecewise linear, or runs code whose biases cannot be seen "
            f"(scripted, exported or compiled); {_INSTEAD}"
        )
