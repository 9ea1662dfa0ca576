"""The softmax or sigmoid that a model ends in: seen in its forward pass, so that what stands before it can be read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

Activation = Literal["softmax", "log_softmax", "sigmoid"]
#: what a program says of its last function: ``Module.ends_in``
EndsIn = Literal["softmax", "log_softmax", "sigmoid", "unbounded"]
_ACTIVATIONS: dict[str, Activation] = {
    "softmax": "softmax",
    "special_softmax": "softmax",
    "log_softmax": "log_softmax",
    "special_log_softmax": "log_softmax",
    "sigmoid": "sigmoid",
    "special_expit": "sigmoid",
    "expit": "sigmoid",
}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: hand on the values of their input in another shape, dtype or memory
_RESHAPING = _names(
    "squeeze unsqueeze view reshape flatten ravel view_as reshape_as contiguous clone alias float double to to_copy "
    "type type_as detach cpu cuda"
)
#: layers whose outputs have no bounds, and functions that do not give bounds to what has none
_UNBOUNDED = _names(
    "linear addmm matmul mm bmm mv addmv einsum conv2d conv1d convolution bilinear batch_norm layer_norm"
)
_LEAVE_UNBOUNDED = _names(
    "mean sum add radd sub rsub mul rmul div truediv neg getitem select avg_pool2d adaptive_avg_pool2d amax "
    "adaptive_max_pool2d max_pool2d stack dropout"
)
_Identity = tuple[int, int, tuple[int, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Ending:
    """What a tensor was made by.

    Args:
        activation: the softmax or sigmoid; None for another function.
        before: what it was applied to, in the shape of the tensor; None where there was no such function.
        unbounded: it comes from a layer whose outputs can have any value, and from nothing that bounds them.
    """

    activation: Activation | None = None
    before: Tensor | None = None
    unbounded: bool = False


class FinalActivation(TorchFunctionMode):
    """Watches one forward pass; afterwards :meth:`of` tells what one of its outputs was made by.

    Modules, functions and methods of tensors are seen alike, programs of ``torch.export`` too; what TorchScript or
    another library computes is not.

    Args:
        everything: keep every tensor, not only those in the shape of scores, so that ``unbounded`` is known; for a pass
            of one image.
    """

    def __init__(self, *, everything: bool = False) -> None:
        super().__init__()
        self._everything = everything
        #: tensors are kept, so that no other one comes to have the memory of theirs
        self._made: dict[_Identity, tuple[Tensor, Ending]] = {}

    def of(self, output: Tensor) -> Ending:
        """What made this tensor."""
        made = self._made.get(_identity(output))
        return Ending() if made is None else made[1]

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        full = getattr(func, "__name__", "").partition(".")[0]
        in_place = full.endswith("_") and not full.endswith("__")
        name = full.strip("_")
        given = args[0] if args else kwargs.get("input")
        ending = self._ending(name, given, args, in_place) if isinstance(given, Tensor | list | tuple) else Ending()
        output = func(*args, **kwargs)
        if isinstance(output, Tensor) and name != "get":
            self._keep(output, ending)
        return output

    def _ending(self, name: str, given: Any, args: tuple[Any, ...], in_place: bool) -> Ending:
        if isinstance(given, Tensor):
            if name in _ACTIVATIONS and _like_scores(given):
                return Ending(_ACTIVATIONS[name], given.clone() if in_place else given)
            if name in _RESHAPING:
                return self.of(given)
            if name == "getitem" and (made := self.of(given)).before is not None:
                return Ending(made.activation, made.before[args[1]])
            if name == "log" and (made := self.of(given)).activation == "softmax":
                return Ending("log_softmax", made.before)
        if name in ("cat", "concat") and not isinstance(given, Tensor):
            return self._joined(given, args)
        if name in _UNBOUNDED:
            return Ending(unbounded=True)
        if name in _LEAVE_UNBOUNDED and self._everything:
            parts = given if isinstance(given, list | tuple) else args[:2]
            return Ending(unbounded=any(self.of(part).unbounded for part in parts if isinstance(part, Tensor)))
        return Ending()

    def _joined(self, parts: Any, args: tuple[Any, ...]) -> Ending:
        """Of the passes of a program that takes a few images at once, after each other."""
        made = [self.of(part) for part in parts]
        before = [one.before for one in made if one.before is not None]
        if len(before) == len(made) and len({one.activation for one in made}) == 1 and args[1:] in ((), (0,)):
            return Ending(made[0].activation, torch.cat(before))
        return Ending(unbounded=any(one.unbounded for one in made))

    def _keep(self, output: Tensor, ending: Ending) -> None:
        if not output.is_floating_point() or not (self._everything or (ending.before is not None)):
            return
        identity = _identity(output)
        if ending.before is None and identity in self._made:  # handed on as it is
            return
        if ending.before is not None and ending.before.shape != output.shape:
            ending = Ending(ending.activation, ending.before.reshape(output.shape))
        self._made[identity] = (output, ending)


def _like_scores(value: Tensor) -> bool:
    """[batch, columns], squeezed, or with axes of length 1 after them: no map and no sequence."""
    return value.is_floating_point() and all(side == 1 for side in value.shape[2:])


def _identity(value: Tensor) -> _Identity:
    """The same values in the same memory: torch hands them on as another object under hooks of modules."""
    version = 0 if value.is_inference() else value._version
    return value.data_ptr(), version, tuple(value.shape), value.stride()


def activated(activation: Activation, before: Tensor) -> Tensor:
    """What an activation makes of `before` [batch, columns], to be compared with what the model returned."""
    if activation == "sigmoid":
        return torch.sigmoid(before)
    return before.softmax(1) if activation == "softmax" else before.log_softmax(1)
