"""How a weighted layer shares out the relevance of its outputs: the rules of LRP, as data.

A rule is a few terms. In each, what input i gives output j is x_i w'_ij, with w' the weights after a modification that
may differ for positive and for negative inputs, and the relevance of j is shared in proportion to that:

    R_i = coefficient sum_j x_i w'_ij R_j / (sum_i x_i w'_ij + b'_j +- epsilon)

What the bias b' and epsilon take of the denominator, they take of the relevance: it is absorbed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Modify = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Term:
    """One term of a rule.

    Args:
        positive, negative: what is made of the weights for inputs >= 0 and for inputs < 0.
        bias: what is made of the bias.
        sign: of the denominator, and so of epsilon in it.
        outputs: the sign of the outputs that the term is for; 0 for all.
        coefficient: the term's weight; those of a rule add up to 1 for each output.
    """

    positive: Modify
    negative: Modify
    bias: Modify
    sign: int
    outputs: int = 0
    coefficient: float = 1.0


@dataclass(frozen=True)
class Layer:
    """A weighted layer: ``linear(x, weight)`` without bias, its bias (broadcast over the output), and its output."""

    linear: Callable[[Tensor, Tensor], Tensor]
    inputs: Tensor
    weight: Tensor
    bias: Tensor
    output: Tensor


def gains(values: Tensor) -> Tensor:
    """What is above zero."""
    return values.clamp(min=0)


def losses(values: Tensor) -> Tensor:
    """What is below zero."""
    return values.clamp(max=0)


def alpha_beta(alpha: float, beta: float) -> tuple[Term, ...]:
    """Positive contributions get alpha R, negative ones -beta R; alpha - beta = 1 (Bach et al. 2015)."""
    above = Term(gains, losses, gains, sign=1, coefficient=alpha)
    return (above, Term(losses, gains, losses, sign=-1, coefficient=-beta)) if beta else (above,)


def gamma_rule(gamma: float) -> tuple[Term, ...]:
    """Contributions of the output's own sign weigh 1 + gamma (Montavon et al. 2019), for inputs of both signs."""

    def more(values: Tensor) -> Tensor:
        return values + gamma * gains(values)

    def less(values: Tensor) -> Tensor:
        return values + gamma * losses(values)

    return Term(more, less, more, sign=1, outputs=1), Term(less, more, less, sign=-1, outputs=-1)


def share_out(terms: tuple[Term, ...], layer: Layer, gradient: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """The modified gradient at the inputs (R_i = x_i gradient_i), and what each output lost to bias and epsilon.

    `gradient` is that at the outputs: R_j = output_j gradient_j.
    """
    parts = [(gains(layer.inputs), True)]
    if bool((layer.inputs < 0).any()):
        parts.append((losses(layer.inputs), False))
    found, absorbed = [torch.zeros_like(layer.inputs) for _ in parts], torch.zeros_like(layer.output)
    for term in terms:
        relevance = term.coefficient * layer.output * gradient
        bias = term.bias(layer.bias)
        with torch.enable_grad():
            leaves = [part.detach().requires_grad_() for part, _ in parts]
            made = [term.positive if positive else term.negative for _, positive in parts]
            sums = [layer.linear(leaf, make(layer.weight)) for leaf, make in zip(leaves, made, strict=True)]
        total = torch.stack([part.detach() for part in sums]).sum(0) + bias + term.sign * epsilon
        meant = layer.output * term.outputs > 0 if term.outputs else torch.ones_like(total, dtype=torch.bool)
        quotient = torch.where(meant, relevance, 0) / torch.where(meant, total, 1)
        for place, slope in enumerate(torch.autograd.grad(sums, leaves, [quotient] * len(sums))):
            found[place] += slope
        absorbed += quotient * (bias + term.sign * epsilon)
    slopes = found[0] if len(found) == 1 else torch.where(layer.inputs >= 0, found[0], found[1])
    return slopes, absorbed


def share_out_box(
    layer: Layer, low: Tensor, high: Tensor, gradient: Tensor, epsilon: float
) -> tuple[Tensor, Tensor, Tensor]:
    """The rule for inputs between `low` and `high` (Montavon et al. 2017): contributions (x - l) w+ + (x - h) w-.

    Returns the gradients at the inputs and at `high`, and what each output lost to epsilon; the bias has no part.
    """
    with torch.enable_grad():
        inputs, ends = layer.inputs.detach().requires_grad_(), high.detach().requires_grad_()
        above, below = layer.linear(inputs, layer.weight), layer.linear(ends, losses(layer.weight))
    total = above.detach() - layer.linear(low, gains(layer.weight)) - below.detach() + epsilon
    quotient = layer.output * gradient / total
    slopes = torch.autograd.grad([above, below], [inputs, ends], [quotient, -quotient])
    return slopes[0], slopes[1], quotient * epsilon
