"""Integrated Gradients, by Gauss-Legendre quadrature or a nested rule that refines where completeness is lost.

The gradient on the way from a baseline b to an image x changes with the contrast of b + a (x - b): most of all near
the baseline, where the contrast grows by large factors. On SqueezeNet and photos half of its variation lies in the
first eighth of the way from black, and nine tenths in that from the mean colour. So the nested rule walks
in u = sqrt(a): the integral of g(a) da is that of 2 u g(u^2) du, by Simpson's rule.

It begins with 8 panels. Where they are not enough, each becomes a stretch of its own with 2 panels, and then the
worst are halved in turn: the values of f at its ends, which come with the gradients, say by how much the shares
of a stretch miss what f changes on it, and those that miss most are next. No node is lost, and what is kept does
not grow with the steps: the shares at the ends of the stretches, and two sums for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import COMPLETENESS_LIMIT, AttributionInput, Cost, Maps, MethodDeclaration, Shared, attribution
from .baselines import BASELINES as BASELINES
from .baselines import baseline_images, named
from .passes import gradients, gradients_at, rows_of, scores

#: stretches of the way in u, the panels of the first level
STRETCHES = 8
#: panels of a stretch where refinement ends
MOST_PANELS = 32
#: how many more panels an image gets at a time, of those it has: few at once are passes that are not full
GROWTH = 0.25


def gauss_legendre(steps: int) -> tuple[list[float], list[float]]:
    """Nodes in (0, 1), rising, and weights: exact for polynomials up to degree 2 steps - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((1 + nodes) / 2).tolist(), (weights / 2).tolist()


def inner_roots(stretch: int, panels: int) -> list[float]:
    """u of the nodes that a stretch of 2, 4, 8, ... panels has and one of half as many has not."""
    return [(stretch + index / panels) / STRETCHES for index in range(1, panels, 2)]


def simpson(panels: int) -> tuple[float, float, float]:
    """The factors of a stretch's sum over its newest nodes, of that over older inner ones, and of each end.

    Exact for g of degree 1: ``2 u g(u^2)`` is a cubic then.
    """
    width = 1 / (3 * panels * STRETCHES)
    return 4 * width, 2 * width, width


_NAME = "integrated_gradients"
_MOST_STEPS = 1000
_TIGHTEST = 0.0001


@dataclass(frozen=True)
class IntegratedGradients(Method):
    """Sum over channels of (x - b) * integral over a in [0, 1] of d f / d x at b + a (x - b), signed.

    In pixel values, from the baseline b (Sundararajan, Taly and Yan 2017). The sum over the image is f(x) - f(b); by
    how much it is not is each map's completeness error. With several baselines the map is the mean of theirs, and the
    sum f(x) - mean f(b).

    >>> str(IntegratedGradients(steps=64, baseline=("black", "white")))
    'integrated_gradients(steps=64, baseline=[black, white])'

    Args:
        steps: "auto": each image gets 8, 16, 20, ... up to 256 panels of the nested rule of
            :mod:`~modelaudit.attribution.integrated`, most of them where completeness is lost, until its completeness
            error is within `tolerance`; if it never is, the best of its maps stands, with its error. Or the nodes of a
            Gauss-Legendre quadrature, 1 to 1000, as captum has them. A node costs a forward and a backward pass for
            each baseline.
        baseline: "black" (0), "white" (1), "mean" (the mean colour of ImageNet, (123, 116, 103) / 255), "blur" (the
            image under a Gaussian with sigma a tenth of its shorter side), "noise" (uniform in [0, 1], drawn once
            for each sample), or several of these.
        tolerance: of "auto", 0.0001 to 0.05, the error beyond which a map does not count.

    Raises:
        ExpressionError: another baseline, steps or tolerance out of range, or a tolerance with a number of steps.
    """

    steps: int | Literal["auto"] = "auto"
    baseline: str | tuple[str, ...] = "black"
    tolerance: float = COMPLETENESS_LIMIT

    def __post_init__(self) -> None:
        if self.steps != "auto":
            if isinstance(self.steps, str):
                raise ExpressionError(f"{_NAME}: steps must be an integer or 'auto', got {self.steps!r}")
            within(self.steps, 1, _MOST_STEPS, f"{_NAME}: steps")
            if not isinstance(self.steps, int):
                raise ExpressionError(f"{_NAME}: steps must be an integer, got {self.steps!r}")
            if self.tolerance != COMPLETENESS_LIMIT:
                raise ExpressionError(f"{_NAME}: a tolerance is only for steps='auto'; leave it out, or the steps")
        named(self.baseline, f"{_NAME}: baseline")
        within(self.tolerance, _TIGHTEST, COMPLETENESS_LIMIT, f"{_NAME}: tolerance")


