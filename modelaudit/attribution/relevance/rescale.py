"""DeepLift's rules: what hands the change of an operation's output on to its inputs, to the last digit.

A rule is given the operation as a function of its inputs, the inputs on the image and those on the baseline. It returns
what turns the multipliers of the output into those of the inputs, so that sum_i multiplier_i * change_i stays the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from . import decomposition
from .linear import AFFINE, DROPOUT, MULTILINEAR, STRUCTURAL, names, refuse_training
from .operations import Operation, Pull, refusal, vector_jacobian

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
