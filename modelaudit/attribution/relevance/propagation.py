"""One pass of the model in which every operation is given its rule of LRP.

Relevance travels as a modified gradient g with R = value * g, so that sums, poolings and copies, whose gradient is
their rule, need nothing. Whatever a bias, a constant or epsilon absorbs is counted an image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from .activations import BY_GRADIENT, DECOMPOSED, GATES, IDENTITY, PRODUCTS, WEIGHTED, WITH_CONSTANT
from .linear import AFFINE, DROPOUT, FRESH, MULTILINEAR, STRUCTURAL, refuse_training
from .operations import Operation, Unchanged, differentiable, refusal, ruled, vector_jacobian
from .weighted import Absorbed, Composite, Prefix, Reading, WeightedRule

_LINEAR = AFFINE | STRUCTURAL | MULTILINEAR | DROPOUT
_LONGEST_WAY_TO_A_GATE = 8


class Propagation(TorchFunctionMode):
    """Puts the rules in while the model runs on `pixels`, a leaf; `ones` is the upper end of their box."""

    def __init__(self, composite: Composite, pixels: Tensor) -> None:
        super().__init__()
        self._composite, self._pixels = composite, pixels
        self.ones = torch.ones_like(pixels).requires_grad_(composite.box)
        self.absorbed = Absorbed(len(pixels), pixels.device)
        self.boxes = 0
        self._layers: dict[Any, Reading] = {}
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
        state, dense = Reading(), operation.name == "linear"
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
