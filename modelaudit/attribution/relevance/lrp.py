"""Layer-wise relevance propagation.

Relevance travels as a modified gradient g with R = value * g, so that sums, poolings and copies, whose gradient is
their rule, need nothing. Whatever a bias, a constant or epsilon absorbs is counted an image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...language.errors import AttributionError
from ...language.spec import Method, one_of, within
from ..base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from ..passes import gradients_wanted, name_of, no_gradient
from . import decomposition
from .operations import (
    AFFINE,
    DROPOUT,
    FRESH,
    MULTILINEAR,
    STRUCTURAL,
    Operation,
    Unchanged,
    differentiable,
    in_passes,
    names,
    refusal,
    refuse_training,
    refuse_what_cannot_be_seen,
    ruled,
    vector_jacobian,
)
from .weighted import Absorbed, LayerUse, Prefix, RuleSet, WeightedRule, alpha_beta, gamma_rule

#: passed by their gradient: the largest value of a window takes all, and relu hands on what it lets through
BY_GRADIENT = names(
    "relu leaky_relu prelu abs max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d "
    "adaptive_max_pool3d amax amin"
)
#: f(0) = 0: the input is as relevant as the output
IDENTITY = names(
    "gelu silu mish tanh relu6 hardswish hardtanh elu selu celu softsign tanhshrink hardshrink softshrink erf"
)
#: only ever factors: the other factor of their product takes all the relevance
GATES = names(
    "sigmoid hardsigmoid softplus exp rsqrt sqrt reciprocal rdiv rpow pow square norm vector_norm clamp clamp_min "
    "clamp_max var std log logsumexp"
)
PRODUCTS = frozenset({"mul", "matmul", "mm", "bmm", "einsum"})
WEIGHTED = frozenset({"conv1d", "conv2d", "conv3d", "linear"})
#: rewritten in operations that have rules; a norm so becomes the centred values times a gate
DECOMPOSED: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": decomposition.attention,
    "multi_head_attention_forward": decomposition.multi_head_attention,
    "layer_norm": decomposition.layer_norm,
    "group_norm": decomposition.group_norm,
    "rms_norm": decomposition.rms_norm,
    "normalize": decomposition.normalize,
    "glu": decomposition.glu,
}
#: affine operations that may add what does not depend on the pixels
WITH_CONSTANT = names(
    "add sub rsub cat stack hstack vstack pad where masked_fill lerp addmm baddbmm addcmul conv_transpose1d "
    "conv_transpose2d conv_transpose3d"
)


_LINEAR = AFFINE | STRUCTURAL | MULTILINEAR | DROPOUT
_LONGEST_WAY_TO_A_GATE = 8


class Propagation(TorchFunctionMode):
    """Puts the rules in while the model runs on `pixels`, a leaf; `ones` is the upper end of their box."""

    def __init__(self, composite: RuleSet, pixels: Tensor) -> None:
        super().__init__()
        self._composite, self._pixels = composite, pixels
        self.ones = torch.ones_like(pixels).requires_grad_(composite.box)
        self.absorbed = Absorbed(len(pixels), pixels.device)
        self.boxes = 0
        self._layers: dict[Any, LayerUse] = {}
        self._gates: set[Any] = set()
        self._prefixes: dict[int, Prefix] = {}

    def begin(self) -> Tensor:
        """What the model is to be given."""
        given = self._pixels.clone()
        self._prefixes[id(given)] = Prefix(given, torch.zeros_like(given), self.ones.clone())
        return given

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        operation = Operation.of(function, args, kwargs)
        places = operation.tracked
        if not places or not torch.is_grad_enabled():
            return function(*args, **(kwargs or {}))
        if operation.name in DECOMPOSED:
            with self:
                return DECOMPOSED[operation.name](*operation.args, **operation.kwargs)
        inputs = [operation.tensors[place] for place in places]
        read = [self._layers[tensor.grad_fn] for tensor in inputs if tensor.grad_fn in self._layers]
        result = self._passed(operation, places, inputs, lambda: function(*args, **(kwargs or {})))
        if differentiable(result):
            for layer in read:
                layer.uses += 1
        return result

    def _passed(self, operation: Operation, places: list[int], inputs: list[Tensor], plain: Callable[[], Any]) -> Any:
        name = operation.name
        refuse_training("lrp", operation)
        if name in WEIGHTED and len(inputs) == 1 and places == [0]:
            return self._weighted(operation, inputs[0], plain)
        if name == "batch_norm":
            return self._batch_norm(operation, inputs[0])
        if name in PRODUCTS and len(inputs) == 2:
            return self._product(operation, places, inputs)
        if name == "div" and len(inputs) == 2:
            return operation.written(operation.of_inputs(places)(inputs[0], inputs[1].detach()))
        if name == "softmax":
            return self._softmax(operation, inputs[0], plain)
        if name in IDENTITY and self._keeps_zero(operation, places, inputs[0]):
            return self._identity(operation, places, inputs[0])
        if name in GATES or name in IDENTITY or (name == "div" and places == [1]):
            return self._gate(operation, places, inputs)
        if name in BY_GRADIENT or name == "div" or (name in _LINEAR and (name not in MULTILINEAR or len(inputs) == 1)):
            return self._linear(operation, places, inputs, plain)
        result = plain()
        if differentiable(result) and name not in FRESH:
            raise refusal("lrp", operation)
        return result

    def _linear(self, operation: Operation, places: list[int], inputs: list[Tensor], plain: Callable[[], Any]) -> Any:
        """The gradient is the rule; a constant that is added absorbs its own value times the gradient."""
        prefixes = [self._prefixes.get(id(tensor)) for tensor in inputs]
        call, zeros = operation.of_inputs(places), [_like(tensor) for tensor in inputs]
        ends: tuple[Any, Any] | None = None
        if operation.name in _LINEAR | {"div"} and all(prefix is not None for prefix in prefixes):
            known = [prefix for prefix in prefixes if prefix is not None]
            ends = call(*(prefix.low for prefix in known)), call(*(prefix.high for prefix in known))
        result = plain()
        if operation.name in WITH_CONSTANT and isinstance(result, Tensor) and len(places) < _terms(operation):
            self._constant(result, call, zeros)
        if ends is not None:
            for tensor, low, high in zip(_several(result), _several(ends[0]), _several(ends[1]), strict=True):
                self._prefixes[id(tensor)] = Prefix(tensor, low.detach(), high)
        return result

    def _constant(self, result: Tensor, call: Callable[..., Any], zeros: list[Callable[[], Tensor]]) -> None:
        def count(gradient: Tensor) -> None:
            constant = call(*(zero() for zero in zeros))
            self.absorbed.add(torch.where(gradient == 0, 0, gradient * constant))

        result.register_hook(count)  # type: ignore[no-untyped-call]

    def _identity(self, operation: Operation, places: list[int], tensor: Tensor) -> Tensor:
        """R_in = R_out: the gradient is output / input."""
        call, kept = operation.of_inputs(places), tensor.clone() if operation.in_place else tensor
        later = Unchanged(kept, str(operation))

        def pull(gradient: Tensor) -> tuple[Tensor]:
            value = later.get()
            (slope,) = vector_jacobian(call, [value], torch.ones_like(value))
            return (gradient * torch.where(value == 0, slope, call(value) / torch.where(value == 0, 1, value)),)

        return operation.written(ruled(call, pull, kept))

    def _keeps_zero(self, operation: Operation, places: list[int], tensor: Tensor) -> bool:
        return not bool(operation.of_inputs(places)(torch.zeros_like(tensor[:1])).any())

    def _gate(self, operation: Operation, places: list[int], inputs: list[Tensor]) -> Tensor:
        """Nothing is handed on; relevance that arrives all the same has no honest way further."""
        call, given = operation.of_inputs(places), [tensor.clone() for tensor in inputs]

        def pull(gradient: Tensor) -> tuple[None, ...]:
            if bool(gradient.any()):
                raise refusal("lrp", operation, "not as a factor but as a layer; no rule conserves where f(0) is not 0")
            return (None,) * len(given)

        result = operation.written(ruled(call, pull, *given))
        self._gates.add(result.grad_fn)
        return result

    def _product(self, operation: Operation, places: list[int], inputs: list[Tensor]) -> Tensor:
        """A gate's partner takes all; of two other factors each takes half (Achtibat et al. 2024)."""
        call, gated = operation.of_inputs(places), [self._is_gate(tensor) for tensor in inputs]
        if any(gated):
            alone = not all(gated)
            parts = [part.detach() if gate and alone else part for part, gate in zip(inputs, gated, strict=True)]
            result: Tensor = operation.written(call(*parts))
            if all(gated):
                self._gates.add(result.grad_fn)
            return result
        given = [tensor.clone() if operation.in_place else tensor for tensor in inputs]
        later = [Unchanged(tensor, str(operation)) for tensor in given]

        def pull(gradient: Tensor) -> tuple[Tensor, ...]:
            return vector_jacobian(call, [kept.get() for kept in later], gradient / 2)

        return operation.written(ruled(call, pull, *given))

    def _is_gate(self, tensor: Tensor) -> bool:
        node = tensor.grad_fn
        for _ in range(_LONGEST_WAY_TO_A_GATE):
            if node is None or node in self._gates:
                return node is not None
            before = [parent for parent, _ in node.next_functions if parent is not None]
            node = before[0] if len(before) == 1 else None
        return False

    def _softmax(self, operation: Operation, tensor: Tensor, plain: Callable[[], Any]) -> Tensor:
        """The first-order Taylor expansion at x (Achtibat et al. 2024), whose remainder is absorbed."""
        later, dim, call = Unchanged(tensor, str(operation)), operation.argument("dim", 1), operation.of_inputs([0])
        result: Tensor = plain()

        def count(gradient: Tensor) -> None:
            values = later.get()
            share = call(values)
            slope = share * (gradient - (share * gradient).sum(dim, keepdim=True))
            self.absorbed.add(share * gradient - torch.where(slope == 0, 0, values * slope))

        result.register_hook(count)  # type: ignore[no-untyped-call]
        return result

    def _batch_norm(self, operation: Operation, tensor: Tensor) -> Tensor:
        """One layer with the weighted layer whose output it alone reads; else affine, its shift absorbs."""
        call, layer = operation.of_inputs([0]), self._layers.get(tensor.grad_fn)
        probe = torch.zeros(1, tensor.shape[1], *[1] * (tensor.dim() - 2), dtype=tensor.dtype, device=tensor.device)
        with torch.no_grad():
            shift = call(probe)
            scale = call(probe + 1) - shift
        if layer is not None and layer.scale is None:
            layer.scale, layer.shift = scale, shift

        def pull(gradient: Tensor) -> tuple[Tensor]:
            if layer is not None and layer.folded is not None:
                return (gradient,)
            self.absorbed.add(gradient * shift)
            return (gradient * scale,)

        return ruled(call, pull, tensor)

    def _weighted(self, operation: Operation, tensor: Tensor, plain: Callable[[], Any]) -> Tensor:
        """A convolution or a linear layer."""
        state, dense = LayerUse(), operation.name == "linear"
        terms = self._composite.dense if dense else self._composite.convolution
        prefix = self._prefixes.get(id(tensor))
        rule = WeightedRule(self._composite, terms, operation, state, self.absorbed, prefix)
        if self._composite.box and prefix is not None:
            self.boxes += 1
            result: Tensor = ruled(rule.run, rule.box, tensor, prefix.high)
        elif terms is not None:
            result = ruled(rule.run, rule.terms, tensor)
        else:
            result = plain()
            rule.keep(tensor, result)
            result.register_hook(rule.epsilon)  # type: ignore[no-untyped-call]
        if not dense or result.dim() == 2:
            self._layers[result.grad_fn] = state
        return result


