"""DeepLift, by the rescale rule, on any architecture whose operations have an exact rule.

A rule is given the operation as a function of its inputs, the inputs on the image and those on the baseline. It returns
what turns the multipliers of the output into those of the inputs, so that sum_i multiplier_i * change_i stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ...language.errors import AttributionError
from ...language.spec import Method, one_of
from ..base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from ..baselines import NAMES, baseline_images
from ..integrated import completeness_error
from ..passes import gradients_wanted, name_of, no_gradient
from . import decomposition
from .operations import (
    AFFINE,
    DROPOUT,
    FRESH,
    MULTILINEAR,
    STRUCTURAL,
    Operation,
    Pull,
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

Rule = Callable[[Callable[..., Any], tuple[Tensor, ...], tuple[Tensor, ...]], Pull]

_PIECEWISE = names(
    "relu relu6 leaky_relu prelu hardtanh hardsigmoid hardswish threshold clamp clamp_min clamp_max abs hardshrink "
    "softshrink selu elu celu"
)
_SMOOTH = names("gelu silu mish sigmoid logsigmoid tanh softplus softsign tanhshrink erf exp expm1 log log1p sin cos")
_MAX_POOL = names("max_pool1d max_pool2d max_pool3d adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d")
#: rewritten in operations that have rules
DECOMPOSED: dict[str, Callable[..., Any]] = {
    "scaled_dot_product_attention": decomposition.attention,
    "multi_head_attention_forward": decomposition.multi_head_attention,
    "layer_norm": decomposition.layer_norm,
    "group_norm": decomposition.group_norm,
    "rms_norm": decomposition.rms_norm,
    "normalize": decomposition.normalize,
    "norm": decomposition.vector_norm,
    "vector_norm": decomposition.vector_norm,
    "glu": decomposition.glu,
}
_POWERS = frozenset({"pow", "square", "sqrt", "rsqrt", "reciprocal", "div", "rdiv", "rpow", "softmax"})
#: what may need a rule, depending on which of its inputs depend on the pixels
RULED = _PIECEWISE | _SMOOTH | _MAX_POOL | MULTILINEAR | _POWERS | frozenset(DECOMPOSED)


def rule_for(operation: Operation, tracked: int) -> Rule | None:
    """The rule of an operation of which `tracked` inputs depend on the pixels; None where its gradient is the rule.

    Raises:
        AttributionError: there is no exact rule.
    """
    name = operation.name
    refuse_training("deeplift", operation)
    if name in AFFINE | STRUCTURAL | DROPOUT | {"setitem", "copy"} or (name in MULTILINEAR and tracked == 1):
        return None
    if name in MULTILINEAR and (tracked == 2 or name in ("addmm", "baddbmm", "addcmul", "linear")):
        return midpoint
    if name in _MAX_POOL:
        return _max_pool(operation)
    if name in _PIECEWISE | _SMOOTH and tracked == 1:
        return rescale_piecewise if name in _PIECEWISE else rescale_smooth
    rule = _power(operation, tracked) if name in _POWERS else None
    if rule is None:
        raise refusal("deeplift", operation)
    return rule


def _power(operation: Operation, tracked: int) -> Rule | None:
    name, exponent = operation.name, operation.argument("exponent", 1)
    if name == "square" or (name == "pow" and exponent == 2):
        return midpoint
    if name in ("sqrt", "rsqrt", "reciprocal"):
        return {"sqrt": _sqrt, "rsqrt": _rsqrt, "reciprocal": _reciprocal}[name]
    if name in ("pow", "rpow", "rdiv") and tracked == 1:
        return None if isinstance(exponent, Tensor) and exponent.requires_grad else rescale_smooth
    if name == "softmax" and operation.kwargs.get("dtype") is None:
        return _softmax(operation)
    if name == "div" and operation.kwargs.get("rounding_mode") is None:
        return _division(operation)
    return None


def midpoint(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    """Products and squares: the derivative half-way is exact: change(a b) = change(a) mean(b) + mean(a) change(b)."""
    half_way = [(image + reference) / 2 for image, reference in zip(images, references, strict=True)]
    return lambda multipliers: vector_jacobian(call, half_way, multipliers)


def rescale_piecewise(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    """change(f) / change(x); the derivative where x does not change at all."""
    return _rescale(call, images[0], references[0], 0.0)


def rescale_smooth(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    """The same; half-way's derivative for changes below eps^(1/3), where rounding would spoil the quotient more."""
    return _rescale(call, images[0], references[0], torch.finfo(images[0].dtype).eps ** (1 / 3))


