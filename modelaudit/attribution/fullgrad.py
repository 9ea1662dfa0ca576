"""FullGrad: the gradient at the image together with the gradients at all biases.

Around an image such a network is f(x) = <x, df/dx> + sum over its biases <b, df/db>. Whatever adds a constant to values
that depend on the image has a bias: convolutions, linear layers, batch norm in eval mode (beta - mean gamma / std), an
addition or subtraction of a constant as in a normalisation, the ends of a clamp. Operations are seen as functions, so
that one which is called without a module is not missed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.graph import Node
from torch.overrides import TorchFunctionMode

from ..language.errors import AttributionError
from ..language.spatial import lies_over
from ..language.spec import Method, one_of
from ..language.upsampling import upsampled
from .base import COMPLETENESS_LIMIT, AttributionInput, Cost, Maps, MethodDeclaration, attribution
from .integrated import completeness_error
from .layer_grid import precision
from .passes import gradients_wanted, name_of, no_gradient

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

    Afterwards :meth:`curved` names the operations on values of the image that no bias makes linear.
    """

    def __init__(self, pixels: Tensor, found: Callable[[BiasedOutput], None]) -> None:
        super().__init__()
        self._curved: list[tuple[str, Node | None]] = []
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
        bias = self._bias(name, args, named)
        pointwise = name in _POINTWISE and any(value is known for value in args for known in self._pointwise)
        output = func(*args, **named)
        if name in CURVED or (name in _PRODUCTS and sum(from_image) > 1):
            said = name if name in CURVED else f"{name} of two values of the image"
            self._curved.append((said, output.grad_fn if isinstance(output, Tensor) else None))
        if isinstance(output, Tensor) and output.requires_grad:
            at_pixels = pointwise and output.shape == self._pixels.shape
            if at_pixels:
                self._pointwise.append(output)
            if bias is not None:
                self._found(BiasedOutput(name, output, bias.detach(), at_pixels))
        return output

    def curved(self, logits: Tensor) -> list[str]:
        """Their names, without those that the logits do not depend on: a softmax after them."""
        used, waiting = set(), [logits.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is not None and node not in used:
                used.add(node)
                waiting += [following for following, _ in node.next_functions]
        return sorted({name for name, node in self._curved if node is None or node in used})

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


_RESCALES = ("layer", "channel", "none")
_INSTEAD = "take another method, e.g. integrated_gradients"


@dataclass(frozen=True)
class FullGrad(Method):
    """psi(x df/dx) + the sum of psi(b df/db) over all biases b, psi = upsample(rescale(abs)) (Srinivas, Fleuret 2019).

    For piecewise linear networks f(x) = <x, df/dx> + sum <b, df/db> exactly, b the biases of convolutions, linear
    layers and batch norm (its own and -mean gamma / std), constants that are added, and the ends of ReLU6. By how much
    the sum is not f(x) is each map's completeness error (with b = 0 and f(b) = 0 in its formula). x is the image as
    the network sees it, behind the normalisation. The psi of a layer is summed over its channels; biases without a
    place on the image, as in linear layers, are in the sum and not in the map, as in the authors' code.

    >>> str(FullGrad(rescale="none"))
    'fullgrad(rescale=none)'

    Args:
        rescale: from the smallest to the largest of an image to [0, 1] by "layer" (the authors' code), by "channel"
            (the paper's equation and pytorch-grad-cam, which gives channels of rounding noise as much weight as any),
            or "none" (shares stay in units of f).

    Bilinear with align_corners=False; the authors' code has True. pytorch-grad-cam leaves out the biases of layers that
    are subclasses of Conv2d or BatchNorm2d or are called as functions, and takes constants added elsewhere for nothing.

    Raises:
        ExpressionError: another rescale.
    """

    rescale: Literal["layer", "channel", "none"] = "layer"

    def __post_init__(self) -> None:
        one_of(self.rescale, _RESCALES, "fullgrad: rescale")


_DECLARES = MethodDeclaration(cost=lambda spec: Cost(forward=1, backward=1), completeness=True)


@attribution("fullgrad", FullGrad, _DECLARES.named("FullGrad"))
def fullgrad_maps(spec: FullGrad, question: AttributionInput) -> Maps:
    """[B, H, W] of values >= 0, and the completeness error [B].

    Raises:
        AttributionError: the network is not piecewise linear, or a bias of it was not seen.
    """
    count = len(question.pixels)
    rows = question.rows or count
    maps, errors = [], []
    for first in range(0, count, rows):
        chosen = torch.arange(first, first + rows, device=question.pixels.device).clamp_max(count - 1)
        values, error = _explained(spec, question, question.pixels[chosen], question.selector[chosen])
        maps.append(values[: count - first])
        errors.append(error[: count - first])
    completeness = torch.cat(errors)
    _require_some_complete(question, completeness)
    return Maps(torch.cat(maps), completeness)


def _explained(spec: FullGrad, question: AttributionInput, pixels: Tensor, selector: Tensor) -> tuple[Tensor, Tensor]:
    name = name_of(question.model)
    with gradients_wanted(), torch.autocast(pixels.device.type, enabled=False):
        leaf = pixels.detach().clone().requires_grad_()
        shares = _Shares(spec, leaf)
        with Biases(leaf, shares.watch) as biases:
            logits = question.model(leaf)
        if curved := biases.curved(logits):
            raise AttributionError(f"{spec}: {name} is not piecewise linear, it uses {', '.join(curved)}; {_INSTEAD}")
        if shares.unplaced:
            raise AttributionError(
                f"{spec}: in {name} {shares.unplaced[0]}, whose place on the image is unknown; it must be [images, "
                f"channels, height, width] or [images, channels]; {_INSTEAD}"
            )
        value = (logits * selector.detach().clone()).sum(1)
        if not value.requires_grad:
            raise AttributionError(no_gradient(name, "the image"))
        (gradient,) = torch.autograd.grad(value.sum(), leaf, allow_unused=True)
        if gradient is None:
            raise AttributionError(no_gradient(name, "the image"))
    return shares.map(gradient), shares.error(value.detach())


class _Shares:
    """Adds up the shares <b, df/db> while the backward pass comes by; of a layer only its reduced map is kept."""

    def __init__(self, spec: FullGrad, pixels: Tensor) -> None:
        self._spec = spec
        self._pixels = pixels.detach()
        self._at_pixels = torch.zeros_like(self._pixels)
        self.unplaced: list[str] = []
        self._sums: list[Tensor] = []
        self._maps: dict[tuple[int, int], Tensor] = {}

    def watch(self, found: BiasedOutput) -> None:
        """Ask for the gradient at an output; a hook is bound to the values as they are now, also if they change."""
        shape = found.values.shape
        if shape[0] != len(self._pixels) or len(shape) not in (2, 4) or (found.name == "linear" and len(shape) == 4):
            self.unplaced.append(f"{found.name} adds a bias to values {list(shape)}")
            return
        bias, at_pixels = found.bias, found.at_pixels

        def come_by(gradient: Tensor) -> None:  # it must not know the values: they know it
            self._add(bias * gradient.detach(), at_pixels)

        found.values.register_hook(come_by)  # type: ignore[no-untyped-call]

    def map(self, gradient: Tensor) -> Tensor:
        """[B, H, W], given the gradient at the pixels."""
        share = self._pixels * gradient + self._at_pixels
        self._sums.append(_sums(share))
        size = (share.shape[2], share.shape[3])
        total = _rescaled(share.abs(), self._spec.rescale).sum(1)
        for maps in self._maps.values():
            total = total + upsampled(maps, size)
        return total

    def error(self, value: Tensor) -> Tensor:
        """[B], of all shares of an image, one to each layer and sign."""
        return completeness_error(torch.cat(self._sums, 1), value, torch.zeros_like(value))

    def _add(self, share: Tensor, at_pixels: bool) -> None:
        if at_pixels:
            self._at_pixels = self._at_pixels + share
            return
        self._sums.append(_sums(share))
        grid = (share.shape[-2], share.shape[-1])
        if share.ndim == 4 and lies_over(grid, (self._pixels.shape[2], self._pixels.shape[3])):
            maps = _rescaled(share.abs(), self._spec.rescale).sum(1)
            self._maps[grid] = self._maps[grid] + maps if grid in self._maps else maps


def _sums(share: Tensor) -> Tensor:
    """[B, 2]: of the positive and of the negative shares."""
    signs = (share.clamp_min(0), share.clamp_max(0))
    return torch.stack([part.flatten(1).sum(1, dtype=precision(share)) for part in signs], 1)


def _rescaled(shares: Tensor, by: str) -> Tensor:
    """[B, K, h, w] >= 0 from its smallest to its largest value to [0, 1]; 0 where all are the same."""
    if by == "none":
        return shares
    axes = (1, 2, 3) if by == "layer" else (2, 3)
    low, high = shares.amin(axes, keepdim=True), shares.amax(axes, keepdim=True)
    return torch.where(high > low, (shares - low) / (high - low), 0)


def _require_some_complete(question: AttributionInput, errors: Tensor) -> None:
    """Where every image misses f(x), it is not the images: something ran that is not linear, or was not seen."""
    finite = errors[errors.isfinite()]
    if len(finite) and bool((finite > COMPLETENESS_LIMIT).all()):
        raise AttributionError(
            f"fullgrad: the shares of the biases of {name_of(question.model)} miss its logits by "
            f"{float(finite.median()):.0%}, so it is not piecewise linear, or runs code whose biases cannot be seen "
            f"(scripted, exported or compiled); {_INSTEAD}"
        )