def _cost(spec: Any) -> Cost:
    count = len(named(spec.baseline, _NAME))
    if spec.steps == "auto":
        return Cost(forward=count * STRETCHES * MOST_PANELS + 1, backward=count * STRETCHES * MOST_PANELS + 1)
    return Cost(forward=count * (spec.steps + 1), backward=count * spec.steps)


def _tensors(spec: Any) -> tuple[Shared, ...]:
    """The last node of the nested rule is the image itself."""
    return ("input_gradient",) if spec.steps == "auto" else ()


_DECLARES = MethodDeclaration(cost=_cost, tensors=_tensors, completeness=True)


@attribution(_NAME, IntegratedGradients, _DECLARES.named("Integrated Gradients"), version=3)
def integrated_gradients_maps(spec: IntegratedGradients, question: AttributionInput) -> Maps:
    """[B, H, W], signed, the completeness error [B], and with "auto" the gradients [B] that each image took.

    What is kept does not grow with the steps.

    Raises:
        AttributionError: no gradient leads back to the image.
    """
    starts = [baseline_images(name, question, _NAME) for name in named(spec.baseline, _NAME)]
    if spec.steps == "auto":
        return _Refined(question, starts, spec.tolerance).maps()
    return _fixed(question, starts, spec.steps)


def completeness_error(shares: Tensor, explained: Tensor, at_baseline: Tensor) -> Tensor:
    """[B] float64: |sum A - (f(x) - f(b))| / max(|f(x) - f(b)|, 0.01 sum |A|) over A [B, ...]; 0 where all is 0.

    Infinite where the shares are so much larger than what they sum to that their own rounding decides the sum:
    where sum |A| times the precision of A exceeds 5 % of |f(x) - f(b)|.
    """
    total = shares.double().flatten(1)
    change = explained.double() - at_baseline.double()
    size = total.abs().sum(1)
    scale = torch.maximum(change.abs(), 0.01 * size)
    error = (total.sum(1) - change).abs()
    lost = size * torch.finfo(shares.dtype).eps > COMPLETENESS_LIMIT * change.abs()
    return torch.where(scale == 0, error, torch.where(lost, torch.inf, error / scale))


def _fixed(question: AttributionInput, starts: list[Tensor], steps: int) -> Maps:
    pixels = question.pixels.detach()
    nodes, weights = gauss_legendre(steps)
    shares = torch.zeros_like(pixels)

    def point(index: int, images: Sequence[int]) -> Tensor:
        path, node = divmod(index, steps)
        return _between(starts[path], pixels, nodes[node], rows_of(images))

    for index, images, _, gradient in gradients_at(question, steps * len(starts), point):
        path, node = divmod(index, steps)
        rows = rows_of(images)
        shares[rows] += gradient.mul_(pixels[rows] - starts[path][rows]).mul_(weights[node] / len(starts))
    at_baseline = torch.stack([scores(question, start, question.selector) for start in starts]).double().mean(0)
    return Maps(shares.sum(1), completeness_error(shares, question.explained.detach(), at_baseline))


def _between(start: Tensor, end: Tensor, part: float, rows: slice | list[int]) -> Tensor:
    return start[rows] + part * (end[rows] - start[rows])


def _at_image(question: AttributionInput) -> Tensor:
    """[B, 3, H, W], the gradient at the image: the engine's, else from own passes of the usual size."""
    if "input_gradient" in question.tensors:
        return question.tensors["input_gradient"].detach()
    return gradients(question, question.pixels.detach(), question.selector)[1]


