"""What a model calls while it runs: one operation of torch, by name, with its tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import resolve_name

from ...language.errors import AttributionError
from ..base import AttributionInput

#: what a rule makes of the gradient at an operation's output: the gradients at its inputs
Pull = Callable[[Tensor], tuple[Tensor | None, ...]]
_DUNDERS = {"rsub": "rsub", "truediv": "div", "rdiv": "rdiv", "rtruediv": "rdiv", "rpow": "rpow", "radd": "add"}
_ALIASES = {
    "concat": "cat",
    "concatenate": "cat",
    "divide": "div",
    "true_divide": "div",
    "multiply": "mul",
    "subtract": "sub",
    "negative": "neg",
    "clip": "clamp",
    "special_expit": "sigmoid",
    "absolute": "abs",
    "special_softmax": "softmax",
    "linalg_vector_norm": "vector_norm",
    "max_pool1d_with_indices": "max_pool1d",
    "max_pool2d_with_indices": "max_pool2d",
    "max_pool3d_with_indices": "max_pool3d",
}


@dataclass(frozen=True)
class Operation:
    """One call of a function of torch, a method of a tensor or an operator.

    Args:
        name: of the function, without what marks operators and work in place: ``relu`` for ``x.relu_()``.
        function, args, kwargs: the call, with ``inplace=False``.
        in_place: whether it writes into its first argument.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    in_place: bool

    @classmethod
    def of(cls, function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any] | None) -> Operation:
        """The operation behind what ``__torch_function__`` is given."""
        written = str(getattr(function, "__name__", type(function).__name__))
        args, kwargs = list(args), dict(kwargs or {})
        in_place = _writes(written) or kwargs.get("inplace") is True
        place = _place_of_inplace(function)
        if "inplace" in kwargs:
            kwargs["inplace"] = False
        elif place is not None and len(args) > place:
            in_place |= args[place] is True
            args[place] = False
        name = _plain(function, written)
        if kwargs.pop("out", None) is not None:
            name = f"{name}(out=...)"  # known to no rule
        return cls(name, function, tuple(args), kwargs, in_place)

    @property
    def tensors(self) -> list[Tensor]:
        """All tensors among the arguments, in lists too, in their order."""
        return list(_tensors((self.args, self.kwargs)))

    @property
    def tracked(self) -> list[int]:
        """Which of the tensors depend on the pixels: those that a gradient goes through."""
        return [place for place, tensor in enumerate(self.tensors) if tensor.requires_grad]

    def argument(self, name: str, place: int, default: Any = None) -> Any:
        """An argument given by keyword or by position."""
        return self.kwargs.get(name, self.args[place] if len(self.args) > place else default)

    def of_inputs(self, places: Sequence[int]) -> Callable[..., Any]:
        """The operation, out of place, as a function of the tensors at `places`; it keeps none of those."""
        chosen = set(places)
        args, kwargs = _without((self.args, self.kwargs), chosen, iter(range(len(self.tensors))))
        function, writes = self.function, self.in_place and _writes(str(getattr(self.function, "__name__", "")))

        def call(*inputs: Tensor) -> Any:
            given = (tensor.clone() for tensor in inputs) if writes else iter(inputs)
            filled, named = _filled((args, kwargs), given)
            return function(*filled, **named)

        return call

    def written(self, output: Tensor) -> Tensor:
        """The output; where the operation works in place, its first argument, which now holds it."""
        return self.tensors[0].copy_(output) if self.in_place else output

    def __str__(self) -> str:
        found = resolve_name(self.function)
        return str(found) if found else self.name


class Unchanged:
    """A tensor that is needed again later, and must then still hold what it holds now."""

    def __init__(self, tensor: Tensor, operation: str) -> None:
        self._tensor, self._version, self._operation = tensor.detach(), tensor._version, operation

    def get(self) -> Tensor:
        """The tensor.

        Raises:
            AttributionError: it was written into meanwhile.
        """
        if self._tensor._version != self._version:
            raise AttributionError(
                f"the input of {self._operation} is changed in place later on, so its relevance cannot be found; "
                "take integrated_gradients, or change the model's operation in place"
            )
        return self._tensor


class _Ruled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, call: Callable[..., Any], pull: Pull, *inputs: Tensor) -> Any:
        ctx.pull = pull
        ctx.set_materialize_grads(False)
        return call(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if gradients[0] is None:
            return (None,) * len(ctx.needs_input_grad)
        return (None, None, *ctx.pull(gradients[0]))


def ruled(call: Callable[..., Any], pull: Pull, *inputs: Tensor) -> Tensor:
    """``call(*inputs)``, a tensor, whose gradient is ``pull(gradient of the output)``."""
    output = _Ruled.apply(call, pull, *inputs)
    if not isinstance(output, Tensor):
        raise AttributionError("an operation that gives several tensors has no rule here; take integrated_gradients")
    return output


def refuse_what_cannot_be_seen(model: nn.Module, method: str) -> None:
    """Compiled parts run outside Python, where no operation of theirs can be seen.

    Raises:
        AttributionError: the model has such a part.
    """
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule) or type(module).__name__ == "OptimizedModule":
            raise AttributionError(
                f"{method}: {name or 'the model'} is compiled ({type(module).__name__}): its operations cannot be "
                "seen; give the nn.Module it was made from, or take integrated_gradients"
            )


def refusal(method: str, operation: Operation, why: str = "for which it has no rule") -> AttributionError:
    """What to say of an operation that a method has no honest rule for."""
    return AttributionError(
        f"{method}: the model uses {operation}, {why}; take integrated_gradients, which has no need of one"
    )