def _like(tensor: Tensor) -> Callable[[], Tensor]:
    shape, dtype, device = tensor.shape, tensor.dtype, tensor.device
    return lambda: torch.zeros(shape, dtype=dtype, device=device)


def _terms(operation: Operation) -> int:
    """How many tensors an operation would need to depend on the pixels for nothing constant to be in it."""
    scalars = operation.name in ("add", "sub") and len(operation.tensors) == 1
    return len(operation.tensors) + (scalars or operation.name in ("pad", "where", "masked_fill", "rsub", "lerp"))


def _several(result: Any) -> list[Tensor]:
    return [result] if isinstance(result, Tensor) else list(result)


RULES: dict[str, Callable[[Lrp], RuleSet]] = {
    "epsilon": lambda spec: RuleSet(None, None, False, spec.epsilon),
    "gamma": lambda spec: RuleSet(gamma_rule(spec.gamma), gamma_rule(spec.gamma), False, spec.epsilon),
    "epsilon_plus": lambda spec: RuleSet(alpha_beta(1, 0), None, False, spec.epsilon),
    "epsilon_alpha2_beta1": lambda spec: RuleSet(alpha_beta(2, 1), None, False, spec.epsilon),
    "epsilon_gamma_box": lambda spec: RuleSet(gamma_rule(spec.gamma), None, True, spec.epsilon),
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

    >>> str(Lrp(rule="epsilon"))
    'lrp(rule=epsilon)'

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
    question: AttributionInput, composite: RuleSet, pixels: Tensor, selector: Tensor
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
