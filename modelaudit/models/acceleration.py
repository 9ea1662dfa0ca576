"""The same model, faster: folded batch norms, channels last, reduced precision on devices that have it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..language.sample import Preprocessing
from .fingerprint import probe_pixels
from .folding import folded
from .loaded import PixelModel, device_of
from .score_reading import ScoreReading

Precision = Literal["float32", "tf32", "bfloat16"]
#: how far a measure of one image may be from its value in float32, on the scale of the measure (of 1 at least)
FIDELITY = 1e-3
#: images of that shorter side are enough to prove a fold, where the model takes them: the algebra knows no size
_PROBE_SIDES = (64, 128)
_AMPERE = (8, 0)


@dataclass(frozen=True)
class PreparedModel:
    """A model as it is run.

    Args:
        model: maps pixel values [B, 3, H, W] to logits; names of its modules are those of the model it was made from.
            Its forward pass brings pixels into `memory_format` and lowers the precision by itself.
        precision: "float32" is the model's own precision, without TF32.
        memory_format: of images and of the weights of 2-d convolutions.
        folded: batch norms folded away.
        changed: modules whose own output cannot be read off `model` any more (:class:`~.folding.Folded`).
        notes: what belongs into the record.
    """

    model: PixelModel
    precision: Precision = "float32"
    memory_format: torch.memory_format = torch.contiguous_format
    folded: int = 0
    changed: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def at(self, precision: Precision) -> PreparedModel:
        """The same in another precision, in the memory format that suits it."""
        module = self.model.module
        memory_format = memory_format_for(module, device_of(module).type, precision)
        if memory_format != self.memory_format:
            module = _formatted(module, memory_format)
        fast = _FastModel(module, self.model.preprocessing, self.model.reading, memory_format, precision)
        return replace(self, model=fast, precision=precision, memory_format=memory_format)


def prepare_model(
    model: PixelModel, size: tuple[int, int], *, precision: Precision = "float32", keep: Collection[str] = ()
) -> PreparedModel:
    """Folds what can be folded and chooses the memory format by rules; nothing is timed, so nothing depends on chance.

    Call it inside :func:`~modelaudit.models.frozen_on`, and use the result no longer than that: it
    shares the parameters. `model` itself is not changed.

    Args:
        size: (height, width) of the images.
        keep: names of modules in the user's model whose own output will be read.
    """
    found = folded(model.module, _probe(model, size), keep=keep, reading=model.reading)
    notes = (found.note,) if found.note else ()
    if found.pairs:
        notes = (f"{len(found.pairs)} batch norms are folded into the layers before them (proven in float64)",)
    module = _with_contiguous_products(found.module)
    plain = PreparedModel(
        PixelModel(module, model.preprocessing, model.reading),
        folded=len(found.pairs),
        changed=found.changed,
        notes=notes,
    )
    return plain.at(precision)


def precisions(device: torch.device | str, model: nn.Module | None = None) -> tuple[Precision, ...]:
    """The precisions to try on a device, fastest first; the last one, float32, needs no check.

    Reduced precision is for models of float32 on CUDA devices with tensor cores for it (compute capability 8.0 on).
    """
    given = torch.device(device)
    single = model is None or all(p.dtype == torch.float32 for p in model.parameters() if p.is_floating_point())
    if given.type == "cuda" and single and torch.cuda.get_device_capability(given) >= _AMPERE:
        return ("bfloat16", "tf32", "float32")
    return ("float32",)


def memory_format_for(module: nn.Module, device: str, precision: Precision) -> torch.memory_format:
    """The memory format: channels last for convolutional networks on CPUs and tensor cores, where it is faster."""
    if device not in ("cpu", "cuda") or (device == "cuda" and precision == "float32"):
        return torch.contiguous_format
    return torch.channels_last if _convolutional(module) else torch.contiguous_format


@contextmanager
def precision_context(precision: Precision) -> Iterator[None]:
    """The process's float32 modes as `precision` wants them, around forward and backward passes; then as they were.

    "tf32" allows TF32; "float32" and "bfloat16" forbid TF32 and bfloat16 in products of float32 values. bfloat16 itself
    is entered by :class:`PreparedModel`'s model, around its forward pass alone, so that no share is summed in it.
    """
    switches = _switches(precision == "tf32")
    before = [read() for read, _, _ in switches]
    try:
        for _, write, value in switches:
            write(value)
        yield
    finally:
        for (_, write, _), value in zip(switches, before, strict=True):
            write(value)


@dataclass(frozen=True)
class Fidelity:
    """Whether a faster computation gives the numbers of the slower one.

    Args:
        ok: it does.
        worst: the largest difference of a measure on an image; NaN where values could not be compared.
        what: the name of that measure, or why values could not be compared.
    """

    ok: bool
    worst: float
    what: str

    def __str__(self) -> str:
        return f"{self.what}: {self.worst:.2g}" if self.worst == self.worst else self.what


def fidelity(
    reference: Mapping[str, Sequence[float] | Tensor],
    fast: Mapping[str, Sequence[float] | Tensor],
    logits: tuple[Tensor, Tensor],
    *,
    limit: float = FIDELITY,
) -> Fidelity:
    """Compares per-image values [n] by measure, NaN where undefined, and the logits [n, C] (reference, fast).

    Accepted if every prediction is the same, the same values are undefined, and no value differs by more than ``limit *
    max(1, |reference|)``. `worst` is the largest difference over ``max(1, |reference|)``.
    """
    slow, quick = (value.detach().cpu().double() for value in logits)
    if slow.shape != quick.shape or slow.shape[0] == 0:
        return Fidelity(False, float("nan"), f"logits of shape {list(quick.shape)} instead of {list(slow.shape)}")
    if not bool(slow.isfinite().all() and quick.isfinite().all()):
        return Fidelity(False, float("nan"), "logits that are not finite")
    other = int((slow.argmax(1) != quick.argmax(1)).sum())
    if other:
        return Fidelity(False, float("nan"), f"{other} of {len(slow)} predictions change")
    if reference.keys() != fast.keys():
        names = ", ".join(sorted(reference.keys() ^ fast.keys()))
        return Fidelity(False, float("nan"), f"values on one side only: {names}")
    worst = Fidelity(True, 0.0, "no measure differs")
    for name in reference:
        found = _difference(name, _values(reference[name]), _values(fast[name]), limit)
        if found.worst != found.worst:
            return found
        worst = max(worst, found, key=lambda one: one.worst)
    return worst


def _difference(name: str, slow: Tensor, quick: Tensor, limit: float) -> Fidelity:
    if slow.shape != quick.shape:
        return Fidelity(False, float("nan"), f"{name}: {len(quick)} values instead of {len(slow)}")
    known = ~slow.isnan()
    if not torch.equal(known, ~quick.isnan()):
        return Fidelity(False, float("nan"), f"{name}: undefined on other images")
    known &= slow != quick  # infinities of one sign agree
    differences = (slow[known] - quick[known]).abs() / slow[known].abs().clamp_min(1)
    if bool(differences.isnan().any()):
        return Fidelity(False, float("nan"), f"{name}: infinite on other images")
    worst = float(differences.max()) if len(differences) else 0.0
    return Fidelity(worst <= limit, worst, name)


def _values(given: Sequence[float] | Tensor) -> Tensor:
    return torch.as_tensor(given).detach().cpu().double().flatten()


class _FastModel(PixelModel):
    """A pixel model that lays out its images and lowers its precision by itself, so that no method need know."""

    def __init__(
        self,
        module: nn.Module,
        preprocessing: Preprocessing,
        reading: ScoreReading,
        memory_format: torch.memory_format,
        precision: Precision,
    ) -> None:
        super().__init__(module, preprocessing, reading)
        self._memory_format = memory_format
        self._precision = precision

    def forward(self, pixels: Tensor) -> Tensor:
        with self._autocast(pixels.device.type):
            return super().forward(pixels.contiguous(memory_format=self._memory_format))

    def _autocast(self, device: str) -> AbstractContextManager[Any]:
        if self._precision != "bfloat16":
            return nullcontext()
        return torch.autocast(device, dtype=torch.bfloat16, cache_enabled=False)


def _probe(model: PixelModel, size: tuple[int, int]) -> Tensor:
    """Small images where the model takes them, else of its own size; normalised."""
    device = device_of(model.module)
    for height, width in _smaller(size):
        pixels = probe_pixels((height, width), 1).to(device)
        try:
            with torch.inference_mode(False), torch.no_grad():
                model(pixels)
        except Exception:  # a model of one size; it is proven on that, where failures are reported
            continue
        return model.normalised(pixels)
    return model.normalised(probe_pixels(size, 1).to(device))


def _smaller(size: tuple[int, int]) -> list[tuple[int, int]]:
    shorter = min(size)
    return [
        (round(size[0] * side / shorter), round(size[1] * side / shorter)) for side in _PROBE_SIDES if side < shorter
    ]


def _convolutional(module: nn.Module) -> bool:
    parts = list(module.modules())
    convolutions = sum(isinstance(part, nn.Conv2d) for part in parts)
    return convolutions > sum(isinstance(part, nn.Linear) for part in parts)


def _with_contiguous_products(module: nn.Module) -> nn.Module:
    """A copy whose linear layers and attentions are given values without gaps.

    torch multiplies other values with a frozen weight part by part (``bmm``) instead of at once: a torchvision ViT,
    whose attention transposes its input, takes 1.7 times as long then.
    """
    parts = (nn.Linear, nn.MultiheadAttention)
    if not any(isinstance(part, parts) for part in module.modules()):
        return module
    copied = _copied(module)
    if copied is not module:
        for part in copied.modules():
            if isinstance(part, parts) and not isinstance(part, torch.jit.ScriptModule):
                part.register_forward_pre_hook(_contiguous_input)
    return copied


def _contiguous_input(part: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...] | None:
    if not torch.is_grad_enabled():
        return None
    transposed = isinstance(part, nn.MultiheadAttention) and part.batch_first
    made: dict[int, Any] = {}  # a self-attention is one because query, key and value are one object
    for value in given:
        if isinstance(value, Tensor) and value.ndim == 3 and transposed:
            made[id(value)] = value.transpose(0, 1).contiguous().transpose(0, 1)  # it looks at tokens first
        elif isinstance(value, Tensor) and value.ndim > 2:
            made[id(value)] = value.contiguous()
    return tuple(made.get(id(value), value) for value in given)


def _formatted(module: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """A copy that shares all but the weights of 2-d convolutions."""
    copied = _copied(module)
    made: dict[int, nn.Parameter] = {}
    for part in copied.modules() if copied is not module else ():
        weight = part._parameters.get("weight")
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d) and weight is not None:
            formatted = weight.detach().contiguous(memory_format=memory_format)
            part.weight = made.setdefault(id(weight), nn.Parameter(formatted, requires_grad=False))
    return copied


def _copied(module: nn.Module) -> nn.Module:
    """A copy that shares parameters and buffers; the module itself where it cannot be copied."""
    shared: dict[int, Any] = {id(value): value for value in [*module.parameters(), *module.buffers()]}
    try:
        return copy.deepcopy(module, shared)
    except Exception:  # whatever a user keeps in a module: as it is it is right too, and slower
        return module


_Switch = tuple[Callable[[], Any], Callable[[Any], None], Any]


def _switches(allowed: bool) -> list[_Switch]:
    """(read, write, value) of torch's process-wide modes for products of float32 values."""
    backends: Any = torch.backends

    def switch(owner: Any, name: str, value: Any) -> _Switch:
        return (lambda: getattr(owner, name)), (lambda given: setattr(owner, name, given)), value

    modes: list[_Switch] = [
        (torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, "high" if allowed else "highest"),
        switch(backends.cudnn, "allow_tf32", allowed),
    ]
    try:
        for read, _, _ in modes:
            read()
    except RuntimeError:  # torch 2.9 on has newer switches, and these cannot be read where the caller has set those
        value, owners = "tf32" if allowed else "ieee", (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
        return [switch(owner, "fp32_precision", value) for owner in owners]
    return modes
