"""The biases of a piecewise linear network, seen operation by operation while it runs.

Around an image such a network is f(x) = <x, df/dx> + sum over its biases <b, df/db>. Whatever adds a constant to values
that depend on the image has a bias: convolutions, linear layers, batch norm in eval mode (beta - mean gamma / std), an
addition or subtraction of a constant as in a normalisation, the ends of a clamp. Operations are seen as functions, so
that one which is called without a module is not missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

#: functions that are linear nowhere, by their names without underscores
# fmt: off
CURVED = frozenset({
    "gelu", "silu", "mish", "sigmoid", "logsigmoid", "tanh", "softplus", "softsign", "elu", "selu", "celu", "hardswish",
    "softmax", "log_softmax", "softmin", "gumbel_softmax", "logsumexp", "multi_head_attention_forward",
    "scaled_dot_product_attention", "layer_norm", "group_norm", "instance_norm", "local_response_norm", "rms_norm",
    "normalize", "norm", "var", "std", "cosine_similarity", "lp_pool2d", "exp", "log", "pow", "square", "sqrt", "rsqrt",
    "reciprocal", "sin", "cos", "erf", "prod", "cumprod",
})
# fmt: on
_SCALINGS = frozenset({"mul", "div", "true_divide", "multiply", "divide"})
#: products, which are linear as long as only one factor depends on the image
_PRODUCTS = _SCALINGS | {"matmul", "bmm", "mm", "einsum", "baddbmm"}
_SHIFTS = frozenset({"add", "sub", "rsub", "subtract"})
#: what leaves a value at its pixel and channel
_POINTWISE = _SHIFTS | _SCALINGS | {"clone", "contiguous", "to", "float", "double", "half"}


@dataclass(frozen=True)
class BiasedOutput:
    """An output that an operation has added a bias to.

    Args:
        name: of the operation.
        values: the output, before anything is done to it in place.
        bias: broadcasts to `values`.
        at_pixels: whether it is a shift of the pixels themselves, as in a normalisation.
    """

    name: str
    values: Tensor
    bias: Tensor
    at_pixels: bool


class Biases(TorchFunctionMode):
    """Calls `found` for every output with a bias; inside the ``with``, and of this thread only.

    Attributes:
        curved: names of the operations on values of the image that no bias makes linear.
    """

    def __init__(self, pixels: Tensor, found: Callable[[BiasedOutput], None]) -> None:
        super().__init__()
        self.curved: set[str] = set()
        self._found = found
        self._pixels = pixels
        self._pointwise: list[Tensor] = [pixels]

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named: Mapping[str, Any] = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        from_image = [self._from_image(value) for value in (*args, *named.values())]
        if not any(from_image):
            return func(*args, **named)
        if name in CURVED or (name in _PRODUCTS and sum(from_image) > 1):
            self.curved.add(name if name in CURVED else f"{name} of two values of the image")
        bias = self._bias(name, args, named)
        pointwise = name in _POINTWISE and any(value is known for value in args for known in self._pointwise)
        output = func(*args, **named)
        if isinstance(output, Tensor) and output.requires_grad:
            at_pixels = pointwise and output.shape == self._pixels.shape
            if at_pixels:
                self._pointwise.append(output)
            if bias is not None:
                self._found(BiasedOutput(name, output, bias.detach(), at_pixels))
        return output

    def _from_image(self, value: Any) -> bool:
        if isinstance(value, tuple | list):
            return any(self._from_image(part) for part in value)
        return isinstance(value, Tensor) and value.requires_grad and (value is self._pixels or not value.is_leaf)

    def _bias(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor | None:
        if name in _SHIFTS:
            return self._shift(name, args, named)
        if name in ("hardtanh", "relu6", "clamp", "clip"):
            return _ends(name, args, named)
        if name == "batch_norm":
            return _batch_norm(*args, **named)
        if name == "linear":
            return _linear(*args, **named)
        if name.startswith("conv") and name[-2:] in ("1d", "2d", "3d"):
            return _convolution(*args, **named)
        return None

    def _shift(self, name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor | None:
        """What is constant in ``first ± alpha second``; nothing where both depend on the image."""
        first, second = args[0], args[1] if len(args) > 1 else named["other"]
        if name == "rsub":
            first, second, name = second, first, "sub"
        if self._from_image(first) and self._from_image(second):
            return None
        sign = named.get("alpha", 1) * (-1 if name.startswith("sub") else 1)
        constant, factor = (second, sign) if self._from_image(first) else (first, 1)
        # a number as a tensor without dimensions takes on the type and the device of what it is multiplied by
        return factor * (constant if isinstance(constant, Tensor) else torch.tensor(constant, dtype=torch.float64))


def _convolution(input: Tensor, weight: Tensor, bias: Tensor | None = None, *args: Any, **named: Any) -> Tensor | None:
    return None if bias is None else bias.view(-1, *[1] * (weight.ndim - 2))


def _linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor | None:
    return bias


def _batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor | None:
    """beta - mean gamma / std: what batch norm with fixed statistics adds."""
    if training or running_mean is None or running_var is None:
        return None  # statistics of the batch: not linear, which the sum of all shares shows
    added = -running_mean * torch.rsqrt(running_var + eps)
    added = added if weight is None else added * weight
    added = added if bias is None else added + bias
    return added.view(-1, *[1] * (input.ndim - 2))


def _ends(name: str, args: tuple[Any, ...], named: Mapping[str, Any]) -> Tensor:
    """The value at the end where a clamp holds it, else 0; a clamp passes the gradient on at its ends, hardtanh not."""
    values, *rest = args
    low, high = {"hardtanh": (-1.0, 1.0), "relu6": (0.0, 6.0)}.get(name, (None, None))
    if name != "relu6":
        low = rest[0] if rest else named.get("min", named.get("min_val", low))
        high = rest[1] if len(rest) > 1 else named.get("max", named.get("max_val", high))
    kept = name in ("clamp", "clip")
    values, added = values.detach(), torch.zeros_like(values)
    if low is not None:
        added = torch.where(values < low if kept else values <= low, low, added)
    if high is not None:
        added = torch.where(values > high if kept else values >= high, high, added)
    return added
