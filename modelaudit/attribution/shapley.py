"""Shapley values of superpixels, estimated from random permutations."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, one_of, within
from .base import Cost, Declares, Maps, Question, attribution
from .integrated import completeness_error
from .perturbed import FILLS, Fill
from .superpixels import Segmentation, Superpixels, check_segments, most_segments

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
        fill: "mean" (the mean colour of ImageNet), "black" or "white".

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
        check_segments("shapley_sampling", self.segmentation, self.segments)
        one_of(self.fill, FILLS, "shapley_sampling: fill")


def _cost(spec: ShapleySampling) -> Cost:
    return Cost(forward=2 + spec.samples * (most_segments(spec.segmentation, spec.segments) - 1), backward=0)


@attribution("shapley_sampling", ShapleySampling, Declares(cost=_cost, gradients=False, completeness=True))
def shapley_sampling_maps(spec: ShapleySampling, question: Question) -> Maps:
    """[B, H, W], signed, and the completeness error [B], which is float noise unless the model is none of one image.

    Raises:
        AttributionError: slic is asked for, and scikit-image is not installed.
    """
    parts = Superpixels.of(question, spec.segmentation, spec.segments, spec.fill)
    orders = torch.stack(
        [_orders(question, index, spec.samples, count, parts.most) for index, count in enumerate(parts.counts)]
    ).to(question.pixels.device)
    ranks = orders.argsort(2)
    steps = parts.most - 1

    def kept(index: int) -> Tensor:
        if index < 2:  # nothing, then the whole image
            return torch.full_like(ranks[:, 0], bool(index), dtype=torch.bool)
        sample, step = divmod(index - 2, steps)
        return ranks[:, sample] <= step

    found = parts.values(2 + spec.samples * steps, kept)
    shares = _contributions(found, orders)
    return Maps(parts.spread(shares), completeness_error(shares, question.explained, found[:, 0]))


def _orders(question: Question, index: int, samples: int, count: int, most: int) -> Tensor:
    """[samples, most]: permutations of an image's superpixels, its empty ones behind; every second one reversed."""
    generator = question.generator(index, "shapley_sampling")
    empty = torch.arange(count, most)
    orders: list[Tensor] = []
    for sample in range(samples):
        orders.append(orders[-1].flip(0) if sample % 2 else torch.randperm(count, generator=generator))
    return torch.stack([torch.cat([order, empty]) for order in orders])


def _contributions(found: Tensor, orders: Tensor) -> Tensor:
    """[B, K]: mean gain of each superpixel, from v [B, 2 + samples (K - 1)] and permutations [B, samples, K]."""
    images, samples, most = orders.shape
    nothing, whole = found[:, :1, None].expand(-1, samples, 1), found[:, 1:2, None].expand(-1, samples, 1)
    values = torch.cat([nothing, found[:, 2:].view(images, samples, most - 1), whole], dim=2)
    gains = values.diff(dim=2)
    return torch.zeros_like(gains).scatter_(2, orders, gains).mean(1)