class _Refined:
    """The nested rule for the images that still need it.

    A share is 2 u * gradient * (x - b), summed over channels, the mean over baselines. ``ends`` [B, 9, H, W] are those
    at the ends of the stretches, ``older`` and ``newer`` [B, 8, H, W] each stretch's sums over the inner nodes of the
    levels before and over those of its last one; ``values`` [B, 9] are those of f at the ends.
    """

    def __init__(self, question: AttributionInput, starts: list[Tensor], tolerance: float) -> None:
        self.question, self.starts, self.tolerance = question, starts, tolerance
        self.pixels = question.pixels.detach()
        count, (height, width) = len(self.pixels), self.pixels.shape[2:]
        self.ends = self.pixels.new_zeros(count, STRETCHES + 1, height, width)
        self.older, self.newer = (self.pixels.new_zeros(count, STRETCHES, height, width) for _ in range(2))
        self.values = torch.zeros(count, STRETCHES + 1, dtype=torch.float64, device=self.pixels.device)
        self.values[:, -1] = question.explained.detach().double()
        away = self.pixels - sum(starts[1:], starts[0]) / len(starts)
        self.ends[:, -1] = 2 * (_at_image(question) * away).sum(1)
        self.shares = torch.zeros_like(self.pixels[:, 0])
        self.error = torch.full_like(self.values[:, 0], torch.inf)
        self.panels = [[1] * STRETCHES for _ in range(count)]

    def maps(self) -> Maps:
        active = list(range(len(self.pixels)))
        for image, number, value, share in self._seen(
            [(image, number, number / STRETCHES) for image in active for number in range(STRETCHES)]
        ):
            self.ends[image, number] += share
            self.values[image, number] += value
        steps = torch.full((len(active),), STRETCHES, dtype=torch.long, device=self.pixels.device)
        coarse = self.ends.new_tensor([1, *[4, 2] * (STRETCHES // 2 - 1), 4, 1]) / (3 * STRETCHES)
        active = self._unsettled(active, [(coarse[:, None, None] * self.ends[image]).sum(0) for image in active])
        halved = {image: list(range(STRETCHES)) for image in active}
        while halved:
            self._halve(halved)
            active = self._unsettled(list(halved), [self._shares(image).sum(0) for image in halved])
            steps[list(halved)] = torch.tensor([sum(self.panels[image]) for image in halved], device=steps.device)
            halved = {image: worst for image in active if (worst := self._worst(image))}
        return Maps(self.shares, self.error, steps * len(self.starts))

    def _halve(self, halved: Mapping[int, list[int]]) -> None:
        """Twice as many panels on these stretches of each image."""
        jobs = []
        for image, stretches in halved.items():
            for stretch in stretches:
                self.panels[image][stretch] *= 2
                self.older[image, stretch] += self.newer[image, stretch]
                self.newer[image, stretch] = 0
                jobs += [(image, stretch, root) for root in inner_roots(stretch, self.panels[image][stretch])]
        for image, stretch, _, share in self._seen(jobs):
            self.newer[image, stretch] += share

    def _seen(self, jobs: list[tuple[int, int, float]]) -> Iterator[tuple[int, int, Tensor, Tensor]]:
        """(image, number, value of f, share [H, W]) at each (image, number, u), once for each baseline.

        In passes of ``question.rows``; both are divided by the count of baselines.
        """
        rows, paths = self.question.rows or len(self.pixels), len(self.starts)
        every = [(image, number, root, start) for image, number, root in jobs for start in self.starts]
        for first in range(0, len(every), rows):
            part = every[first : first + rows]
            owners = [image for image, *_ in part]
            away = torch.stack([self.pixels[image] - start[image] for image, _, _, start in part])
            roots = away.new_tensor([root for _, _, root, _ in part])[:, None, None, None]
            points = torch.stack([start[image] for image, _, _, start in part]) + roots**2 * away
            values, slopes = gradients(self.question, points, self.question.selector[owners])
            shares = (slopes.mul_(away).mul_(2 * roots / paths)).sum(1)
            for (image, number, *_), value, share in zip(part, values.double() / paths, shares, strict=True):
                yield image, number, value, share

    def _shares(self, image: int) -> Tensor:
        """[8, H, W], the integral over each stretch."""
        factors = self.ends.new_tensor([simpson(panels) for panels in self.panels[image]])[:, :, None, None]
        ends = self.ends[image, :-1] + self.ends[image, 1:]
        return factors[:, 0] * self.newer[image] + factors[:, 1] * self.older[image] + factors[:, 2] * ends

    def _worst(self, image: int) -> list[int]:
        """The stretches that miss most of what f changes on them: a quarter more panels, or all that may have more."""
        missed = (self._shares(image).double().sum((1, 2)) - self.values[image].diff()).abs().tolist()
        panels, found, more = self.panels[image], list[int](), 0
        for stretch in sorted(range(STRETCHES), key=lambda one: -missed[one]):
            if panels[stretch] < MOST_PANELS and more < sum(panels) * GROWTH:
                found.append(stretch)
                more += panels[stretch]
        return sorted(found)

    def _unsettled(self, active: list[int], maps: list[Tensor]) -> list[int]:
        """Keep these maps where they are better than what there was; the images that need more."""
        rows, shares = rows_of(active), torch.stack(maps)
        error = completeness_error(shares, self.values[rows, -1], self.values[rows, 0])
        better = ~(error >= self.error[rows])  # an error that is NaN is kept, so that the map does not count
        self.shares[rows] = torch.where(better[:, None, None], shares, self.shares[rows])
        self.error[rows] = torch.where(better, error, self.error[rows])
        again = (error > self.tolerance).tolist()
        return [image for image, more in zip(active, again, strict=True) if more]
