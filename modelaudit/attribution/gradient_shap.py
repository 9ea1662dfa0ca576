"""GradientSHAP."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .baselines import baseline_images, named, normal_noise
from .points import gradients_at

_NAME = "gradient_shap"
_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class GradientShap(Method):
    """Sum over channels of E[(x' - b) * d f / d x at b + a (x' - b)], signed; x' = x + noise * N(0, 1).

    a is uniform in [0, 1] and b one of the baselines, both drawn anew for every sample of every image (Lundberg and
    Lee 2017, in the form of Erion et al. 2021). In expectation, and without noise, the sum over the image is
    f(x) - E[f(b)]; the sum over a number of samples is not, so no completeness is promised or checked: where it is
    wanted, take integrated_gradients(baseline=[...]).

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
            raise ExpressionError(f"gradient_shap: samples={self.samples!r} is no whole number")
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
    """What is random: where on which way from a baseline to the image a sample lies."""

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