def differentiable(result: Any) -> bool:
    """Whether a result holds values that may carry the pixels on: floating-point tensors."""
    return any(tensor.is_floating_point() or tensor.is_complex() for tensor in _tensors(result))


def vector_jacobian(call: Callable[..., Tensor], inputs: Sequence[Tensor], gradient: Tensor) -> tuple[Tensor, ...]:
    """The derivative of ``call`` at `inputs`, transposed, applied to `gradient`."""
    with torch.enable_grad():
        leaves = [tensor.detach().requires_grad_() for tensor in inputs]
        return torch.autograd.grad(call(*leaves), leaves, gradient)


def _writes(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


@cache
def _place_of_inplace(function: Callable[..., Any]) -> int | None:
    if not inspect.isfunction(function):
        return None
    names = list(inspect.signature(function, follow_wrapped=False).parameters)
    return names.index("inplace") if "inplace" in names else None


def _plain(function: Callable[..., Any], written: str) -> str:
    if type(function).__name__ == "OpOverload":
        return str(function)  # its arguments may be ordered otherwise: no rule of ours knows it
    name = written.strip("_")
    if name == "get":  # of a property: T, mT, shape
        return str(resolve_name(function) or "get").split(".")[-2]
    name = _DUNDERS.get(name, name) if written.startswith("__") else name
    return _ALIASES.get(name, name)


def _tensors(tree: Any) -> Iterator[Tensor]:
    if isinstance(tree, Tensor):
        yield tree
    elif isinstance(tree, Mapping):
        for value in tree.values():
            yield from _tensors(value)
    elif isinstance(tree, tuple | list):
        for value in tree:
            yield from _tensors(value)


class _Hole:
    """Where a tensor stood."""


def _without(tree: Any, chosen: set[int], places: Iterator[int]) -> Any:
    if isinstance(tree, Tensor):
        return _Hole() if next(places) in chosen else tree
    if isinstance(tree, Mapping):
        return {key: _without(value, chosen, places) for key, value in tree.items()}
    if type(tree) in (tuple, list):
        return type(tree)(_without(value, chosen, places) for value in tree)
    return tree


def _filled(tree: Any, given: Iterator[Tensor]) -> Any:
    if isinstance(tree, _Hole):
        return next(given)
    if isinstance(tree, Mapping):
        return {key: _filled(value, given) for key, value in tree.items()}
    if type(tree) in (tuple, list):
        return type(tree)(_filled(value, given) for value in tree)
    return tree


def names(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


#: linear or affine in all their tensors together; the gradient hands a change, or a relevance, on exactly
AFFINE = names(
    "add sub rsub neg positive sum mean cumsum cat stack hstack vstack pad where masked_fill lerp batch_norm "
    "conv_transpose1d conv_transpose2d conv_transpose3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
    "adaptive_avg_pool2d adaptive_avg_pool3d interpolate upsample pixel_shuffle pixel_unshuffle channel_shuffle "
    "native_channel_shuffle unfold fold"
)
#: the same values in another shape or place
STRUCTURAL = names(
    "view view_as reshape reshape_as flatten unflatten ravel permute transpose swapaxes swapdims movedim moveaxis t T "
    "mT H mH contiguous squeeze unsqueeze expand expand_as broadcast_to repeat repeat_interleave tile split chunk "
    "split_with_sizes unsafe_chunk unsafe_split unbind iter tensor_split narrow select index_select getitem gather "
    "take_along_dim roll flip rot90 diagonal to float double type type_as clone real requires_grad"
)
#: linear in each of their tensors for itself
MULTILINEAR = names("mul matmul mm bmm einsum linear conv1d conv2d conv3d addmm baddbmm addcmul bilinear")
DROPOUT = names("dropout dropout1d dropout2d dropout3d feature_dropout alpha_dropout feature_alpha_dropout")
#: give new tensors that hold nothing of those they are given
FRESH = names(
    "zeros_like ones_like full_like empty_like rand_like randn_like new_zeros new_ones new_full new_empty new_tensor "
    "finfo"
)


def refuse_training(method: str, operation: Operation) -> None:
    """Dropout and batch norm are linear in eval mode only.

    Raises:
        AttributionError: the operation runs as in training.
    """
    place = 5 if operation.name == "batch_norm" else 2
    default = operation.name != "batch_norm"
    checked = operation.name == "batch_norm" or operation.name in DROPOUT
    if checked and operation.argument("training", place, operation.kwargs.get("train", default)):
        raise refusal(method, operation, "which runs as in training, so that images of a batch or random draws mix in")


def in_passes(
    question: AttributionInput, explain: Callable[..., tuple[Tensor, Tensor]], *more: Tensor
) -> tuple[Tensor, Tensor]:
    """What ``explain(pixels, selector, *more)`` gives, in passes of ``question.rows`` images, the last padded."""
    with torch.inference_mode(False):
        given = [part.detach().clone() for part in (question.pixels, question.selector, *more)]
    rows = question.rows or len(question.pixels)
    found: list[tuple[Tensor, Tensor]] = []
    for first in range(0, len(question.pixels), rows):
        parts = [part[first : first + rows] for part in given]
        count = len(parts[0])
        if count < rows:
            parts = [torch.cat([part, part[-1:].expand(rows - count, *part.shape[1:])]) for part in parts]
        shares, rest = explain(*parts)
        found.append((shares[:count].detach(), rest[:count].detach()))
    shares, rest = (torch.cat(column) for column in zip(*found, strict=True))
    return shares, rest
