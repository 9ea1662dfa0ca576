"""A model that is ready to be audited, and how it is run without being changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path

import torch
from torch import Tensor, nn

from ..language import registry
from ..language.answer_levels import AnswersHeld
from ..language.errors import ModelError, nearest
from ..language.reference import Reference
from ..language.sample import LUMINANCE, BuiltModel, Preprocessing
from .score_reading import LOGITS, ScoreReading


class PixelModel(nn.Module):
    """Pixel values [B, 3, H, W] in [0, 1] to logits [B, C] of float32 (float64 for a float64 model).

    Normalisation ``(x - mean) / std`` is inside, and before it the luminance where the model takes one channel; it
    adds no parameter, and `module` itself is not changed. A model of half precision is given what its parameters are
    made of. `reading` says how logits are read off what it returns.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, preprocessing: Preprocessing, reading: ScoreReading = LOGITS) -> None:
        super().__init__()
        self.module = module
        self.reading = reading
        self.training = module.training
        self.preprocessing = preprocessing
        self._follow(device_of(module))
        self._dtype = next((part.dtype for part in module.parameters() if part.is_floating_point()), torch.float32)

    def _follow(self, device: torch.device) -> None:
        with torch.inference_mode(False):
            for name in ("mean", "std"):
                channels = torch.tensor(getattr(self.preprocessing, name), device=device).view(1, -1, 1, 1)
                self.register_buffer(name, channels, persistent=False)

    def normalised(self, pixels: Tensor) -> Tensor:
        """What the module is given: [B, channels, H, W] of its own precision."""
        if self.mean.device != pixels.device:
            self._follow(pixels.device)
        if self.preprocessing.channels == 1:
            red, green, blue = LUMINANCE
            pixels = red * pixels[:, :1] + green * pixels[:, 1:2] + blue * pixels[:, 2:]
        return ((pixels - self.mean) / self.std).to(self._dtype)

    def forward(self, pixels: Tensor) -> Tensor:
        logits = self.reading.run(self.module, self.normalised(pixels))
        return logits if logits.dtype == torch.float64 else logits.float()


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model as an audit uses it.

    Args:
        ref: the reference as written, or the qualified name of the object that was given.
        module: the caller's own module, as it was given; borrow it to run it (:func:`frozen_on`).
        classes: the class names by index; None when unknown, and then labels are indices.
        outputs: the number of logits; 2 of a model with one output for yes or no.
        input_size: (height, width) of the probe: the preprocessed size, where preprocessing fixes one.
        architecture: the qualified name of the module's class.
        parameters: the number of parameters.
        fingerprint: sha256 over parameters, buffers, architecture, preprocessing and code.
        probe_digest: sha256 over the output on a fixed probe, coarse enough to survive another thread count.
        notes: assumptions that belong into the record.
        differentiable: whether a gradient leads from its logits back to the pixels; where it does not, only methods
            that see scores alone can explain it.
        reading: what its outputs are, and how logits are read off them.
        answers: what the answers hold, of a model that is known by stored answers alone.
    """

    ref: str
    module: nn.Module
    preprocessing: Preprocessing
    classes: tuple[str, ...] | None
    outputs: int
    input_size: tuple[int, int]
    architecture: str
    parameters: int
    fingerprint: str
    probe_digest: str
    notes: tuple[str, ...] = ()
    differentiable: bool = True
    reading: ScoreReading = LOGITS
    answers: AnswersHeld | None = None

    @cached_property
    def pixel_model(self) -> PixelModel:
        """The model on pixel values; it goes along with the module to another device."""
        return PixelModel(self.module, self.preprocessing, self.reading)

    def index_of(self, label: str | int) -> int:
        """The index of a class given by index or by name.

        Raises:
            ModelError: no such index or name, or a name that several classes carry.
        """
        if isinstance(label, int) and not isinstance(label, bool):
            if 0 <= label < self.outputs:
                return label
            raise ModelError(f"{self.ref}: no class {label}; the model has classes 0 to {self.outputs - 1}")
        if self.classes is None:
            raise ModelError(
                f"{self.ref}: its class names are unknown, so {label!r} cannot be found; give Audit(classes=[...]) "
                "or label by index"
            )
        found = [index for index, name in enumerate(self.classes) if name == label]
        if len(found) > 1:
            raise ModelError(f"{self.ref}: the classes {found} are all called {label!r}; label by index")
        if not found:
            raise ModelError(f"{self.ref}: no class {label!r}{nearest(str(label), self.classes)}")
        return found[0]


def device_of(module: nn.Module) -> torch.device:
    """Where the first parameter or buffer of a module is; the CPU for a module that has neither."""
    tensor = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if tensor is None else tensor.device


@contextmanager
def frozen_on(loaded: LoadedModel, device: torch.device | str) -> Iterator[PixelModel]:
    """The model on pixel values, in eval mode, frozen and on `device`, for the length of a ``with`` block.

    Afterwards, also after an exception, every training flag, ``requires_grad``, ``.grad``, buffer and device of the
    caller's module is as it was, and its parameters are the very same objects. One borrower at a time.
    """
    with frozen_module_on(loaded.module, device):
        yield loaded.pixel_model


@contextmanager
def frozen_module_on(module: nn.Module, device: torch.device | str) -> Iterator[nn.Module]:
    """As :func:`frozen_on`, for a bare module."""
    state = _ModuleState.of(module)
    try:
        with torch.inference_mode(False):
            module.to(device)
            module.eval()
            for part in module.modules():
                part.training = False  # a train() of the user's own may keep some parts in training mode
            for parameter in module.parameters():
                parameter.grad = None
                parameter.requires_grad_(False)
        yield module
    finally:
        with torch.inference_mode(False):
            state.restore()


@dataclass(frozen=True)
class _Parameter:
    owner: nn.Module
    name: str
    parameter: nn.Parameter
    data: Tensor
    requires_grad: bool
    grad: Tensor | None


@dataclass(frozen=True)
class _Buffer:
    owner: nn.Module
    name: str
    buffer: Tensor
    before: Tensor


@dataclass(frozen=True)
class _ModuleState:
    """The state to restore. Parameters are kept by reference (nothing writes into them while they are frozen), buffers
    also by value, since a forward pass may write into them."""

    training: tuple[tuple[nn.Module, bool], ...]
    parameters: tuple[_Parameter, ...]
    buffers: tuple[_Buffer, ...]

    @classmethod
    def of(cls, module: nn.Module) -> _ModuleState:
        parts = tuple(module.modules())
        return cls(
            tuple((part, part.training) for part in parts),
            tuple(
                _Parameter(part, name, value, value.data, value.requires_grad, value.grad)
                for part in parts
                for name, value in part._parameters.items()
                if value is not None
            ),
            tuple(
                _Buffer(part, name, value, value.detach().clone())
                for part in parts
                for name, value in part._buffers.items()
                if value is not None
            ),
        )

    def restore(self) -> None:
        for kept in self.parameters:
            if kept.owner._parameters[kept.name] is not kept.parameter:
                kept.owner._parameters[kept.name] = kept.parameter
            kept.parameter.grad = None
            kept.parameter.data = kept.data
            kept.parameter.requires_grad_(kept.requires_grad)
            kept.parameter.grad = kept.grad
        for saved in self.buffers:
            if not torch.equal(saved.buffer, saved.before):
                with torch.no_grad():
                    saved.buffer.copy_(saved.before)
            if saved.owner._buffers[saved.name] is not saved.buffer:
                saved.owner._buffers[saved.name] = saved.buffer
        for part, training in self.training:
            part.training = training


ModelSource = Callable[[Reference, Path], BuiltModel]


def model_source(scheme: str, *, version: int = 1, runs_code: bool = False) -> Callable[[ModelSource], ModelSource]:
    """Register a function ``(reference, root) -> BuiltModel`` under the scheme users write (``torchvision:…``).

    Args:
        runs_code: opening such a file can run code in it, so a text may name one only where code is allowed.
    """

    def decorate(function: ModelSource) -> ModelSource:
        registry.register(registry.Entry("model", scheme, None, function, declares=runs_code, version=version))
        return function

    return decorate
