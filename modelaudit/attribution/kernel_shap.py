"""KernelSHAP: Shapley values of superpixels as a weighted least-squares fit."""

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

_MOST_SAMPLES = 100_000
#: coalitions for each superpixel, so that the fit is all but sure to have one solution
_LEAST_SAMPLES = 4


@dataclass(frozen=True)
class KernelShap(Method):
    """argmin over phi of sum_S w(S) (v(S) - v(0) - sum_{k in S} phi_k)^2 with sum phi = v(all) - v(0); signed.

    v(S) = f(x with all superpixels outside S filled), w(S) = (K - 1) / (C(K, |S|) |S| (K - |S|)) (Lundberg and Lee
    2017). The sum is imposed exactly. Coalitions are drawn with probabilities in the proportion of w, each followed by
    its complement (Covert and Lee 2021); where all 2^K - 2 are not more than `samples`, each is taken once, and phi
    are the Shapley values. They are spread evenly over a superpixel's pixels.

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
        within(self.samples, least, _MOST_SAMPLES, f"kernel_shap: samples, for {players} superpixels")
        if not isinstance(self.samples, int):
            raise ExpressionError(f"kernel_shap: samples={self.samples!r} is no whole number")


def _cost(spec: KernelShap) -> Cost:
    return Cost(forward=2 + _coalition_count(spec, most_segments(spec)), backward=0)


_DECLARES = MethodDeclaration(cost=_cost, gradients=False, completeness=True, draws=True).named("KernelSHAP")


@attribution(
    "kernel_shap",
    KernelShap,
    _DECLARES,
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
