"""Saliency under noise: SmoothGrad, its square, and VarGrad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import normal_noise
from .points import gradients_at

#: all three draw under one name, so that they see the same noise
_DRAWS = "smoothgrad"
_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class Smoothed(Method):
    """What the three have in common: S = |d f / d x| at x + noise * N(0, 1), per pixel and channel.

    So the absolute value is taken in every sample, before the mean, and channels are summed last. Noisy pixels are
    not clipped to [0, 1]. Every image has draws of its own, by its id.

    Args:
        samples: noisy copies of an image, up to 10,000; each costs a forward and a backward pass.
        noise: standard deviation in pixel values, above 0 and up to 2. The paper of SmoothGrad recommends 0.1 to 0.2
            of the image's range.

    Raises:
        ExpressionError: an argument out of range.
    """

    samples: int = 32
    noise: float = 0.15
    known_as: ClassVar[str] = "smoothgrad"
    fewest: ClassVar[int] = 1

    def __post_init__(self) -> None:
        within(self.samples, self.fewest, _MOST_SAMPLES, f"{self.known_as}: samples")
        if not isinstance(self.samples, int):
            raise ExpressionError(f"{self.known_as}: samples={self.samples!r} is no whole number")
        if within(self.noise, 0, 2, f"{self.known_as}: noise") == 0:
            raise ExpressionError(f"{self.known_as}: noise=0 leaves all copies alike; take saliency, or more noise")


@dataclass(frozen=True)
class SmoothGrad(Smoothed):
    """Sum over channels of E[S], S the saliency |d f / d x| of a noisy copy (Smilkov et al. 2017)."""


@dataclass(frozen=True)
class SmoothGradSquared(Smoothed):
    """Sum over channels of E[S^2], S the saliency |d f / d x| of a noisy copy (Hooker et al. 2019)."""

    known_as: ClassVar[str] = "smoothgrad_squared"


@dataclass(frozen=True)
class VarGrad(Smoothed):
    """Sum over channels of E[S^2] - E[S]^2, S the saliency |d f / d x| of a noisy copy (Adebayo et al. 2018).

    The variance of the samples themselves: divided by their number, not by one less. It needs two of them.
    """

    known_as: ClassVar[str] = "vargrad"
    fewest: ClassVar[int] = 2


def _cost(spec: Any) -> Cost:
    return Cost(forward=spec.samples, backward=spec.samples)


@attribution("smoothgrad", SmoothGrad, MethodDeclaration(cost=_cost, draws=True).named("SmoothGrad"))
def smoothgrad_maps(spec: SmoothGrad, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    mean, _ = _moments(spec, question)
    return Maps(mean.sum(1))


@attribution("smoothgrad_squared", SmoothGradSquared, MethodDeclaration(cost=_cost, draws=True).named("SmoothGrad²"))
def smoothgrad_squared_maps(spec: SmoothGradSquared, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    mean, variance = _moments(spec, question)
    return Maps((variance + mean**2).sum(1))


@attribution("vargrad", VarGrad, MethodDeclaration(cost=_cost, draws=True).named("VarGrad"))
def vargrad_maps(spec: VarGrad, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    _, variance = _moments(spec, question)
    return Maps(variance.sum(1))


def _moments(spec: Smoothed, question: AttributionInput) -> tuple[Tensor, Tensor]:
    """Mean and variance [B, 3, H, W] of S, one sample after the other (Welford 1962).

    The variance from E[S^2] - E[S]^2 would be a difference of two large numbers.
    """
    pixels = question.pixels.detach()

    def noisy(sample: int, images: Sequence[int]) -> Tensor:
        return pixels[images] + spec.noise * normal_noise(question, images, _DRAWS, sample)

    mean = torch.zeros_like(pixels)
    spread = torch.zeros_like(mean)
    for sample, images, _, gradient in gradients_at(question, spec.samples, noisy):
        size = gradient.abs()
        away = size - mean[images]
        mean[images] += away / (sample + 1)
        spread[images] += away * (size - mean[images])
    return mean, spread / spec.samples
