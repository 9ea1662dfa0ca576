"""Shapley values of superpixels, estimated from random permutations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .perturbed import Fill, for_each_image
from .superpixels import Segmentation, Superpixels, check_cut, explained_by_shares, joined, most_segments

_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class ShapleySampling(Method):
    """Mean over permutations of v(the superpixels up to and with k) - v(those before k); signed.

    v(S) = f(x with all superpixels outside S filled) (Castro, Gomez and Tejada 2009). Every second permutation is the
    one before it reversed, which leaves the estimate unbiased and its error smaller (Mitchell et al. 2022). Values are
    spread evenly over a superpixel's pixels; each permutation, and so the map, sums to f(x) - f(fill).

    Args:
        samples: permutations, 1 to 10,000; each costs as many forward passes as there are superpixels, less one.
        segments: superpixels, 4 to 1024; slic may give fewer, a grid has the largest square number in it.
        segmentation: "grid" for rectangles, or "slic" for regions of like colour (scikit-image; the extra
            ``superpixels``), which follow the object's outline.
        fill: "mean" (the mean colour of ImageNet), "black", "white", "blur" or "noise", as baselines are.

    Raises:
        ExpressionError: an argument out of range.
    """

    samples: int = 16
    segments: int = 64
    segmentation: Segmentation = "grid"
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        within(self.samples, 1, _MOST_SAMPLES, "shapley_sampling: samples")
        if not isinstance(self.samples, int):
            raise ExpressionError(f"shapley_sampling: samples={self.samples!r} is no whole number")
        check_cut("shapley_sampling", self)


def _cost(spec: ShapleySampling) -> Cost:
    return Cost(forward=2 + spec.samples * (most_segments(spec) - 1), backward=0)


_DECLARES = MethodDeclaration(cost=_cost, gradients=False, completeness=True, draws=True).named(
    "Shapley Value Sampling"
)


@attribution(
    "shapley_sampling",
    ShapleySampling,
    _DECLARES,
)
def shapley_sampling_maps(spec: ShapleySampling, question: AttributionInput) -> Maps:
    """[B, H, W], signed, and the completeness error [B], which is float noise unless the model is none of one image.

    Raises:
        AttributionError: slic is asked for, and scikit-image is not installed.
    """
    return joined(for_each_image(question, lambda image: _sampled(spec, question, image)))


def _sampled(spec: ShapleySampling, question: AttributionInput, image: int) -> Maps:
    parts = Superpixels.of(question, image, spec)
    orders = _orders(question, image, spec.samples, parts.count)
    ranks, steps = orders.argsort(1), parts.count - 1

    def kept(numbers: range) -> Tensor:
        return torch.stack([_coalition(ranks, number, steps) for number in numbers])

    found = parts.values(2 + spec.samples * steps, kept)
    return explained_by_shares(parts, _gains(found, orders), found[0])


def _coalition(ranks: Tensor, number: int, steps: int) -> Tensor:
    """[K] bool: nothing, the whole image, then each permutation's beginnings; from ranks [samples, K]."""
    if number < 2:
        return torch.full_like(ranks[0], bool(number), dtype=torch.bool)
    sample, step = divmod(number - 2, steps)
    return ranks[sample] <= step


def _orders(question: AttributionInput, image: int, samples: int, count: int) -> Tensor:
    """[samples, K]: permutations of an image's superpixels; every second one is the one before it reversed."""
    generator = question.generator(image, "shapley_sampling")
    orders: list[Tensor] = []
    for sample in range(samples):
        orders.append(orders[-1].flip(0) if sample % 2 else torch.randperm(count, generator=generator))
    return torch.stack(orders)


def _gains(values: Tensor, orders: Tensor) -> Tensor:
    """[K]: each superpixel's mean gain, from one image's v [2 + samples (K - 1)] and permutations [samples, K]."""
    samples, most = orders.shape
    nothing, whole = values[0].expand(samples, 1), values[1].expand(samples, 1)
    gains = torch.cat([nothing, values[2:].view(samples, most - 1), whole], dim=1).diff(dim=1)
    return torch.zeros_like(gains).scatter_(1, orders, gains).mean(0)
