"""Faithfulness and stability of maps: do they predict the model's response to changes, and are they stable?

Infidelity and sensitivity are those of Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019,
number for number as captum has them. Perturbations are given, so that two methods can be asked with the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ..language import draws
from .deletion import Score

#: pixels [B, 3, H, W] to attributions [B, ...]
Explain = Callable[[Tensor], Tensor]
#: captum's: noise of this deviation for infidelity, uniform within this radius for sensitivity
DEVIATION, RADIUS = 0.003, 0.02
#: a completeness error is relative to at least this share of sum |A|
LEAST_SHARE = 0.01


def infidelity(
    attributions: Tensor,
    pixels: Tensor,
    perturbations: Iterable[Tensor],
    score: Score,
    classes: Tensor,
    *,
    normalize: bool = False,
) -> Tensor:
    """[B] float64: the mean of ``(I . A - (f(x) - f(x - I)))^2`` over perturbations I; 0 is faithful, low is better.

    A is per unit of input, like a gradient; first divide one in units of the output (Integrated Gradients) by
    ``x - baseline``, as captum's ``multiply_by_inputs`` does to I. A method that is right but for a factor is wrong
    here. With `normalize` A is first multiplied by the factor that fits best over the perturbations,
    ``mean(I.A (f(x) - f(x - I))) / mean((I.A)^2)`` (0 where I.A is always 0), and what is left is the error of the fit:
    with one perturbation nothing. NaN where A is not finite.

    >>> def score(pixels):  # linear, so its gradient is faithful
    ...     return pixels.sum((1, 2, 3))[:, None]
    >>> pixels = torch.zeros(1, 3, 2, 2)
    >>> noise = normal(["a.png"], pixels, seed=0, count=4)
    >>> bool(infidelity(torch.ones(1, 3, 2, 2), pixels, noise, score, torch.tensor([0])) < 1e-9)
    True

    Args:
        attributions: [B, 3, H, W], or [B, H, W], which then counts for each channel alike.
        pixels: [B, 3, H, W].
        perturbations: of [B, 3, H, W] each, one image has the same row in all.
        score: runs the model on pixels; f is its output of `classes`.
        classes: [B] long.

    Raises:
        ValueError: no perturbation, or shapes that do not belong together.
    """
    shares = attributions.double() if attributions.dim() == 4 else attributions.double()[:, None]
    if shares.dim() != 4 or len(shares) != len(pixels) or shares.shape[2:] != pixels.shape[2:]:
        raise ValueError(f"attributions {tuple(attributions.shape)} are not those of pixels {tuple(pixels.shape)}")
    before = _asked(score, pixels, classes)
    count, squares, both, changed = 0, torch.zeros_like(before), torch.zeros_like(before), torch.zeros_like(before)
    plain = torch.zeros_like(before)
    for perturbation in perturbations:
        if perturbation.shape != pixels.shape:
            raise ValueError(f"a perturbation is {tuple(perturbation.shape)}, the pixels are {tuple(pixels.shape)}")
        change = before - _asked(score, pixels - perturbation, classes)
        predicted = (shares.to(pixels.device) * perturbation.double()).flatten(1).sum(dim=1).to(before.device)
        squares, both, changed = squares + predicted**2, both + predicted * change, changed + change**2
        plain, count = plain + (predicted - change) ** 2, count + 1
    if count == 0:
        raise ValueError("no perturbation was given; infidelity is a mean over at least one")
    factor = both / torch.where(squares == 0, 1.0, squares)
    value = (factor**2 * squares - 2 * factor * both + changed if normalize else plain) / count
    return torch.where(torch.isfinite(shares).flatten(1).all(dim=1).to(value.device), value, torch.nan)


def sensitivity_max(attributions: Tensor, pixels: Tensor, perturbations: Iterable[Tensor], explain: Explain) -> Tensor:
    """[B] float64: the largest ``|A(x + d) - A(x)| / |A(x)|`` (L2) over perturbations d; low is better.

    |A(x)| counts as 1 where it is 0. NaN where one of the maps is not finite.

    >>> pixels = torch.ones(1, 3, 2, 2)
    >>> noise = uniform(["a.png"], pixels, seed=0, count=4)
    >>> sensitivity_max(pixels, pixels, noise, torch.ones_like).tolist()
    [0.0]

    Args:
        attributions: [B, ...] of `pixels`, by `explain`.
        pixels: [B, 3, H, W].
        perturbations: of [B, 3, H, W] each.
        explain: the method on other pixels; for the same quantity, or the class that it explains may move too.

    Raises:
        ValueError: no perturbation.
    """
    own = attributions.flatten(1).double()
    size = own.norm(dim=1)
    size = torch.where(size == 0, 1.0, size)
    largest: Tensor | None = None
    for perturbation in perturbations:
        found = (explain(pixels + perturbation).flatten(1).double().to(own.device) - own).norm(dim=1) / size
        largest = found if largest is None else torch.maximum(largest, found)
    if largest is None:
        raise ValueError("no perturbation was given; sensitivity is the largest over at least one")
    return torch.where(torch.isfinite(largest), largest, torch.nan)


def completeness_error(total: Tensor, difference: Tensor, size: Tensor) -> Tensor:
    """[B] float64: ``|sum A - (f(x) - f(b))| / max(|f(x) - f(b)|, 0.01 sum |A|)``; 0 is complete.

    0 where all three are 0. A map whose channels were reduced by a sum keeps `total`, but not `size`.

    >>> completeness_error(torch.tensor([0.9]), torch.tensor([1.0]), torch.tensor([2.0])).round(decimals=2).tolist()
    [0.1]

    Args:
        total: [B] sum A over the whole attribution.
        difference: [B] f(x) - f(baseline).
        size: [B] sum |A|.
    """
    gap = (total.double() - difference.double()).abs()
    scale = torch.maximum(difference.double().abs(), LEAST_SHARE * size.double())
    return torch.where((gap == 0) & (scale == 0), 0.0, gap / scale)


def normal(ids: Sequence[str], like: Tensor, seed: int, count: int, deviation: float = DEVIATION) -> Iterator[Tensor]:
    """`count` perturbations [B, 3, H, W] of normal noise; (seed, id, number) decides each image's."""

    def one(generator: torch.Generator) -> Tensor:
        return deviation * torch.randn(like.shape[1:], generator=generator)

    return _drawn("infidelity", one, ids, like, seed, count)


def uniform(ids: Sequence[str], like: Tensor, seed: int, count: int, radius: float = RADIUS) -> Iterator[Tensor]:
    """`count` perturbations [B, 3, H, W], uniform in [-radius, radius]; (seed, id, number) decides each image's."""

    def one(generator: torch.Generator) -> Tensor:
        return radius * (2 * torch.rand(like.shape[1:], generator=generator) - 1)

    return _drawn("sensitivity", one, ids, like, seed, count)


def _drawn(
    name: str, one: Callable[[torch.Generator], Tensor], ids: Sequence[str], like: Tensor, seed: int, count: int
) -> Iterator[Tensor]:
    for number in range(count):
        yield torch.stack([one(draws.generator(seed, sample, name, number)) for sample in ids]).to(like)


def _asked(score: Score, pixels: Tensor, classes: Tensor) -> Tensor:
    with torch.no_grad():
        logits = score(pixels)
    return logits.double().gather(1, classes.to(logits.device)[:, None])[:, 0]
