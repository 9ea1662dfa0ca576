"""Methods over superpixels: feature ablation, Shapley values by sampled orders, and KernelSHAP."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..language.errors import ExpressionError
from ..language.spec import Method, within
from .base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .perturbed import Fill, for_each_image
from .superpixels import Segmentation, Superpixels, check_cut, explained_by_shares, joined, most_segments


@dataclass(frozen=True)
class FeatureAblation(Method):
    """f(x) - f(x with a superpixel filled), for each superpixel, spread evenly over its pixels; signed.

    >>> str(FeatureAblation(segments=100, segmentation="slic"))
    'feature_ablation(segments=100, segmentation=slic)'

    Args:
        segments: superpixels, 4 to 1024; slic may give fewer, a grid has the largest square number in it.
        segmentation: "grid" for rectangles, or "slic" for regions of like colour (scikit-image; the extra
            ``superpixels``), which follow the object's outline.
        fill: "mean" (the mean colour of ImageNet), "black", "white", "blur" or "noise", as baselines are.

    Raises:
        ExpressionError: an argument out of range.
    """

    segments: int = 64
    segmentation: Segmentation = "grid"
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        check_cut("feature_ablation", self)


def _cost(spec: FeatureAblation) -> Cost:
    return Cost(forward=1 + most_segments(spec), backward=0)


_DECLARES = MethodDeclaration(cost=_cost, gradients=False).named("Feature Ablation")


@attribution("feature_ablation", FeatureAblation, _DECLARES)
def feature_ablation_maps(spec: FeatureAblation, question: AttributionInput) -> Maps:
    """[B, H, W], signed; over a superpixel it sums to the drop of the score.

    Raises:
        AttributionError: slic is asked for, and scikit-image is not installed.
    """
    return Maps(torch.stack(for_each_image(question, lambda image: _ablated(spec, question, image))))


def _ablated(spec: FeatureAblation, question: AttributionInput, image: int) -> Tensor:
    parts = Superpixels.of(question, image, spec)

    def kept(numbers: range) -> Tensor:
        taken = torch.tensor(numbers) - 1  # the first is the whole image
        return torch.arange(parts.count) != taken[:, None]

    found = parts.values(1 + parts.count, kept)
    return parts.spread(found[0] - found[1:])


_MOST_SAMPLES = 10_000


@dataclass(frozen=True)
class ShapleySampling(Method):
    """Mean over permutations of v(the superpixels up to and with k) - v(those before k); signed.

    v(S) = f(x with all superpixels outside S filled) (Castro, Gomez and Tejada 2009). Every second permutation is the
    one before it reversed, which leaves the estimate unbiased and its error smaller (Mitchell et al. 2022). Values are
    spread evenly over a superpixel's pixels; each permutation, and so the map, sums to f(x) - f(fill).

    >>> str(ShapleySampling(samples=50))
    'shapley_sampling(samples=50)'

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
            raise ExpressionError(f"shapley_sampling: samples must be an integer, got {self.samples!r}")
        check_cut("shapley_sampling", self)


def _shapley_cost(spec: ShapleySampling) -> Cost:
    return Cost(forward=2 + spec.samples * (most_segments(spec) - 1), backward=0)


_DECLARES_SHAPLEY = MethodDeclaration(cost=_shapley_cost, gradients=False, completeness=True, draws=True).named(
    "Shapley Value Sampling"
)


