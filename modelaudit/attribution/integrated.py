"""Integrated Gradients, by Gauss-Legendre quadrature or a nested rule for integrands that vary most near 0.

The gradient on the way from a baseline b to an image x changes with the contrast of b + a (x - b): most of all near
the baseline, where the contrast grows by large factors. On SqueezeNet and photos half of its variation lies in the
first eighth of the way from black, and nine tenths in that from the mean colour. So the nested rule walks
in u = sqrt(a): the integral of g(a) da is that of 2 u g(u^2) du, by Simpson's rule on 8, 16, 32, ... panels. No
node is lost from one level to the next, and weights only halve, so that two sums of gradients are all that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
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

#: panels of the levels; the last one is where refinement ends
PANELS = (8, 16, 32, 64, 128, 256)


@dataclass(frozen=True)
class QuadratureNode:
    """A point of the nested rule that a level adds.

    Args:
        at: a in [0, 1).
        weight: 2 u, its factor in the level's sums; 0 at a = 0, where only the value of f is wanted.
        old: whether it counts as a node of the level before; only in the first level, which has none before it.
    """

    at: float
    weight: float
    old: bool


def gauss_legendre(steps: int) -> tuple[list[float], list[float]]:
    """Nodes in (0, 1), rising, and weights: exact for polynomials up to degree 2 steps - 1."""
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    return ((1 + nodes) / 2).tolist(), (weights / 2).tolist()


def new_nodes(level: int) -> list[QuadratureNode]:
    """What level 0, 1, ... adds, a < 1; the node at a = 1, of all levels, is left out."""
    panels = PANELS[level]
    if level == 0:
        return [_node(index, panels, old=index % 2 == 0) for index in range(panels)]
    return [_node(index, panels, old=False) for index in range(1, panels, 2)]


def simpson(level: int) -> tuple[float, float, float]:
    """The factors of the sum over new nodes, of that over all older ones, and of g(1), in the level's integral.

    Exact for g of degree 1: ``2 u g(u^2)`` is a cubic then.
    """
    panels = PANELS[level]
    return 4 / (3 * panels), 2 / (3 * panels), 2 / (3 * panels)


def _node(index: int, panels: int, *, old: bool) -> QuadratureNode:
    root = index / panels
    return QuadratureNode(root**2, 2 * root, old)


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
        steps: "auto": each image gets 8, 16, 32, ... up to 256 panels of the nested rule of
            :mod:`~modelaudit.attribution.integrated`, until its completeness error is within `tolerance`; if it
            never is, the best of its maps stands, with its error. Or the nodes of a Gauss-Legendre quadrature, 1 to
            1000, as captum has them. A node costs a forward and a backward pass for each baseline.
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
        return Cost(forward=count * PANELS[-1] + 1, backward=count * PANELS[-1] + 1)
    return Cost(forward=count * (spec.steps + 1), backward=count * spec.steps)


def _tensors(spec: Any) -> tuple[Shared, ...]:
    """The last node of the nested rule is the image itself."""
    return ("input_gradient",) if spec.steps == "auto" else ()


_DECLARES = MethodDeclaration(cost=_cost, tensors=_tensors, completeness=True)


@attribution(_NAME, IntegratedGradients, _DECLARES.named("Integrated Gradients"), version=2)
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
    """The nested rule, level by level, for the images that still need it.

    ``older`` and ``newer`` [B, 3, H, W] are the sums over the nodes of the levels before and over those of the level
    itself, of weight * gradient * (x - b), the mean over baselines.
    """

    def __init__(self, question: AttributionInput, starts: list[Tensor], tolerance: float) -> None:
        self.question, self.starts, self.tolerance = question, starts, tolerance
        self.pixels = question.pixels.detach()
        count = len(self.pixels)
        self.older, self.newer = torch.zeros_like(self.pixels), torch.zeros_like(self.pixels)
        self.at_baseline = torch.zeros(count, dtype=torch.float64, device=self.pixels.device)
        away = self.pixels - sum(starts[1:], starts[0]) / len(starts)
        self.end = _at_image(question) * away
        self.values = torch.zeros_like(self.pixels[:, 0])
        self.error = torch.full_like(self.at_baseline, torch.inf)
        self.steps = torch.zeros(count, dtype=torch.long, device=self.pixels.device)

    def maps(self) -> Maps:
        active = list(range(len(self.pixels)))
        for level in range(len(PANELS)):
            self._add(level, active)
            active = self._settled(level, active)
            if not active:
                break
        return Maps(self.values, self.error, self.steps)

    def _add(self, level: int, active: list[int]) -> None:
        """The gradients of the level's new nodes."""
        nodes = new_nodes(level)
        paths = len(self.starts)

        def point(index: int, images: Sequence[int]) -> Tensor:
            path, node = divmod(index, len(nodes))
            return _between(self.starts[path], self.pixels, nodes[node].at, rows_of(images))

        self.older += self.newer
        self.newer.zero_()
        for index, images, values, gradient in gradients_at(self.question, paths * len(nodes), point, active):
            path, number = divmod(index, len(nodes))
            rows, node = rows_of(images), nodes[number]
            if node.at == 0:
                self.at_baseline[rows] += values.double() / paths
                continue
            sums = self.older if node.old else self.newer
            sums[rows] += gradient.mul_(self.pixels[rows] - self.starts[path][rows]).mul_(node.weight / paths)

    def _settled(self, level: int, active: list[int]) -> list[int]:
        """Keep the level's maps where they are better than what there was; the images that need another level."""
        rows = rows_of(active)
        newer, older, end = simpson(level)
        shares = newer * self.newer[rows] + older * self.older[rows] + end * self.end[rows]
        error = completeness_error(shares, self.question.explained.detach()[rows], self.at_baseline[rows])
        better = ~(error >= self.error[rows])  # an error that is NaN is kept, so that the map does not count
        self.values[rows] = torch.where(better[:, None, None], shares.sum(1), self.values[rows])
        self.error[rows] = torch.where(better, error, self.error[rows])
        self.steps[rows] = PANELS[level] * len(self.starts)
        again = (error > self.tolerance).tolist()
        return [image for image, more in zip(active, again, strict=True) if more]
