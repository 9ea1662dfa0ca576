"""Gradients at the input: at the image, at noisy copies (SmoothGrad), between baselines and image (GradientSHAP)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import baseline_images, named, normal_noise
from .passes import gradients_at, shared

_ONE_GRADIENT = MethodDeclaration(
    cost=lambda spec: Cost(forward=1, backward=1), tensors=("input_gradient",), own_passes=False
)


@dataclass(frozen=True)
class Saliency(Method):
    """sum over channels of |d f / d x|, f the explained quantity, x pixel values (Simonyan et al. 2014).

    >>> str(Saliency())
    'saliency'
    """


@dataclass(frozen=True)
class InputTimesGradient(Method):
    """Sum over channels of x * d f / d x, signed, x pixel values (Shrikumar et al. 2016).

    >>> str(InputTimesGradient())
    'input_x_gradient'
    """


@attribution("saliency", Saliency, _ONE_GRADIENT.named("Saliency"))
def saliency_maps(spec: Saliency, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0."""
    return Maps(shared(question, "input_gradient")["input_gradient"].abs().sum(1))


@attribution("input_x_gradient", InputTimesGradient, _ONE_GRADIENT.named("Input × Gradient"))
def input_x_gradient_maps(spec: InputTimesGradient, question: AttributionInput) -> Maps:
    """[B, H, W], signed."""
    return Maps((question.pixels * shared(question, "input_gradient")["input_gradient"]).sum(1))


#: all three draw under one name, so that they see the same noise
_DRAWS = "smoothgrad"
_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class Smoothed(Method):
    """Base of the three methods on S = |d f / d x| at x + noise * N(0, 1), per pixel and channel.

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
            raise ExpressionError(f"{self.known_as}: samples must be an integer, got {self.samples!r}")
        if within(self.noise, 0, 2, f"{self.known_as}: noise") == 0:
            raise ExpressionError(f"{self.known_as}: noise=0 leaves all copies alike; take saliency, or more noise")


@dataclass(frozen=True)
class SmoothGrad(Smoothed):
    """Sum over channels of E[S], S the saliency |d f / d x| of a noisy copy (Smilkov et al. 2017).

    >>> str(SmoothGrad(samples=64))
    'smoothgrad(samples=64)'
    """


@dataclass(frozen=True)
class SmoothGradSquared(Smoothed):
    """Sum over channels of E[S^2], S the saliency |d f / d x| of a noisy copy (Hooker et al. 2019).

    >>> str(SmoothGradSquared(noise=0.1))
    'smoothgrad_squared(noise=0.1)'
    """

    known_as: ClassVar[str] = "smoothgrad_squared"


@dataclass(frozen=True)
class VarGrad(Smoothed):
    """Sum over channels of E[S^2] - E[S]^2, S the saliency |d f / d x| of a noisy copy (Adebayo et al. 2018).

    The variance of the samples themselves: divided by their number, not by one less. It needs two of them.

    >>> str(VarGrad(samples=64))
    'vargrad(samples=64)'
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


_NAME = "gradient_shap"


@dataclass(frozen=True)
class GradientShap(Method):
    """Sum over channels of E[(x' - b) * d f / d x at b + a (x' - b)], signed; x' = x + noise * N(0, 1).

    a is uniform in [0, 1] and b one of the baselines, both drawn anew for every sample of every image (Lundberg and
    Lee 2017, in the form of Erion et al. 2021). In expectation, and without noise, the sum over the image is
    f(x) - E[f(b)]; the sum over a number of samples is not, so no completeness is promised or checked: where it is
    wanted, take integrated_gradients(baseline=[...]).

    >>> str(GradientShap(baseline="blur"))
    'gradient_shap(baseline=blur)'

    Args:
        samples: 1 to 10,000; each costs a forward and a backward pass.
        baseline: what b is drawn from: "black", "white", "mean" (the mean colour of ImageNet), "blur" (the image
            under a Gaussian of a tenth of its shorter side), "noise" (uniform, drawn anew each time), or several.
        noise: standard deviation in pixel values of what is added to the image, 0 to 2.

    Raises:
        ExpressionError: another baseline, or an argument out of range.
    """

    samples: int = 32
    baseline: str | tuple[str, ...] = ("black", "white")
    noise: float = 0

    def __post_init__(self) -> None:
        within(self.samples, 1, _MOST_SAMPLES, "gradient_shap: samples")
        if not isinstance(self.samples, int):
            raise ExpressionError(f"gradient_shap: samples must be an integer, got {self.samples!r}")
        named(self.baseline, "gradient_shap: baseline")
        within(self.noise, 0, 2, "gradient_shap: noise")


_DECLARES = MethodDeclaration(cost=lambda spec: Cost(forward=spec.samples, backward=spec.samples), draws=True)


@attribution("gradient_shap", GradientShap, _DECLARES.named("GradientSHAP"))
def gradient_shap_maps(spec: GradientShap, question: AttributionInput) -> Maps:
    """[B, H, W], signed.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    draws = _Draws(spec, question)
    total = torch.zeros_like(question.pixels)
    for sample, images, _, gradient in gradients_at(question, spec.samples, draws.points):
        total[images] += draws.way.pop((sample, images[0])) * gradient
    return Maps((total / spec.samples).sum(1))


class _Draws:
    """Draws, for each sample, a baseline and a point between it and the image."""

    def __init__(self, spec: GradientShap, question: AttributionInput) -> None:
        self.spec, self.question = spec, question
        self.names = named(spec.baseline, _NAME)
        fixed = [name for name in self.names if name != "noise"]
        self.fixed = {name: baseline_images(name, question, _NAME) for name in fixed}
        #: (sample, first image) to x' - b [n, 3, H, W] of points whose gradients are yet to come
        self.way: dict[tuple[int, int], Tensor] = {}

    def points(self, sample: int, images: Sequence[int]) -> Tensor:
        """[n, 3, H, W]: b + a (x' - b)."""
        starts, parts = zip(*(self._start(sample, image) for image in images), strict=True)
        start, part = torch.stack(starts), torch.stack(parts).view(-1, 1, 1, 1)
        end = self.question.pixels.detach()[images]
        if self.spec.noise:
            end = end + self.spec.noise * normal_noise(self.question, images, _NAME, 2 * sample + 1)
        self.way[sample, images[0]] = end - start
        return start + part * (end - start)

    def _start(self, sample: int, image: int) -> tuple[Tensor, Tensor]:
        """b [3, H, W] and a [] of one sample of one image."""
        pixels, generator = self.question.pixels, self.question.generator(image, _NAME, 2 * sample)
        part = torch.rand((), generator=generator, dtype=torch.float64).to(pixels)
        name = self.names[int(torch.randint(len(self.names), (), generator=generator))]
        if name == "noise":
            return torch.rand(pixels.shape[1:], generator=generator).to(pixels), part
        return self.fixed[name][image], part