def _rescale(call: Callable[..., Any], image: Tensor, reference: Tensor, tolerance: float) -> Pull:
    change = image - reference
    near = change.abs() <= tolerance * torch.maximum(image.abs(), reference.abs()).clamp(max=1)
    quotient = (call(image) - call(reference)) / torch.where(near, 1, change)
    (slope,) = vector_jacobian(call, [(image + reference) / 2], torch.ones_like(quotient))
    return _times(torch.where(near, slope, quotient))


def _sqrt(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    both = images[0].sqrt() + references[0].sqrt()
    return _times(torch.where(both == 0, 0, 1 / both))


def _rsqrt(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    value, other = images[0].rsqrt(), references[0].rsqrt()
    return _times(-((value * other) ** 2) / (value + other))


def _reciprocal(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
    return _times(-1 / (images[0] * references[0]))


def _times(multiplier: Tensor) -> Pull:
    return lambda multipliers: (multipliers * multiplier,)


def _division(operation: Operation) -> Rule:
    """a / b as a times 1 / b, with change(1 / b) = -change(b) / (b b')."""
    above, below = (operation.argument(name, place) for place, name in enumerate(("input", "other")))
    moves = [isinstance(part, Tensor) and part.requires_grad for part in (above, below)]

    def rule(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
        if not moves[1]:
            return lambda multipliers: vector_jacobian(call, images, multipliers)
        mean = (images[0] + references[0]) / 2 if moves[0] else above
        image, reference = images[-1], references[-1]

        def pull(multipliers: Tensor) -> tuple[Tensor, ...]:
            share = (-multipliers * mean / (image * reference)).sum_to_size(image.shape)
            if not moves[0]:
                return (share,)
            return (multipliers * (1 / image + 1 / reference) / 2).sum_to_size(images[0].shape), share

        return pull

    return rule


def _softmax(operation: Operation) -> Rule:
    """Softmax as y_i = exp(x_i - L), L = log sum exp x.

    The rescale rule of exp gives change(y_i) = w_i (change(x_i) - change(L)), w_i the logarithmic mean of y_i and
    y'_i; as the y sum to one on both sides, change(L) = sum_i w_i change(x_i) / sum_i w_i.
    """
    dim = operation.argument("dim", 1)

    def rule(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
        logs = [functional.log_softmax(values, dim) for values in (images[0], references[0])]
        first, second = (values.exp() for values in logs)
        change = logs[0] - logs[1]
        near = change.abs() < torch.finfo(change.dtype).eps ** 0.25  # the series' next term is change^4 / 1920
        series = (first * second).sqrt() * (1 + change**2 / 24)
        weight = torch.where(near, series, (first - second) / torch.where(near, 1, change))
        weight = torch.where((first == 0) & (second == 0), 0, weight)
        total = weight.sum(dim, keepdim=True)
        return lambda multipliers: (weight * (multipliers - (weight * multipliers).sum(dim, keepdim=True) / total),)

    return rule


def _max_pool(operation: Operation) -> Rule:
    """The change of a window's maximum goes to the place of the larger of its two maxima.

    That place changed at least as much and in the same direction, so its multiplier is in [0, 1]. Windows may overlap.
    """
    axes = int(operation.name[-2])
    pool = getattr(functional, f"{operation.name}_with_indices")
    rest = {key: value for key, value in operation.kwargs.items() if key not in ("input", "return_indices")}
    given = operation.args[1:]

    def rule(call: Callable[..., Any], images: tuple[Tensor, ...], references: tuple[Tensor, ...]) -> Pull:
        image, reference = images[0], references[0]
        (high, at), (other, there) = (pool(values, *given, **rest) for values in (image, reference))
        start = image.dim() - axes
        place = torch.where(high >= other, at, there).flatten(start)
        change = (image - reference).flatten(start).gather(-1, place)
        multiplier = torch.where(change == 0, 1, (high - other).flatten(start) / torch.where(change == 0, 1, change))

        def pull(multipliers: Tensor) -> tuple[Tensor, ...]:
            shares = multipliers.flatten(start) * multiplier
            return (torch.zeros_like(image).flatten(start).scatter_add(-1, place, shares).view_as(image),)

        return pull

    return rule


@dataclass(frozen=True)
class DeepLift(Method):
    """Sum over channels of (x - b) * multiplier, signed, in pixel values (Shrikumar, Greenside and Kundaje 2017).

    Multipliers go backwards through the model as gradients do. A function of one value is passed by the rescale rule,
    change(out) / change(in) between image and baseline (its derivative where nothing changes); max pooling hands a
    window's change to the place of the larger of its two maxima; products, attention, softmax and norms have rules of
    their own that are exact as well, so that the sum over the image is f(x) - f(b) up to rounding. Each map's
    completeness error says how far it is off. Operations without such a rule are refused by name.

    On networks of convolutions, dense layers, mean pooling and functions of one value this is captum's DeepLift.

    >>> str(DeepLift(baseline="white"))
    'deeplift(baseline=white)'

    Args:
        baseline: "black" (0), "white" (1), "mean" (the mean colour of ImageNet, (123, 116, 103) / 255), "blur" (the
            image under a Gaussian with sigma a tenth of its shorter side) or "noise" (uniform in [0, 1], drawn once for
            each sample).

    Raises:
        ExpressionError: another baseline.
    """

    baseline: Literal["black", "white", "mean", "blur", "noise"] = "black"

    def __post_init__(self) -> None:
        one_of(self.baseline, NAMES, "deeplift: baseline")


@attribution(
    "deeplift",
    DeepLift,
    MethodDeclaration(cost=lambda spec: Cost(forward=2, backward=1), completeness=True).named("DeepLIFT"),
)
def deeplift_maps(spec: DeepLift, question: AttributionInput) -> Maps:
    """[B, H, W], signed, and the completeness error [B].

    Raises:
        AttributionError: an operation of the model has no exact rule, or the model goes another way on the baseline.
    """
    refuse_what_cannot_be_seen(question.model, "deeplift")

    def explain(pixels: Tensor, selector: Tensor, reference: Tensor) -> tuple[Tensor, Tensor]:
        multipliers, at_baseline = _multipliers(question, pixels, reference, selector)
        return (pixels - reference) * multipliers, at_baseline

    shares, at_baseline = in_passes(question, explain, baseline_images(spec.baseline, question, "deeplift"))
    return Maps(shares.sum(1), completeness_error(shares, question.explained.detach(), at_baseline))


def _multipliers(
    question: AttributionInput, pixels: Tensor, reference: Tensor, selector: Tensor
) -> tuple[Tensor, Tensor]:
    """[B, 3, H, W], and the explained quantity of the baseline [B]."""
    tape: list[_Call] = []
    with gradients_wanted():
        leaf = pixels.detach().clone().requires_grad_()
        with _Recording(tape):
            value = (question.model(leaf.clone()) * selector).sum()
    if not value.requires_grad:
        raise AttributionError(no_gradient(name_of(question.model), "the image"))
    with torch.inference_mode(False), torch.no_grad():
        with _Replaying(tape) as replaying:
            at_baseline = (question.model(reference.clone()) * selector).sum(1)
        replaying.ended()
    with gradients_wanted():
        (found,) = torch.autograd.grad(value, leaf, allow_unused=True)
    if found is None:
        raise AttributionError(no_gradient(name_of(question.model), "the image"))
    return found, at_baseline


class _Slot:
    """One operation that is passed by a rule: its inputs on the image, until those on the baseline are known."""

    def __init__(self, operation: Operation, places: list[int], rule: Rule) -> None:
        self.places, self._rule, self._name = places, rule, str(operation)
        self.call = operation.of_inputs(places)
        self._images: tuple[Unchanged, ...] = ()
        self._pull: Pull | None = None

    def forward(self, *inputs: Tensor) -> Any:
        self._images = tuple(Unchanged(tensor, self._name) for tensor in inputs)
        return self.call(*inputs)

    def refer(self, references: tuple[Tensor, ...]) -> None:
        images = tuple(kept.get() for kept in self._images)
        if [tensor.shape for tensor in images] != [tensor.shape for tensor in references]:
            raise _another_way(self._name)
        self._pull, self._images = self._rule(self.call, images, references), ()

    def pull(self, multipliers: Tensor) -> tuple[Tensor | None, ...]:
        if self._pull is None:
            raise _another_way(self._name)
        return self._pull(multipliers)


@dataclass
class _Call:
    name: str
    slot: _Slot | None = None
    decomposed: bool = False


class _Recording(TorchFunctionMode):
    """The pass of the image: puts the rules in, and notes every call that may need one."""

    def __init__(self, tape: list[_Call]) -> None:
        super().__init__()
        self._tape = tape

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        operation = Operation.of(function, args, kwargs)
        call = _Call(operation.name)
        if operation.name in RULED:
            self._tape.append(call)
        places = operation.tracked
        if not places or not torch.is_grad_enabled():
            return function(*args, **(kwargs or {}))
        if operation.name in DECOMPOSED:
            call.decomposed = True
            with self:
                return DECOMPOSED[operation.name](*operation.args, **operation.kwargs)
        try:
            rule = rule_for(operation, len(places))
        except AttributionError:
            result = function(*args, **(kwargs or {}))
            if differentiable(result) and operation.name not in FRESH:
                raise
            return result
        if rule is None:
            return function(*args, **(kwargs or {}))
        return self._ruled(operation, places, rule, call)

    def _ruled(self, operation: Operation, places: list[int], rule: Rule, call: _Call) -> Any:
        call.slot = _Slot(operation, places, rule)
        inputs = [operation.tensors[place] for place in places]
        target = operation.tensors[0]
        if operation.in_place:
            inputs = [tensor.clone() if tensor is target else tensor for tensor in inputs]
        output = ruled(call.slot.forward, call.slot.pull, *inputs)
        return operation.written(output)


class _Replaying(TorchFunctionMode):
    """The pass of the baseline: gives every rule its other side, call by call."""

    def __init__(self, tape: list[_Call]) -> None:
        super().__init__()
        self._tape, self._next = tape, 0

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        operation = Operation.of(function, args, kwargs)
        if operation.name not in RULED:
            return function(*args, **(kwargs or {}))
        if self._next == len(self._tape) or self._tape[self._next].name != operation.name:
            raise _another_way(str(operation))
        call, self._next = self._tape[self._next], self._next + 1
        if call.decomposed:
            with self:
                return DECOMPOSED[operation.name](*operation.args, **operation.kwargs)
        if call.slot is not None:
            tensors = operation.tensors
            if len(tensors) <= max(call.slot.places):
                raise _another_way(str(operation))
            call.slot.refer(tuple(tensors[place].detach() for place in call.slot.places))
        return function(*args, **(kwargs or {}))

    def ended(self) -> None:
        if self._next != len(self._tape):
            raise _another_way(self._tape[self._next].name)


def _another_way(name: str) -> AttributionError:
    return AttributionError(
        f"deeplift: the model takes another way on the baseline than on the image (at {name}), with "
        "nothing to compare; take integrated_gradients"
    )
