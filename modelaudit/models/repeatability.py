"""Tries whether a model is a function of its image: one answer, each time, whatever else is in the batch."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ..language.errors import ModelError
from .acceleration import precision_context
from .black_box import ScoresOnly
from .loaded import LoadedModel

#: images that are tried, where there are so many
IMAGES = 4
#: how far logits of one image may differ, as a share of the largest logit: what kernels for other batch sizes do
_TOLERANCE = {torch.bfloat16: 8e-2, torch.float16: 1e-2, torch.float32: 1e-3}
_DROPOUT = frozenset(
    getattr(functional, name)
    for name in ("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout", "rrelu")
)
_DRAWS = frozenset(
    {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "normal_", "poisson"}
    | {"uniform_", "random_", "bernoulli", "bernoulli_", "exponential_", "multinomial", "gumbel_softmax"}
)
Cause = Literal["dropout", "batch_norm", "draws"]


def check_repeatable(loaded: LoadedModel, images: Tensor, batch: int) -> int:
    """Whether a few of these images get the same logits twice, the second time in another batch and at other positions.

    Call it inside :func:`~modelaudit.models.frozen_on`. A model declared as not deterministic is not tested. At least
    three logits are compared: on an image of nearly one colour one dropout in 25 changes nothing that shows.

    Args:
        images: pixel values [n, 3, H, W].
        batch: the most that go through the model at once.

    Returns:
        How many images went through the model.

    Raises:
        ModelError: the logits differ; the message names the likely cause. What the model itself raises is not caught.
    """
    if not deterministic(loaded):
        return 0
    first = images[:IMAGES]
    if len(first) == 1 and batch > 1:
        first = torch.cat([first, 1 - first])  # the negative is another image in the batch
    reference = _logits(loaded, first, batch)
    places = _other_batches(len(first), batch) * (IMAGES // len(first))
    with _asked_anew(loaded, 1):
        again = torch.cat([_logits(loaded, first[group], batch) for group in places])
    compared = [at for group in places for at in group]
    difference = _difference(again, reference[compared])
    if difference > _tolerance(reference):
        raise ModelError(f"{loaded.ref}: {_explained(loaded, first, batch, reference, difference)}")
    return len(first) + len(compared)


def _other_batches(count: int, batch: int) -> list[list[int]]:
    """Every image once more: in pairs that were not together before where there are enough, else alone."""
    half = (count + 1) // 2
    if batch == 1 or count == 2:
        return [[at] for at in range(count)]
    return [[at + half, at] if at + half < count else [at] for at in range(half)]


def deterministic(loaded: LoadedModel) -> bool:
    """Whether a model is deterministic: False for a black box that is declared otherwise."""
    return not isinstance(loaded.module, ScoresOnly) or loaded.module.deterministic


def _asked_anew(loaded: LoadedModel, time: int) -> AbstractContextManager[None]:
    """Within it a model that keeps its answers is asked again."""
    return loaded.module.asked_anew(time) if isinstance(loaded.module, ScoresOnly) else nullcontext()


def _logits(loaded: LoadedModel, images: Tensor, batch: int) -> Tensor:
    with precision_context("float32"), torch.inference_mode(False), torch.no_grad():
        return torch.cat([loaded.pixel_model(images[at : at + batch]) for at in range(0, len(images), batch)])


def _difference(one: Tensor, other: Tensor) -> float:
    """The largest difference; values that are not finite in the same way do not differ."""
    same = (one == other) | (one.isnan() & other.isnan())
    return float(torch.where(same, torch.zeros_like(one), (one - other).abs().nan_to_num(nan=torch.inf)).max())


def _tolerance(logits: Tensor) -> float:
    """The tolerance of the precision in which the logits were computed, whatever their dtype is now."""
    finite = logits[logits.isfinite()]
    if not len(finite):
        return 0.0
    kinds = (torch.bfloat16, torch.float16)
    exact = (kind for kind in kinds if torch.equal(finite.to(kind).to(finite.dtype), finite))
    return _TOLERANCE[next(exact, torch.float32)] * float(finite.abs().max())


def _explained(loaded: LoadedModel, images: Tensor, batch: int, reference: Tensor, difference: float) -> str:
    """The message: what differs, the likely cause, and what to do."""
    with _Causes() as seen, _asked_anew(loaded, 2):
        repeated = _difference(_logits(loaded, images, batch), reference) <= _tolerance(reference)
    size = f"(logits {difference:.3g} apart, the largest is {float(reference.nan_to_num().abs().max()):.3g})"
    if "dropout" in seen.causes:
        return (
            f"the same image gets other logits each time {size}, because dropout is left on in forward(): give it "
            "training=self.training, and do not switch dropout modules back to training mode"
        )
    if "batch_norm" in seen.causes:
        return (
            f"the logits of an image depend on the other images in the batch {size}, because a batch norm takes its "
            "statistics from the batch: use running statistics (track_running_stats=True, eval mode)"
        )
    if repeated:
        return (
            f"the logits of an image depend on the other images in the batch {size}: normalise, quantise and pool each "
            f"image by itself{_declare(loaded)}"
        )
    cause = "it draws random numbers" if "draws" in seen.causes else "noise, or state that it keeps between calls"
    return f"the same image gets other logits each time {size}: {cause}; remove that for the audit{_declare(loaded)}"


def _declare(loaded: LoadedModel) -> str:
    declare = loaded.module.declare if isinstance(loaded.module, ScoresOnly) else ""
    return f", or give {declare}, which is then stated with every verdict" if declare else ""


class _Causes(TorchFunctionMode):
    """Records calls of a forward pass that make logits depend on chance or on the other images in the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.causes: set[Cause] = set()

    def __torch_function__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _DROPOUT:
            self._note("dropout", _argument(func, args, kwargs, "training"))
        elif func is functional.scaled_dot_product_attention:
            self._note("dropout", kwargs.get("dropout_p", args[4] if len(args) > 4 else 0) > 0)
        elif func is functional.batch_norm:
            self._note("batch_norm", _argument(func, args, kwargs, "training"))
        else:
            self._note("draws", getattr(func, "__name__", "") in _DRAWS)
        return func(*args, **kwargs)

    def _note(self, cause: Cause, happens: bool) -> None:
        if happens:
            self.causes.add(cause)


def _argument(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> bool:
    bound = inspect.signature(func).bind(*args, **kwargs)
    bound.apply_defaults()
    return bool(bound.arguments[name])
