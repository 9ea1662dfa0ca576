"""Identifies a model: digests of what it is made of, and of its outputs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ..language.errors import ModelError
from ..language.sample import Preprocessing

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
#: the name under which a factory's file was imported, which depends on where the file is
_IMPORTED = re.compile(r"^_modelaudit_factory_[0-9a-f]+\.")
_PROJECTIONS = 8
_RESOLUTION = 1e-3


def fingerprint(module: nn.Module, preprocessing: Preprocessing, code: str) -> str:
    """sha256 over parameters, buffers (persistent or not), architecture, preprocessing and code.

    Each tensor enters with its name, dtype, shape and bytes, in the order of the names; the architecture is the
    class's qualified name and the module's ``repr``. Device, training mode and ``requires_grad`` do not enter.

    Args:
        code: a digest of the code that the module runs (:func:`~modelaudit.models.code.code_digest`).

    Raises:
        ModelError: a tensor has no data (meta device, a lazy module never run).
    """
    digest = hashlib.sha256()
    name = _IMPORTED.sub("", architecture(module))
    digest.update(f"{name}\n{_ADDRESS.sub('', repr(module))}\n{preprocessing!r}\n{code}\n".encode())
    for name, value in _state(module):
        if isinstance(value, Tensor):
            tensor = _dense(name, value)
            digest.update(f"\0{name}\0{value.dtype}\0{tuple(value.shape)}\0".encode())
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        else:
            digest.update(f"\0{name}\0{_ADDRESS.sub('', repr(value))}\0".encode())
    return digest.hexdigest()


def architecture(module: nn.Module) -> str:
    """The qualified name of the module's class."""
    return f"{type(module).__module__}.{type(module).__qualname__}"


def probe_pixels(size: tuple[int, int], count: int = 1) -> Tensor:
    """[count, 3, H, W] float32 in [0, 1]: fixed noise, the same everywhere and always."""
    with torch.inference_mode(False):
        generator = torch.Generator().manual_seed(20240229)
        return torch.rand((count, 3, *size), generator=generator)


def output_digest(logits: Tensor) -> str:
    """sha256 over a coarse sketch of logits [1, C].

    The sketch is the logits' norm and eight fixed projections of their direction, rounded to 0.001: float noise (other
    threads, another processor) seldom moves it, another forward function with the same parameters does.
    """
    row = logits.detach().double().cpu().reshape(-1)
    norm = float(row.norm())
    phase = torch.arange(1, _PROJECTIONS + 1, dtype=torch.float64)[:, None] * torch.arange(1, len(row) + 1) * 0.7
    shares = (torch.cos(phase) @ row) / max(norm, 1e-30)
    scale = round(float(torch.log2(torch.tensor(max(norm, 1e-30), dtype=torch.float64))) / _RESOLUTION)
    sketch = [len(row), scale, *(round(float(share) / _RESOLUTION) for share in shares)]
    return hashlib.sha256(repr(sketch).encode()).hexdigest()


def _state(module: nn.Module) -> Iterator[tuple[str, Any]]:
    values: dict[str, Any] = dict(module.named_parameters(remove_duplicate=False))
    values.update(module.named_buffers(remove_duplicate=False))
    values.update({name: value for name, value in module.state_dict().items() if not isinstance(value, Tensor)})
    return iter(sorted(values.items()))


def _dense(name: str, value: Tensor) -> Tensor:
    if nn.parameter.is_lazy(value) or value.is_meta:
        raise ModelError(f"the model's {name!r} has no data yet; load its weights (or run it once) before the audit")
    tensor = value.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.layout != torch.strided:
        tensor = tensor.to_dense()
    return tensor.cpu().contiguous()
