"""Layer-wise relevance propagation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from ...language.errors import AttributionError
from ...language.spec import Method, one_of, within
from ..base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from ..passes import gradients_wanted, name_of, no_gradient
from .operations import refuse_what_cannot_be_seen
from .passing import in_passes
from .propagation import Propagation
from .shares import alpha_beta, gamma_rule
from .weighted import Composite

RULES: dict[str, Callable[[Lrp], Composite]] = {
    "epsilon": lambda spec: Composite(None, None, False, spec.epsilon),
    "gamma": lambda spec: Composite(gamma_rule(spec.gamma), gamma_rule(spec.gamma), False, spec.epsilon),
    "epsilon_plus": lambda spec: Composite(alpha_beta(1, 0), None, False, spec.epsilon),
    "epsilon_alpha2_beta1": lambda spec: Composite(alpha_beta(2, 1), None, False, spec.epsilon),
    "epsilon_gamma_box": lambda spec: Composite(gamma_rule(spec.gamma), None, True, spec.epsilon),
}


@dataclass(frozen=True)
class Lrp(Method):
    """Sum over channels of the relevance that pixels hand on to the explained quantity, signed (Bach et al. 2015).

    Relevance goes backwards through the model, layer by layer, and each layer shares out what it is given in
    proportion to what its inputs contributed. With output z_j = sum_i x_i w_ij + b_j, R_j goes to input i as

    - epsilon: x_i w_ij R_j / (z_j + epsilon sign z_j)
    - gamma: the same with contributions of the output's own sign weighing 1 + gamma (Montavon et al. 2019)
    - plus (z+, alpha1-beta0): positive contributions only; alpha2-beta1: 2 to these, -1 to the negative ones
    - box: (x_i w_ij - l w+_ij - h w-_ij), for inputs between l = 0 and h = 1 (Montavon et al. 2017).

    `rule` names one of these, or which one convolutions get where linear layers have epsilon. Batch norm is one layer
    with the convolution or linear layer whose output it alone reads; elsewhere (DenseNet) its shift is a bias.
    Max pooling gives all to the largest; sums, poolings and concatenations share by contribution. As in AttnLRP
    (Achtibat et al. 2024), functions with f(0) = 0 hand on all they get, softmax goes by its Taylor expansion, and of
    two factors each gets half; the standard deviation in a norm is a constant. Of a gate (sigmoid) and what it gates,
    all goes to the latter (Arras et al. 2017). What has no rule is refused by name.

    Relevance is that of pixel values: normalisation is part of the first layer, its shift part of the bias, so that a
    black pixel has relevance in the box rule only.

    Biases, epsilon and the remainders of Taylor expansions absorb relevance. What each absorbs follows from its own
    value and is summed for every image; the map's error is |sum R + absorbed - f| / max(|f|, 0.01 sum |R|). It shows
    that every layer handed its relevance on, that none was lost on the way and none came from nowhere; it does not say
    that little was absorbed, nor which rule is right.

    Args:
        rule: "epsilon", "gamma" (for all layers), "epsilon_plus", "epsilon_alpha2_beta1", or
            "epsilon_gamma_box" (gamma, and the box where the pixels come in).
        epsilon: 1e-12 to 1.
        gamma: 0 to 1000.

    Raises:
        ExpressionError: another rule, or a number out of range.
    """

    rule: Literal["epsilon", "gamma", "epsilon_plus", "epsilon_alpha2_beta1", "epsilon_gamma_box"] = "epsilon_plus"
    epsilon: float = 1e-6
    gamma: float = 0.25

    def __post_init__(self) -> None:
        one_of(self.rule, RULES, "lrp: rule")
        within(self.epsilon, 1e-12, 1, "lrp: epsilon")
        within(self.gamma, 0, 1000, "lrp: gamma")


@attribution(
    "lrp", Lrp, MethodDeclaration(cost=lambda spec: Cost(forward=1, backward=1), completeness=True).named("LRP")
)
def lrp_maps(spec: Lrp, question: AttributionInput) -> Maps:
    """[B, H, W], signed, and the conservation error [B].

    Raises:
        AttributionError: an operation of the model has no rule.
    """
    refuse_what_cannot_be_seen(question.model, "lrp")
    composite = RULES[spec.rule](spec)
    shares, absorbed = in_passes(question, lambda pixels, selector: _relevance(question, composite, pixels, selector))
    return Maps(shares.sum(1), _conservation_error(shares, question.explained.detach(), absorbed))


def _relevance(
    question: AttributionInput, composite: Composite, pixels: Tensor, selector: Tensor
) -> tuple[Tensor, Tensor]:
    """[B, 3, H, W], and what was absorbed on the way [B]."""
    with gradients_wanted():
        leaf = pixels.detach().clone().requires_grad_()
        propagation = Propagation(composite, leaf)
        given = propagation.begin()
        with propagation:
            value = (question.model(given) * selector).sum()
        if not value.requires_grad:
            raise AttributionError(no_gradient(name_of(question.model), "the image"))
        if composite.box and not propagation.boxes:
            raise AttributionError(
                'lrp(rule="epsilon_gamma_box"): no layer of the model sees the pixels themselves, only what other '
                'operations made of them; take rule="epsilon_plus"'
            )
        ends = [leaf, propagation.ones] if composite.box else [leaf]
        slopes = torch.autograd.grad(value, ends, allow_unused=True)
    if slopes[0] is None:
        raise AttributionError(no_gradient(name_of(question.model), "the image"))
    relevance = pixels * slopes[0]
    return relevance if not composite.box else relevance + slopes[1], propagation.absorbed.total


def _conservation_error(shares: Tensor, explained: Tensor, absorbed: Tensor) -> Tensor:
    """[B] float64: |sum R + absorbed - f| / max(|f|, 0.01 sum |R|); 0 where all is 0."""
    total = shares.double().flatten(1)
    scale = torch.maximum(explained.double().abs(), 0.01 * total.abs().sum(1))
    error = (total.sum(1) + absorbed - explained.double()).abs()
    return torch.where(scale == 0, error, error / scale)
