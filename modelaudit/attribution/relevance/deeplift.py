"""DeepLift, by the rescale rule, on any architecture whose operations have an exact rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from ...language.errors import AttributionError
from ...language.spec import Method, one_of
from ..base import AttributionInput, Cost, Maps, MethodDeclaration, attribution
from ..baselines import NAMES, baseline_images
from ..integrated import completeness_error
from ..passes import gradients_wanted, name_of, no_gradient
from .linear import FRESH
from .operations import Operation, Pull, Unchanged, differentiable, refuse_what_cannot_be_seen, ruled
from .passing import in_passes
from .rescale import DECOMPOSED, RULED, Rule, rule_for


@dataclass(frozen=True)
class DeepLift(Method):
    """Sum over channels of (x - b) * multiplier, signed, in pixel values (Shrikumar, Greenside and Kundaje 2017).

    Multipliers go backwards through the model as gradients do. A function of one value is passed by the rescale rule,
    change(out) / change(in) between image and baseline (its derivative where nothing changes); max pooling hands a
    window's change to the place of the larger of its two maxima; products, attention, softmax and norms have rules of
    their own that are exact as well, so that the sum over the image is f(x) - f(b) up to rounding. Each map's
    completeness error says how far it is off. Operations without such a rule are refused by name.

    On networks of convolutions, dense layers, mean pooling and functions of one value this is captum's DeepLift.

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
