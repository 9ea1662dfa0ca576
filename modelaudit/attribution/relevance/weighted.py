"""Rules of LRP for weighted layers (convolutions, linear layers), as data, and what the layers absorb.

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

from ...language.errors import AttributionError
from .operations import Operation, Unchanged

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


@dataclass(frozen=True)
class RuleSet:
    """Which rule each weighted layer gets: terms, or None for the epsilon rule.

    Args:
        convolution, dense: the rules of convolutions and of linear layers.
        box: whether the layers that see the pixels themselves get the rule for inputs in [0, 1].
        epsilon: of every denominator.
    """

    convolution: tuple[Term, ...] | None
    dense: tuple[Term, ...] | None
    box: bool
    epsilon: float


@dataclass
class LayerUse:
    """A weighted layer on its way: how often its output is read, and the batch norm that reads it."""

    uses: int = 0
    scale: Tensor | None = None
    shift: Tensor | None = None

    @property
    def folded(self) -> tuple[Tensor, Tensor] | None:
        """Scale and shift of the batch norm that is one layer with this one, being alone in reading its output."""
        if self.uses != 1 or self.scale is None or self.shift is None:
            return None
        return self.scale, self.shift


@dataclass(frozen=True)
class Prefix:
    """A tensor that is affine in the pixels, and what it would be on images of zeros and of ones."""

    tensor: Tensor
    low: Tensor
    high: Tensor


class Absorbed:
    """[B] float64, the relevance that is not handed on."""

    def __init__(self, images: int, device: torch.device) -> None:
        self.total = torch.zeros(images, dtype=torch.float64, device=device)

    def add(self, relevance: Tensor) -> None:
        """Count relevance of any shape whose first axis is the images, or each image's parts one after the other.

        Raises:
            AttributionError: it is not.
        """
        if relevance.dim() == 0 or len(relevance) % len(self.total):
            raise AttributionError(
                f"lrp: an operation works on {list(relevance.shape)}, whose first axis is not the images, so that its "
                "relevance cannot be accounted for; take integrated_gradients"
            )
        self.total += relevance.detach().double().reshape(len(self.total), -1).sum(1)


class WeightedRule:
    """How one weighted layer hands relevance on, once the backward pass comes by."""

    def __init__(
        self,
        composite: RuleSet,
        terms: tuple[Term, ...] | None,
        operation: Operation,
        state: LayerUse,
        absorbed: Absorbed,
        prefix: Prefix | None,
    ) -> None:
        self._composite, self._terms, self._state = composite, terms, state
        self._absorbed, self._prefix, self._name = absorbed, prefix, str(operation)
        weight, bias = operation.argument("weight", 1), operation.argument("bias", 2)
        self._weight: Tensor = weight
        channels = weight.shape[0]
        shape = (-1,) if operation.name == "linear" else (-1, *[1] * (weight.dim() - 2))
        given = weight.new_zeros(channels) if bias is None else bias
        self._bias: Tensor = given.view(shape)
        self._call = operation.of_inputs([0])
        rest = {key: value for key, value in operation.kwargs.items() if key not in ("input", "weight", "bias")}
        function, more = operation.function, operation.args[3:]

        def linear(inputs: Tensor, weights: Tensor) -> Tensor:
            found: Tensor = function(inputs, weights, None, *more, **rest)
            return found

        self._linear = linear

    def run(self, tensor: Tensor, *ends: Tensor) -> Tensor:
        """The layer's output, out of the graph."""
        result: Tensor = self._call(tensor)
        self.keep(tensor, result)
        return result

    def keep(self, tensor: Tensor, result: Tensor) -> None:
        """Activations in place write into the output, so it is copied."""
        self._inputs, self._output = Unchanged(tensor, self._name), result.detach().clone()

    def epsilon(self, gradient: Tensor) -> Tensor:
        """R_i = x_i sum_j w_ij R_j / (z_j + epsilon sign z_j): what plain backpropagation is to be given."""
        scale, bias, output = self._folded(self._bias)
        stabiliser = torch.where(output >= 0, self._composite.epsilon, -self._composite.epsilon)
        quotient = gradient * output / (output + stabiliser)
        self._absorbed.add(quotient * (bias + stabiliser))
        return quotient * scale

    def terms(self, gradient: Tensor) -> tuple[Tensor]:
        """By the terms of the rule. What the pixels are shifted by before the first layer is part of its bias."""
        inputs, bias = self._inputs.get(), self._bias
        if self._prefix is not None:
            inputs, bias = inputs - self._prefix.low, bias + self._linear(self._prefix.low, self._weight)
        layer = self._layer(inputs, bias)
        assert self._terms is not None
        slope, absorbed = share_out(self._terms, layer, gradient, self._composite.epsilon)
        self._absorbed.add(absorbed)
        self._not_twice(slope)
        return (slope,)

    def box(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        """By the rule for pixels between 0 and 1.

        Raises:
            AttributionError: the model turns the values of its pixels round before its first layer.
        """
        assert self._prefix is not None
        low, high = self._prefix.low, self._prefix.high.detach()
        if bool((high < low).any()):
            raise AttributionError(
                'lrp(rule="epsilon_gamma_box"): the model inverts its pixels before its first layer, so the box is not '
                'theirs; take rule="epsilon_plus"'
            )
        layer = self._layer(self._inputs.get(), self._bias)
        slope, ends, absorbed = share_out_box(layer, low, high, gradient, self._composite.epsilon)
        self._absorbed.add(absorbed)
        self._not_twice(slope)
        return slope, ends

    def _not_twice(self, slope: Tensor) -> None:
        """The shift of the pixels is in the bias above; it will be counted again where it is added."""
        if self._prefix is not None:
            self._absorbed.add(-slope * self._prefix.low)

    def _layer(self, inputs: Tensor, bias: Tensor) -> Layer:
        scale, bias, output = self._folded(bias)
        weights = scale.reshape(-1, *[1] * (self._weight.dim() - 1)) * self._weight
        return Layer(self._linear, inputs, weights, bias, output)

    def _folded(self, bias: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scale, bias and output, the batch norm that follows folded in."""
        if self._state.folded is None:
            return torch.ones_like(self._bias), bias, self._output
        scale, shift = (part[0] for part in self._state.folded)
        return scale, bias * scale + shift, self._output * scale + shift