@attribution(
    "shapley_sampling",
    ShapleySampling,
    _DECLARES_SHAPLEY,
)
def shapley_sampling_maps(spec: ShapleySampling, question: AttributionInput) -> Maps:
    """[B, H, W], signed, and the completeness error [B]: rounding, unless logits depend on the batch.

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


_MOST_SAMPLES_KERNEL_SHAP = 100_000
#: coalitions for each superpixel, so that the fit is all but sure to have one solution
_LEAST_SAMPLES = 4


@dataclass(frozen=True)
class KernelShap(Method):
    """argmin over phi of sum_S w(S) (v(S) - v(0) - sum_{k in S} phi_k)^2 with sum phi = v(all) - v(0); signed.

    v(S) = f(x with all superpixels outside S filled), w(S) = (K - 1) / (C(K, |S|) |S| (K - |S|)) (Lundberg and Lee
    2017). The sum is imposed exactly. Coalitions are drawn with probabilities in the proportion of w, each followed by
    its complement (Covert and Lee 2021); where all 2^K - 2 are not more than `samples`, each is taken once, and phi
    are the Shapley values. They are spread evenly over a superpixel's pixels.

    >>> str(KernelShap(samples=2048))
    'kernel_shap(samples=2048)'

    Args:
        samples: coalitions, at least 4 for each superpixel; each costs a forward pass.
        segments: superpixels, 4 to 1024; slic may give fewer, a grid has the largest square number in it.
        segmentation: "grid" for rectangles, or "slic" for regions of like colour (scikit-image; the extra
            ``superpixels``), which follow the object's outline.
        fill: "mean" (the mean colour of ImageNet), "black", "white", "blur" or "noise", as baselines are.

    Raises:
        ExpressionError: an argument out of range, or too few samples.
    """

    samples: int = 1024
    segments: int = 64
    segmentation: Segmentation = "grid"
    fill: Fill = "mean"

    def __post_init__(self) -> None:
        check_cut("kernel_shap", self)
        players = most_segments(self)
        least = min(_LEAST_SAMPLES * players, 2**players - 2)
        within(self.samples, least, _MOST_SAMPLES_KERNEL_SHAP, f"kernel_shap: samples, for {players} superpixels")
        if not isinstance(self.samples, int):
            raise ExpressionError(f"kernel_shap: samples must be an integer, got {self.samples!r}")


def _kernel_shap_cost(spec: KernelShap) -> Cost:
    return Cost(forward=2 + _coalition_count(spec, most_segments(spec)), backward=0)


_DECLARES_KERNEL_SHAP = MethodDeclaration(cost=_kernel_shap_cost, gradients=False, completeness=True, draws=True).named(
    "KernelSHAP"
)


@attribution(
    "kernel_shap",
    KernelShap,
    _DECLARES_KERNEL_SHAP,
)
def kernel_shap_maps(spec: KernelShap, question: AttributionInput) -> Maps:
    """[B, H, W], signed, and the completeness error [B]. An image whose fit has no single solution gets NaN.

    Raises:
        AttributionError: slic is asked for, and scikit-image is not installed.
    """
    return joined(for_each_image(question, lambda image: _fit(spec, question, image)))


def _fit(spec: KernelShap, question: AttributionInput, image: int) -> Maps:
    parts = Superpixels.of(question, image, spec)
    coalitions, weights = _coalitions(spec, question, image, parts.count)
    ends = torch.tensor([[False], [True]]).expand(2, parts.count)
    table = torch.cat([ends, coalitions])
    found = parts.values(len(table), lambda numbers: table[numbers.start : numbers.stop])
    return explained_by_shares(parts, _fitted(coalitions, weights, found), found[0])


def _coalition_count(spec: KernelShap, players: int) -> int:
    """All of them where that is no more than samples, else whole pairs."""
    everything = 2**players - 2
    return everything if everything <= spec.samples else spec.samples // 2 * 2


def _coalitions(spec: KernelShap, question: AttributionInput, image: int, players: int) -> tuple[Tensor, Tensor]:
    """[n, K] bool coalitions, neither empty nor whole, and their weights [n]."""
    count = _coalition_count(spec, players)
    sizes = torch.arange(1, players, dtype=torch.float64)
    of_size = (players - 1) / (sizes * (players - sizes))
    if count == 2**players - 2:
        numbers = torch.arange(1, 2**players - 1)
        everyone = (numbers[:, None] >> torch.arange(players)) & 1 == 1
        subsets = torch.tensor([math.comb(players, size) for size in range(1, players)], dtype=torch.float64)
        return everyone, (of_size / subsets)[everyone.sum(1) - 1]
    generator = question.generator(image, "kernel_shap")
    size = 1 + torch.multinomial(of_size, count // 2, replacement=True, generator=generator)
    ranks = torch.rand((count // 2, players), generator=generator, dtype=torch.float64).argsort(1).argsort(1)
    drawn = ranks < size[:, None]
    return torch.stack([drawn, ~drawn], dim=1).flatten(0, 1), torch.ones(count, dtype=torch.float64)


def _fitted(coalitions: Tensor, weights: Tensor, values: Tensor) -> Tensor:
    """[K] float64: the constrained fit to v [2 + n] (of nothing, of all, of the coalitions [n, K]).

    The last superpixel's value is the rest, which makes the others an unconstrained fit. NaN without a single solution.
    """
    players = coalitions.shape[1]
    nothing, whole = values[0], values[1]
    if players == 1:
        return (whole - nothing).view(1)
    if not bool(values.isfinite().all()):
        return torch.full((players,), torch.nan, dtype=torch.float64)
    inside, last = coalitions[:, :-1].double(), coalitions[:, -1:].double()
    root = weights.sqrt()[:, None]
    wanted = (values[2:, None] - nothing) - last * (whole - nothing)
    solved = torch.linalg.lstsq((inside - last) * root, wanted * root, driver="gelsd")
    if int(solved.rank) < players - 1:
        return torch.full((players,), torch.nan, dtype=torch.float64)
    others = solved.solution[:, 0]
    return torch.cat([others, (whole - nothing - others.sum()).view(1)])
