"""A model that is ready to be audited: pixel values in, logits out, and who it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from ..language.errors import ModelError, nearest
from ..language.sample import Preprocessing


class PixelModel(nn.Module):
    """Pixel values [B, 3, H, W] in [0, 1] to logits [B, C] of float32 (float64 for a float64 model).

    Normalisation ``(x - mean) / std`` is inside; it adds no parameter, and `module` itself is not changed. A model of
    half precision is given what its parameters are made of. Outputs that are a tuple (its first part), a mapping or
    an object with ``logits`` are unwrapped.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, module: nn.Module, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.module = module
        self.training = module.training
        self.preprocessing = preprocessing
        self._follow(device_of(module))
        self._dtype = next((part.dtype for part in module.parameters() if part.is_floating_point()), torch.float32)

    def _follow(self, device: torch.device) -> None:
        with torch.inference_mode(False):
            for name in ("mean", "std"):
                channels = torch.tensor(getattr(self.preprocessing, name), device=device).view(1, 3, 1, 1)
                self.register_buffer(name, channels, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        if self.mean.device != pixels.device:
            self._follow(pixels.device)
        logits = unwrapped(self.module(((pixels - self.mean) / self.std).to(self._dtype)))
        return logits if logits.dtype == torch.float64 else logits.float()


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model as an audit uses it.

    Args:
        ref: the reference as written, or the qualified name of the object that was given.
        module: the caller's own module, as it was given; borrow it to run it (:func:`borrowed`).
        classes: the class names by index; None when unknown, and then labels are indices.
        outputs: the number of logits.
        input_size: (height, width) of the probe: the preprocessed size, where preprocessing fixes one.
        architecture: the qualified name of the module's class.
        parameters: the number of parameters.
        fingerprint: sha256 over parameters, buffers, architecture, preprocessing and code.
        probe_digest: sha256 over the output on a fixed probe, coarse enough to survive another thread count.
        notes: assumptions that belong into the record.
        differentiable: whether a gradient leads from its logits back to the pixels; where it does not, only methods
            that see scores alone can explain it.
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

    @cached_property
    def pixel_model(self) -> PixelModel:
        """The model on pixel values; it goes along with the module to another device."""
        return PixelModel(self.module, self.preprocessing)

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


def unwrapped(output: Any) -> Tensor:
    """The logits in what a model returned.

    Raises:
        ModelError: there are none.
    """
    value = output
    if not isinstance(value, Tensor) and isinstance(getattr(value, "logits", None), Tensor):
        value = value.logits
    elif isinstance(value, Mapping):
        value = value.get("logits")
    elif isinstance(value, tuple | list) and value:
        value = value[0]
    if not isinstance(value, Tensor):
        raise ModelError(
            f"the model returned {type(output).__name__} without logits; return a tensor [batch, classes], a tuple "
            "that begins with one, or an object with .logits"
        )
    return value


def device_of(module: nn.Module) -> torch.device:
    """Where the first parameter or buffer of a module is; the CPU for a module that has neither."""
    tensor = next(chain(module.parameters(), module.buffers()), None)
    return torch.device("cpu") if tensor is None else tensor.device
